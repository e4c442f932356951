/* One round of the loop: wait, events, timers, messages from other threads, sending, burying. What
 * arises in a later step (a message of a callback, say) is seen in the next round, for which the
 * loop does not wait then. */
#include "net/loop.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS_A_ROUND = 256,
    ACCEPTS_A_ROUND = 64,
};

static const int64_t linger_us = 2 * SECOND_US;
static const int64_t accept_pause_us = SECOND_US;

/* The server whose loop runs on this thread. */
static _Thread_local const struct net_server *here;

void loop_wake(struct net_server *s)
{
    const uint64_t one = 1;
    /* the only failure is a counter at its maximum, and then the loop is awake anyhow */
    (void)!write(s->wake_fd, &one, sizeof(one));
}

void loop_post(struct net_server *s, struct post *post)
{
    post->next = NULL;
    (void)pthread_mutex_lock(&s->post_lock);
    const bool first = s->posts == NULL;
    *s->posts_end = post;
    s->posts_end = &post->next;
    (void)pthread_mutex_unlock(&s->post_lock);
    if (first && here != s) {
        loop_wake(s);
    }
}

void loop_dirty(struct net_server *s, struct conn *c)
{
    if (!c->dirty) {
        c->dirty = true;
        c->next_dirty = s->dirty;
        s->dirty = c;
    }
}

static void set_listening(struct net_server *s, bool on)
{
    if (s->listening == on) {
        return;
    }
    for (size_t i = 0; i < COUNT(s->doors); i++) {
        struct door *d = &s->doors[i];
        struct epoll_event e = {.events = on ? EPOLLIN : 0, .data.ptr = d};
        must(d->fd < 0 || epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, d->fd, &e) == 0);
    }
    s->listening = on;
}

void loop_bury(struct net_server *s, struct conn *c)
{
    s->slots[c->slot] = NULL;
    s->free_slots[s->free_count++] = c->slot;
    c->next_grave = s->grave;
    s->grave = c;
    (void)atomic_fetch_sub(&s->connections, 1);
    s->accept_again_us = 0;
    set_listening(s, true);
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

/* One waiting connection; false when there is none, or no room. */
static bool accept_one(struct net_server *s, const struct door *d)
{
    struct sockaddr_storage peer = {};
    socklen_t n = sizeof(peer);
    char text[ADDRESS_TEXT];
    if (s->free_count == 0) {
        set_listening(s, false);
        return false;
    }
    const int fd = accept4(d->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0 && !peer_text(d, fd, &peer, text)) {
        (void)close(fd);
        return true;
    }
    if (fd >= 0) {
        conn_open(s, fd, s->free_slots[--s->free_count], text);
        return true;
    }
    if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        log_ev(NULL, LOG_WARN, "accept_failed", LOG_I64("errno", errno));
        set_listening(s, false);
        s->accept_again_us = s->now_us + accept_pause_us;
        return false;
    }
    /* a client that gave up while it waited is no reason to stop */
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
}

static void accept_some(struct net_server *s, const struct door *d)
{
    for (int i = 0; i < ACCEPTS_A_ROUND && accept_one(s, d); i++) {
    }
}

static void close_door(struct door *d)
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

/* A message whose request or stream is no more. */
static void drop_post(struct post *p)
{
    net_bytes_unref(p->head);
    net_bytes_unref(p->bytes);
    if (p->kind == POST_OPEN && p->ops.on_close) {
        p->ops.on_close(p->ops.arg);
    }
    if (p->req) {
        request_free(p->req);
    } else {
        mem_free(p);
    }
}

static struct conn *find(const struct net_server *s, struct net_ref ref)
{
    return atomic_load(&s->generations[ref.slot]) == ref.generation ? s->slots[ref.slot] : NULL;
}

