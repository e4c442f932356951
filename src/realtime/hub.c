/* The hub.
 *
 * A topic is a tenant that somebody follows or waits for; it is made when the first one comes and
 * freed when the last one goes. Whoever learns of news puts the topic into one queue; the hub's
 * thread takes it out, loads the events above the lowest number that its followers have, and sends
 * each follower what it does not have yet. A long way to catch up is gone in steps, other topics in
 * between.
 *
 * Invariants:
 * 1. lock is never held while loading, sending, or calling anything of net, so it may be taken on
 *    the loop (on_close) and under the database writer's lock (hub_notify).
 * 2. A follower is freed when its last holder lets go: the handler until hub_follow (then its
 *    topic), net until on_close, the hub's thread while it sends.
 * 3. sent, checked and ref of a linked follower belong to the hub's thread alone.
 * 4. A topic leaves the queue before its events are loaded: news that come later put it there
 *    again, so none is missed. */
#include "realtime/hub.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"

#include "http/req.h"

#include <pthread.h>

enum {
    BUCKETS = 1024,
    STEP = 500, /* events loaded at once */
    FRAME_MAX = 4 * 1024 * 1024,
};

static const int64_t load_timeout_us = 10 * SECOND_US;
static const int64_t pause_us = SECOND_US; /* after a load that failed */

struct hub_follower {
    struct hub *hub;
    struct topic *topic; /* NULL: not linked */
    struct hub_follower *prev;
    struct hub_follower *next;
    struct tenant_id tenant;
    struct net_ref ref;
    int64_t sent;
    bool checked; /* whether it is too far behind */
    bool gone;    /* on_close came */
    int holders;
    char *type;
};

struct waiter {
    struct hub *hub;
    struct waiter *next;
    pthread_cond_t cond;
    bool cancelled;
};

struct topic {
    struct topic *next; /* in the bucket */
    struct topic *next_queued;
    struct tenant_id tenant;
    int64_t news; /* highest number that we were told of */
    bool queued;
    int users; /* followers, waiters, the queue, the hub's thread */
    struct hub_follower *followers;
    struct waiter *waiters;
};

struct hub {
    struct net_server *net;
    struct db *db;
    struct hub_source source;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    bool waits_ended;
    int holders;   /* the owner and the followers */
    int followers; /* linked ones */
    struct topic *buckets[BUCKETS];
    struct topic *queue;
    struct topic **queue_end;
    int64_t paused_until_us;
    int64_t next_beat_us;
};

static void lock(struct hub *h)
{
    (void)pthread_mutex_lock(&h->lock);
}

static void unlock(struct hub *h)
{
    (void)pthread_mutex_unlock(&h->lock);
}

/* Unlocks, and frees the hub with its last holder. */
static void unlock_and_drop(struct hub *h)
{
    const bool last = --h->holders == 0;
    unlock(h);
    if (last) {
        (void)pthread_mutex_destroy(&h->lock);
        (void)pthread_cond_destroy(&h->wake);
        mem_free(h);
    }
}

/* --- topics; under the lock --- */

static struct topic **bucket_of(struct hub *h, struct tenant_id tenant)
{
    const uint64_t hash = str_hash((struct str){(const char *)tenant.v.b, sizeof(tenant.v.b)});
    return &h->buckets[(hash ^ hash >> 32) % BUCKETS];
}

static struct topic *topic_find(struct hub *h, struct tenant_id tenant)
{
    struct topic *t = *bucket_of(h, tenant);
    while (t && !uuid_eq(t->tenant.v, tenant.v)) {
        t = t->next;
    }
    return t;
}

static struct topic *topic_use(struct hub *h, struct tenant_id tenant)
{
    struct topic *t = topic_find(h, tenant);
    if (!t) {
        struct topic **bucket = bucket_of(h, tenant);
        t = mem_new(struct topic);
        t->tenant = tenant;
        t->next = *bucket;
        *bucket = t;
    }
    t->users++;
    return t;
}

static void topic_leave(struct hub *h, struct topic *t)
{
    if (--t->users) {
        return;
    }
    struct topic **at = bucket_of(h, t->tenant);
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    mem_free(t);
}

static void enqueue(struct hub *h, struct topic *t)
{
    if (t->queued) {
        return;
    }
    t->queued = true;
    t->users++;
    t->next_queued = NULL;
    *h->queue_end = t;
    h->queue_end = &t->next_queued;
    (void)pthread_cond_signal(&h->wake);
}

/* The queue's use of the topic becomes the caller's. */
static struct topic *dequeue(struct hub *h)
{
    struct topic *t = h->queue;
    h->queue = t->next_queued;
    if (!h->queue) {
        h->queue_end = &h->queue;
    }
    t->queued = false;
    return t;
}

/* --- followers; under the lock --- */

