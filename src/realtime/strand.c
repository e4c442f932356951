/* States of a strand:
 *
 *   IDLE           → READY           woken: it is with the pool, or on the list   [strand_wake]
 *   READY          → RUNS            a worker has it                              [run]
 *   RUNS           → RUNS_AND_WOKEN  work may have come behind the last step      [strand_wake]
 *   RUNS_AND_WOKEN → RUNS            looked again                                 [look_again]
 *   RUNS           → READY           others are to have their turn                [run]
 *   RUNS           → IDLE            no work                                      [look_again]
 *
 * Invariants:
 * 1. Only a strand that is READY is with the pool or on the list, and once; so steps of one strand
 *    never run at the same time.
 * 2. It is held from the wake that makes it READY until it is IDLE. */
#include "realtime/strand.h"

#include "base/pool.h"

enum { STEPS_A_TURN = 16 }; /* before other work of the pool has its turn */

static void run(void *strand);

void strands_init(struct strands *all, struct pool *pool, const struct strand_ops *ops)
{
    *all = (struct strands){.pool = pool, .ops = *ops};
    all->last = &all->first;
    (void)pthread_mutex_init(&all->lock, NULL);
}

void strands_fini(struct strands *all)
{
    (void)pthread_mutex_destroy(&all->lock);
}

static void enlist(struct strands *all, struct strand *s)
{
    (void)pthread_mutex_lock(&all->lock);
    const bool first = !all->first;
    s->next = NULL;
    *all->last = s;
    all->last = &s->next;
    (void)pthread_mutex_unlock(&all->lock);
    if (first) {
        all->ops.starved(all->ops.arg);
    }
}

static struct strand *pop(struct strands *all)
{
    (void)pthread_mutex_lock(&all->lock);
    struct strand *s = all->first;
    if (s) {
        all->first = s->next;
        all->last = all->first ? all->last : &all->first;
    }
    (void)pthread_mutex_unlock(&all->lock);
    return s;
}

static void push_front(struct strands *all, struct strand *s)
{
    (void)pthread_mutex_lock(&all->lock);
    s->next = all->first;
    all->last = s->next ? all->last : &s->next;
    all->first = s;
    (void)pthread_mutex_unlock(&all->lock);
}

void strand_wake(struct strands *all, struct strand *s)
{
    (void)pthread_mutex_lock(&all->lock);
    const bool idle = s->state == STRAND_IDLE;
    if (idle) {
        s->all = all;
        s->state = STRAND_READY;
    } else if (s->state == STRAND_RUNS) {
        s->state = STRAND_RUNS_AND_WOKEN;
    }
    (void)pthread_mutex_unlock(&all->lock);
    if (!idle) {
        return;
    }
    all->ops.hold(s);
    if (!pool_submit(all->pool, run, s)) {
        enlist(all, s);
    }
}

static void set_state(struct strand *s, int state)
{
    (void)pthread_mutex_lock(&s->all->lock);
    s->state = state;
    (void)pthread_mutex_unlock(&s->all->lock);
}

/* Behind a step that found nothing: whether somebody woke it in the meantime. */
static bool look_again(struct strand *s)
{
    (void)pthread_mutex_lock(&s->all->lock);
    const bool woken = s->state == STRAND_RUNS_AND_WOKEN;
    s->state = woken ? STRAND_RUNS : STRAND_IDLE;
    (void)pthread_mutex_unlock(&s->all->lock);
    return woken;
}

/* Gives way to others, if there is room to come back. */
static bool yield(struct strand *s)
{
    set_state(s, STRAND_READY);
    if (pool_submit(s->all->pool, run, s)) {
        return true;
    }
    set_state(s, STRAND_RUNS);
    return false;
}

static void run(void *strand)
{
    struct strand *s = strand;
    struct strands *all = s->all;
    set_state(s, STRAND_RUNS);
    for (int steps = 1;; steps++) {
        if (!all->ops.step(s)) {
            if (!look_again(s)) {
                break;
            }
        } else if (steps % STEPS_A_TURN == 0 && yield(s)) {
            return;
        }
    }
    all->ops.release(s);
}

bool strands_retry(struct strands *all)
{
    struct strand *s = NULL;
    while ((s = pop(all))) {
        if (!pool_submit(all->pool, run, s)) {
            push_front(all, s);
            return true;
        }
    }
    return false;
}

void strand_finish(struct strands *all, struct strand *s)
{
    (void)pthread_mutex_lock(&all->lock);
    const bool idle = s->state == STRAND_IDLE;
    s->all = all;
    s->state = STRAND_READY;
    all->first = NULL; /* whoever is on it is finished like this one */
    all->last = &all->first;
    (void)pthread_mutex_unlock(&all->lock);
    if (idle) {
        all->ops.hold(s);
    }
    while (all->ops.step(s)) {
    }
    set_state(s, STRAND_IDLE);
    all->ops.release(s);
}
