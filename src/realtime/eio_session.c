/* Sessions: how they are found, what they are sent, how they end. Everything here but the making of
 * messages is under the server's lock. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/jw.h"
#include "base/mem.h"
#include "realtime/eio_in.h"

enum { GREETING_MAX = 512 };

static struct str copy_behind(char **at, struct str s)
{
    const struct str copy = {*at, s.n};
    if (s.n) {
        memcpy(*at, s.p, s.n);
    }
    *at += s.n;
    return copy;
}

struct eio_session *eio_session_new(struct eio_server *srv, struct str origin, struct str peer)
{
    const size_t user = srv->config.user_bytes;
    struct eio_session *s = mem_alloc(1, sizeof(*s) + user + origin.n + peer.n);
    char *at = (char *)s->user + user;
    atomic_init(&s->refs, 1);
    s->server = srv;
    s->out_end = &s->out;
    s->in_end = &s->in;
    s->origin = copy_behind(&at, origin);
    s->peer = copy_behind(&at, peer);
    rand_bytes(s->id.b, sizeof(s->id.b));
    return s;
}

struct eio_session *eio_ref(struct eio_session *s)
{
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void eio_unref(struct eio_session *s)
{
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    must(!s->ws && !s->poll && !s->post && !s->in);
    eio_out_free(s->out);
    mem_free(s);
}

/* --- the table --- */

static struct eio_session **bucket_of(struct eio_server *srv, const struct eio_id *id)
{
    uint32_t hash; /* the id is random already */
    memcpy(&hash, id->b, sizeof(hash));
    return &srv->buckets[hash % EIO_BUCKETS];
}

bool eio_has_room(const struct eio_server *srv)
{
    return !srv->draining && srv->session_count < srv->config.max_sessions;
}

static void enter_table(struct eio_session *s)
{
    struct eio_server *srv = s->server;
    struct eio_session **bucket = bucket_of(srv, &s->id);
    s->next = *bucket;
    *bucket = s;
    s->older = srv->newest;
    if (s->older) {
        s->older->newer = s;
    }
    srv->newest = s;
    srv->session_count++;
}

static void leave_table(struct eio_session *s)
{
    struct eio_session **at = bucket_of(s->server, &s->id);
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    s->server->session_count--;
}

struct eio_session *eio_session_find(struct eio_server *srv, struct str sid)
{
    struct eio_id id = {};
    size_t n;
    if (sid.n != EIO_ID_TEXT || !base64_decode(BASE64_URL, sid, id.b, sizeof(id.b), &n)) {
        return NULL;
    }
    struct eio_session *s = *bucket_of(srv, &id);
    while (s && memcmp(&s->id, &id, sizeof(id)) != 0) {
        s = s->next;
    }
    return s;
}

/* --- what is sent --- */

static void append(struct eio_session *s, struct eio_packet *p)
{
    struct eio_out *o = mem_new(struct eio_out);
    o->packet = eio_packet_ref(p);
    *s->out_end = o;
    s->out_end = &o->next;
    s->out_bytes += eio_packet_size(p);
}

static struct eio_out *take_out(struct eio_session *s)
{
    struct eio_out *list = s->out;
    s->out = NULL;
    s->out_end = &s->out;
    s->out_bytes = 0;
    return list;
}

void eio_session_answer_poll(struct eio_session *s)
{
    struct eio_exchange *x = s->poll;
    s->poll = NULL;
    x->packets = take_out(s);
    eio_exchange_ready(s->server, x, EIO_FINE);
}

void eio_session_push(struct eio_session *s, struct eio_packet *p)
{
    if (s->is_ws) {
        (void)net_stream_send(s->server->config.net, s->ws->ref, eio_packet_wire(p));
        return;
    }
    append(s, p);
    if (s->poll) {
        eio_session_answer_poll(s);
    } else if (s->out_bytes > s->server->config.max_buffered) {
        eio_session_close(s, "transport error", s->server->bye, WS_POLICY);
    }
}

void eio_session_become_ws(struct eio_session *s)
{
    if (s->poll) {
        eio_session_push(s, s->server->noop);
    }
    s->is_ws = true;
    struct eio_out *list = take_out(s);
    for (const struct eio_out *o = list; o; o = o->next) {
        eio_session_push(s, o->packet);
    }
    eio_out_free(list);
}

static void greet(struct eio_session *s)
{
    const struct eio_config *c = &s->server->config;
    struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf b = buf_make(GREETING_MAX);
    buf_cstr(&b, "0{");
    jw_member_str(&b, "sid", base64_text(a, BASE64_URL, s->id.b, sizeof(s->id.b)));
    jw_member_raw(&b, "upgrades", s->is_ws ? STR("[]") : STR("[\"websocket\"]"));
    jw_member_i64(&b, "pingInterval", c->ping_interval_us / MS_US);
    jw_member_i64(&b, "pingTimeout", c->ping_timeout_us / MS_US);
    jw_member_i64(&b, "maxPayload", (int64_t)c->max_payload);
    jw_close(&b, '}');
    must(!b.full);
    struct eio_packet *p = eio_packet_of(b.p);
    eio_session_push(s, p);
    eio_packet_unref(p);
    arena_free(&a);
}

