/* The Socket.IO server, on one of Engine.IO.
 *
 * Invariants:
 * 1. The lock is of the sockets' states, of what they hold back and of the sessions' lists of them.
 *    Engine.IO is called under it, whose lock comes behind it; the floor above never is.
 * 2. A list of sockets changes on its session's strand alone; so the strand reads it without the
 *    lock.
 * 3. The floor above gets on_disconnect for each socket that it said yes to, once: from the strand,
 *    when the socket has LEFT. */
#include "base/mem.h"
#include "realtime/sio_in.h"

struct sio_server *sio_new(const struct sio_config *c)
{
    struct sio_server *srv = mem_new(struct sio_server);
    srv->config = *c;
    atomic_init(&srv->sockets, 0);
    (void)pthread_mutex_init(&srv->lock, NULL);
    srv->eio = eio_new(&(struct eio_config){
        .net = c->net,
        .pool = c->pool,
        .ping_interval_us = c->ping_interval_us,
        .ping_timeout_us = c->ping_timeout_us,
        .settle_timeout_us = c->connect_timeout_us,
        .upgrade_timeout_us = c->upgrade_timeout_us,
        .max_payload = c->max_payload,
        .max_buffered = c->max_buffered,
        .max_queued = c->max_queued,
        .max_sessions = c->max_sessions,
        .user_bytes = sizeof(struct sio_conn),
        .arg = srv,
        .on_message = sio_conn_message,
        .on_wake = sio_conn_wake,
        .on_close = sio_conn_close,
    });
    return srv;
}

void sio_free(struct sio_server **server)
{
    struct sio_server *srv = *server;
    if (srv) {
        eio_free(&srv->eio);
        (void)pthread_mutex_destroy(&srv->lock);
        mem_free(srv);
        *server = NULL;
    }
}

void sio_request(struct sio_server *s, struct net_req **r, const struct net_header *headers,
                 size_t count, struct str peer)
{
    eio_request(s->eio, r, headers, count, peer);
}

void sio_forbid(struct net_req **r, const struct net_header *headers, size_t count)
{
    eio_forbid(r, headers, count);
}

void sio_drain(struct sio_server *s)
{
    eio_drain(s->eio);
}

void sio_load(struct sio_server *s, int *ret_sessions, int *ret_sockets)
{
    *ret_sessions = eio_load(s->eio);
    *ret_sockets = atomic_load(&s->sockets);
}

struct sio_packet *sio_event_packet(struct str nsp, const char *name, struct sio_args args)
{
    return sio_packet_of(sio_encode_event(nsp, name, &args));
}

struct sio_packet *sio_packet_ref(struct sio_packet *p)
{
    return sio_packet_of(eio_packet_ref(sio_packet_eio(p)));
}

void sio_packet_unref(struct sio_packet *p)
{
    eio_packet_unref(sio_packet_eio(p));
}
