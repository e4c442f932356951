#include "net/door.h"

#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
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

/* What the peer is known by; false when it may not come in. */
static bool peer_text(const struct door *d, int fd, const struct sockaddr_storage *peer,
                      char ret[ADDRESS_TEXT])
{
    if (!d->path) {
        address_text(peer, ret);
        return true;
    }
    (void)snprintf(ret, ADDRESS_TEXT, "%s", LOCAL_PEER);
    return listener_same_user(fd);
}

/* The place in the table is taken first: what is accepted can be kept. */
static int accept_into(struct loop *l, const struct door *d, uint32_t slot)
{
    struct sockaddr_storage peer = {};
    socklen_t n = sizeof(peer);
    char text[ADDRESS_TEXT];
    const int fd = accept4(d->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && peer_text(d, fd, &peer, text)) {
        conn_open(l, fd, slot, text);
        return fd;
    }
    const int failed = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (slots_give(&l->server->slots, slot)) {
        loops_wake(l->server);
    }
    errno = failed;
    return fd;
}

/* One waiting connection; false when there is none, or no room. */
static bool accept_one(struct loop *l, const struct door *d)
{
    uint32_t slot;
    if (!slots_take(&l->server->slots, &slot)) {
        doors_listen(l, false);
        return false;
    }
    if (accept_into(l, d, slot) >= 0) {
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
    for (int i = 0; i < ACCEPTS_A_ROUND && accept_one(l, d); i++) {
    }
}

void doors_tend(struct loop *l)
{
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