void eio_session_open(struct eio_session *s)
{
    const int64_t now = clock_mono_us();
    enter_table(s);
    greet(s);
    eio_clock_set(s->server, &s->beat, EIO_TIMER_PING, now);
    if (s->server->config.settle_timeout_us) {
        eio_clock_set(s->server, &s->settle, EIO_TIMER_SETTLE, now);
    }
}

/* Whether packets still go to it. */
static bool is_open(const struct eio_session *s)
{
    return !s->closed && !s->closing;
}

void eio_send(struct eio_session *s, struct eio_packet *p)
{
    eio_send_many(&s, 1, p);
}

/* A reference that was read under the lock may be sent to behind it: what waited for a poll was
 * handed to the same WebSocket before the session said that this is its transport. */
void eio_send_many(struct eio_session *const *all, size_t n, struct eio_packet *p)
{
    if (!n) {
        return;
    }
    struct eio_server *srv = all[0]->server;
    struct net_ref one = {};
    struct net_ref *refs = n > 1 ? mem_alloc(n, sizeof(*refs)) : &one;
    size_t count = 0;
    eio_lock(srv);
    for (size_t i = 0; i < n; i++) {
        if (!is_open(all[i])) {
            continue;
        }
        if (all[i]->is_ws) {
            refs[count++] = all[i]->ws->ref;
        } else {
            eio_session_push(all[i], p);
        }
    }
    eio_unlock(srv);
    if (count) {
        (void)net_stream_send_many(srv->config.net, refs, count, eio_packet_wire(p));
    }
    if (n > 1) {
        mem_free(refs);
    }
}

/* --- what has come --- */

struct eio_message *eio_message_new(enum ws_kind kind, struct str bytes)
{
    struct eio_message *m = mem_alloc(1, sizeof(*m) + bytes.n);
    m->kind = kind;
    m->n = bytes.n;
    if (bytes.n) {
        memcpy(m->bytes, bytes.p, bytes.n);
    }
    return m;
}

void eio_session_wake(struct eio_session *s)
{
    if (!atomic_exchange(&s->to_wake, true)) {
        s->next_to_wake = s->server->to_wake;
        s->server->to_wake = eio_ref(s);
    }
}

void eio_session_take(struct eio_session *s, struct eio_message *m)
{
    *s->in_end = m;
    s->in_end = &m->next;
    s->in_count++;
    if (!s->paused && s->in_count >= s->server->config.max_queued) {
        s->paused = true;
        net_ws_pause(s->server->config.net, s->ws->ref, true);
    }
    eio_session_wake(s);
}

void eio_session_pong(struct eio_session *s)
{
    if (s->awaits_pong) {
        s->awaits_pong = false;
        eio_clock_set(s->server, &s->beat, EIO_TIMER_PING, clock_mono_us());
    }
}

void eio_wake(struct eio_session *s)
{
    eio_lock(s->server);
    s->woken = true;
    eio_session_wake(s);
    eio_unlock(s->server);
}

void eio_settle(struct eio_session *s)
{
    eio_lock(s->server);
    eio_clock_set(s->server, &s->settle, TIMER_NONE, 0);
    eio_unlock(s->server);
}

/* --- the end --- */

void eio_session_close(struct eio_session *s, const char *reason, struct eio_packet *last, int code)
{
    if (s->closed) {
        return;
    }
    s->closed = true;
    s->reason = s->closing ? s->reason : reason;
    leave_table(s);
    eio_clock_set(s->server, &s->beat, TIMER_NONE, 0);
    eio_clock_set(s->server, &s->settle, TIMER_NONE, 0);
    if (s->poll) {
        append(s, last);
        eio_session_answer_poll(s);
    }
    if (s->ws) {
        eio_ws_drop(s, code);
    }
    eio_out_free(take_out(s));
    eio_session_wake(s);
}

void eio_session_fail(struct eio_session *s)
{
    s->deaf = s->failed = true;
    eio_session_close(s, "parse error", s->server->bye, WS_PROTOCOL_ERROR);
}

/* By polling the rest is fetched by the next poll, which is given as long as a pong. */
static void close_after_next_poll(struct eio_session *s, const char *reason)
{
    s->closing = true;
    s->reason = reason;
    if (s->ws) {
        eio_ws_drop(s, WS_NORMAL);
    }
    eio_clock_set(s->server, &s->beat, EIO_TIMER_PONG, clock_mono_us());
}

void eio_close(struct eio_session *s, const char *reason)
{
    eio_lock(s->server);
    s->deaf = true;
    if (is_open(s) && !s->is_ws && !s->poll) {
        close_after_next_poll(s, reason);
    } else {
        eio_session_close(s, reason, s->server->bye, WS_NORMAL);
    }
    eio_unlock(s->server);
}

void *eio_user(struct eio_session *s)
{
    return s->user;
}

struct str eio_origin(const struct eio_session *s)
{
    return s->origin;
}

struct str eio_peer(const struct eio_session *s)
{
    return s->peer;
}
