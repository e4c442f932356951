#include "base/pool.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

#include <pthread.h>
#include <sys/prctl.h>

enum {
    IDLE_SECONDS = 30,
    STACK_BYTES = 256 * 1024,
};

struct work {
    struct work *next;
    void (*fn)(void *arg);
    void *arg;
};

struct pool {
    struct pool *next; /* of all pools */
    struct pool_limits limits;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* for workers: work came, or the end */
    pthread_cond_t idle; /* for drain: nothing runs or waits, or a thread left */
    struct work *first;
    struct work **last;
    int waiting;
    int threads;
    int busy;
    bool closed;
};

static pthread_mutex_t pools_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pool *pools;

static void enlist(struct pool *p)
{
    (void)pthread_mutex_lock(&pools_lock);
    p->next = pools;
    pools = p;
    (void)pthread_mutex_unlock(&pools_lock);
}

static void delist(struct pool *p)
{
    (void)pthread_mutex_lock(&pools_lock);
    struct pool **at = &pools;
    while (*at != p) {
        at = &(*at)->next;
    }
    *at = p->next;
    (void)pthread_mutex_unlock(&pools_lock);
}

void pool_gauges(void)
{
    (void)pthread_mutex_lock(&pools_lock);
    for (struct pool *p = pools; p; p = p->next) {
        int busy = 0;
        int waiting = 0;
        pool_load(p, &busy, &waiting);
        metric_set(METRIC_LANE_THREADS, p->limits.name, busy);
        metric_set(METRIC_LANE_QUEUE, p->limits.name, waiting);
    }
    (void)pthread_mutex_unlock(&pools_lock);
}

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

struct pool *pool_new(const struct pool_limits *limits)
{
    struct pool *p = mem_new(struct pool);
    p->limits = *limits;
    p->last = &p->first;
    (void)pthread_mutex_init(&p->lock, NULL);
    cond_init(&p->wake);
    cond_init(&p->idle);
    enlist(p);
    return p;
}

static struct timespec mono(int64_t us)
{
    return (struct timespec){.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
}

/* Under the lock: the next piece of work, or NULL when this thread should leave. */
static struct work *next_work(struct pool *p)
{
    const struct timespec until = mono(clock_mono_us() + IDLE_SECONDS * SECOND_US);
    while (!p->first) {
        if (p->closed) {
            return NULL;
        }
        const int e = pthread_cond_timedwait(&p->wake, &p->lock, &until);
        if (e && !p->first) {
            return NULL;
        }
    }
    struct work *w = p->first;
    p->first = w->next;
    if (!p->first) {
        p->last = &p->first;
    }
    p->waiting--;
    return w;
}

static void *worker(void *arg)
{
    struct pool *p = arg;
    (void)prctl(PR_SET_NAME, p->limits.name);
    (void)pthread_mutex_lock(&p->lock);
    for (struct work *w = NULL; (w = next_work(p));) {
        p->busy++;
        (void)pthread_mutex_unlock(&p->lock);
        w->fn(w->arg);
        mem_free(w);
        (void)pthread_mutex_lock(&p->lock);
        p->busy--;
        if (p->busy == 0 && !p->first) {
            (void)pthread_cond_broadcast(&p->idle);
        }
    }
    p->threads--;
    (void)pthread_cond_broadcast(&p->idle);
    (void)pthread_mutex_unlock(&p->lock);
    return NULL;
}

/* Under the lock. False when the system gives no more threads. */
static bool start_thread(struct pool *p)
{
    pthread_attr_t attr;
    pthread_t t;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&attr,
                                    p->limits.stack_bytes ? p->limits.stack_bytes : STACK_BYTES);
    const bool ok = pthread_create(&t, &attr, worker, p) == 0;
    (void)pthread_attr_destroy(&attr);
    if (ok) {
        p->threads++;
    }
    return ok;
}

bool pool_submit(struct pool *p, void (*fn)(void *arg), void *arg)
{
    (void)pthread_mutex_lock(&p->lock);
    bool ok = !p->closed;
    /* Threads that are not busy take what waits, whether they have woken already or not. */
    if (ok && p->threads - p->busy <= p->waiting) {
        const bool grown = p->threads < p->limits.max_threads && start_thread(p);
        ok = grown || (p->threads > 0 && p->waiting < p->limits.max_queue + p->threads - p->busy);
    }
    if (ok) {
        struct work *w = mem_new(struct work);
        *w = (struct work){.fn = fn, .arg = arg};
        *p->last = w;
        p->last = &w->next;
        p->waiting++;
    }
    (void)pthread_mutex_unlock(&p->lock);
    if (ok) {
        /* not under the lock, on which the woken thread would go to sleep again */
        (void)pthread_cond_signal(&p->wake);
    }
    return ok;
}

static void drop_waiting(struct pool *p, int *ret_dropped)
{
    while (p->first) {
        struct work *w = p->first;
        p->first = w->next;
        mem_free(w);
        if (ret_dropped) {
            (*ret_dropped)++;
        }
    }
    p->last = &p->first;
    p->waiting = 0;
}

bool pool_drain(struct pool *p, int64_t until_mono_us, int *ret_dropped)
{
    const struct timespec until = mono(until_mono_us);
    if (ret_dropped) {
        *ret_dropped = 0;
    }
    (void)pthread_mutex_lock(&p->lock);
    p->closed = true;
    (void)pthread_cond_broadcast(&p->wake);
    int e = 0;
    while (!e && (p->busy || p->first)) {
        e = pthread_cond_timedwait(&p->idle, &p->lock, &until);
    }
    const bool done = !p->busy && !p->first;
    drop_waiting(p, ret_dropped);
    (void)pthread_mutex_unlock(&p->lock);
    return done;
}

void pool_load(struct pool *p, int *ret_busy, int *ret_waiting)
{
    (void)pthread_mutex_lock(&p->lock);
    *ret_busy = p->busy;
    *ret_waiting = p->waiting;
    (void)pthread_mutex_unlock(&p->lock);
}

void pool_free(struct pool **p)
{
    if (!*p) {
        return;
    }
    struct pool *q = *p;
    delist(q);
    (void)pthread_mutex_lock(&q->lock);
    q->closed = true;
    (void)pthread_cond_broadcast(&q->wake);
    while (q->threads) {
        (void)pthread_cond_wait(&q->idle, &q->lock);
    }
    (void)pthread_mutex_unlock(&q->lock);
    (void)pthread_mutex_destroy(&q->lock);
    (void)pthread_cond_destroy(&q->wake);
    (void)pthread_cond_destroy(&q->idle);
    mem_free(q);
    *p = NULL;
}
