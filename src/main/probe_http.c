/* Probes of what an HTTP client sends. */
#include "base/conf.h"
#include "base/jw.h"
#include "http/multipart.h"
#include "http/query.h"
#include "main/probe.h"
#include "net/http1.h"

/* A message that has not ended: a server waits for the rest until the deadline. */
static struct refusal unfinished(const char *detail)
{
    return (struct refusal){408, CODE_REQUEST_TIMEOUT, detail};
}

/* Cuts the first head off bytes, as a connection does. */
static struct refusal take_head(struct str bytes, struct head *ret, size_t *ret_size)
{
    size_t at = 0;
    switch (head_scan(bytes, &at, ret_size)) {
    case HEAD_MORE:
        return bytes.n > (size_t)conf.http_max_head
                   ? head_too_long(bytes)
                   : unfinished("The head has no end: the server waits for more.");
    case HEAD_BROKEN:
        return refusal_bad("The request is not HTTP, or a line does not end in CRLF.");
    case HEAD_WHOLE:
        break;
    }
    const struct str whole = str_sub(bytes, 0, *ret_size);
    return whole.n > (size_t)conf.http_max_head ? head_too_long(whole) : head_check(whole, ret);
}

static void add_header(struct buf *out, const void *items, size_t i)
{
    const struct net_header *h = (const struct net_header *)items + i;
    jw_open(out, '{');
    jw_member_str(out, "name", h->name);
    jw_member_str(out, "value", h->value);
    jw_close(out, '}');
}

static void add_request_line(struct buf *out, const struct head *h)
{
    jw_member_str(out, "method", h->method);
    jw_member_str(out, "target", h->target);
    jw_member_str(out, "version", h->minor ? STR("HTTP/1.1") : STR("HTTP/1.0"));
}

static enum err probe_head(struct probe *p)
{
    struct head *h = arena_one(p->cx.arena, struct head);
    struct http1 http1 = {};
    size_t size = 0;
    struct refusal bad = take_head(p->input, h, &size);
    if (!bad.status) {
        bad = http1_begin(&http1, str_sub(p->input, 0, size), h);
        http1_fini(&http1);
    }
    TRY(probe_refuse(p, bad));
    add_request_line(&p->out, h);
    if (h->content_length >= 0) {
        jw_member_i64(&p->out, "contentLength", h->content_length);
    }
    jw_member_bool(&p->out, "chunked", h->chunked);
    jw_member_bool(&p->out, "keepAlive", http1.keep_alive);
    jw_member_bool(&p->out, "expectContinue", h->expect_continue);
    jw_member_i64(&p->out, "headBytes", (int64_t)size);
    jw_member_i64(&p->out, "bytesBehind", (int64_t)(p->input.n - size));
    probe_list(p, "headers", h->count, add_header, h->headers);
    return ERR_OK;
}

static void add_body(struct buf *out, const struct http1 *h)
{
    jw_member_i64(out, "bodyBytes", (int64_t)h->body.n);
    if (h->body.n) {
        jw_member_str(out, "body", str_sub(body_extent(&h->body).bytes, 0, PROBE_PREVIEW));
    }
}

/* The body behind a head that http1_begin took; *ret_used of rest belong to it. */
static struct refusal take_body(struct http1 *h, struct str rest, size_t *ret_used)
{
    *ret_used = 0;
    struct refusal bad = http1_allow(h, &(struct body_rules){}, (uint64_t)conf.http_max_body);
    if (!bad.status && !h->complete && rest.n) {
        bad = http1_feed(h, rest, ret_used);
    }
    if (!bad.status && !h->complete) {
        return unfinished("The body has no end: the server waits for more.");
    }
    return bad;
}

