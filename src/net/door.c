#include "net/door.h"

#include "net/loop.h"
#include "net/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

enum {
    ACCEPTS_A_ROUND = 64,
};

static const int64_t accept_pause_us = SECOND_US;

/* EPOLLEXCLUSIVE: one of the loops that wait is woken for a connection, not all. It cannot be
 * switched off and on; so the door leaves epoll and comes back. */
void doors_listen(struct loop *l, bool on)
{
    if (l->listening == on) {
        return;
    }
    for (size_t i = 0; i < DOORS; i++) {
        struct door *d = &l->server->doors[i];
        struct epoll_event e = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.ptr = d};
        const int op = on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;
        must(d->fd < 0 || epoll_ctl(l->epoll_fd, op, d->fd, &e) == 0);
    }
    l->listening = on;
}

static bool is_counted(const struct net_server *s, const struct sockaddr_storage *peer)
{
    const struct net_callbacks *call = &s->callbacks;
    return !call->uncounted || !call->uncounted(call->arg, peer);
}

/* Who it is; false when it may not come in. */
static bool admit(struct net_server *s, const struct door *d, int fd,
                  const struct sockaddr_storage *peer, struct caller *ret)
{
    if (d->path) {
        (void)snprintf(ret->text, sizeof(ret->text), "%s", LOCAL_PEER);
        return listener_same_user(fd);
    }
    address_text(peer, ret->text);
    ret->key = peer_key(peer);
    ret->counted = is_counted(s, peer);
    if (ret->counted && !peers_enter(&s->peers, ret->key)) {
        metric_add(METRIC_HTTP_CONNECTIONS_REFUSED, "address", 1);
        return false;
    }
    return true;
}

/* The place in the table was taken before: what is accepted can be kept. errno says why not. */
static bool accept_into(struct loop *l, const struct door *d, uint32_t slot)
{
    struct sockaddr_storage peer = {};
    struct caller caller = {};
    socklen_t n = sizeof(peer);
    const int fd = accept4(d->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int failed = errno;
    if (fd >= 0 && admit(l->server, d, fd, &peer, &caller)) {
        struct tls *tls = d->path ? NULL : l->server->tls;
        conn_open(l, fd, tls ? tls_accept(tls, fd) : NULL, slot, &caller);
        return true;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (slots_give(&l->server->slots, slot)) {
        loops_wake(l->server);
    }
    errno = failed;
    return fd >= 0;
}

/* Whether a connection waits at a door. */
static bool is_knocked(const struct door *d)
{
    struct pollfd p = {.fd = d->fd, .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* One waiting connection; false when there is none, or no room. */
static bool accept_one(struct loop *l, const struct door *d)
{
    uint32_t slot;
    if (slots_full(&l->server->slots) && !is_knocked(d)) {
        return false; /* nobody is to give up a place for nobody */
    }
    if (!slots_take(&l->server->slots, &slot)) {
        doors_listen(l, false);
        loops_wake(l->server); /* whoever has an idle one gives it up */
        return false;
    }
    if (accept_into(l, d, slot)) {
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_ev(NULL, LOG_WARN, "accept_failed", LOG_I64("errno", errno));
        doors_listen(l, false);
        l->accept_again_us = l->now_us + accept_pause_us;
        return false;
    }
    /* a client that gave up while it waited is no reason to stop */
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
}

void door_accept(struct loop *l, const struct door *d)
{
    const bool shared = l->server->loop_count > 1;
    const int most = shared ? 1 : ACCEPTS_A_ROUND;
    for (int i = 0; i < most && accept_one(l, d); i++) {
    }
    if (shared && l->listening) {
        /* the system wakes the first in the queue of those that wait: we go to its end */
        doors_listen(l, false);
        doors_listen(l, true);
    }
}

/* Ends what has been idle the longest, until nobody wants a place. */
static void make_room(struct loop *l)
{
    struct timer *idle;
    while (atomic_load(&l->server->slots.wanted) &&
           (idle = timers_oldest(&l->timers, TIMER_IDLE)) != NULL) {
        conn_yield(container_of(idle, struct conn, timer));
    }
}

void doors_tend(struct loop *l)
{
    make_room(l);
    if (l->listening || l->draining) {
        return;
    }
    if (l->accept_again_us ? l->accept_again_us <= l->now_us
                           : !atomic_load(&l->server->slots.wanted)) {
        l->accept_again_us = 0;
        doors_listen(l, true);
    }
}

void door_close(struct door *d)
{
    if (d->fd >= 0) {
        (void)close(d->fd);
        d->fd = -1;
    }
    if (d->path) {
        (void)unlink(d->path);
        mem_free(d->path);
        d->path = NULL;
    }
}

void doors_leave(struct loop *l)
{
    struct net_server *s = l->server;
    doors_listen(l, false);
    if (atomic_fetch_sub(&s->open, 1) > 1) {
        return;
    }
    for (size_t i = 0; i < DOORS; i++) {
        while (s->doors[i].fd >= 0 && accept_one(l, &s->doors[i])) {
        }
        door_close(&s->doors[i]);
    }
    l->accept_again_us = 0;
}