/* The last holder's drop frees the follower; its hold on the hub is left to the caller. */
static bool drop(struct hub_follower *f)
{
    if (--f->holders) {
        return false;
    }
    must(!f->topic);
    mem_free(f->type);
    mem_free(f);
    return true;
}

static void link_follower(struct hub *h, struct hub_follower *f)
{
    struct topic *t = topic_use(h, f->tenant);
    f->topic = t;
    f->next = t->followers;
    if (t->followers) {
        t->followers->prev = f;
    }
    t->followers = f;
    h->followers++;
    enqueue(h, t);
}

/* The topic's hold on the follower becomes the caller's. */
static void unlink_follower(struct hub *h, struct hub_follower *f)
{
    struct topic *t = f->topic;
    *(f->prev ? &f->prev->next : &t->followers) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    f->topic = NULL;
    f->prev = f->next = NULL;
    h->followers--;
    topic_leave(h, t);
}

static void on_close(void *arg)
{
    struct hub_follower *f = arg;
    struct hub *h = f->hub;
    lock(h);
    f->gone = true;
    if (f->topic) {
        unlink_follower(h, f);
        (void)drop(f);
    }
    if (drop(f)) {
        unlock_and_drop(h);
    } else {
        unlock(h);
    }
}

struct hub_follower *hub_follower_new(struct hub *h, struct tenant_id tenant, int64_t since,
                                      struct str type, struct net_stream_ops *ret_ops)
{
    struct hub_follower *f = mem_new(struct hub_follower);
    *f = (struct hub_follower){.hub = h,
                               .tenant = tenant,
                               .sent = since,
                               .holders = 2, /* the caller, and net once the stream is made */
                               .type = mem_dup(type.n ? type.p : "", type.n)};
    lock(h);
    h->holders++;
    unlock(h);
    *ret_ops = (struct net_stream_ops){.arg = f, .on_close = on_close};
    return f;
}

void hub_follow(struct hub_follower *f, struct net_ref ref)
{
    struct hub *h = f->hub;
    lock(h);
    f->ref = ref;
    if (!f->gone) {
        link_follower(h, f);
        unlock(h);
    } else if (drop(f)) {
        unlock_and_drop(h);
    } else {
        unlock(h);
    }
}

void hub_follower_free(struct hub_follower **follower)
{
    struct hub_follower *f = *follower;
    if (!f) {
        return;
    }
    struct hub *h = f->hub;
    lock(h);
    (void)drop(f);
    must(drop(f));
    unlock_and_drop(h);
    *follower = NULL;
}

/* --- sending; the hub's thread, without the lock --- */

static void end_with_reload(struct hub *h, struct hub_follower *f)
{
    SCOPED(buf_fini) struct buf frame = buf_make(KB);
    sse_frame(&frame, "reload", STR(""), STR("{}"));
    (void)net_stream_send(h->net, f->ref, net_bytes_take(&frame));
    net_stream_end(h->net, f->ref);
    f->sent = INT64_MAX; /* nothing more for it in this step */
    lock(h);
    if (f->topic) {
        unlink_follower(h, f);
        (void)drop(f); /* not the last: the caller holds it */
    }
    unlock(h);
}

static struct net_bytes *frame_of(const struct hub_event *e)
{
    char id[24];
    SCOPED(buf_fini) struct buf frame = buf_make(FRAME_MAX);
    struct arena *a = arena_new();
    (void)snprintf(id, sizeof(id), "%" PRId64, e->seq);
    sse_frame(&frame, str_dup(a, e->type).p, str_of(id), e->json);
    arena_free(&a);
    return frame.full ? NULL : net_bytes_take(&frame);
}

/* One frame for all who lack the event. One that cannot be framed is a hole: they must reload. */
static void send_event(struct hub *h, struct hub_follower **fs, size_t n, const struct hub_event *e)
{
    struct net_bytes *frame = frame_of(e);
    for (size_t i = 0; i < n; i++) {
        struct hub_follower *f = fs[i];
        if (f->sent >= e->seq) {
            continue;
        }
        f->sent = e->seq;
        if (*f->type && !str_is(e->type, f->type)) {
            continue;
        }
        if (frame) {
            (void)net_stream_send(h->net, f->ref, net_bytes_ref(frame));
        } else {
            end_with_reload(h, f);
        }
    }
    net_bytes_unref(frame);
}

/* --- one step of a topic --- */

struct step {
    struct topic *topic;
    struct hub_follower **followers; /* held */
    size_t count;
    int64_t since; /* lowest number that one of them has */
};

