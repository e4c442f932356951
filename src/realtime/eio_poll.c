/* The transport of polling: a GET waits until there is something for its client, a POST brings what
 * the client has, and is answered when the strand has taken all of it. One of each at a time. */
#include "base/mem.h"
#include "realtime/eio_in.h"

/* The client of a poll left. Runs under the lock of the request's cancel, so it is answered by the
 * clock: who answers waits until this has returned. */
static void left(void *exchange)
{
    struct eio_exchange *x = exchange;
    struct eio_server *srv = x->server;
    eio_lock(srv);
    struct eio_session *s = x->session;
    x->gone = true;
    if (s && s->poll == x) {
        s->poll = NULL;
        x->fault = EIO_BAD_REQUEST;
        x->next = srv->gone;
        srv->gone = x;
        (void)pthread_cond_signal(&srv->wake);
        eio_session_close(s, "transport close", srv->bye, WS_NORMAL);
    }
    eio_unlock(srv);
}

/* Under the lock: the poll waits, or has its answer at once. */
static void hang_up(struct eio_session *s, struct eio_exchange *x)
{
    x->session = eio_ref(s);
    s->poll = x;
    if (s->closing) {
        eio_session_close(s, s->reason, s->server->bye, WS_NORMAL);
    } else if (s->out) {
        eio_session_answer_poll(s);
    } else if (s->ws && s->ws->probed) {
        eio_session_push(s, s->server->noop); /* so that the client can let go of polling */
    }
}

/* Under the lock: the session of a request of polling; NULL, and what is at fault. */
static struct eio_session *find(struct eio_server *srv, struct str sid, enum eio_fault *ret)
{
    struct eio_session *s = eio_session_find(srv, sid);
    *ret = !s ? EIO_UNKNOWN_SID : s->is_ws ? EIO_BAD_REQUEST : EIO_FINE;
    return *ret == EIO_FINE ? s : NULL;
}

void eio_poll(struct eio_server *srv, struct eio_exchange *x, struct str sid)
{
    enum eio_fault fault;
    x->server = srv;
    x->watched = true;
    cancel_on(net_req_watch(x->req), left, x);
    eio_lock(srv);
    eio_clock_tick(srv);
    struct eio_session *s = find(srv, sid, &fault);
    if (s && (s->poll || x->gone)) {
        eio_session_close(s, x->gone ? "transport close" : "transport error", srv->bye, WS_POLICY);
        fault = EIO_BAD_REQUEST;
    }
    if (fault == EIO_FINE) {
        hang_up(s, x);
    } else {
        eio_exchange_ready(srv, x, fault);
    }
    eio_unlock(srv);
}

/* All of the body, in memory; out of the page cache when net has put it into a file. */
static bool read_body(struct eio_exchange *x)
{
    const struct extent body = net_req_body(x->req);
    x->rest = body.bytes;
    if (body.in_file) {
        x->body = mem_alloc(1, (size_t)body.n + 1);
        x->rest = (struct str){x->body, (size_t)body.n};
        return extent_read(&body, 0, x->body, (size_t)body.n);
    }
    x->rest.p = x->rest.n ? x->rest.p : "";
    return true;
}

/* What is in a post, beside its messages. */
struct contents {
    bool well;
    bool has_messages;
    bool has_pong;
    bool has_close;
};

static struct contents look_into(struct str payload)
{
    struct contents c = {.well = true};
    struct eio_item item;
    enum eio_step step;
    while ((step = eio_payload_next(&payload, &item)) == EIO_ITEM && c.well) {
        c.has_messages = c.has_messages || item.type == EIO_MESSAGE || item.type == EIO_BYTES;
        c.has_pong = c.has_pong || item.type == EIO_PONG;
        c.has_close = c.has_close || item.type == EIO_CLOSE;
        c.well = item.type != EIO_OPEN && item.type != EIO_PING && item.type != EIO_UPGRADE;
    }
    c.well = c.well && step == EIO_END;
    return c;
}

/* Under the lock. The heart is heard at once, whatever the strand is doing. */
static void take_post(struct eio_session *s, struct eio_exchange *x, const struct contents *c)
{
    if (c->has_pong) {
        eio_session_pong(s);
    }
    if (c->has_messages && !s->closing) {
        x->session = eio_ref(s);
        s->post = x;
        eio_session_wake(s);
    } else {
        x->text = "ok";
        eio_exchange_ready(s->server, x, EIO_FINE);
    }
    if (c->has_close) {
        eio_session_close(s, "transport close", s->server->noop, WS_NORMAL);
    }
}

void eio_post(struct eio_server *srv, struct eio_exchange *x, struct str sid)
{
    enum eio_fault fault = EIO_TOO_LARGE;
    struct contents c = {};
    struct eio_session *s = NULL;
    const bool fits = net_req_body(x->req).n <= srv->config.max_payload;
    if (fits) {
        c = read_body(x) ? look_into(x->rest) : c;
    }
    eio_lock(srv);
    eio_clock_tick(srv);
    if (fits) {
        s = find(srv, sid, &fault);
    }
    if (s && s->post) {
        eio_session_close(s, "transport error", srv->bye, WS_POLICY);
        fault = EIO_BAD_REQUEST;
    } else if (s && !c.well) {
        eio_session_fail(s);
        fault = EIO_BAD_REQUEST;
    }
    if (fault == EIO_FINE) {
        take_post(s, x, &c);
    } else {
        eio_exchange_ready(srv, x, fault);
    }
    eio_unlock(srv);
}

void eio_poll_handshake(struct eio_server *srv, struct eio_exchange *x, struct str peer)
{
    eio_lock(srv);
    if (eio_has_room(srv)) {
        struct eio_session *s = eio_session_new(srv, net_req_header(x->req, "origin"), peer);
        hang_up(s, x);
        eio_session_open(s);
    } else {
        eio_exchange_ready(srv, x, EIO_TOO_MANY);
    }
    eio_unlock(srv);
}
