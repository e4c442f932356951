/* Pages, scripts and documents that are ready in memory, packed beforehand. */
#ifndef HTTP_STATIC_H
#define HTTP_STATIC_H

#include "http/accept.h"
#include "http/req.h"

/* The same bytes in one coding. */
struct variant {
    enum coding coding;
    struct str bytes;
    const char *etag; /* without its quotes; of each coding another one (RFC 9110 §8.8.3) */
};

struct asset {
    const char *type; /* "text/html; charset=utf-8" */
    struct variant variants[CODING_COUNT];
    size_t count;      /* >= 1; one of them is plain */
    const char *cache; /* Cache-Control; NULL: kept, and asked for again each time */
    bool is_shared;    /* pages of other sites may load it */
};

/* Answers with the variant that the client likes best, the smaller one of two; or 304 when the
 * client has it. Pages get a policy that allows what comes from here and nothing inline. The row
 * must be raw. The bytes are not copied; they outlive the server. */
enum err static_reply(struct req *r, const struct asset *asset);

/* The policy of pages alone, for one that is made anew for each request. */
void static_page_headers(struct req *r);

#endif
