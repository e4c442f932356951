/* Server-sent events (WHATWG HTML, "event streams"). While a worker writes, the drain leaves the
 * stream to it: a running answer may be told to its end. */
#include "base/conf.h"
#include "base/jw.h"
#include "base/mem.h"
#include "base/metric.h"

#include "http/server.h"

enum { FRAME_MAX = 4 * 1024 * 1024 };

void sse_frame(struct buf *out, const char *event, struct str id, struct str data)
{
    if (id.n) {
        buf_fmt(out, "id: " STR_FMT "\n", STR_ARG(id));
    }
    buf_fmt(out, "event: %s\n", event);
    struct str rest = data.n ? data : STR("");
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        const bool cr = line.n && line.p[line.n - 1] == '\r';
        buf_cstr(out, "data: ");
        buf_str(out, str_sub(line, 0, line.n - cr));
        buf_char(out, '\n');
    }
    buf_char(out, '\n');
}

enum err stream_admit(struct exchange *x)
{
    struct cx *cx = &x->req.cx;
    switch (places_take(x->req.server->streams, cx->tenant.v)) {
    case PLACE_TAKEN:
        x->has_place = true;
        return ERR_OK;
    case PLACE_NONE_LEFT_FOR:
        metric_add(METRIC_STREAMS_REFUSED, "tenant", 1);
        return cx_fail(cx, CODE_TOO_MANY_STREAMS, "the tenant has %" PRId64 " open streams",
                       conf.streams_per_tenant);
    case PLACE_NONE_LEFT:
        break;
    }
    metric_add(METRIC_STREAMS_REFUSED, "all", 1);
    return cx_fail(cx, CODE_OVERLOADED, "there are %" PRId64 " open streams", conf.streams_max);
}

void stream_leave(struct exchange *x)
{
    if (x->has_place) {
        places_give(x->req.server->streams, x->req.cx.tenant.v);
    }
}

/* The place of a stream that somebody else ends: it goes with the stream. */
struct handed_on {
    struct http_server *server;
    struct uuid tenant;
    struct net_stream_ops ops;
};

static void close_handed_on(void *arg)
{
    struct handed_on *h = arg;
    h->ops.on_close(h->ops.arg);
    places_give(h->server->streams, h->tenant);
    mem_free(h);
}

static void drain_handed_on(void *arg)
{
    struct handed_on *h = arg;
    h->ops.on_drain(h->ops.arg);
}

static struct net_stream_ops hand_on(struct exchange *x, const struct net_stream_ops *ops)
{
    must(x->has_place && ops->on_close);
    struct handed_on *h = mem_new(struct handed_on);
    *h = (struct handed_on){x->req.server, x->req.cx.tenant.v, *ops};
    x->has_place = false;
    return (struct net_stream_ops){h, close_handed_on, ops->on_drain ? drain_handed_on : NULL};
}

static void leave(void *arg)
{
    (void)arg;
}

/* The request is used up: what pointed into it is no more. */
static void forget_request(struct exchange *x)
{
    x->req.cx.cancel = NULL;
    x->req.raw_body = (struct extent){};
    x->req.parts = NULL;
    x->req.part_count = 0;
}

static struct net_ref open_stream(struct exchange *x, const struct net_stream_ops *ops)
{
    struct net_header headers[REPLY_HEADERS];
    must(!x->req.answered && x->stream == STREAM_NONE && x->req.wants_stream);
    req_header(&x->req, "X-Accel-Buffering", STR("no"));
    req_header(&x->req, "Content-Type", STR("text/event-stream"));
    const size_t n = reply_headers(x, headers);
    forget_request(x);
    x->status = 200;
    x->req.answered = true;
    x->ref = net_stream_open(&x->req.net, x->req.server->net, 200, headers, n, ops);
    return x->ref;
}

enum err req_sse_open(struct req *r)
{
    static const struct net_stream_ops ops = {.on_close = leave, .on_drain = leave};
    struct exchange *x = exchange_of(r);
    (void)open_stream(x, &ops);
    x->stream = STREAM_OPEN;
    return ERR_OK;
}

enum err req_sse_detach(struct req *r, const struct net_stream_ops *ops, struct net_ref *ret)
{
    struct exchange *x = exchange_of(r);
    const struct net_stream_ops handed_on = hand_on(x, ops);
    *ret = open_stream(x, &handed_on);
    x->stream = STREAM_DETACHED;
    return ERR_OK;
}

bool req_sse_send(struct req *r, const char *event, struct str id, struct str json)
{
    struct exchange *x = exchange_of(r);
    must(x->stream == STREAM_OPEN);
    SCOPED(buf_fini) struct buf frame = buf_make(FRAME_MAX);
    sse_frame(&frame, event, id, json);
    if (frame.full) {
        return false;
    }
    x->streamed_bytes += frame.n;
    return net_stream_send(r->server->net, x->ref, net_bytes_take(&frame));
}

enum err req_sse_end(struct req *r)
{
    struct exchange *x = exchange_of(r);
    must(x->stream == STREAM_OPEN);
    net_stream_end(r->server->net, x->ref);
    x->stream = STREAM_ENDED;
    return ERR_OK;
}

void stream_finish(struct exchange *x, enum err e)
{
    if (x->stream != STREAM_OPEN) {
        return;
    }
    if (e) {
        const struct cx *cx = &x->req.cx;
        const enum code code = code_seen(cx, e);
        SCOPED(buf_fini) struct buf b = buf_make(16 * KB);
        jw_open(&b, '{');
        jw_member_str(&b, "code", str_of(code_info(code)->name));
        jw_member_str(&b, "message", words_seen(cx, code));
        jw_member_str(&b, "requestId", cx->request_id);
        jw_close(&b, '}');
        (void)req_sse_send(&x->req, "error", STR(""), buf_view(&b));
    }
    (void)req_sse_end(&x->req);
}
