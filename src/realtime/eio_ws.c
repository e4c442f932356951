/* The transport of WebSocket, and the way to it from polling:
 *
 *   client                             server
 *   WebSocket with the session's id →
 *   2probe →                         ← 3probe, and a poll that waits is answered with 6, as are
 * those that still come; the client stops polling 5 →                                what waits for
 * a poll goes to the WebSocket, and all that follows
 *
 * Until the 5 the session lives by polling; a WebSocket that fails, or takes too long, is dropped,
 * and the session goes on. */
#include "base/clock.h"
#include "base/mem.h"
#include "realtime/eio_in.h"

static struct eio_ws *ws_new(struct eio_session *s)
{
    struct eio_ws *ws = mem_new(struct eio_ws);
    ws->session = eio_ref(s);
    return ws;
}

static void ws_free(struct eio_ws *ws)
{
    eio_unref(ws->session);
    mem_free(ws);
}

void eio_ws_drop(struct eio_session *s, int code)
{
    char hint[NET_WS_HINT];
    struct eio_ws *ws = s->ws;
    s->ws = NULL;
    eio_clock_set(s->server, &ws->upgrade, TIMER_NONE, 0);
    net_ws_close(s->server->config.net, ws->ref, code,
                 code == WS_GOING_AWAY ? net_ws_retry_hint(hint) : STR(""));
}

/* Under the lock: a packet for a session whose transport this is. True: m is taken. */
static bool take(struct eio_session *s, enum eio_step step, const struct eio_item *item,
                 struct eio_message *m)
{
    if (m) {
        eio_session_take(s, m);
    } else if (step == EIO_ITEM && item->type == EIO_PONG) {
        eio_session_pong(s);
    } else if (step == EIO_ITEM && item->type == EIO_CLOSE) {
        eio_session_close(s, "transport close", s->server->noop, WS_NORMAL);
    } else if (step != EIO_ITEM || item->type != EIO_NOOP) {
        eio_session_fail(s);
    }
    return m != NULL;
}

/* Under the lock: a packet from a WebSocket that is not the transport yet. */
static void probe(struct eio_session *s, enum eio_step step, const struct eio_item *item)
{
    struct eio_server *srv = s->server;
    if (step == EIO_ITEM && item->type == EIO_PING && str_is(item->data, "probe")) {
        s->ws->probed = true;
        (void)net_stream_send(srv->config.net, s->ws->ref, eio_packet_wire(srv->probed));
        if (s->poll) {
            eio_session_push(s, srv->noop);
        }
    } else if (step == EIO_ITEM && item->type == EIO_UPGRADE && s->ws->probed) {
        eio_clock_set(srv, &s->ws->upgrade, TIMER_NONE, 0);
        eio_session_become_ws(s);
    } else {
        eio_ws_drop(s, WS_PROTOCOL_ERROR);
    }
}

static void on_message(void *arg, enum ws_kind kind, struct str message)
{
    struct eio_ws *ws = arg;
    struct eio_session *s = ws->session;
    struct eio_item item = {EIO_BYTES, message};
    const enum eio_step step = kind == WS_BINARY ? EIO_ITEM : eio_item_parse(message, &item);
    const bool is_message =
        step == EIO_ITEM && (item.type == EIO_MESSAGE || item.type == EIO_BYTES);
    struct eio_message *m = is_message ? eio_message_new(kind, item.data) : NULL;
    bool taken = false;
    eio_lock(s->server);
    if (s->ws == ws && s->is_ws) {
        taken = take(s, step, &item, m);
    } else if (s->ws == ws) {
        probe(s, step, &item);
    }
    eio_unlock(s->server);
    if (!taken) {
        mem_free(m);
    }
}

static void on_close(void *arg, int code)
{
    struct eio_ws *ws = arg;
    struct eio_session *s = ws->session;
    eio_lock(s->server);
    if (s->ws == ws) {
        s->ws = NULL;
        eio_clock_set(s->server, &ws->upgrade, TIMER_NONE, 0);
        if (s->is_ws) {
            eio_session_close(s, code == WS_ABNORMAL ? "transport error" : "transport close",
                              s->server->bye, WS_NORMAL);
        }
    }
    eio_unlock(s->server);
    ws_free(ws);
}

/* Under the lock, so that no message is looked at before ref is known. */
static bool open_ws(struct eio_server *srv, struct eio_ws *ws, struct net_req **r,
                    const struct net_header *headers, size_t count)
{
    const struct net_ws_options options = {.max_message = srv->config.max_payload};
    const struct net_ws_ops ops = {.arg = ws, .on_message = on_message, .on_close = on_close};
    ws->ref = net_ws_open(r, srv->config.net, headers, count, &options, &ops);
    return ws->ref.generation != 0;
}

static void refuse(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                   size_t count, enum eio_fault fault)
{
    eio_exchange_ready(srv, eio_exchange_new(r, headers, count), fault);
}

void eio_ws_handshake(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                      size_t count, struct str peer)
{
    struct eio_session *s = eio_session_new(srv, net_req_header(*r, "origin"), peer);
    struct eio_ws *ws = ws_new(s);
    s->is_ws = true;
    eio_lock(srv);
    if (!eio_has_room(srv)) {
        refuse(srv, r, headers, count, EIO_TOO_MANY);
    } else if (open_ws(srv, ws, r, headers, count)) {
        s->ws = TAKE(ws);
        eio_session_open(s);
    }
    eio_unlock(srv);
    if (ws) {
        ws_free(ws);
        eio_unref(s);
    }
}

/* One that comes for a session that has a WebSocket already is closed as soon as it is open, which
 * its client understands better than a refusal. */
void eio_ws_upgrade(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                    size_t count, struct str sid)
{
    eio_lock(srv);
    eio_clock_tick(srv);
    struct eio_session *s = eio_session_find(srv, sid);
    if (!s) {
        refuse(srv, r, headers, count, EIO_UNKNOWN_SID);
        eio_unlock(srv);
        return;
    }
    struct eio_ws *ws = ws_new(s);
    if (!open_ws(srv, ws, r, headers, count)) {
        ws_free(ws);
    } else if (s->ws || s->closing) {
        net_ws_close(srv->config.net, ws->ref, WS_POLICY, STR("the session has a transport"));
    } else {
        s->ws = ws;
        eio_clock_set(srv, &ws->upgrade, EIO_TIMER_UPGRADE, clock_mono_us());
    }
    eio_unlock(srv);
}
