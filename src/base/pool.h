/* A lane: a bounded queue of work and the threads that do it. Threads are made on demand up to a
 * maximum and leave after half a minute without work. Any thread may submit. */
#ifndef BASE_POOL_H
#define BASE_POOL_H

#include "base/base.h"

struct pool;

struct pool_limits {
    const char *name;   /* a literal: label of the lane's metrics */
    int max_threads;    /* >= 1 */
    int max_queue;      /* waiting work beyond what threads are busy with */
    size_t stack_bytes; /* of each thread; 0: 256 KB */
};

/* The caller frees it with pool_free. */
struct pool *pool_new(const struct pool_limits *limits);

/* fn(arg) will run once on some thread of the pool. False when the queue is full or the pool is
 * draining: then it will not run, and the caller answers for arg. Never blocks. */
bool pool_submit(struct pool *p, void (*fn)(void *arg), void *arg);

/* Takes no more work and waits until what was taken is done, at most until the monotonic time; true
 * when it is. Work that has not begun by then is dropped without being run, and counted in
 * *ret_dropped (may be NULL). */
bool pool_drain(struct pool *p, int64_t until_mono_us, int *ret_dropped);

/* Busy threads and waiting work, for health. */
void pool_load(struct pool *p, int *ret_busy, int *ret_waiting);

/* Sets the gauges of all pools there are, for who is about to show the metrics. */
void pool_gauges(void);

/* Drains without a time limit, ends the threads and frees; *p may be NULL and is NULL afterwards.
 */
void pool_free(struct pool **p);

#endif
