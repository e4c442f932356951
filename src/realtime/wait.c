/* News, and waiting for them. */
#include "base/clock.h"

#include "realtime/hub_in.h"

void hub_notify(struct hub *h, struct tenant_id tenant, int64_t seq)
{
    hub_lock(h);
    struct topic *t = topic_find(h, tenant);
    if (t) {
        t->news = max_i64(t->news, seq);
        if (t->followers) {
            topic_enqueue(h, t);
        }
        for (struct waiter *w = t->waiters; w; w = w->next) {
            (void)pthread_cond_signal(&w->cond);
        }
    }
    hub_unlock(h);
}

void hub_end_waits(struct hub *h)
{
    hub_lock(h);
    h->waits_ended = true;
    for (size_t b = 0; b < BUCKETS; b++) {
        for (const struct topic *t = h->buckets[b]; t; t = t->next) {
            for (struct waiter *w = t->waiters; w; w = w->next) {
                (void)pthread_cond_signal(&w->cond);
            }
        }
    }
    hub_unlock(h);
}

static void on_cancel(void *arg)
{
    struct waiter *w = arg;
    hub_lock(w->hub);
    w->cancelled = true;
    (void)pthread_cond_signal(&w->cond);
    hub_unlock(w->hub);
}

static struct topic *waiter_add(struct hub *h, struct waiter *w, struct tenant_id tenant)
{
    *w = (struct waiter){.hub = h};
    hub_cond_init(&w->cond);
    hub_lock(h);
    struct topic *t = topic_use(h, tenant);
    w->next = t->waiters;
    t->waiters = w;
    hub_unlock(h);
    return t;
}

static void waiter_remove(struct waiter *w, struct topic *t)
{
    hub_lock(w->hub);
    struct waiter **at = &t->waiters;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    topic_leave(w->hub, t);
    hub_unlock(w->hub);
    (void)pthread_cond_destroy(&w->cond);
}

/* Until news above came, the deadline passed, or the work was given up. True in the first case. */
static bool sleep_until_news(struct waiter *w, const struct topic *t, int64_t above,
                             int64_t deadline_us)
{
    const int64_t until = deadline_us ? deadline_us : clock_mono_us() + DAY_US;
    const struct timespec ts = {.tv_sec = until / SECOND_US, .tv_nsec = until % SECOND_US * 1000};
    int timed_out = 0;
    hub_lock(w->hub);
    while (t->news <= above && !w->cancelled && !w->hub->waits_ended && !timed_out) {
        timed_out = pthread_cond_timedwait(&w->cond, &w->hub->lock, &ts);
    }
    const bool came = t->news > above;
    hub_unlock(w->hub);
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
    enum err e = hub_load(h, cx, (struct uuid){}, above, 1, &events, &count);
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
