/* States of a connection:
 *
 *   IDLE   → HEAD    first byte of a request              [conn_take]
 *   HEAD   → BODY    head accepted, a body is to come     [conn_take]
 *   HEAD   → ADMIT   the same, but the floor above is asked about the body  [conn_take]
 *   ADMIT  → BODY    net_admit                            [conn_admitted]
 *   ADMIT  → ANSWER  net_reply: refused, the body is not read  [reply]
 *   HEAD, BODY → BUSY    the message is whole             [conn_take]
 *   BUSY   → ANSWER  net_reply                            [reply]
 *   BUSY   → STREAM  net_stream_open                      [open_stream]
 *   STREAM → ANSWER  net_stream_end                       [end_stream]
 *   BUSY   → WS      net_ws_open                          [conn_ws_open]
 *   WS     → WS_CLOSE  net_ws_close, drain                [conn_ws_close]
 *   WS     → ANSWER  the client's close frame, or what breaks the rules; ours is queued  [finish]
 *   WS_CLOSE → ANSWER  the client's close frame           [finish]
 *   IDLE, HEAD, BODY → ANSWER  refused                    [conn_refuse]
 *   ANSWER → IDLE    all sent, keep-alive                 [answered]
 *   ANSWER → LINGER  all sent, but the client may still be sending  [answered]
 *   any    → DEAD                                         [conn_close]
 *
 * Invariants:
 * 1. req is not NULL exactly in BODY (ours), ADMIT and BUSY (out; only request_gone may touch it).
 * 2. The slot's generation changes when a request's answer or stream is complete, when a WebSocket
 *    leaves WS, and when the connection dies; so a reference names one request, never the next one
 * of the connection.
 * 3. Nothing is sent but from conn_flush, once a round, and once more for each output_high_water
 * bytes that a round brings to a stream or WebSocket; no callback of the floor above runs inside
 *    another.
 * 4. DEAD objects stay until the end of the round; every entry looks for that first. */
#include "net/conn.h"

#include "net/conn_read.h"
#include "net/conn_ws.h"
#include "net/loop.h"
#include "net/tls.h"

#include "base/mem.h"
#include "base/metric.h"

#include <linux/sockios.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void arm(struct conn *c)
{
    uint32_t want = 0;
    if (conn_reads(c)) {
        want = EPOLLIN | EPOLLRDHUP;
    } else if (c->state == CONN_ADMIT || c->state == CONN_WS) {
        want = 0; /* a FIN that is seen now may stand behind unread bytes, and says nothing */
    } else if (!c->half_closed) {
        want = EPOLLRDHUP | (c->muted ? 0u : EPOLLIN);
    }
    want |= c->out_waiting ? EPOLLOUT : 0u;
    if (want == c->armed) {
        return;
    }
    struct epoll_event e = {.events = want, .data.ptr = c};
    const int op = c->armed == 0 && !c->known ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(c->loop->epoll_fd, op, c->fd, &e) == 0) {
        c->armed = want;
        c->known = true;
    } else {
        conn_close(c);
    }
}

void conn_set_timer(struct conn *c, enum timer_class class)
{
    timer_set(&c->loop->timers, &c->timer, class, c->loop->now_us);
}

static void next_generation(struct conn *c)
{
    slot_next_generation(&c->loop->server->slots.all[c->slot]);
}

void conn_open(struct loop *l, int fd, struct tls_session *tls, uint32_t slot,
               const struct caller *caller)
{
    struct conn *c = mem_new(struct conn);
    c->loop = l;
    c->fd = fd;
    c->tls = tls;
    c->slot = slot;
    c->caller = *caller;
    loop_adopt(l, c);
    conn_set_timer(c, TIMER_HEAD);
    arm(c);
}

static void end_callbacks(struct conn *c)
{
    const struct net_stream_ops ops = c->stream;
    c->stream = (struct net_stream_ops){};
    (void)atomic_fetch_sub(&c->loop->server->streams, 1);
    if (ops.on_close) {
        ops.on_close(ops.arg);
    }
}

