/* States: SERVING → ANNOUNCED (a signal to stop) → STOPPING (the delay is over, or another one). */
#include "main/signals.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

static const int64_t tend_us = 5 * SECOND_US;

enum stage {
    SERVING,
    ANNOUNCED,
    STOPPING,
};

struct signals {
    struct signals_ops ops;
    pthread_t thread;
    atomic_bool ending; /* SIGUSR1 wakes the thread to see it */
    enum stage stage;
    int64_t stop_at_us; /* ANNOUNCED: monotonic */
};

static sigset_t heard(void)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)sigaddset(&set, SIGUSR1);
    return set;
}

void signals_block(void)
{
    const sigset_t set = heard();
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static void stop(struct signals *s, int64_t grace_ms)
{
    s->stage = STOPPING;
    s->ops.stop(s->ops.arg, clock_mono_us() + grace_ms * MS_US);
    log_ev(NULL, LOG_INFO, "stopping", LOG_I64("graceMs", grace_ms));
}

static void announce(struct signals *s, int sig)
{
    s->stage = ANNOUNCED;
    s->stop_at_us = clock_mono_us() + conf.drain_delay_ms * MS_US;
    s->ops.announce(s->ops.arg);
    log_ev(NULL, LOG_INFO, "stop_announced", LOG_I64("signal", sig),
           LOG_I64("delayMs", conf.drain_delay_ms));
    if (conf.drain_delay_ms == 0) {
        stop(s, conf.drain_timeout_ms);
    }
}

static void on_signal(struct signals *s, int sig)
{
    if (sig == SIGHUP) {
        s->ops.tend(s->ops.arg, true);
    } else if (s->stage == SERVING) {
        announce(s, sig);
    } else {
        stop(s, 0);
    }
}

static void on_silence(struct signals *s)
{
    if (s->stage == ANNOUNCED && clock_mono_us() >= s->stop_at_us) {
        stop(s, conf.drain_timeout_ms);
    } else if (s->stage == SERVING) {
        s->ops.tend(s->ops.arg, false);
    }
}

static void *hear(void *arg)
{
    struct signals *s = arg;
    const sigset_t set = heard();
    while (!atomic_load(&s->ending)) {
        const int64_t wait_us = s->stage == ANNOUNCED ? s->stop_at_us - clock_mono_us() : tend_us;
        const int64_t us = wait_us > 0 ? wait_us : 0;
        const struct timespec wait = {.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
        const int sig = sigtimedwait(&set, NULL, &wait);
        if (sig > 0 && sig != SIGUSR1) {
            on_signal(s, sig);
        } else if (sig < 0) {
            on_silence(s);
        }
    }
    return NULL;
}

struct signals *signals_start(const struct signals_ops *ops)
{
    struct signals *s = mem_new(struct signals);
    s->ops = *ops;
    must(pthread_create(&s->thread, NULL, hear, s) == 0);
    return s;
}

void signals_end(struct signals **signals)
{
    struct signals *s = *signals;
    if (s) {
        atomic_store(&s->ending, true);
        (void)pthread_kill(s->thread, SIGUSR1);
        (void)pthread_join(s->thread, NULL);
        mem_free(s);
        *signals = NULL;
    }
}
