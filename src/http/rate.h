/* Rate limits: how many in a minute for a key. One interface; in memory now, in Redis later. The
 * algorithm is GCRA (the generic cell rate algorithm, ITU-T I.371): one time per key, smooth, no
 * window edges; a burst of a whole minute's budget is allowed. Any thread. */
#ifndef HTTP_RATE_H
#define HTTP_RATE_H

#include "base/str.h"

struct rate_store;

struct rate_verdict {
    bool allowed;
    int64_t limit;
    int64_t remaining;
    int64_t reset_s;       /* until the budget is whole again */
    int64_t retry_after_s; /* >= 1 when refused */
};

/* In memory, for at most max_keys keys; the oldest are forgotten. The caller frees. */
struct rate_store *rate_store_memory(size_t max_keys);
void rate_store_free(struct rate_store **s);

/* Takes one from the budget of per_minute (> 0) of the key (1-63 bytes count). now is monotonic. */
struct rate_verdict rate_take(struct rate_store *s, struct str key, int64_t per_minute,
                              int64_t now_us);

/* What a client address is limited by: IPv4 whole (also when mapped into IPv6), IPv6 by its /64. In
 * the arena. */
struct str rate_address_key(struct arena *a, struct str peer);

#endif