/* Under the lock. */
static struct step step_begin(struct topic *t)
{
    struct step s = {.topic = t, .since = INT64_MAX};
    for (const struct hub_follower *f = t->followers; f; f = f->next) {
        s.count++;
    }
    s.followers = mem_alloc(s.count + 1, sizeof(struct hub_follower *));
    s.count = 0;
    for (struct hub_follower *f = t->followers; f; f = f->next) {
        f->holders++;
        s.followers[s.count++] = f;
        s.since = min_i64(s.since, f->sent);
    }
    return s;
}

/* Under the lock. */
static void step_end(struct hub *h, struct step *s)
{
    for (size_t i = 0; i < s->count; i++) {
        if (drop(s->followers[i])) {
            h->holders--; /* never the last: the owner waits for this thread */
        }
    }
    mem_free(s->followers);
}

static enum err load(struct hub *h, struct cx *cx, int64_t since, size_t limit,
                     struct hub_event **ret, size_t *ret_count)
{
    *ret_count = 0;
    return h->source.load(h->source.arg, cx, since, limit, ret, ret_count);
}

/* Whether a follower that has just come must reload: too much has happened since, or the first of
 * what it wants was deleted. */
static enum err check_distance(struct hub *h, struct cx *cx, struct hub_follower *f)
{
    struct hub_event *events = NULL;
    size_t count = 0;
    if (f->checked) {
        return ERR_OK;
    }
    TRY(load(h, cx, f->sent + conf.follow_max_behind, 1, &events, &count));
    bool too_far = count > 0;
    if (!too_far && f->sent > 0) {
        TRY(load(h, cx, f->sent, 1, &events, &count));
        too_far = count > 0 && events[0].seq > f->sent + 1;
    }
    f->checked = true;
    if (too_far) {
        end_with_reload(h, f);
    }
    return ERR_OK;
}

static enum err load_and_send(struct hub *h, struct cx *cx, struct step *s, bool *ret_more)
{
    struct hub_event *events = NULL;
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        TRY(check_distance(h, cx, s->followers[i]));
    }
    TRY(load(h, cx, s->since, STEP, &events, &count));
    for (size_t i = 0; i < count; i++) {
        send_event(h, s->followers, s->count, &events[i]);
    }
    *ret_more = count == STEP;
    return ERR_OK;
}

/* Under the lock, which is given up in between. */
static void serve(struct hub *h, struct topic *t)
{
    struct step s = step_begin(t);
    bool more = false;
    enum err e = ERR_OK;
    unlock(h);
    if (s.count) {
        struct cx cx;
        cx_begin(&cx, h->db);
        cx.deadline_us = clock_mono_us() + load_timeout_us;
        cx_for_tenant(&cx, t->tenant);
        e = load_and_send(h, &cx, &s, &more);
        cx_end(&cx);
    }
    lock(h);
    step_end(h, &s);
    if (e) {
        h->paused_until_us = clock_mono_us() + pause_us;
    }
    if ((e || more) && t->followers) {
        enqueue(h, t);
    }
}

/* --- the thread --- */

/* Under the lock, which is given up in between. A sign of life for proxies and clients. */
static void beat(struct hub *h)
{
    struct net_ref *refs = mem_alloc((size_t)h->followers + 1, sizeof(*refs));
    size_t n = 0;
    for (size_t b = 0; b < BUCKETS; b++) {
        for (const struct topic *t = h->buckets[b]; t; t = t->next) {
            for (const struct hub_follower *f = t->followers; f; f = f->next) {
                refs[n++] = f->ref;
            }
        }
    }
    unlock(h);
    struct net_bytes *comment = net_bytes_new(STR(":\n\n"));
    for (size_t i = 0; i < n; i++) {
        (void)net_stream_send(h->net, refs[i], net_bytes_ref(comment));
    }
    net_bytes_unref(comment);
    mem_free(refs);
    lock(h);
}

static void wait_for_work(struct hub *h, int64_t now)
{
    int64_t until = h->next_beat_us;
    if (h->queue) {
        until = min_i64(until, h->paused_until_us);
    }
    if (until > now) {
        const struct timespec ts = {.tv_sec = until / SECOND_US,
                                    .tv_nsec = until % SECOND_US * 1000};
        (void)pthread_cond_timedwait(&h->wake, &h->lock, &ts);
    }
}

static void *run(void *arg)
{
    struct hub *h = arg;
    lock(h);
    while (!h->stopping) {
        const int64_t now = clock_mono_us();
        if (now >= h->next_beat_us) {
            h->next_beat_us = now + conf.sse_heartbeat_ms * MS_US;
            beat(h);
        } else if (h->queue && now >= h->paused_until_us) {
            struct topic *t = dequeue(h);
            serve(h, t);
            topic_leave(h, t);
        } else {
            wait_for_work(h, now);
        }
    }
    unlock(h);
    return NULL;
}

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

