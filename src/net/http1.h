/* Where a request's body begins and ends, and its bytes: llhttp for the decoding, with our own
 * strict checks of head and chunks beside it. The two must agree on every message; if they do not,
 * the request is refused. Pure: no sockets, no clock. */
#ifndef NET_HTTP1_H
#define NET_HTTP1_H

#include "net/body.h"
#include "net/chunk.h"
#include "net/head.h"

#include <llhttp/llhttp.h>

struct http1 {
    llhttp_t parser;
    struct chunk chunk;
    struct body body; /* decoded */
    uint64_t left;    /* of a body with Content-Length */
    bool chunked;
    bool keep_alive; /* what the client asked for */
    bool complete;   /* the message has ended */
};

/* Begins with a head that head_check passed. The body's bound is 0 until http1_allow. */
struct refusal http1_begin(struct http1 *h, struct str whole, const struct head *head);

/* Sets the bound of the body, and where it goes; 413 when the announced length is already over the
 * bound, 503 when there is no room for it. */
struct refusal http1_allow(struct http1 *h, const struct body_rules *rules, uint64_t max_body);

/* Takes what belongs to the body out of part; *ret_used says how much that was. */
struct refusal http1_feed(struct http1 *h, struct str part, size_t *ret_used);

void http1_fini(struct http1 *h);

#endif
