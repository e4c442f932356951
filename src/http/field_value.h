/* What a single value must be: shared by the decoders of JSON and of queries. Private to http/. */
#ifndef HTTP_FIELD_VALUE_H
#define HTTP_FIELD_VALUE_H

#include "http/field.h"

/* One decoding: where faults go, and how many there were. */
struct field_check {
    struct cx *cx;
    int faults;
};

/* A step of a dotted path; up is NULL at the outermost one. */
struct field_path {
    const struct field_path *up;
    struct str name; /* no pointer: an index */
    size_t index;
};

/* Notes a fault; those after the sixteenth are counted only. */
void field_fault(struct field_check *c, const struct field_path *at, const char *fmt, ...)
    PRINTF(3, 4);

/* Each checks the value against the field, notes what is wrong, and is true when nothing is. */
bool field_text(struct field_check *c, const struct field_path *at, const struct field *f,
                struct str s);
bool field_int(struct field_check *c, const struct field_path *at, const struct field *f,
               int64_t v);
bool field_num(struct field_check *c, const struct field_path *at, const struct field *f, double v);
bool field_count(struct field_check *c, const struct field_path *at, const struct field *f,
                 size_t n);
bool field_id(struct field_check *c, const struct field_path *at, struct str s, struct uuid *ret);
bool field_time(struct field_check *c, const struct field_path *at, struct str s, int64_t *ret);

/* Cuts the next choice off "a|b|c". */
bool field_choice(struct str *rest, struct str *ret_choice);

/* The bounds in force: the field's, or the kind's own. */
double field_min(const struct field *f);
double field_max(const struct field *f);

/* The bool that says whether the member was there; NULL when the field has none. */
bool *field_has(const struct field *f, void *object);

#endif
