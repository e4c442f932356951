/* Sockets.
 *
 *   JOINING → JOINED  on_connect said yes           [sio_socket_accept]
 *   JOINING → GONE    it said no                    [sio_socket_refuse]
 *   JOINED  → LEFT    by the client, by us, or because its session ended  [leave]
 *   LEFT    → GONE    the floor above was told      [sio_socket_tell]
 *
 * While it is joining, what is emitted to it is held back: the client is to read that it has joined
 * first. One that we made leave stays on its session's list, so that what its client had sent
 * before it knew is no fault. */
#include "base/base64.h"
#include "base/jw.h"
#include "base/mem.h"
#include "realtime/sio_in.h"

enum {
    SID_BYTES = 15,
    WHY_ROOM = 256, /* for an answer beside its texts */
};

struct sio_socket *sio_socket_new(struct sio_server *srv, struct eio_session *session,
                                  struct str nsp)
{
    struct sio_conn *conn = eio_user(session);
    struct sio_socket *s = mem_alloc(1, sizeof(*s) + nsp.n);
    atomic_init(&s->refs, 1);
    atomic_init(&s->state, SIO_JOINING);
    s->server = srv;
    s->session = eio_ref(session);
    s->held_end = &s->held;
    s->nsp_n = nsp.n;
    memcpy(s->nsp, nsp.p, nsp.n);
    (void)pthread_mutex_lock(&srv->lock);
    s->next = conn->sockets;
    conn->sockets = s;
    (void)pthread_mutex_unlock(&srv->lock);
    return s;
}

struct sio_socket *sio_ref(struct sio_socket *s)
{
    (void)atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void sio_unref(struct sio_socket *s)
{
    if (s && atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) == 1) {
        must(!s->held);
        eio_unref(s->session);
        mem_free(s);
    }
}

void sio_socket_drop(struct sio_socket *s)
{
    struct sio_conn *conn = eio_user(s->session);
    (void)pthread_mutex_lock(&s->server->lock);
    struct sio_socket **at = &conn->sockets;
    while (*at != s) {
        at = &(*at)->next;
    }
    *at = s->next;
    (void)pthread_mutex_unlock(&s->server->lock);
    sio_unref(s);
}

static void send_plain(struct sio_socket *s, enum sio_type type, struct str json)
{
    struct eio_packet *p = sio_encode_plain(type, sio_nsp(s), json);
    eio_send(s->session, p);
    eio_packet_unref(p);
}

/* --- joining --- */

/* Under the lock. What was held back is sent, unless the socket has not come to be. */
static void let_go(struct sio_socket *s, bool send)
{
    for (struct sio_held *h; (h = s->held);) {
        s->held = h->next;
        if (send) {
            eio_send(s->session, h->packet);
        }
        eio_packet_unref(h->packet);
        mem_free(h);
    }
}

/* A new id for the client to call the socket by. */
static void send_sid(struct sio_socket *s)
{
    uint8_t id[SID_BYTES];
    struct arena *a = arena_new();
    rand_bytes(id, sizeof(id));
    const struct str sid = base64_text(a, BASE64_URL, id, sizeof(id));
    send_plain(s, SIO_CONNECT, str_fmt(a, "{\"sid\":\"" STR_FMT "\"}", STR_ARG(sid)));
    arena_free(&a);
}

void sio_socket_accept(struct sio_socket *s)
{
    (void)pthread_mutex_lock(&s->server->lock);
    send_sid(s);
    let_go(s, true);
    atomic_store(&s->state, SIO_JOINED);
    const bool leaves = s->left_early;
    (void)pthread_mutex_unlock(&s->server->lock);
    (void)atomic_fetch_add(&s->server->sockets, 1);
    if (leaves) {
        sio_disconnect(s, false);
    }
}

void sio_socket_refuse(struct sio_socket *s, const struct sio_refusal *why)
{
    SCOPED(buf_fini) struct buf b = buf_make(WHY_ROOM + 6 * why->message.n + why->data.n);
    (void)pthread_mutex_lock(&s->server->lock);
    let_go(s, false);
    atomic_store(&s->state, SIO_GONE);
    (void)pthread_mutex_unlock(&s->server->lock);
    jw_open(&b, '{');
    jw_member_str(&b, "message", why->message);
    if (why->data.n) {
        jw_member_raw(&b, "data", why->data);
    }
    jw_close(&b, '}');
    send_plain(s, SIO_CONNECT_ERROR, buf_view(&b));
}

