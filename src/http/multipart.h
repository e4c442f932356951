/* multipart/form-data (RFC 7578, RFC 2046 §5.1): the whole body in, parts out. Pure; private to
 * http/. */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "http/req.h"

enum {
    MULTIPART_MAX_PARTS = 32,
    MULTIPART_MAX_HEAD = 4096, /* bytes of one part's headers */
};

/* Parts borrow from body but for names, which are in the arena of cx. ERR_INVALID with the fault
 * under the field "body": no boundary, no end, a part without a name, too many, too long heads,
 * names that are not text. Any thread. */
enum err multipart_parse(struct cx *cx, struct str content_type, struct str body, struct part **ret,
                         size_t *ret_count);

/* A parameter of a header value: `form-data; name="x"` gives x for "name". False when absent or
 * broken; *ret is in the arena, quotes and backslashes resolved. */
bool header_param(struct arena *a, struct str value, const char *name, struct str *ret);

#endif
