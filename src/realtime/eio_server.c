/* The Engine.IO server: sessions in a table, under one lock.
 *
 * Invariants:
 * 1. The lock is held for moments: under it nothing blocks, no callback of the floor above runs, no
 *    strand is woken and no request with a watch answered; that is put off until it is given up.
 * net may be called under it, since net calls nobody back from where it is called, and is, where
 * the order of what is sent depends on it.
 * 2. It is taken on loops (messages, closes, the wake of a request's cancel, which holds the
 * cancel's lock), on workers and by the clock; never while the lock of the strands is held.
 * 3. A session is in the table until it is closed, and on the list of all until its end was told.
 *    It is freed when the last holder lets go: the list, its WebSocket until on_close, its
 * exchanges until they are answered, its strand while it is not idle, the floor above.
 * 4. out is empty while a poll waits, and when the transport is a WebSocket.
 * 5. The messages of a session are taken by its strand alone, in the order of their coming. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "realtime/eio_in.h"

void eio_lock(struct eio_server *srv)
{
    (void)pthread_mutex_lock(&srv->lock);
}

void eio_unlock(struct eio_server *srv)
{
    struct eio_exchange *ready = srv->ready;
    struct eio_session *to_wake = srv->to_wake;
    srv->ready = NULL;
    srv->to_wake = NULL;
    (void)pthread_mutex_unlock(&srv->lock);
    for (struct eio_exchange *next; ready; ready = next) {
        next = ready->next;
        eio_exchange_answer(ready);
    }
    for (struct eio_session *next; to_wake; to_wake = next) {
        next = to_wake->next_to_wake;
        atomic_store(&to_wake->to_wake,
                     false); /* who has more from now on puts it on a list again */
        strand_wake(&srv->strands, &to_wake->strand);
        eio_unref(to_wake);
    }
}

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

struct eio_server *eio_new(const struct eio_config *c)
{
    struct eio_server *srv = mem_new(struct eio_server);
    srv->config = *c;
    (void)pthread_mutex_init(&srv->lock, NULL);
    cond_init(&srv->wake);
    srv->ping = eio_packet_of("2");
    srv->noop = eio_packet_of("6");
    srv->bye = eio_packet_of("1");
    srv->probed = eio_packet_of("3probe");
    eio_strands_init(srv);
    eio_clock_start(srv);
    return srv;
}

void eio_drain(struct eio_server *srv)
{
    eio_lock(srv);
    srv->draining = true;
    for (struct eio_session *s = srv->newest; s; s = s->older) {
        eio_session_close(s, "server shutting down", srv->bye, WS_GOING_AWAY);
    }
    eio_unlock(srv);
}

/* What the pool has not told any more. */
static void tell_the_rest(struct eio_server *srv)
{
    for (struct eio_session *s; (s = srv->newest);) {
        strand_finish(&srv->strands, &s->strand);
    }
}

void eio_free(struct eio_server **server)
{
    struct eio_server *srv = *server;
    if (!srv) {
        return;
    }
    eio_drain(srv);
    eio_clock_stop(srv);
    (void)pool_drain(srv->config.pool, clock_mono_us() + DAY_US, NULL);
    tell_the_rest(srv);
    strands_fini(&srv->strands);
    eio_packet_unref(srv->ping);
    eio_packet_unref(srv->noop);
    eio_packet_unref(srv->bye);
    eio_packet_unref(srv->probed);
    (void)pthread_cond_destroy(&srv->wake);
    (void)pthread_mutex_destroy(&srv->lock);
    mem_free(srv);
    *server = NULL;
}

int eio_load(struct eio_server *srv)
{
    eio_lock(srv);
    const int n = srv->session_count;
    eio_unlock(srv);
    return n;
}
