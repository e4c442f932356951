#include "net/conn_ws.h"

#include "net/loop.h"

#include "base/mem.h"
#include "base/metric.h"

struct ws *ws_new(const struct net_ws_options *options, const struct net_ws_ops *ops)
{
    struct ws *ws = mem_new(struct ws);
    ws->ops = *ops;
    ws->ping_us = options->ping_us;
    ws->codec.max_message = options->max_message;
    return ws;
}

void ws_free(struct ws **ws, int code)
{
    struct ws *w = TAKE(*ws);
    if (code && w->ops.on_close) {
        w->ops.on_close(w->ops.arg, code);
    }
    ws_codec_fini(&w->codec);
    mem_free(w);
}

struct net_bytes *ws_close_frame(int code, struct str reason)
{
    char body[WS_MAX_CONTROL] = {(char)(code >> 8), (char)code};
    const struct str cut = utf8_prefix(reason, WS_MAX_REASON);
    if (code == WS_NO_CODE) {
        return ws_frame(WS_CLOSE, STR(""));
    }
    memcpy(body + 2, cut.n ? cut.p : "", cut.n);
    return ws_frame(WS_CLOSE, (struct str){body, cut.n + 2});
}

static void send_frame(struct conn *c, struct net_bytes *frame)
{
    output_add(&c->out, frame, STR(""));
    loop_dirty(c->loop, c);
}

/* The next timer, when nothing is under way in either direction. */
static void set_ping_timer(struct conn *c)
{
    if (c->ws->ping_us) {
        timer_set_in(&c->loop->timers, &c->timer, TIMER_PING, c->loop->now_us, c->ws->ping_us);
    } else {
        conn_set_timer(c, TIMER_NONE);
    }
}

void conn_ws_open(struct conn *c, struct post *p)
{
    struct net_req *req = p->req;
    c->ws = p->ws;
    c->req = NULL;
    c->state = CONN_WS;
    c->muted = false;
    output_add(&c->out, p->head, STR("\r\n"));
    loop_dirty(c->loop, c);
    request_free(req);
    metric_add(METRIC_WEBSOCKETS, NULL, 1);
    set_ping_timer(c);
    if (c->half_closed) {
        conn_close(c);
    } else if (c->loop->draining) {
        conn_ws_drain(c);
    } else {
        conn_ws_take(c, (struct ws_bytes){});
    }
}

/* For the floor above it is no more. */
static void say_end(struct conn *c, int code)
{
    const struct net_ws_ops ops = c->ws->ops;
    c->ws->ops = (struct net_ws_ops){};
    metric_add(METRIC_WEBSOCKETS, NULL, -1);
    metric_add(METRIC_WEBSOCKETS_CLOSED, c->ws->why ? c->ws->why : "gone", 1);
    if (ops.on_close) {
        ops.on_close(ops.arg, code);
    }
}

/* Nor for whoever holds its reference. */
static void end(struct conn *c, int code)
{
    slot_next_generation(&c->loop->server->slots.all[c->slot]);
    say_end(c, code);
}

/* Counts what it holds anew; false when all of them hold more than they may. */
static bool count_held(struct conn *c, size_t now)
{
    struct net_server *s = c->loop->server;
    const size_t before = c->ws->held;
    c->ws->held = now;
    /* unsigned: what is less is added as its complement */
    const size_t all = atomic_fetch_add(&s->messages, now - before) + (now - before);
    return now <= before || !s->limits.messages_max || all <= s->limits.messages_max;
}

/* Nothing more is to be read: sends what is queued, and then what still comes is dropped. */
static void finish(struct conn *c)
{
    (void)count_held(c, 0);
    ws_free(&c->ws, 0);
    c->state = CONN_ANSWER;
    c->closing = true;
    c->linger = true;
    conn_set_timer(c, TIMER_NONE);
    loop_dirty(c->loop, c);
}

void conn_ws_close(struct conn *c, int code, struct net_bytes *frame, const char *why)
{
    send_frame(c, frame);
    c->ws->why = why;
    c->ws->paused = false;
    c->state = CONN_WS_CLOSE;
    conn_set_timer(c, TIMER_WS_CLOSE);
    end(c, code);
    if (c->ws->over) {
        finish(c);
    } else {
        conn_ws_take(c, (struct ws_bytes){});
    }
}

static const char *end_reason(int fault)
{
    return fault == 0              ? "client"
           : fault == WS_TOO_LARGE ? "too_large"
           : fault == WS_TRY_AGAIN ? "full"
                                   : "protocol";
}

void conn_ws_end(struct conn *c)
{
    const struct ws_fault fault = c->ws->codec.fault;
    const int code = fault.code ? fault.code : c->ws->client_code;
    send_frame(c, ws_close_frame(code, str_of(fault.why)));
    c->ws->why = end_reason(fault.code);
    end(c, code);
    finish(c);
}

/* The codec takes no more. What the floor above has sent from its callbacks is still on its way to
 * us: our close frame comes behind it. */
static void be_over(struct conn *c)
{
    c->ws->over = true;
    if (c->state == CONN_WS_CLOSE) {
        finish(c);
        return;
    }
    struct post *p = mem_new(struct post);
    p->kind = POST_END;
    p->ref = loop_ref(c);
    loop_post(c->loop, p);
}

