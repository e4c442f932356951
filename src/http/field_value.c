#include "http/field_value.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>

enum { PATH_MAX_BYTES = 160 };

/* Outermost first. A path that does not fit is cut: it is for a person. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the table */
static void write_path(struct buf *out, const struct field_path *at)
{
    if (!at) {
        return;
    }
    write_path(out, at->up);
    if (out->n) {
        buf_char(out, '.');
    }
    if (at->name.p) {
        buf_str(out, utf8_prefix(at->name, 64));
    } else {
        buf_fmt(out, "%zu", at->index);
    }
}

void field_fault(struct field_check *c, const struct field_path *at, const char *fmt, ...)
{
    if (c->faults++ >= CX_FIELDS) {
        return;
    }
    SCOPED(buf_fini) struct buf path = buf_make(PATH_MAX_BYTES);
    write_path(&path, at);
    va_list ap;
    va_start(ap, fmt);
    const struct str message = str_vfmt(c->cx->arena, fmt, ap);
    va_end(ap);
    (void)cx_fail_field(c->cx, path.n ? path.p : "body", "%s", message.p);
}

double field_min(const struct field *f)
{
    const bool none = f->min == 0 && f->max == 0;
    return none && f->kind == FIELD_K_INT   ? (double)INT64_MIN
           : none && f->kind == FIELD_K_NUM ? -HUGE_VAL
                                            : f->min;
}

double field_max(const struct field *f)
{
    if (f->max > 0 || f->max < 0 || f->min < 0) {
        return f->max;
    }
    return f->kind == FIELD_K_STR    ? FIELD_TEXT_MAX
           : f->kind == FIELD_K_LIST ? FIELD_LIST_MAX
           : f->kind == FIELD_K_JSON ? FIELD_JSON_MAX
           : f->kind == FIELD_K_INT  ? (double)INT64_MAX
                                     : HUGE_VAL;
}

bool field_choice(struct str *rest, struct str *ret_choice)
{
    return str_split(rest, '|', ret_choice);
}

static bool is_choice(const char *one_of, struct str s)
{
    struct str rest = str_of(one_of);
    struct str choice;
    while (field_choice(&rest, &choice)) {
        if (str_eq(choice, s)) {
            return true;
        }
    }
    return false;
}

bool field_text(struct field_check *c, const struct field_path *at, const struct field *f,
                struct str s)
{
    if (!utf8_is_text(s)) {
        field_fault(c, at, "must be UTF-8 text without control signs");
        return false;
    }
    const size_t n = utf8_count(s);
    if ((double)n < field_min(f)) {
        field_fault(c, at, "must have at least %.0f characters", field_min(f));
        return false;
    }
    if ((double)n > field_max(f)) {
        field_fault(c, at, "must have at most %.0f characters", field_max(f));
        return false;
    }
    if (f->one_of && !is_choice(f->one_of, s)) {
        field_fault(c, at, "must be one of %s", f->one_of);
        return false;
    }
    return true;
}

bool field_int(struct field_check *c, const struct field_path *at, const struct field *f, int64_t v)
{
    return field_num(c, at, f, (double)v);
}

bool field_num(struct field_check *c, const struct field_path *at, const struct field *f, double v)
{
    if (!isfinite(v)) {
        field_fault(c, at, "must be a number");
        return false;
    }
    if (v < field_min(f)) {
        field_fault(c, at, "must be at least %.15g", field_min(f));
        return false;
    }
    if (v > field_max(f)) {
        field_fault(c, at, "must be at most %.15g", field_max(f));
        return false;
    }
    return true;
}

bool field_count(struct field_check *c, const struct field_path *at, const struct field *f,
                 size_t n)
{
    if ((double)n < field_min(f)) {
        field_fault(c, at, "must have at least %.0f items", field_min(f));
        return false;
    }
    if ((double)n > field_max(f)) {
        field_fault(c, at, "must have at most %.0f items", field_max(f));
        return false;
    }
    return true;
}

bool field_id(struct field_check *c, const struct field_path *at, struct str s, struct uuid *ret)
{
    if (!uuid_parse(s, ret)) {
        field_fault(c, at, "must be an id");
        return false;
    }
    return true;
}

bool field_time(struct field_check *c, const struct field_path *at, struct str s, int64_t *ret)
{
    if (!clock_parse_rfc3339(s, ret)) {
        field_fault(c, at, "must be a time as in RFC 3339");
        return false;
    }
    return true;
}

bool *field_has(const struct field *f, void *object)
{
    return f->has ? (bool *)((char *)object + f->has - 1) : NULL;
}
