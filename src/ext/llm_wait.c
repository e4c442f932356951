#include "ext/llm_wait.h"

#include <pthread.h>

#include "base/clock.h"

struct pause {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool cancelled;
};

static void wake_cancelled(void *arg)
{
    struct pause *p = arg;
    (void)pthread_mutex_lock(&p->lock);
    p->cancelled = true;
    (void)pthread_cond_signal(&p->wake);
    (void)pthread_mutex_unlock(&p->lock);
}

static void pause_init(struct pause *p)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    p->cancelled = false;
}

enum err llm_wait(struct cx *cx, int64_t us)
{
    struct pause p;
    must(!cx->in_tx);
    const int64_t until = clock_mono_us() + min_i64(us, cx_left_us(cx));
    const struct timespec at = {.tv_sec = until / SECOND_US, .tv_nsec = until % SECOND_US * 1000};
    pause_init(&p);
    cancel_on(cx->cancel, wake_cancelled, &p);
    (void)pthread_mutex_lock(&p.lock);
    while (!p.cancelled && clock_mono_us() < until) {
        (void)pthread_cond_timedwait(&p.wake, &p.lock, &at);
    }
    (void)pthread_mutex_unlock(&p.lock);
    cancel_off(cx->cancel);
    (void)pthread_cond_destroy(&p.wake);
    (void)pthread_mutex_destroy(&p.lock);
    return cx_check(cx);
}
