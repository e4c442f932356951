/* Pages and scripts that are compiled into the program. */
#ifndef HTTP_STATIC_H
#define HTTP_STATIC_H

#include "http/req.h"

struct asset {
    const char *path; /* as it is asked for, "/docs" */
    const char *type; /* "text/html; charset=utf-8" */
    const unsigned char *bytes;
    size_t size;
    const char *etag; /* with its quotes */
};

/* Answers with the asset, or 304 when the client has it. Pages get a policy that allows what comes
 * from here and nothing inline. The row must be raw. */
enum err static_reply(struct req *r, const struct asset *asset);

/* The asset with the path among count, or NULL. */
const struct asset *static_find(const struct asset *assets, size_t count, struct str path);

#endif
