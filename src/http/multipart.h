/* multipart/form-data (RFC 7578, RFC 2046 §5.1): a body in, the places of its parts out. Of a body
 * in a file no more than a window and the parts' heads are in memory at once. Private to http/. */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "http/req.h"

enum {
    MULTIPART_MAX_PARTS = 32,
    MULTIPART_MAX_HEAD = 4096, /* bytes of one part's headers */
};

/* The data of parts are ranges of body; the rest is in the arena of cx. window: bytes of a file
 * that are read at once, more than a boundary has. ERR_INVALID with the fault under the field
 * "body": no boundary, no end, a part without a name, too many, too long heads, names that are not
 * text. DATABASE_ERROR: the file cannot be read. Any thread. */
enum err multipart_parse(struct cx *cx, struct str content_type, const struct extent *body,
                         size_t window, struct part **ret, size_t *ret_count);

/* A parameter of a header value: `form-data; name="x"` gives x for "name". False when absent or
 * broken; *ret is in the arena, quotes and backslashes resolved. */
bool header_param(struct arena *a, struct str value, const char *name, struct str *ret);

#endif
