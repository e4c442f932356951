/* The query of an address: "a=b&c=d", percent-decoded and checked. For http/ and for probing. */
#ifndef HTTP_QUERY_H
#define HTTP_QUERY_H

#include "http/field.h"

enum { QUERY_MAX_PAIRS = 32 };

struct query_pair {
    struct str name;
    struct str value;
};

/* Splits and decodes ('+' is a space) into the arena of cx. ERR_INVALID for a broken escape, bytes
 * that are not text, a name that is there twice, or more than QUERY_MAX_PAIRS. Any thread. */
enum err query_parse(struct cx *cx, struct str text, struct query_pair **ret, size_t *ret_count);

/* Decodes pairs by a table of simple fields; every fault is noted as field_decode does. fields may
 * be NULL: then every name is one too many. */
enum err query_decode(struct cx *cx, const struct field *fields, const struct query_pair *pairs,
                      size_t count, void *ret);

#endif