/* --- what is sent --- */

/* True: it is joining, and the packet waits for that. */
static bool hold_back(struct sio_socket *s, struct eio_packet *p)
{
    if (atomic_load(&s->state) != SIO_JOINING) {
        return false;
    }
    (void)pthread_mutex_lock(&s->server->lock);
    const bool joining = atomic_load(&s->state) == SIO_JOINING;
    if (joining) {
        struct sio_held *h = mem_new(struct sio_held);
        h->packet = eio_packet_ref(p);
        *s->held_end = h;
        s->held_end = &h->next;
        s->held_bytes += eio_packet_size(p);
    }
    const bool too_much = joining && s->held_bytes > s->server->config.max_buffered;
    (void)pthread_mutex_unlock(&s->server->lock);
    if (too_much) {
        eio_close(s->session, "transport error");
    }
    return joining;
}

static void deliver(struct sio_socket *s, struct eio_packet *p)
{
    if (!hold_back(s, p) && atomic_load(&s->state) == SIO_JOINED) {
        eio_send(s->session, p);
    }
}

void sio_emit(struct sio_socket *s, struct sio_packet *p)
{
    deliver(s, sio_packet_eio(p));
}

void sio_emit_many(struct sio_socket *const *all, size_t n, struct sio_packet *p)
{
    struct eio_session **sessions = mem_alloc(n + 1, sizeof(struct eio_session *));
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!hold_back(all[i], sio_packet_eio(p)) && atomic_load(&all[i]->state) == SIO_JOINED) {
            sessions[count++] = all[i]->session;
        }
    }
    eio_send_many(sessions, count, sio_packet_eio(p));
    mem_free(sessions);
}

void sio_ack(struct sio_socket *s, int64_t ack, struct sio_args args)
{
    if (ack >= 0) {
        struct eio_packet *p = sio_encode_ack(sio_nsp(s), ack, &args);
        deliver(s, p);
        eio_packet_unref(p);
    }
}

/* --- leaving --- */

/* Under the lock. */
static bool leave(struct sio_socket *s, const char *reason)
{
    if (atomic_load(&s->state) != SIO_JOINED) {
        return false;
    }
    s->reason = reason;
    atomic_store(&s->state, SIO_LEFT);
    return true;
}

void sio_socket_leave(struct sio_socket *s, const char *reason)
{
    (void)pthread_mutex_lock(&s->server->lock);
    (void)leave(s, reason);
    (void)pthread_mutex_unlock(&s->server->lock);
}

void sio_socket_tell(struct sio_socket *s)
{
    const struct sio_config *c = &s->server->config;
    if (atomic_load(&s->state) != SIO_LEFT) {
        return;
    }
    (void)pthread_mutex_lock(&s->server->lock);
    atomic_store(&s->state, SIO_GONE);
    (void)pthread_mutex_unlock(&s->server->lock);
    (void)atomic_fetch_sub(&s->server->sockets, 1);
    c->on_disconnect(c->arg, s, s->reason);
}

/* Under the lock: by our will. */
static void send_away(struct sio_socket *s)
{
    if (leave(s, "server namespace disconnect")) {
        send_plain(s, SIO_DISCONNECT, STR(""));
    } else if (atomic_load(&s->state) == SIO_JOINING) {
        s->left_early = true;
    }
}

void sio_disconnect(struct sio_socket *s, bool close_transport)
{
    const struct sio_conn *conn = eio_user(s->session);
    (void)pthread_mutex_lock(&s->server->lock);
    if (close_transport) {
        for (struct sio_socket *each = conn->sockets; each; each = each->next) {
            send_away(each);
        }
    } else {
        send_away(s);
    }
    (void)pthread_mutex_unlock(&s->server->lock);
    if (close_transport) {
        eio_close(s->session, "forced server close");
    }
    eio_wake(s->session);
}

/* --- what is known of it --- */

void sio_set_user(struct sio_socket *s, void *user)
{
    s->user = user;
}

void *sio_user(const struct sio_socket *s)
{
    return s->user;
}

struct str sio_nsp(const struct sio_socket *s)
{
    return (struct str){s->nsp, s->nsp_n};
}

struct str sio_origin(const struct sio_socket *s)
{
    return eio_origin(s->session);
}

struct str sio_peer(const struct sio_socket *s)
{
    return eio_peer(s->session);
}
