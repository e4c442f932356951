/* Circuit breakers: a dependency that fails often is not called for a while.
 *
 * States of one dependency: closed → open [conf.breaker_failures failures in a row, or EXHAUSTED];
 * open → half-open [conf.breaker_open_ms have passed: one call is let through]; half-open → closed
 * [it went well] or open [it did not].
 *
 * A dependency is a number that the caller makes (a hash of its address and key). At most
 * BREAKER_MAX are remembered; beyond that the one longest unused is forgotten. Any thread. */
#ifndef EXT_BREAKER_H
#define EXT_BREAKER_H

#include <pthread.h>

#include "base/base.h"

enum { BREAKER_MAX = 256 };

enum breaker_outcome {
    BREAKER_WENT_WELL,
    BREAKER_FAILED,    /* did not answer, or not properly */
    BREAKER_EXHAUSTED, /* says itself that it will not answer for long: opens at once */
    BREAKER_NEITHER,   /* says nothing about it (given up by us, refused as wrong) */
};

/* A family of dependencies, made with BREAKERS_INIT. name, a literal, is the label of
 * METRIC_BREAKER_OPEN, which counts those that are open. */
struct breakers {
    const char *name;
    struct breaker {
        uint64_t key;
        int failures;
        bool used, open, probing;
        int64_t open_until_us, used_us;
    } items[BREAKER_MAX];
    pthread_mutex_t lock;
};

#define BREAKERS_INIT(label)                                                                       \
    {                                                                                              \
        .name = (label), .lock = PTHREAD_MUTEX_INITIALIZER                                         \
    }

/* Whether the call may be made; then it must be ended by breaker_leave. now_us is monotonic. */
bool breaker_enter(struct breakers *b, uint64_t key, int64_t now_us);
void breaker_leave(struct breakers *b, uint64_t key, int64_t now_us, enum breaker_outcome outcome);

#endif