/* To whom has heard all that we had to say. */
static void say_end(struct conn *c)
{
    if (c->tls && !c->out.first) {
        tls_say_end(c->tls);
    }
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_DEAD) {
        return;
    }
    const enum conn_state was = c->state;
    c->state = CONN_DEAD;
    next_generation(c);
    conn_set_timer(c, TIMER_NONE);
    say_end(c);
    tls_end(&c->tls);
    (void)close(c->fd);
    output_fini(&c->out);
    buf_fini(&c->in);
    loop_bury(c->loop, c);
    if (was == CONN_BODY) {
        request_free(TAKE(c->req));
    } else if (was == CONN_ADMIT || was == CONN_BUSY) {
        request_gone(TAKE(c->req));
    } else if (was == CONN_STREAM) {
        end_callbacks(c);
    } else if (was == CONN_WS || was == CONN_WS_CLOSE) {
        conn_ws_gone(c, was == CONN_WS);
    }
}

/* The headers that only the loop can know, and the end of the head. */
static struct str head_tail(bool stream_chunked, bool closing, int minor)
{
    if (stream_chunked) {
        return closing ? STR("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n")
                       : STR("Transfer-Encoding: chunked\r\n\r\n");
    }
    if (closing) {
        return STR("Connection: close\r\n\r\n");
    }
    return minor == 0 ? STR("Connection: keep-alive\r\n\r\n") : STR("\r\n");
}

void conn_answer(struct conn *c, struct net_bytes *head, struct net_bytes *body, int minor)
{
    output_add(&c->out, head, head_tail(false, c->closing, minor));
    if (body) {
        output_add(&c->out, body, STR(""));
    }
    c->req = NULL;
    c->state = CONN_ANSWER;
    next_generation(c);
    conn_set_timer(c, TIMER_NONE);
    loop_dirty(c->loop, c);
}

/* Others wait for a place. */
static bool is_wanted(const struct conn *c)
{
    return atomic_load(&c->loop->server->slots.wanted);
}

static void reply(struct conn *c, struct post *p)
{
    struct net_req *req = p->req;
    const bool whole = req->http1.complete; /* else nobody knows where the next one begins */
    c->closing = !whole || !req->http1.keep_alive || c->loop->draining || is_wanted(c);
    c->linger = !whole;
    conn_answer(c, p->head, p->bytes, req->minor);
    if (p->file.in_file) {
        output_add_file(&c->out, p->file);
    }
    request_free(req);
}

static void end_stream(struct conn *c)
{
    if (c->chunked) {
        output_add(&c->out, NULL, STR("0\r\n\r\n"));
    }
    c->state = CONN_ANSWER;
    next_generation(c);
    loop_dirty(c->loop, c);
    end_callbacks(c);
}

static void drain_stream(struct conn *c)
{
    if (c->stream.on_drain) {
        c->stream.on_drain(c->stream.arg);
    } else {
        end_stream(c);
    }
}

static void open_stream(struct conn *c, struct post *p)
{
    struct net_req *req = p->req;
    const bool head_only = str_is(req->method, "HEAD");
    c->chunked = req->minor == 1 && !head_only;
    c->closing = !req->http1.keep_alive || c->loop->draining || req->minor == 0;
    output_add(&c->out, p->head, head_tail(req->minor == 1, c->closing, req->minor));
    c->stream = p->ops;
    c->req = NULL;
    c->state = CONN_STREAM;
    (void)atomic_fetch_add(&c->loop->server->streams, 1);
    request_free(req);
    loop_dirty(c->loop, c);
    if (c->half_closed) {
        conn_close(c);
    } else if (head_only) {
        end_stream(c);
    } else if (c->loop->draining) {
        drain_stream(c);
    }
}

