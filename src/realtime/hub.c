/* The hub's life and its thread. Whoever learns of news, or comes, puts the topic into one queue;
 * the thread takes it out, gives the news to those who are live, and brings newcomers what they
 * lack, a step at a time, other topics in between.
 *
 * A topic leaves the queue before its events are loaded: news that come later put it there again,
 * so none is missed. What was committed without a note (the process died in between) is found with
 * the next look. */
#include "realtime/hub.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"

#include "realtime/hub_in.h"

static const int64_t load_timeout_us = 10 * SECOND_US;
static const int64_t pause_us = SECOND_US; /* after a load that failed */
static const int64_t turn_us = 5 * MS_US;  /* for newcomers, before the next topic has its turn */

void hub_lock(struct hub *h)
{
    (void)pthread_mutex_lock(&h->lock);
}

void hub_unlock(struct hub *h)
{
    (void)pthread_mutex_unlock(&h->lock);
}

void hub_drop(struct hub *h)
{
    hub_lock(h);
    const bool last = --h->holders == 0;
    hub_unlock(h);
    if (!last) {
        return;
    }
    for (size_t i = 0; i < VOICES; i++) {
        (void)pthread_mutex_destroy(&h->voices[i]);
    }
    (void)pthread_mutex_destroy(&h->lock);
    (void)pthread_cond_destroy(&h->wake);
    mem_free(h);
}

void hub_cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

enum err hub_load(struct hub *h, struct cx *cx, struct uuid conversation, int64_t since,
                  size_t limit, struct hub_event **ret, size_t *ret_count)
{
    *ret_count = 0;
    return h->source.load(h->source.arg, cx, conversation, since, limit, ret, ret_count);
}

/* --- one turn of a topic --- */

static bool has_newcomers(struct hub *h, const struct topic *t)
{
    hub_lock(h);
    const bool any = !link_alone(&t->newcomers);
    hub_unlock(h);
    return any;
}

static bool others_wait(struct hub *h)
{
    hub_lock(h);
    const bool any = h->queue != NULL;
    hub_unlock(h);
    return any;
}

/* *ret_more: it is to have another turn. */
static enum err serve(struct hub *h, struct topic *t, bool *ret_more)
{
    struct cx cx;
    const int64_t until = clock_mono_us() + turn_us;
    cx_begin(&cx, h->db);
    cx.deadline_us = clock_mono_us() + load_timeout_us;
    cx_for_tenant(&cx, t->tenant);
    enum err e = deliver_news(h, &cx, t, ret_more);
    bool goes_on = !e && !*ret_more && has_newcomers(h, t);
    while (goes_on) {
        cx_again(&cx);
        e = deliver_rest(h, &cx, t);
        *ret_more = has_newcomers(h, t);
        goes_on = !e && *ret_more && !others_wait(h) && clock_mono_us() < until;
    }
    cx_end(&cx);
    return e;
}

/* Under the lock, which is given up in between. */
static void serve_next(struct hub *h)
{
    struct topic *t = topic_dequeue(h);
    bool more = false;
    enum err e = ERR_OK;
    if (t->followers) {
        hub_unlock(h);
        e = serve(h, t, &more);
        hub_lock(h);
    }
    if (e) {
        h->paused_until_us = clock_mono_us() + pause_us;
    }
    if ((e || more) && t->followers) {
        topic_enqueue(h, t);
    }
    topic_leave(h, t);
}

/* --- the thread --- */

/* Under the lock, which is given up in between. A sign of life for proxies and clients. */
static void beat(struct hub *h)
{
    struct crowd c = {};
    for (struct link *l = h->followers.next; l != &h->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_hub);
        if (f->form->beat) {
            crowd_add(&c, f);
        }
    }
    hub_unlock(h);
    crowd_beat(&c);
    crowd_drop(h, &c);
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
            serve_next(h);
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
    h->db = db;
    h->source = *source;
    h->sse = sse_form(net);
    h->holders = 1;
    h->queue_end = &h->queue;
    h->next_beat_us = clock_mono_us() + conf.sse_heartbeat_ms * MS_US;
    link_init(&h->followers);
    for (size_t i = 0; i < VOICES; i++) {
        (void)pthread_mutex_init(&h->voices[i], NULL);
    }
    (void)pthread_mutex_init(&h->lock, NULL);
    hub_cond_init(&h->wake);
    must(pthread_create(&h->thread, NULL, run, h) == 0);
    return h;
}

/* Under the lock. Those who are left over are told without holding it. */
static void end_followers(struct hub *h)
{
    while (!link_alone(&h->followers)) {
        struct crowd c = {};
        struct hub_follower *f = LINKED(h->followers.next, hub_follower, in_hub);
        crowd_add(&c, f);
        follower_unlink(h, f);
        hub_unlock(h);
        if (f->form->end) {
            f->form->end(f->form->arg, f->target);
        }
        crowd_drop(h, &c);
        hub_lock(h);
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
    end_followers(h);
    say_forget(h);
    while (h->queue) {
        topic_leave(h, topic_dequeue(h));
    }
    hub_unlock(h);
    hub_drop(h);
    *hub = NULL;
}