struct hub *hub_new(struct net_server *net, struct db *db, const struct hub_source *source)
{
    struct hub *h = mem_new(struct hub);
    h->net = net;
    h->db = db;
    h->source = *source;
    h->holders = 1;
    h->queue_end = &h->queue;
    h->next_beat_us = clock_mono_us() + conf.sse_heartbeat_ms * MS_US;
    (void)pthread_mutex_init(&h->lock, NULL);
    cond_init(&h->wake);
    must(pthread_create(&h->thread, NULL, run, h) == 0);
    return h;
}

/* Under the lock; a stream that is left over is ended without holding it. */
static void end_streams(struct hub *h)
{
    for (size_t b = 0; b < BUCKETS; b++) {
        while (h->buckets[b] && h->buckets[b]->followers) {
            struct hub_follower *f = h->buckets[b]->followers;
            const struct net_ref ref = f->ref;
            unlink_follower(h, f);
            if (drop(f)) {
                h->holders--;
            }
            unlock(h);
            net_stream_end(h->net, ref);
            lock(h);
        }
    }
}

void hub_free(struct hub **hub)
{
    struct hub *h = *hub;
    if (!h) {
        return;
    }
    lock(h);
    h->stopping = true;
    (void)pthread_cond_signal(&h->wake);
    unlock(h);
    (void)pthread_join(h->thread, NULL);
    lock(h);
    while (h->queue) {
        topic_leave(h, dequeue(h));
    }
    end_streams(h);
    unlock_and_drop(h);
    *hub = NULL;
}

/* --- news, and waiting for them --- */

void hub_notify(struct hub *h, struct tenant_id tenant, int64_t seq)
{
    lock(h);
    struct topic *t = topic_find(h, tenant);
    if (t) {
        t->news = max_i64(t->news, seq);
        if (t->followers) {
            enqueue(h, t);
        }
        for (struct waiter *w = t->waiters; w; w = w->next) {
            (void)pthread_cond_signal(&w->cond);
        }
    }
    unlock(h);
}

void hub_end_waits(struct hub *h)
{
    lock(h);
    h->waits_ended = true;
    for (size_t b = 0; b < BUCKETS; b++) {
        for (const struct topic *t = h->buckets[b]; t; t = t->next) {
            for (struct waiter *w = t->waiters; w; w = w->next) {
                (void)pthread_cond_signal(&w->cond);
            }
        }
    }
    unlock(h);
}

static void on_cancel(void *arg)
{
    struct waiter *w = arg;
    lock(w->hub);
    w->cancelled = true;
    (void)pthread_cond_signal(&w->cond);
    unlock(w->hub);
}

static struct topic *waiter_add(struct hub *h, struct waiter *w, struct tenant_id tenant)
{
    *w = (struct waiter){.hub = h};
    cond_init(&w->cond);
    lock(h);
    struct topic *t = topic_use(h, tenant);
    w->next = t->waiters;
    t->waiters = w;
    unlock(h);
    return t;
}

static void waiter_remove(struct waiter *w, struct topic *t)
{
    lock(w->hub);
    struct waiter **at = &t->waiters;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    topic_leave(w->hub, t);
    unlock(w->hub);
    (void)pthread_cond_destroy(&w->cond);
}

/* Until news above came, the deadline passed, or the work was given up. True in the first case. */
static bool sleep_until_news(struct waiter *w, const struct topic *t, int64_t above,
                             int64_t deadline_us)
{
    const int64_t until = deadline_us ? deadline_us : clock_mono_us() + DAY_US;
    const struct timespec ts = {.tv_sec = until / SECOND_US, .tv_nsec = until % SECOND_US * 1000};
    int timed_out = 0;
    lock(w->hub);
    while (t->news <= above && !w->cancelled && !w->hub->waits_ended && !timed_out) {
        timed_out = pthread_cond_timedwait(&w->cond, &w->hub->lock, &ts);
    }
    const bool came = t->news > above;
    unlock(w->hub);
    return came;
}

enum err hub_wait(struct hub *h, struct cx *cx, struct tenant_id tenant, int64_t above)
{
    struct waiter w;
    struct hub_event *events = NULL;
    size_t count = 0;
    must(!cx->in_tx);
    /* Registered before looking: what is committed after the look is told to the waiter. */
    struct topic *t = waiter_add(h, &w, tenant);
    enum err e = load(h, cx, above, 1, &events, &count);
    if (!e && !count) {
        cancel_on(cx->cancel, on_cancel, &w);
        const bool came = sleep_until_news(&w, t, above, cx->deadline_us);
        cancel_off(cx->cancel);
        e = came                    ? ERR_OK
            : cancel_is(cx->cancel) ? cx_fail(cx, CODE_CANCELLED, "cancelled")
                                    : cx_fail(cx, CODE_DEADLINE_EXCEEDED, "no news in time");
    }
    waiter_remove(&w, t);
    return e;
}
