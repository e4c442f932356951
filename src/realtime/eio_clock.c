/* The clock: a thread that does what is due, answers polls whose clients left, and tries strands
 * again that found the pool full. Requests look at what is due before they look at their session,
 * so that what a client sees does not depend on when the thread wakes. */
#include "base/clock.h"
#include "realtime/eio_in.h"

static const int64_t retry_us = 20 * MS_US; /* when the pool was full */
static const int64_t longest_us = MINUTE_US;

void eio_clock_set(struct eio_server *srv, struct timer *t, int class, int64_t from_us)
{
    timer_set(&srv->timers, t, class, from_us);
    if (class != TIMER_NONE && t->at_us < srv->clock_until_us) {
        (void)pthread_cond_signal(&srv->wake);
    }
}

static void ping(struct eio_session *s, int64_t at_us)
{
    s->awaits_pong = true;
    eio_clock_set(s->server, &s->beat, EIO_TIMER_PONG, at_us);
    eio_session_push(s, s->server->ping);
}

void eio_clock_tick(struct eio_server *srv)
{
    const int64_t now = clock_mono_us();
    struct timer *t;
    while ((t = timers_due(&srv->timers, now)) != NULL) {
        switch ((enum eio_timer)t->class) {
        case EIO_TIMER_PING:
            ping(container_of(t, struct eio_session, beat), t->at_us);
            break;
        case EIO_TIMER_PONG:
            eio_session_close(container_of(t, struct eio_session, beat), "ping timeout", srv->bye,
                              WS_NORMAL);
            break;
        case EIO_TIMER_SETTLE:
            eio_session_close(container_of(t, struct eio_session, settle), "forced close", srv->bye,
                              WS_POLICY);
            break;
        case EIO_TIMER_UPGRADE:
            eio_ws_drop(container_of(t, struct eio_ws, upgrade)->session, WS_POLICY);
            break;
        }
    }
}

/* Under the lock. */
static void answer_gone(struct eio_server *srv)
{
    while (srv->gone) {
        struct eio_exchange *x = srv->gone;
        srv->gone = x->next;
        eio_exchange_ready(srv, x, x->fault);
    }
}

/* Strands that found the pool full. */
static void retry(struct eio_server *srv)
{
    eio_lock(srv);
    const bool starved = srv->starved;
    srv->starved = false;
    eio_unlock(srv);
    if (starved && strands_retry(&srv->strands)) {
        eio_lock(srv);
        srv->starved = true;
        eio_unlock(srv);
    }
}

/* Under the lock. */
static void sleep_until_due(struct eio_server *srv)
{
    const int64_t now = clock_mono_us();
    int64_t until = min_i64(timers_next_us(&srv->timers), now + longest_us);
    until = srv->starved ? min_i64(until, now + retry_us) : until;
    srv->clock_until_us = until;
    const struct timespec ts = {.tv_sec = until / SECOND_US, .tv_nsec = until % SECOND_US * 1000};
    (void)pthread_cond_timedwait(&srv->wake, &srv->lock, &ts);
    srv->clock_until_us = 0;
}

static void *run(void *arg)
{
    struct eio_server *srv = arg;
    bool stopping = false;
    while (!stopping) {
        retry(srv);
        eio_lock(srv);
        eio_clock_tick(srv);
        answer_gone(srv);
        if (!srv->stopping && !srv->ready && !srv->to_wake) {
            sleep_until_due(srv);
        }
        stopping = srv->stopping;
        eio_unlock(srv);
    }
    return NULL;
}

void eio_clock_start(struct eio_server *srv)
{
    timers_init(&srv->timers);
    srv->timers.span_us[EIO_TIMER_PING] = srv->config.ping_interval_us;
    srv->timers.span_us[EIO_TIMER_PONG] = srv->config.ping_timeout_us;
    srv->timers.span_us[EIO_TIMER_SETTLE] = srv->config.settle_timeout_us;
    srv->timers.span_us[EIO_TIMER_UPGRADE] = srv->config.upgrade_timeout_us;
    must(pthread_create(&srv->clock, NULL, run, srv) == 0);
}

void eio_clock_stop(struct eio_server *srv)
{
    eio_lock(srv);
    srv->stopping = true;
    (void)pthread_cond_signal(&srv->wake);
    eio_unlock(srv);
    (void)pthread_join(srv->clock, NULL);
    eio_lock(srv);
    answer_gone(srv);
    eio_unlock(srv);
}
