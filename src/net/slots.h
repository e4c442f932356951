/* The table of all connections, which the loops share: who has which place, and which request of it
 * is the current one. It bounds the connections in all. Any thread. */
#ifndef NET_SLOTS_H
#define NET_SLOTS_H

#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>

struct conn;

struct slot {
    struct conn *conn;           /* belongs to the loop of the connection */
    _Atomic uint32_t generation; /* of the current request; never 0 */
    uint32_t next_free;
};

struct slots {
    struct slot *all;
    uint32_t count;
    uint32_t first_free; /* count: none */
    atomic_int used;
    atomic_bool wanted; /* somebody found none free */
    pthread_mutex_t lock;
};

void slots_init(struct slots *s, uint32_t count);
void slots_fini(struct slots *s);

/* Whether every place is taken now. */
bool slots_full(const struct slots *s);

/* A free place. False when there is none; then wanted is set. */
bool slots_take(struct slots *s, uint32_t *ret);

/* Gives a place back. True when somebody wanted one before; says so once. */
bool slots_give(struct slots *s, uint32_t slot);

/* The reference of a place's current request becomes stale. */
void slot_next_generation(struct slot *slot);

#endif
