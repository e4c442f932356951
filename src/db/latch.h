/* A latch that is shut at first and opens once, for all who wait and all who come later. Lives in
 * the waiting side's memory or in a counted object: opening touches nothing of it after the waiters
 * may have seen it open. A zeroed latch is shut. Any thread. */
#ifndef DB_LATCH_H
#define DB_LATCH_H

#include "base/base.h"

#include <stdatomic.h>

struct latch {
    atomic_int state;
};

/* Lets all go on who wait, and all who come later. */
void latch_open(struct latch *g);

/* Blocks until it is open. What was written before latch_open is seen. */
void latch_wait(struct latch *g);

#endif
