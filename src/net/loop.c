/* One round of a loop: wait, events, timers, messages from other threads, sending, burying. What
 * arises in a later step (a message of a callback, say) is seen in the next round, for which the
 * loop does not wait then. */
#include "net/loop.h"

#include "net/conn_read.h"
#include "net/conn_ws.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    EVENTS_A_ROUND = 256,
};

/* How exactly the rates of bodies and readers are kept. */
static const int64_t pace_step_us = SECOND_US;

/* The loop that runs on this thread. */
static _Thread_local const struct loop *here;

bool loop_is_here(const struct loop *l)
{
    return here == l;
}

void loop_wake(struct loop *l)
{
    const uint64_t one = 1;
    /* the only failure is a counter at its maximum, and then the loop is awake anyhow */
    (void)!write(l->wake_fd, &one, sizeof(one));
}

void loops_wake(struct net_server *s)
{
    for (int i = 0; i < s->loop_count; i++) {
        loop_wake(&s->loops[i]);
    }
}

void loop_post(struct loop *l, struct post *post)
{
    post->next = NULL;
    (void)pthread_mutex_lock(&l->post_lock);
    const bool first = l->posts == NULL;
    *l->posts_end = post;
    l->posts_end = &post->next;
    (void)pthread_mutex_unlock(&l->post_lock);
    if (first && !loop_is_here(l)) {
        loop_wake(l);
    }
}

void loop_dirty(struct loop *l, struct conn *c)
{
    if (!c->dirty) {
        c->dirty = true;
        c->next_dirty = l->dirty;
        l->dirty = c;
    }
}

void loop_adopt(struct loop *l, struct conn *c)
{
    l->server->slots.all[c->slot].conn = c;
    c->next = l->conns;
    if (c->next) {
        c->next->prev = c;
    }
    l->conns = c;
}

struct net_ref loop_ref(const struct conn *c)
{
    const struct loop *l = c->loop;
    return (struct net_ref){l->index, c->slot,
                            atomic_load(&l->server->slots.all[c->slot].generation)};
}

void loop_bury(struct loop *l, struct conn *c)
{
    if (c->next) {
        c->next->prev = c->prev;
    }
    if (c->prev) {
        c->prev->next = c->next;
    } else {
        l->conns = c->next;
    }
    c->next_grave = l->grave;
    l->grave = c;
    l->accept_again_us = l->accept_again_us ? l->now_us : 0;
    if (c->caller.counted) {
        peers_leave(&l->server->peers, c->caller.key);
    }
    if (slots_give(&l->server->slots, c->slot)) {
        loops_wake(l->server);
    }
}

/* A message whose request or stream is no more. */
static void drop_post(struct post *p)
{
    net_bytes_unref(p->head);
    net_bytes_unref(p->bytes);
    if (p->file.in_file) {
        (void)close(p->file.fd);
    }
    if (p->kind == POST_OPEN && p->ops.on_close) {
        p->ops.on_close(p->ops.arg);
    } else if (p->kind == POST_WS) {
        ws_free(&p->ws, WS_ABNORMAL);
    }
    if (p->req) {
        request_free(p->req);
    } else {
        mem_free(p);
    }
}

struct conn *loop_find(const struct loop *l, struct net_ref ref)
{
    const struct slot *slot = &l->server->slots.all[ref.slot];
    /* only while the reference is good is the place one of this loop's */
    return atomic_load(&slot->generation) == ref.generation ? slot->conn : NULL;
}

static struct post *take_posts(struct loop *l)
{
    (void)pthread_mutex_lock(&l->post_lock);
    struct post *first = l->posts;
    l->posts = NULL;
    l->posts_end = &l->posts;
    (void)pthread_mutex_unlock(&l->post_lock);
    return first;
}

static void run_many(struct loop *l, struct post *p)
{
    net_bytes_ref_many(p->bytes, (unsigned int)p->many.count);
    for (size_t i = 0; i < p->many.count; i++) {
        struct conn *c = loop_find(l, p->many.refs[i]);
        if (c) {
            conn_send(c, p->bytes);
        } else {
            net_bytes_unref(p->bytes);
        }
    }
    net_bytes_unref(p->bytes);
}