static void take_item(struct conn *c, const struct ws_item *item)
{
    const struct net_ws_ops *ops = &c->ws->ops;
    switch (item->opcode) {
    case WS_CLOSE:
        c->ws->client_code = item->code;
        be_over(c);
        break;
    case WS_PING:
        if (c->state == CONN_WS) {
            send_frame(c, ws_frame(WS_PONG, item->payload));
        }
        break;
    case WS_PONG:
        break;
    default:
        if (c->state == CONN_WS && ops->on_message) {
            ops->on_message(ops->arg, (enum ws_kind)item->opcode, item->payload);
        }
    }
}

static bool is_ws(const struct conn *c)
{
    return c->state == CONN_WS || c->state == CONN_WS_CLOSE;
}

/* A message that has begun must come on as a body must. */
static void watch_message(struct conn *c, size_t came)
{
    const struct net_limits *limits = &c->loop->server->limits;
    const bool coming = c->ws->codec.kind && !c->ws->paused;
    if (coming && c->timer.class != TIMER_BODY) {
        pace_begin(&c->pace, c->loop->now_us,
                   min_i64(limits->body_grace_us, limits->body_timeout_us));
        conn_set_timer(c, TIMER_BODY);
    } else if (coming) {
        pace_moved(&c->pace, c->loop->now_us, came, limits->body_min_rate, limits->body_timeout_us);
    } else if (c->timer.class == TIMER_BODY) {
        set_ping_timer(c);
        loop_dirty(c->loop, c); /* what waits for room has its own timer again */
    }
}

static void take_items(struct conn *c, struct ws_bytes *rest)
{
    struct ws_item item;
    while (is_ws(c) && !c->ws->paused && !c->ws->over) {
        const enum ws_result r = ws_next(&c->ws->codec, rest, &item);
        if (r == WS_MORE) {
            break;
        }
        if (r == WS_BROKEN) {
            be_over(c);
        } else {
            take_item(c, &item);
        }
    }
}

/* What is to be taken when reading goes on. */
static void keep(struct conn *c, struct ws_bytes rest)
{
    if (rest.n) {
        c->in = buf_make(rest.n);
        buf_add(&c->in, rest.p, rest.n);
    }
}

void conn_ws_take(struct conn *c, struct ws_bytes came)
{
    SCOPED(buf_fini) struct buf held = c->in;
    c->in = (struct buf){};
    must(came.n == 0 || held.n == 0); /* while bytes are kept nothing is read */
    struct ws_bytes rest = came.n ? came : (struct ws_bytes){held.p, held.n};
    c->ws->heard = c->ws->heard || came.n;
    take_items(c, &rest);
    if (!is_ws(c) || c->ws->over) {
        return;
    }
    keep(c, rest);
    if (!count_held(c, c->ws->codec.message.cap + c->in.cap)) {
        ws_give_up(&c->ws->codec, WS_TRY_AGAIN, "There is no room for so large a message now.");
        be_over(c);
    } else if (c->state == CONN_WS) {
        watch_message(c, came.n);
    }
}

void conn_ws_pause(struct conn *c, bool paused)
{
    if (c->ws->paused == paused) {
        return;
    }
    c->ws->paused = paused;
    c->ws->heard = true;    /* nobody has listened */
    loop_dirty(c->loop, c); /* epoll must know */
    if (!paused) {
        conn_ws_take(c, (struct ws_bytes){});
    }
}

void conn_ws_flushed(struct conn *c)
{
    if (c->state == CONN_WS && c->timer.class == TIMER_WRITE) {
        set_ping_timer(c);
    }
}

/* Who has not sent a byte since the last ping is taken for dead. */
static void ping(struct conn *c)
{
    struct ws *ws = c->ws;
    if (ws->pinged && !ws->heard && !ws->paused) {
        ws->why = "ping";
        conn_close(c);
        return;
    }
    if (!ws->paused) {
        send_frame(c, ws_frame(WS_PING, STR("")));
        ws->pinged = true;
        ws->heard = false;
    }
    set_ping_timer(c);
}

void conn_ws_expired(struct conn *c)
{
    if (c->state == CONN_WS && c->timer.class == TIMER_PING) {
        ping(c);
    } else if (c->state == CONN_WS && c->timer.class == TIMER_BODY) {
        conn_ws_close(c, WS_POLICY,
                      ws_close_frame(WS_POLICY, STR("The message did not arrive in time.")),
                      "slow");
    } else {
        c->ws->why = "slow";
        conn_close(c);
    }
}

void conn_ws_drain(struct conn *c)
{
    char hint[NET_WS_HINT];
    if (c->ws->ops.on_drain) {
        c->ws->ops.on_drain(c->ws->ops.arg);
        return;
    }
    conn_ws_close(c, WS_GOING_AWAY, ws_close_frame(WS_GOING_AWAY, net_ws_retry_hint(hint)),
                  "drain");
}

void conn_ws_gone(struct conn *c, bool open)
{
    (void)count_held(c, 0);
    if (open) {
        say_end(c, WS_ABNORMAL);
    }
    ws_free(&c->ws, 0);
}