/* Whether somebody who does not read is the matter, who is to be cut off. */
static bool is_over_water(const struct conn *c)
{
    return (c->state == CONN_STREAM || c->state == CONN_WS) &&
           output_weight(&c->out) > c->loop->server->limits.output_high_water;
}

void conn_send(struct conn *c, struct net_bytes *bytes)
{
    must(c->state == CONN_STREAM || c->state == CONN_WS);
    if (c->state == CONN_STREAM && c->chunked) {
        output_add_chunk(&c->out, bytes);
    } else {
        output_add(&c->out, bytes, STR(""));
    }
    loop_dirty(c->loop, c);
    if (is_over_water(c)) {
        conn_flush(c);
    }
}

void conn_post(struct conn *c, struct post *p)
{
    switch (p->kind) {
    case POST_ADMIT:
        must(c->state == CONN_ADMIT && c->req == p->req);
        conn_admitted(c);
        break;
    case POST_REPLY:
        must((c->state == CONN_BUSY || c->state == CONN_ADMIT) && c->req == p->req);
        reply(c, p);
        break;
    case POST_OPEN:
        must(c->state == CONN_BUSY && c->req == p->req);
        open_stream(c, p);
        break;
    case POST_CHUNK:
        conn_send(c, p->bytes);
        break;
    case POST_FINISH:
        must(c->state == CONN_STREAM);
        end_stream(c);
        break;
    case POST_REFUSE:
        must(c->state == CONN_BUSY && c->req == p->req);
        conn_refuse(c, p->refusal, 0, p->req);
        break;
    case POST_WS:
        must(c->state == CONN_BUSY && c->req == p->req);
        conn_ws_open(c, p);
        break;
    case POST_CLOSE:
        must(c->state == CONN_WS);
        conn_ws_close(c, p->code, p->bytes, "server");
        break;
    case POST_END:
        must(c->state == CONN_WS);
        conn_ws_end(c);
        break;
    case POST_PAUSE:
        must(c->state == CONN_WS);
        conn_ws_pause(c, p->paused);
        break;
    case POST_MANY:
        must_fail(__FILE__, __LINE__, "it is for many");
    }
}

/* The answer is sent: on to the next request, or to the end. */
static void answered(struct conn *c)
{
    if (c->closing && c->linger) {
        say_end(c);
        (void)shutdown(c->fd, SHUT_WR);
        c->state = CONN_LINGER;
        c->linger_until_us = c->loop->now_us + LINGER_US;
        buf_fini(&c->in);
        conn_set_timer(c, TIMER_LINGER);
        return;
    }
    if (c->closing) {
        conn_close(c);
        return;
    }
    c->state = CONN_IDLE;
    c->muted = false;
    conn_set_timer(c, TIMER_IDLE);
    conn_take(c, STR(""));
    if (c->state == CONN_IDLE && c->loop->draining) {
        conn_close(c);
    }
}

/* Bytes of ours that the client's system has acknowledged. */
static uint64_t taken(const struct conn *c)
{
    int queued = 0;
    (void)ioctl(c->fd, SIOCOUTQ, &queued);
    const uint64_t with_us = c->out.unsent + (uint64_t)queued;
    return c->out.queued > with_us ? c->out.queued - with_us : 0;
}

/* While a body or a message comes in, its own timer rules; so does that of a closing WebSocket. */
static void watch_reader(struct conn *c)
{
    if (c->timer.class == TIMER_BODY || c->timer.class == TIMER_WRITE ||
        c->state == CONN_WS_CLOSE) {
        return;
    }
    pace_begin(&c->pace, c->loop->now_us, c->loop->server->limits.write_timeout_us);
    c->taken = taken(c);
    conn_set_timer(c, TIMER_WRITE);
}

static void wait_for_room(struct conn *c)
{
    c->out_waiting = true;
    if (is_over_water(c)) {
        if (c->ws) {
            c->ws->why = "slow";
        }
        conn_close(c);
        return;
    }
    watch_reader(c);
    arm(c);
}

