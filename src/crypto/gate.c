/* Invariants, under the lock:
 * 1. inside <= slots, and waiting is the length of the list.
 * 2. Somebody waits only while every slot is taken: whoever leaves hands the slot to the first
 *    waiter without freeing it in between, so a newcomer cannot overtake.
 * 3. A waiter stands on the stack of its thread and is in the list until it is admitted or takes
 *    itself out.
 * The lock of a cancel comes before the lock of a gate, for its wake runs under it. */
#include "crypto/gate.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>

struct waiter {
    struct waiter *next;
    struct gate *gate;
    pthread_cond_t wake;
    bool admitted;
};

struct gate {
    pthread_mutex_t lock;
    int slots;
    int queue;
    int inside;
    int waiting;
    struct waiter *first;
    struct waiter **last;
};

struct gate *gate_new(int slots, int queue)
{
    must(slots >= 1 && queue >= 0);
    struct gate *g = mem_new(struct gate);
    (void)pthread_mutex_init(&g->lock, NULL);
    g->slots = slots;
    g->queue = queue;
    g->last = &g->first;
    return g;
}

void gate_free(struct gate **g)
{
    if (*g) {
        must((*g)->inside == 0 && !(*g)->first);
        (void)pthread_mutex_destroy(&(*g)->lock);
        mem_free(*g);
        *g = NULL;
    }
}

static void waiter_init(struct waiter *w, struct gate *g)
{
    pthread_condattr_t attr;
    *w = (struct waiter){.gate = g};
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static void wake_cancelled(void *arg)
{
    struct waiter *w = arg;
    (void)pthread_mutex_lock(&w->gate->lock);
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->gate->lock);
}

static void take_out(struct gate *g, const struct waiter *w)
{
    struct waiter **at = &g->first;
    while (*at != w) {
        at = &(*at)->next;
    }
    *at = w->next;
    if (!*at) {
        g->last = at;
    }
    g->waiting--;
}

/* Under the lock. */
static enum err wait_turn(struct cx *cx, struct gate *g, struct waiter *w)
{
    const struct timespec until = {.tv_sec = cx->deadline_us / SECOND_US,
                                   .tv_nsec = cx->deadline_us % SECOND_US * 1000};
    enum err e = ERR_OK;
    *g->last = w;
    g->last = &w->next;
    g->waiting++;
    while (!w->admitted && !(e = cx_check(cx))) {
        if (cx->deadline_us) {
            (void)pthread_cond_timedwait(&w->wake, &g->lock, &until);
        } else {
            (void)pthread_cond_wait(&w->wake, &g->lock);
        }
    }
    if (e) {
        take_out(g, w);
    }
    return e;
}

enum err gate_enter(struct cx *cx, struct gate *g)
{
    enum err e = ERR_OK;
    struct waiter w;
    must(!cx->in_tx);
    waiter_init(&w, g);
    cancel_on(cx->cancel, wake_cancelled, &w);
    (void)pthread_mutex_lock(&g->lock);
    if (g->inside < g->slots) {
        g->inside++;
    } else if (g->waiting >= g->queue) {
        e = cx_fail(cx, CODE_OVERLOADED, "%d wait already", g->waiting);
    } else {
        e = wait_turn(cx, g, &w);
    }
    (void)pthread_mutex_unlock(&g->lock);
    cancel_off(cx->cancel);
    (void)pthread_cond_destroy(&w.wake);
    return e;
}

void gate_leave(struct gate *g)
{
    (void)pthread_mutex_lock(&g->lock);
    must(g->inside > 0);
    struct waiter *w = g->first;
    if (w) {
        w->admitted = true;
        take_out(g, w);
        (void)pthread_cond_signal(&w->wake);
    } else {
        g->inside--;
    }
    (void)pthread_mutex_unlock(&g->lock);
}

void gate_load(struct gate *g, int *ret_inside, int *ret_waiting)
{
    (void)pthread_mutex_lock(&g->lock);
    *ret_inside = g->inside;
    *ret_waiting = g->waiting;
    (void)pthread_mutex_unlock(&g->lock);
}
