/* Ends the sockets behind which nothing stands any more: the time of their token is over, their key
 * was revoked, their tenant suspended. One thread looks at what there is from time to time, and at
 * once when it is asked to (sockets_recheck); sockets of the same key are looked at together.
 *
 * The lock is held while the list is walked, and never while the database is asked or a socket is
 * told to go. */
#include "api/socket_in.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"

static const int64_t look_timeout_us = 10 * SECOND_US;

/* One that is to be looked at: what it stands on, and who it is. */
struct seen {
    struct ticket ticket;
    struct sio_socket *sio; /* held */
    bool gone;
};

static void lock(struct sockets *all)
{
    (void)pthread_mutex_lock(&all->lock);
}

static void unlock(struct sockets *all)
{
    (void)pthread_mutex_unlock(&all->lock);
}

void socket_watch_add(struct socket *s)
{
    struct sockets *all = s->all;
    lock(all);
    s->next = all->first;
    if (all->first) {
        all->first->prev = s;
    }
    all->first = s;
    unlock(all);
}

void socket_watch_remove(struct socket *s)
{
    struct sockets *all = s->all;
    lock(all);
    *(s->prev ? &s->prev->next : &all->first) = s->next;
    if (s->next) {
        s->next->prev = s->prev;
    }
    unlock(all);
}

/* What has to live is copied: a socket may go while it is looked at. */
static struct seen *all_seen(struct sockets *all, struct arena *a, size_t *ret_count)
{
    size_t n = 0;
    for (const struct socket *s = all->first; s; s = s->next) {
        n++;
    }
    struct seen *list = arena_many(a, struct seen, n);
    n = 0;
    for (const struct socket *s = all->first; s; s = s->next) {
        list[n].ticket = s->ticket;
        list[n].ticket.origin = list[n].ticket.scopes = (struct str){};
        list[n++].sio = sio_ref(s->sio);
    }
    *ret_count = n;
    return list;
}

static const struct uuid *behind(const struct ticket *t)
{
    return t->kind == TICKET_VISITOR ? &t->key : &t->id;
}

/* Those of one kind, tenant and key stand side by side. */
static int by_key(const void *a, const void *b)
{
    const struct ticket *x = &((const struct seen *)a)->ticket;
    const struct ticket *y = &((const struct seen *)b)->ticket;
    const int tenant = memcmp(&x->tenant, &y->tenant, sizeof(x->tenant));
    const int key = memcmp(behind(x), behind(y), sizeof(struct uuid));
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : tenant ? tenant : key;
}

/* Doubt is no reason to end a socket: only what was found to have ended. */
static bool has_ended(struct sockets *all, const struct ticket *t)
{
    struct cx cx;
    cx_begin(&cx, all->app->db);
    cx.deadline_us = clock_mono_us() + look_timeout_us;
    const enum err e = ticket_check(&cx, t);
    cx_end(&cx);
    return e == ERR_UNAUTHENTICATED;
}

static void look(struct sockets *all, struct seen *list, size_t n)
{
    const int64_t now_us = clock_wall_us();
    qsort(list, n, sizeof(*list), by_key);
    bool ended = false;
    for (size_t i = 0; i < n; i++) {
        struct ticket t = list[i].ticket;
        const bool over = t.ends_us && now_us >= t.ends_us;
        if (i == 0 || by_key(&list[i - 1], &list[i]) != 0) {
            t.ends_us = 0; /* of each its own */
            ended = has_ended(all, &t);
        }
        list[i].gone = ended || over;
    }
}

static void end(struct seen *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i].gone) {
            socket_emit(list[i].sio, "error",
                        STR("{\"code\":\"INVALID_TOKEN\",\"message\":\"The session has ended.\"}"));
            sio_disconnect(list[i].sio, true);
        }
        sio_unref(list[i].sio);
    }
}

/* Under the lock, which is given up in between. */
static void round_of(struct sockets *all)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    size_t n;
    all->asked = false;
    struct seen *list = all_seen(all, a, &n);
    unlock(all);
    look(all, list, n);
    end(list, n);
    lock(all);
}

static void *run(void *arg)
{
    struct sockets *all = arg;
    lock(all);
    for (int64_t next_us = clock_mono_us() + conf.socket_check_ms * MS_US; !all->stopping;) {
        if (all->asked || clock_mono_us() >= next_us) {
            round_of(all);
            next_us = clock_mono_us() + conf.socket_check_ms * MS_US;
            continue;
        }
        const struct timespec ts = {next_us / SECOND_US, next_us % SECOND_US * 1000};
        (void)pthread_cond_timedwait(&all->wake, &all->lock, &ts);
    }
    unlock(all);
    return NULL;
}

void socket_watch_start(struct sockets *all)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&all->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)pthread_mutex_init(&all->lock, NULL);
    must(pthread_create(&all->thread, NULL, run, all) == 0);
    all->started = true;
}

void socket_watch_stop(struct sockets *all)
{
    if (!all->started) {
        return;
    }
    lock(all);
    all->stopping = true;
    (void)pthread_cond_signal(&all->wake);
    unlock(all);
    (void)pthread_join(all->thread, NULL);
    all->started = false;
}

void sockets_recheck(struct sockets *all)
{
    lock(all);
    all->asked = true;
    (void)pthread_cond_signal(&all->wake);
    unlock(all);
}
