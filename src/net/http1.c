#include "net/http1.h"

static int on_headers_complete(llhttp_t *parser)
{
    struct http1 *h = container_of(parser, struct http1, parser);
    h->keep_alive = llhttp_should_keep_alive(parser);
    /* An offer to change the protocol is ours to ignore; the parser would stop at it. */
    parser->upgrade = 0;
    return 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t n)
{
    struct http1 *h = container_of(parser, struct http1, parser);
    body_add(&h->body, at, n);
    return h->body.fault ? HPE_USER : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    container_of(parser, struct http1, parser)->complete = true;
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

static struct refusal refusal_of(enum body_fault fault)
{
    switch (fault) {
    case BODY_OK:
        break;
    case BODY_TOO_LARGE:
        return (struct refusal){413, CODE_PAYLOAD_TOO_LARGE,
                                "The body is larger than allowed here."};
    case BODY_NO_ROOM:
        return (struct refusal){503, CODE_OVERLOADED, "There is no room for so large a body now."};
    case BODY_BROKEN:
        return (struct refusal){503, CODE_DATABASE_ERROR, "The body could not be stored."};
    }
    return REFUSAL_NONE;
}

/* Feeds bytes that our own check says belong to the message, whose end it expects or not. */
static struct refusal run(struct http1 *h, struct str bytes, bool ends)
{
    const llhttp_errno_t e = llhttp_execute(&h->parser, bytes.p, bytes.n);
    if (h->body.fault) {
        return refusal_of(h->body.fault);
    }
    const bool whole = ends ? e == HPE_PAUSED && h->complete &&
                                  llhttp_get_error_pos(&h->parser) == bytes.p + bytes.n
                            : e == HPE_OK && !h->complete;
    return whole ? REFUSAL_NONE : refusal_bad("The request's framing is broken.");
}

struct refusal http1_begin(struct http1 *h, struct str whole, const struct head *head)
{
    *h = (struct http1){
        .chunked = head->chunked,
        .left = head->content_length > 0 ? (uint64_t)head->content_length : 0,
    };
    llhttp_init(&h->parser, HTTP_REQUEST, &settings);
    const struct refusal bad = run(h, whole, !h->chunked && h->left == 0);
    const llhttp_errno_t e = llhttp_get_errno(&h->parser);
    const bool connect = str_is(head->method, "CONNECT");
    if (connect || (bad.status && e == HPE_INVALID_METHOD)) {
        return (struct refusal){501, CODE_MALFORMED_REQUEST, "The method is not known here."};
    }
    return bad;
}

struct refusal http1_allow(struct http1 *h, const struct body_rules *rules, uint64_t max_body)
{
    body_init(&h->body, rules, max_body);
    body_expect(&h->body, h->left);
    return refusal_of(h->body.fault);
}

struct refusal http1_feed(struct http1 *h, struct str part, size_t *ret_used)
{
    if (!h->chunked) {
        const size_t n = h->left < part.n ? (size_t)h->left : part.n;
        h->left -= n;
        *ret_used = n;
        return run(h, str_sub(part, 0, n), h->left == 0);
    }
    if (!chunk_scan(&h->chunk, part, ret_used)) {
        return refusal_bad("The chunked body's framing is broken.");
    }
    return run(h, str_sub(part, 0, *ret_used), h->chunk.state == CHUNK_END);
}

void http1_fini(struct http1 *h)
{
    body_fini(&h->body);
}