static struct post *take_posts(struct net_server *s)
{
    (void)pthread_mutex_lock(&s->post_lock);
    struct post *first = s->posts;
    s->posts = NULL;
    s->posts_end = &s->posts;
    (void)pthread_mutex_unlock(&s->post_lock);
    return first;
}

static void run_posts(struct net_server *s)
{
    for (struct post *p = take_posts(s), *next; p; p = next) {
        next = p->next;
        const bool of_request = p->req != NULL;
        struct conn *c = find(s, p->ref);
        s->requests_out -= of_request;
        if (!c) {
            drop_post(p);
            continue;
        }
        conn_post(c, p);
        if (!of_request) {
            mem_free(p);
        }
    }
}

static void run_timers(struct net_server *s)
{
    struct timer *due;
    while ((due = timers_due(&s->timers, s->now_us)) != NULL) {
        conn_expired(container_of(due, struct conn, timer));
    }
    if (s->accept_again_us && s->accept_again_us <= s->now_us) {
        s->accept_again_us = 0;
        set_listening(s, true);
    }
}

static void flush_dirty(struct net_server *s)
{
    while (s->dirty) {
        struct conn *c = s->dirty;
        s->dirty = c->next_dirty;
        c->dirty = false;
        conn_flush(c);
    }
}

static void free_graves(struct net_server *s)
{
    while (s->grave) {
        struct conn *c = s->grave;
        s->grave = c->next_grave;
        mem_free(c);
    }
}

static void each_conn(struct net_server *s, void (*fn)(struct conn *c))
{
    for (int i = 0; i < s->limits.max_connections; i++) {
        if (s->slots[i]) {
            fn(s->slots[i]);
        }
    }
}

/* Clients that were already connected when we stopped are still served. */
static void begin_drain(struct net_server *s)
{
    s->draining = true;
    for (size_t i = 0; i < COUNT(s->doors); i++) {
        while (s->doors[i].fd >= 0 && accept_one(s, &s->doors[i])) {
        }
        close_door(&s->doors[i]);
    }
    each_conn(s, conn_drain);
}

static bool has_posts(struct net_server *s)
{
    (void)pthread_mutex_lock(&s->post_lock);
    const bool has = s->posts != NULL;
    (void)pthread_mutex_unlock(&s->post_lock);
    return has;
}

static int wait_ms(struct net_server *s)
{
    const int64_t now = clock_mono_us();
    int64_t next = min_i64(timers_next_us(&s->timers), atomic_load(&s->stop_at_us));
    if (s->accept_again_us) {
        next = min_i64(next, s->accept_again_us);
    }
    if (has_posts(s) || next <= now) {
        return 0;
    }
    return next == INT64_MAX ? -1 : (int)min_i64((next - now) / MS_US + 1, 60 * 1000);
}

static void on_event(struct net_server *s, const struct epoll_event *e)
{
    if (e->data.ptr == &s->doors[0] || e->data.ptr == &s->doors[1]) {
        accept_some(s, e->data.ptr);
    } else if (e->data.ptr == &s->wake_fd) {
        uint64_t n;
        (void)!read(s->wake_fd, &n, sizeof(n));
    } else {
        conn_event(e->data.ptr, e->events);
    }
}

static void one_round(struct net_server *s)
{
    struct epoll_event events[EVENTS_A_ROUND];
    const int n = epoll_wait(s->epoll_fd, events, EVENTS_A_ROUND, wait_ms(s));
    must(n >= 0 || errno == EINTR);
    s->now_us = clock_mono_us();
    for (int i = 0; i < n; i++) {
        on_event(s, &events[i]);
    }
    run_timers(s);
    run_posts(s);
    const int64_t stop_at = atomic_load(&s->stop_at_us);
    if (stop_at != INT64_MAX && !s->draining) {
        begin_drain(s);
    }
    flush_dirty(s);
    if (s->draining && stop_at <= s->now_us) {
        each_conn(s, conn_close);
    }
    free_graves(s);
}

