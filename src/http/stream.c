/* Server-sent events (WHATWG HTML, "event streams"). While a worker writes, the drain leaves the
 * stream to it: a running answer may be told to its end. */
#include "base/jw.h"

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

static void leave(void *arg)
{
    (void)arg;
}

/* The request is used up: what pointed into it is no more. */
static void forget_request(struct exchange *x)
{
    x->req.cx.cancel = NULL;
    x->req.raw_body = STR("");
    x->req.parts = NULL;
    x->req.part_count = 0;
}

static struct net_ref open_stream(struct exchange *x, const struct net_stream_ops *ops)
{
    struct net_header headers[REPLY_HEADERS];
    must(!x->req.answered && x->stream == STREAM_NONE && x->req.route->streams);
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
    *ret = open_stream(x, ops);
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
