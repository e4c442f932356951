#include "net/conn_read.h"

#include "net/conn_ws.h"
#include "net/loop.h"
#include "net/tls.h"

#include "base/metric.h"

#include <errno.h>
#include <sys/socket.h>

enum {
    HANDSHAKES_A_ROUND = 16, /* 4 ms or so */
};

static bool parses(const struct conn *c)
{
    return c->state == CONN_IDLE || c->state == CONN_HEAD || c->state == CONN_BODY;
}

bool conn_reads(const struct conn *c)
{
    return parses(c) || c->state == CONN_LINGER || (c->ws && !c->ws->paused);
}

static void dispatch(struct conn *c)
{
    const struct net_server *s = c->loop->server;
    c->state = CONN_BUSY;
    conn_set_timer(c, TIMER_NONE);
    c->loop->requests_out++;
    c->req->parked = false;
    s->callbacks.on_request(s->callbacks.arg, c->req);
}

/* What is full now may have room again in a moment. */
static int retry_after_s(struct refusal r)
{
    return r.status == 503 ? 1 : 0;
}

static void await_body(struct conn *c, bool body_began)
{
    const struct net_limits *limits = &c->loop->server->limits;
    c->state = CONN_BODY;
    pace_begin(&c->pace, c->loop->now_us, min_i64(limits->body_grace_us, limits->body_timeout_us));
    conn_set_timer(c, TIMER_BODY);
    if (c->req->expects_continue && !body_began) {
        output_add(&c->out, NULL, STR("HTTP/1.1 100 Continue\r\n\r\n"));
        loop_dirty(c->loop, c);
    }
}

/* Whether a body is worth a question before it is read. Others cost less than the question. */
static bool is_asked_about(const struct net_req *req)
{
    const struct net_server *s = req->loop->server;
    return s->callbacks.on_admit && (req->expects_continue || req->http1.chunked ||
                                     req->http1.left > s->limits.body.max_memory);
}

static void ask(struct conn *c)
{
    const struct net_server *s = c->loop->server;
    c->state = CONN_ADMIT;
    conn_set_timer(c, TIMER_NONE);
    c->loop->requests_out++;
    s->callbacks.on_admit(s->callbacks.arg, c->req);
}

void conn_admitted(struct conn *c)
{
    c->muted = false;
    await_body(c, c->in.n > 0);
    loop_dirty(c->loop, c); /* epoll must know that we read again */
    conn_take(c, STR(""));
}

/* A checked head: asks the floor above, then waits for the body or hands over. */
static void accept_head(struct conn *c, struct net_req *req, bool body_began)
{
    const struct net_server *s = c->loop->server;
    struct net_plan plan = {};
    c->req = req;
    s->callbacks.on_head(s->callbacks.arg, req, &plan);
    if (plan.refuse) {
        const struct refusal r = {plan.refuse, plan.code, code_info(plan.code)->doc};
        req->refuse_header = plan.refuse_header;
        conn_refuse(c, r, plan.retry_after_s, req);
        return;
    }
    const struct refusal bad = http1_allow(&req->http1, &s->limits.body, plan.max_body);
    if (bad.status) {
        conn_refuse(c, bad, retry_after_s(bad), req);
    } else if (req->http1.complete) {
        dispatch(c);
    } else if (is_asked_about(req)) {
        ask(c);
    } else {
        await_body(c, body_began);
    }
}

static void begin_request(struct conn *c, struct str whole, bool more)
{
    struct head *head = &c->loop->head;
    struct refusal bad = head_check(whole, head);
    if (bad.status) {
        conn_refuse(c, bad, 0, NULL);
        return;
    }
    struct net_req *req = request_new(c, whole, head);
    bad = http1_begin(&req->http1, whole, head);
    if (bad.status) {
        request_free(req);
        conn_refuse(c, bad, 0, NULL);
        return;
    }
    accept_head(c, req, more);
}

static void await_head(struct conn *c, struct str so_far)
{
    if (so_far.n > c->loop->server->limits.max_head ||
        (so_far.n > HEAD_MAX_LINE && str_find_char(so_far, '\n', 2) < 0)) {
        conn_refuse(c, head_too_long(so_far), 0, NULL);
        return;
    }
    c->state = CONN_HEAD;
    if (c->timer.class != TIMER_HEAD) {
        conn_set_timer(c, TIMER_HEAD);
    }
}

