/* A gate: at most so many at once inside, a bounded queue before it, first come first served. For
 * work that costs too much memory or time to be done by everyone at once. Any thread. */
#ifndef CRYPTO_GATE_H
#define CRYPTO_GATE_H

#include "base/cx.h"

struct gate;

/* slots >= 1 may be inside at once, queue >= 0 may wait. The caller frees it. */
struct gate *gate_new(int slots, int queue);

/* Nobody may be inside or waiting; *g may be NULL and is NULL afterwards. */
void gate_free(struct gate **g);

/* Waits for a place, at most until the deadline or the cancellation of cx. OVERLOADED at once when
 * the queue is full; ERR_TIMEOUT or ERR_CANCELLED when the wait was given up. Blocks; asserts that
 * cx is in no transaction. On ERR_OK the caller must leave. */
enum err gate_enter(struct cx *cx, struct gate *g);
void gate_leave(struct gate *g);

/* How many are inside and how many wait. */
void gate_load(struct gate *g, int *ret_inside, int *ret_waiting);

#endif
