#include "db/latch.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SHUT, WAITED_FOR, OPEN };

static long futex(atomic_int *word, int op, int value)
{
    return syscall(SYS_futex, word, op, value, NULL, NULL, 0);
}

void latch_open(struct latch *g)
{
    /* A waiter may free the latch once it reads OPEN; waking an address that is gone, or that
     * serves another latch by now, at worst wakes someone who looks again. */
    if (atomic_exchange(&g->state, OPEN) == WAITED_FOR) {
        (void)futex(&g->state, FUTEX_WAKE_PRIVATE, INT_MAX);
    }
}

void latch_wait(struct latch *g)
{
    int seen = atomic_load(&g->state);
    while (seen != OPEN) {
        if (seen == WAITED_FOR || atomic_compare_exchange_weak(&g->state, &seen, WAITED_FOR)) {
            (void)futex(&g->state, FUTEX_WAIT_PRIVATE, WAITED_FOR);
            seen = atomic_load(&g->state);
        }
    }
}