/* How much of bytes was used; 0 when more must come, or when the connection is refused. */
static size_t take_head(struct conn *c, struct str bytes)
{
    size_t size = 0;
    switch (head_scan(bytes, &c->scanned, &size)) {
    case HEAD_MORE:
        await_head(c, bytes);
        return 0;
    case HEAD_BROKEN:
        conn_refuse(c, refusal_bad("The request is not HTTP, or a line does not end in CRLF."), 0,
                    NULL);
        return 0;
    case HEAD_WHOLE:
        break;
    }
    c->scanned = 0;
    if (size > c->loop->server->limits.max_head) {
        conn_refuse(c, head_too_long(str_sub(bytes, 0, size)), 0, NULL);
        return 0;
    }
    begin_request(c, str_sub(bytes, 0, size), bytes.n > size);
    return size;
}

static size_t take_body(struct conn *c, struct str bytes)
{
    const struct net_limits *limits = &c->loop->server->limits;
    size_t used = 0;
    const struct refusal bad = http1_feed(&c->req->http1, bytes, &used);
    pace_moved(&c->pace, c->loop->now_us, used, limits->body_min_rate, limits->body_timeout_us);
    if (bad.status) {
        conn_refuse(c, bad, retry_after_s(bad), c->req);
    } else if (c->req->http1.complete) {
        dispatch(c);
    }
    return used;
}

void conn_take(struct conn *c, struct str part)
{
    SCOPED(buf_fini) struct buf held = c->in;
    c->in = (struct buf){};
    if (held.n) {
        buf_str(&held, part);
        part = buf_view(&held);
    }
    size_t used = 0;
    while (used < part.n && parses(c)) {
        const struct str rest = str_sub(part, used, part.n);
        const size_t n = c->state == CONN_BODY ? take_body(c, rest) : take_head(c, rest);
        if (n == 0) {
            break;
        }
        used += n;
    }
    if (used == part.n || c->state == CONN_DEAD || c->linger) {
        return;
    }
    if (held.n) {
        buf_drop(&held, used);
        c->in = held;
        held = (struct buf){};
    } else {
        c->in = buf_make(c->loop->server->limits.max_head + 2 * READ_BYTES);
        buf_str(&c->in, str_sub(part, used, part.n));
    }
}

static void linger(struct conn *c)
{
    const ssize_t n = recv(c->fd, c->loop->read_buf, READ_BYTES, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    c->dropped += n > 0 ? (size_t)n : 0;
    conn_set_timer(c, TIMER_LINGER);
    if (n <= 0 || c->dropped > LINGER_BYTES || c->loop->now_us > c->linger_until_us) {
        conn_close(c);
    }
}

/* Shaking hands is dear. So much of it is done in a round, and the rest in the next ones: what is
 * served meanwhile does not wait for it. */
static bool may_shake_hands(struct loop *l)
{
    return l->handshakes++ < HANDSHAKES_A_ROUND;
}

static void handshake_failed(struct conn *c)
{
    metric_add(METRIC_TLS_HANDSHAKES, "failed", 1);
    if (!tls_heard_http(c->tls)) {
        conn_close(c);
        return;
    }
    tls_end(&c->tls);
    conn_refuse(c, refusal_bad("This port speaks TLS: the address begins with https://."), 0, NULL);
}

/* As recv; shakes hands where that is still to be done. */
static ssize_t receive_tls(struct conn *c)
{
    const bool was_open = tls_is_open(c->tls);
    if (!was_open && !may_shake_hands(c->loop)) {
        errno = EAGAIN;
        return -1;
    }
    const ssize_t n = tls_read(c->tls, c->loop->read_buf, READ_BYTES);
    c->out_waiting = c->out_waiting || tls_wants_room(c->tls);
    if (!was_open && tls_is_open(c->tls)) {
        metric_add(METRIC_TLS_HANDSHAKES, "ok", 1);
    }
    return n;
}

void conn_read(struct conn *c)
{
    char *p = c->loop->read_buf;
    if (c->state == CONN_LINGER) {
        linger(c);
        return;
    }
    const ssize_t n = c->tls ? receive_tls(c) : recv(c->fd, p, READ_BYTES, MSG_DONTWAIT);
    if (n > 0 && c->ws) {
        conn_ws_take(c, (struct ws_bytes){p, (size_t)n});
    } else if (n > 0) {
        conn_take(c, (struct str){p, (size_t)n});
    } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    } else if (c->tls && !tls_is_open(c->tls)) {
        handshake_failed(c);
    } else {
        conn_close(c);
    }
}
