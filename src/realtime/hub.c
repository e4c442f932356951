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

#include "realtime/hub_in.h"

enum {
    STEP = 500, /* events loaded at once */
    FRAME_MAX = 4 * 1024 * 1024,
};

static const int64_t load_timeout_us = 10 * SECOND_US;
static const int64_t pause_us = SECOND_US; /* after a load that failed */

void hub_lock(struct hub *h)
{
    (void)pthread_mutex_lock(&h->lock);
}

void hub_unlock(struct hub *h)
{
    (void)pthread_mutex_unlock(&h->lock);
}

void hub_unlock_and_drop(struct hub *h)
{
    const bool last = --h->holders == 0;
    hub_unlock(h);
    if (last) {
        (void)pthread_mutex_destroy(&h->lock);
        (void)pthread_cond_destroy(&h->wake);
        mem_free(h);
    }
}

void hub_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

/* --- sending; the hub's thread, without the lock --- */

static void end_with_reload(struct hub *h, struct hub_follower *f)
{
    SCOPED(buf_fini) struct buf frame = buf_make(KB);
    sse_frame(&frame, "reload", STR(""), STR("{}"));
    (void)net_stream_send(h->net, f->ref, net_bytes_take(&frame));
    net_stream_end(h->net, f->ref);
    f->sent = INT64_MAX; /* nothing more for it in this step */
    hub_lock(h);
    if (f->topic) {
        follower_unlink(h, f);
        (void)follower_drop(f); /* not the last: the caller holds it */
    }
    hub_unlock(h);
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
        if (follower_drop(s->followers[i])) {
            h->holders--; /* never the last: the owner waits for this thread */
        }
    }
    mem_free(s->followers);
}

enum err hub_load(struct hub *h, struct cx *cx, int64_t since, size_t limit, struct hub_event **ret,
                  size_t *ret_count)
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
    TRY(hub_load(h, cx, f->sent + conf.follow_max_behind, 1, &events, &count));
    bool too_far = count > 0;
    if (!too_far && f->sent > 0) {
        TRY(hub_load(h, cx, f->sent, 1, &events, &count));
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
    TRY(hub_load(h, cx, s->since, STEP, &events, &count));
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
    hub_unlock(h);
    if (s.count) {
        struct cx cx;
        cx_begin(&cx, h->db);
        cx.deadline_us = clock_mono_us() + load_timeout_us;
        cx_for_tenant(&cx, t->tenant);
        e = load_and_send(h, &cx, &s, &more);
        cx_end(&cx);
    }
    hub_lock(h);
    step_end(h, &s);
    if (e) {
        h->paused_until_us = clock_mono_us() + pause_us;
    }
    if ((e || more) && t->followers) {
        topic_enqueue(h, t);
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
    hub_unlock(h);
    struct net_bytes *comment = net_bytes_new(STR(":\n\n"));
    for (size_t i = 0; i < n; i++) {
        (void)net_stream_send(h->net, refs[i], net_bytes_ref(comment));
    }
    net_bytes_unref(comment);
    mem_free(refs);
    hub_lock(h);
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
    hub_lock(h);
    while (!h->stopping) {
        const int64_t now = clock_mono_us();
        if (now >= h->next_beat_us) {
            h->next_beat_us = now + conf.sse_heartbeat_ms * MS_US;
            beat(h);
        } else if (h->queue && now >= h->paused_until_us) {
            struct topic *t = topic_dequeue(h);
            serve(h, t);
            topic_leave(h, t);
        } else {
            wait_for_work(h, now);
        }
    }
    hub_unlock(h);
    return NULL;
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
    hub_cond_init(&h->wake);
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
            follower_unlink(h, f);
            if (follower_drop(f)) {
                h->holders--;
            }
            hub_unlock(h);
            net_stream_end(h->net, ref);
            hub_lock(h);
        }
    }
}

void hub_free(struct hub **hub)
{
    struct hub *h = *hub;
    if (!h) {
        return;
    }
    hub_lock(h);
    h->stopping = true;
    (void)pthread_cond_signal(&h->wake);
    hub_unlock(h);
    (void)pthread_join(h->thread, NULL);
    hub_lock(h);
    while (h->queue) {
        topic_leave(h, topic_dequeue(h));
    }
    end_streams(h);
    hub_unlock_and_drop(h);
    *hub = NULL;
}