static void run_posts(struct loop *l)
{
    for (struct post *p = take_posts(l), *next; p; p = next) {
        next = p->next;
        if (p->kind == POST_MANY) {
            run_many(l, p);
            mem_free(p);
            continue;
        }
        const bool of_request = p->req != NULL;
        struct conn *c = loop_find(l, p->ref);
        l->requests_out -= of_request;
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

static void run_timers(struct loop *l)
{
    struct timer *due;
    while ((due = timers_due(&l->timers, l->now_us)) != NULL) {
        conn_expired(container_of(due, struct conn, timer));
    }
}

static void flush_dirty(struct loop *l)
{
    while (l->dirty) {
        struct conn *c = l->dirty;
        l->dirty = c->next_dirty;
        c->dirty = false;
        conn_flush(c);
    }
}

static void free_graves(struct loop *l)
{
    while (l->grave) {
        struct conn *c = l->grave;
        l->grave = c->next_grave;
        mem_free(c);
    }
}

static void each_conn(struct loop *l, void (*fn)(struct conn *c))
{
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = c->next;
        fn(c);
    }
}

/* Clients that were already connected when we stopped are still served. */
static void begin_drain(struct loop *l)
{
    doors_leave(l);
    l->draining = true;
    each_conn(l, conn_drain);
}

static bool has_posts(struct loop *l)
{
    (void)pthread_mutex_lock(&l->post_lock);
    const bool has = l->posts != NULL;
    (void)pthread_mutex_unlock(&l->post_lock);
    return has;
}

static int wait_ms(struct loop *l)
{
    const int64_t now = clock_mono_us();
    int64_t next = min_i64(timers_next_us(&l->timers), atomic_load(&l->server->stop_at_us));
    if (l->accept_again_us) {
        next = min_i64(next, l->accept_again_us);
    }
    if (has_posts(l) || next <= now) {
        return 0;
    }
    return next == INT64_MAX ? -1 : (int)min_i64((next - now) / MS_US + 1, 60 * 1000);
}

static bool is_door(const struct net_server *s, const void *p)
{
    return p == &s->doors[DOOR_ADDRESS] || p == &s->doors[DOOR_LOCAL];
}

static void on_event(struct loop *l, const struct epoll_event *e)
{
    if (is_door(l->server, e->data.ptr)) {
        door_accept(l, e->data.ptr);
    } else if (e->data.ptr == &l->wake_fd) {
        uint64_t n;
        (void)!read(l->wake_fd, &n, sizeof(n));
    } else {
        conn_event(e->data.ptr, e->events);
    }
}

static void one_round(struct loop *l)
{
    struct epoll_event events[EVENTS_A_ROUND];
    const int n = epoll_wait(l->epoll_fd, events, EVENTS_A_ROUND, wait_ms(l));
    must(n >= 0 || errno == EINTR);
    l->now_us = clock_mono_us();
    l->handshakes = 0;
    for (int i = 0; i < n; i++) {
        on_event(l, &events[i]);
    }
    run_timers(l);
    /* looked at before the messages: what was sent before the stop is sent, and then the end */
    const int64_t stop_at = atomic_load(&l->server->stop_at_us);
    run_posts(l);
    if (stop_at != INT64_MAX && !l->draining) {
        begin_drain(l);
    }
    flush_dirty(l);
    if (l->draining && stop_at <= l->now_us) {
        each_conn(l, conn_close);
    }
    doors_tend(l);
    free_graves(l);
}

void loop_run(struct loop *l)
{
    here = l;
    l->now_us = clock_mono_us();
    doors_listen(l, true);
    do {
        one_round(l);
    } while (!l->draining || l->conns);
    here = NULL;
}

static void make_timers(struct loop *l)
{
    const struct net_limits *limits = &l->server->limits;
    timers_init(&l->timers);
    l->timers.span_us[TIMER_HEAD] = limits->head_timeout_us;
    l->timers.span_us[TIMER_BODY] =
        min_i64(pace_step_us, min_i64(limits->body_grace_us, limits->body_timeout_us) / 4);
    l->timers.span_us[TIMER_IDLE] = limits->idle_timeout_us;
    l->timers.span_us[TIMER_WRITE] = min_i64(pace_step_us, limits->write_timeout_us / 4);
    l->timers.span_us[TIMER_LINGER] = LINGER_SILENCE_US;
    l->timers.span_us[TIMER_WS_CLOSE] = WS_CLOSE_US;
}

void loop_init(struct loop *l, struct net_server *s, uint32_t index)
{
    l->server = s;
    l->index = index;
    l->posts_end = &l->posts;
    (void)pthread_mutex_init(&l->post_lock, NULL);
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    must(l->epoll_fd >= 0 && l->wake_fd >= 0);
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = &l->wake_fd};
    must(epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->wake_fd, &e) == 0);
    make_timers(l);
}

void loop_fini(struct loop *l)
{
    must(!l->conns);
    run_posts(l);
    must(l->requests_out == 0);
    (void)close(l->epoll_fd);
    (void)close(l->wake_fd);
    (void)pthread_mutex_destroy(&l->post_lock);
}