void conn_flush(struct conn *c)
{
    if (c->state == CONN_DEAD) {
        return;
    }
    switch (output_flush(&c->out, c->fd, c->tls)) {
    case OUTPUT_GONE:
        conn_close(c);
        return;
    case OUTPUT_WAIT:
        wait_for_room(c);
        return;
    case OUTPUT_DONE:
        break;
    }
    c->out_waiting = c->tls && tls_wants_room(c->tls);
    if (c->state == CONN_STREAM) {
        conn_set_timer(c, TIMER_NONE);
    } else if (c->state == CONN_WS) {
        conn_ws_flushed(c);
    } else if (c->state == CONN_ANSWER) {
        answered(c);
    }
    if (c->state != CONN_DEAD) {
        arm(c);
    }
}

/* The client's FIN, while we are not reading. It may have closed, or only its sending half; both
 * look the same. Whoever watches is told; an answer that comes nevertheless is sent. */
static void left(struct conn *c)
{
    c->half_closed = true;
    if (c->state == CONN_STREAM) {
        conn_close(c);
    } else if (c->state == CONN_BUSY) {
        request_gone(c->req);
    }
}

void conn_event(struct conn *c, uint32_t events)
{
    if (c->state == CONN_DEAD) {
        return;
    }
    if (events & (EPOLLERR | EPOLLHUP)) {
        conn_close(c);
        return;
    }
    if (events & EPOLLOUT) {
        loop_dirty(c->loop, c);
    }
    if (conn_reads(c)) {
        /* a handshake may have waited for room */
        if (events & (EPOLLIN | EPOLLRDHUP | (c->tls ? EPOLLOUT : 0u))) {
            conn_read(c);
        }
    } else {
        if (events & EPOLLRDHUP) {
            left(c);
        }
        c->muted = c->muted || (events & EPOLLIN);
    }
    if (c->state != CONN_DEAD) {
        arm(c);
    }
}

/* Whether who is looked at from time to time still has time in hand. */
static bool keeps_pace(struct conn *c)
{
    const struct net_limits *limits = &c->loop->server->limits;
    if (c->timer.class == TIMER_WRITE) {
        const uint64_t now = taken(c);
        const size_t moved = now > c->taken ? (size_t)(now - c->taken) : 0;
        pace_moved(&c->pace, c->loop->now_us, moved, limits->write_min_rate,
                   limits->write_timeout_us);
        c->taken = now;
    } else if (c->timer.class != TIMER_BODY) {
        return false;
    }
    return c->loop->now_us < c->pace.until_us;
}

void conn_expired(struct conn *c)
{
    static const char *const kinds[TIMER_CLASSES] = {
        [TIMER_HEAD] = "head", [TIMER_BODY] = "body", [TIMER_WRITE] = "write"};
    if (keeps_pace(c)) {
        conn_set_timer(c, (enum timer_class)c->timer.class);
        return;
    }
    if (c->ws) {
        conn_ws_expired(c);
        return;
    }
    const char *kind = c->tls && !tls_is_open(c->tls) ? "handshake" : kinds[c->timer.class];
    if (kind) {
        metric_add(METRIC_HTTP_TIMEOUTS, kind, 1);
    }
    if (c->state == CONN_HEAD || c->state == CONN_BODY) {
        conn_refuse(
            c, (struct refusal){408, CODE_REQUEST_TIMEOUT, "The request did not arrive in time."},
            0, c->req);
    } else {
        conn_close(c);
    }
}

void conn_yield(struct conn *c)
{
    if (c->state == CONN_IDLE) {
        /* what the client sent before it could know is still served */
        conn_read(c);
    }
    if (c->state == CONN_IDLE) {
        conn_close(c);
    }
}

void conn_drain(struct conn *c)
{
    conn_yield(c);
    if (c->state == CONN_STREAM) {
        drain_stream(c);
    } else if (c->state == CONN_WS) {
        conn_ws_drain(c);
    }
}
