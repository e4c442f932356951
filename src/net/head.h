/* The strict check of a request's head, before any other parser sees it (RFC 9110, RFC 9112). Pure:
 * bytes in, verdict and slices out. One thread at a time; nothing is copied or kept.
 *
 * It is stricter than the RFCs allow a server to be: lines end in CRLF and nothing else, names are
 * tokens, no folding, one well-formed Host, Transfer-Encoding is exactly "chunked", never beside
 * Content-Length and never in HTTP/1.0. Whatever two parsers could read in two ways is refused, so
 * that no proxy in front of us can see other requests than we do. */
#ifndef NET_HEAD_H
#define NET_HEAD_H

#include "net/refusal.h"
#include "net/server.h"

enum {
    HEAD_MAX_HEADERS = 100,
    HEAD_MAX_TARGET = 8192,
    HEAD_MAX_LINE = HEAD_MAX_TARGET + 64, /* bytes of a request line; what is longer is 414 */
};

/* All slices point into the bytes that were checked. */
struct head {
    struct str method;
    struct str target; /* path and query; the scheme and host of an absolute form are cut off */
    int minor;         /* HTTP/1.minor: 0 or 1 */
    struct net_header headers[HEAD_MAX_HEADERS];
    size_t count;
    int64_t content_length; /* -1: none */
    bool chunked;
    bool expect_continue; /* the client waits for "100 Continue" before it sends the body */
};

enum head_scan {
    HEAD_MORE,   /* no empty line yet */
    HEAD_WHOLE,  /* *ret_size bytes are the head, its empty line among them */
    HEAD_BROKEN, /* a line that does not end in CRLF, or a first byte that no request begins with */
};

/* Looks for the end of the head in what has come so far. *at is 0 for a new head and remembers how
 * far was looked, so that a head that trickles in is scanned once. */
enum head_scan head_scan(struct str so_far, size_t *at, size_t *ret_size);

/* What to refuse when a head has grown over its bound: 414 when its request line alone is too long,
 * else 431. */
struct refusal head_too_long(struct str so_far);

/* Checks a whole head. ret is complete only when the refusal's status is 0. */
struct refusal head_check(struct str whole, struct head *ret);

#endif
