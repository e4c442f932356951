/* Strands: work of one owner that is done a piece at a time, in order, on whatever thread of a pool
 * has time. An idle strand costs its struct. When the pool is full it waits and is tried again by
 * the clock: nothing is lost, and whoever wakes a strand is never held up. */
#ifndef REALTIME_STRAND_H
#define REALTIME_STRAND_H

#include "base/base.h"

#include <pthread.h>

struct pool;
struct strand;
struct strands;

struct strand_ops {
    /* Does the next piece; false when there is none. On a worker, one at a time for each strand. */
    bool (*step)(struct strand *s);
    /* The strand must stay where it is, and need not any more; in pairs. Any thread. */
    void (*hold)(struct strand *s);
    void (*release)(struct strand *s);
    /* The pool is full: strands_retry is to be called in a while, until it returns false. Any
     * thread. */
    void (*starved)(void *arg);
    void *arg;
};

/* Part of its owner, zeroed at first. */
struct strand {
    struct strand *next; /* among those that wait for the pool */
    struct strands *all;
    enum { STRAND_IDLE, STRAND_READY, STRAND_RUNS, STRAND_RUNS_AND_WOKEN } state;
};

/* What strands share. */
struct strands {
    struct pool *pool;
    struct strand_ops ops;
    pthread_mutex_t lock; /* of the states and of the list; nothing is called under it */
    struct strand *first; /* found the pool full */
    struct strand **last;
};

void strands_init(struct strands *all, struct pool *pool, const struct strand_ops *ops);

void strands_fini(struct strands *all);

/* There may be work: step will be called until it says that there is none. Any thread; never
 * blocks. */
void strand_wake(struct strands *all, struct strand *s);

/* Tries those that found the pool full, in their order; true when some are left. */
bool strands_retry(struct strands *all);

/* Does all that a strand still has to do on the calling thread, for when the pool has ended, which
 * may have dropped it. Then to be called for each strand that there is; no other call comes. */
void strand_finish(struct strands *all, struct strand *s);

#endif