/* One message: what would be dispatched. *rest moves behind it. */
static struct refusal next_message(struct head *head, struct str *rest, struct buf *out,
                                   bool *ret_keep_alive)
{
    struct http1 http1;
    size_t size = 0;
    size_t used = 0;
    struct refusal bad = take_head(*rest, head, &size);
    if (bad.status) {
        return bad;
    }
    bad = http1_begin(&http1, str_sub(*rest, 0, size), head);
    if (!bad.status) {
        bad = take_body(&http1, str_sub(*rest, size, rest->n), &used);
    }
    if (!bad.status) {
        jw_open(out, '{');
        add_request_line(out, head);
        jw_member_bool(out, "keepAlive", http1.keep_alive);
        add_body(out, &http1);
        jw_close(out, '}');
        *rest = str_sub(*rest, size + used, rest->n);
        *ret_keep_alive = http1.keep_alive;
    }
    http1_fini(&http1);
    return bad;
}

static enum err probe_requests(struct probe *p)
{
    SCOPED(buf_fini) struct buf messages = buf_make(PROBE_OUTPUT);
    struct head *head = arena_one(p->cx.arena, struct head);
    struct str rest = p->input;
    struct refusal bad;
    bool keep_alive = true;
    int64_t count = 0;
    do {
        bad = next_message(head, &rest, &messages, &keep_alive);
        count += !bad.status;
    } while (!bad.status && rest.n && keep_alive && count < PROBE_ITEMS);
    jw_member_i64(&p->out, "count", count);
    jw_key(&p->out, "messages");
    buf_char(&p->out, '[');
    buf_str(&p->out, buf_view(&messages));
    buf_char(&p->out, ']');
    jw_member_i64(&p->out, "bytesBehind", (int64_t)rest.n);
    return probe_refuse(p, bad);
}

/* A body alone, behind a head of ours. */
static enum err probe_chunked(struct probe *p)
{
    const struct str whole =
        STR("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct head *head = arena_one(p->cx.arena, struct head);
    struct http1 http1;
    size_t used = 0;
    must(!head_check(whole, head).status && !http1_begin(&http1, whole, head).status);
    const struct refusal bad = take_body(&http1, p->input, &used);
    if (!bad.status) {
        add_body(&p->out, &http1);
        jw_member_i64(&p->out, "bytesBehind", (int64_t)(p->input.n - used));
    }
    http1_fini(&http1);
    return probe_refuse(p, bad);
}

static void add_pair(struct buf *out, const void *items, size_t i)
{
    const struct query_pair *pair = (const struct query_pair *)items + i;
    jw_open(out, '{');
    jw_member_str(out, "name", pair->name);
    jw_member_str(out, "value", pair->value);
    jw_close(out, '}');
}

static enum err probe_query(struct probe *p)
{
    struct query_pair *pairs = NULL;
    size_t count = 0;
    TRY(probe_bound(p, HEAD_MAX_TARGET));
    TRY(query_parse(&p->cx, probe_line(p), &pairs, &count));
    probe_list(p, "pairs", count, add_pair, pairs);
    return ERR_OK;
}

static void add_part(struct buf *out, const void *items, size_t i)
{
    const struct part *part = (const struct part *)items + i;
    jw_open(out, '{');
    jw_member_str(out, "name", part->name);
    jw_member_str(out, "filename", part->filename);
    jw_member_str(out, "contentType", part->content_type);
    jw_member_i64(out, "bytes", (int64_t)part->data.n);
    jw_close(out, '}');
}

static enum err probe_multipart(struct probe *p)
{
    struct part *parts = NULL;
    size_t count = 0;
    const struct extent body = extent_of(p->input);
    TRY(multipart_parse(&p->cx, probe_option(p, PROBE_CONTENT_TYPE), &body, EXTENT_WINDOW, &parts,
                        &count));
    probe_list(p, "parts", count, add_part, parts);
    return ERR_OK;
}

const struct probe_row probe_http_rows[] = {
    {"http-head", "a request's head, strictly", 0, probe_head},
    {"http-request", "what a connection sends: requests one behind the other, with their bodies", 0,
     probe_requests},
    {"chunked", "a body in chunks", 0, probe_chunked},
    {"query", "the query of an address: a=b&c=d", 0, probe_query},
    {"multipart", "a body of multipart/form-data", 1 << PROBE_CONTENT_TYPE, probe_multipart},
    {},
};