void net_server_run(struct net_server *s)
{
    here = s;
    s->now_us = clock_mono_us();
    do {
        one_round(s);
    } while (!s->draining || atomic_load(&s->connections) > 0);
    here = NULL;
}

void net_server_stop(struct net_server *s, int64_t until_mono_us)
{
    int64_t before = atomic_load(&s->stop_at_us);
    while (until_mono_us < before &&
           !atomic_compare_exchange_weak(&s->stop_at_us, &before, until_mono_us)) {
    }
    loop_wake(s);
}

static void watch(struct net_server *s, int fd, void *what)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = what};
    must(epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0);
}

static void make_slots(struct net_server *s)
{
    const size_t n = (size_t)s->limits.max_connections;
    s->slots = mem_alloc(n, sizeof(*s->slots));
    s->generations = mem_alloc(n, sizeof(*s->generations));
    s->free_slots = mem_alloc(n, sizeof(*s->free_slots));
    for (uint32_t i = 0; i < n; i++) {
        atomic_init(&s->generations[i], 1);
        s->free_slots[i] = (uint32_t)n - 1 - i;
    }
    s->free_count = (uint32_t)n;
}

static void make_timers(struct net_server *s)
{
    timers_init(&s->timers);
    s->timers.span_us[TIMER_HEAD] = s->limits.head_timeout_us;
    s->timers.span_us[TIMER_BODY] = s->limits.body_timeout_us;
    s->timers.span_us[TIMER_IDLE] = s->limits.idle_timeout_us;
    s->timers.span_us[TIMER_WRITE] = s->limits.write_timeout_us;
    s->timers.span_us[TIMER_LINGER] = linger_us;
}

enum err net_server_new(const char *listen, const struct net_limits *limits,
                        const struct net_callbacks *callbacks, struct net_server **ret,
                        struct buf *why)
{
    int fd = -1;
    must(limits->max_connections > 0 && callbacks->on_head && callbacks->on_request);
    if (listen) {
        TRY(listener_open(listen, &fd, why));
    }
    struct net_server *s = mem_new(struct net_server);
    s->limits = *limits;
    s->callbacks = *callbacks;
    s->doors[0].fd = fd;
    s->doors[1].fd = -1;
    s->listening = true;
    s->posts_end = &s->posts;
    atomic_init(&s->stop_at_us, INT64_MAX);
    (void)pthread_mutex_init(&s->post_lock, NULL);
    s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(s->epoll_fd >= 0 && s->wake_fd >= 0);
    if (listen) {
        listener_endpoint(fd, s->address);
        watch(s, fd, &s->doors[0]);
    }
    watch(s, s->wake_fd, &s->wake_fd);
    make_slots(s);
    make_timers(s);
    *ret = s;
    return ERR_OK;
}

enum err net_server_listen_local(struct net_server *s, const char *path, struct buf *why)
{
    struct door *d = &s->doors[1];
    must(d->fd < 0);
    TRY(listener_open_local(path, &d->fd, why));
    d->path = mem_dup(path, strlen(path));
    watch(s, d->fd, d);
    return ERR_OK;
}

const char *net_server_address(const struct net_server *s)
{
    return s->address;
}

void net_server_load(const struct net_server *s, int *ret_connections, int *ret_streams)
{
    *ret_connections = atomic_load(&s->connections);
    *ret_streams = atomic_load(&s->streams);
}

void net_server_free(struct net_server **server)
{
    struct net_server *s = *server;
    if (!s) {
        return;
    }
    must(atomic_load(&s->connections) == 0);
    run_posts(s);
    must(s->requests_out == 0);
    close_door(&s->doors[0]);
    close_door(&s->doors[1]);
    (void)close(s->epoll_fd);
    (void)close(s->wake_fd);
    (void)pthread_mutex_destroy(&s->post_lock);
    mem_free(s->slots);
    mem_free(s->generations);
    mem_free(s->free_slots);
    mem_free(s);
    *server = NULL;
}
