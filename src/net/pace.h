/* How slow the other side may be. It has time in hand: at first the grace; each byte that moves
 * adds what it may take at the lowest rate; and there is never more in hand than the longest pause.
 * So silence ends after the pause, a trickle when its time is used up, and who keeps the rate has
 * no limit in all. Pure. */
#ifndef NET_PACE_H
#define NET_PACE_H

#include "base/clock.h"

struct pace {
    int64_t until_us; /* monotonic: when the time in hand is used up */
};

static inline void pace_begin(struct pace *p, int64_t now_us, int64_t grace_us)
{
    p->until_us = now_us + grace_us;
}

/* bytes have moved; rate in bytes a second, 0: any byte is worth the whole pause. */
static inline void pace_moved(struct pace *p, int64_t now_us, size_t bytes, int64_t rate,
                              int64_t pause_us)
{
    const int64_t most = now_us + pause_us;
    if (bytes == 0) {
        return;
    }
    /* more than a pause's worth of bytes fills it up; so nothing overflows */
    const int64_t enough = rate * (pause_us / SECOND_US + 1);
    const int64_t worth =
        rate && (int64_t)bytes < enough ? (int64_t)bytes * SECOND_US / rate : pause_us;
    p->until_us = min_i64(p->until_us + worth, most);
}

#endif
