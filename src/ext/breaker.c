#include "ext/breaker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"

static struct breaker *find(struct breakers *b, uint64_t key)
{
    struct breaker *oldest = &b->items[0];
    for (size_t i = 0; i < BREAKER_MAX; i++) {
        struct breaker *at = &b->items[i];
        if (at->used && at->key == key) {
            return at;
        }
        if (!at->used || (oldest->used && at->used_us < oldest->used_us)) {
            oldest = at;
        }
    }
    if (oldest->open) {
        metric_add(METRIC_BREAKER_OPEN, b->name, -1);
    }
    *oldest = (struct breaker){.key = key, .used = true};
    return oldest;
}

static void set_open(struct breakers *b, struct breaker *at, bool open)
{
    if (at->open != open) {
        at->open = open;
        metric_add(METRIC_BREAKER_OPEN, b->name, open ? 1 : -1);
    }
}

bool breaker_enter(struct breakers *b, uint64_t key, int64_t now_us)
{
    bool may = true;
    (void)pthread_mutex_lock(&b->lock);
    struct breaker *at = find(b, key);
    at->used_us = now_us;
    if (at->open) {
        may = now_us >= at->open_until_us && !at->probing;
        at->probing |= may;
    }
    (void)pthread_mutex_unlock(&b->lock);
    return may;
}

static void failed(struct breakers *b, struct breaker *at, int64_t now_us, bool at_once)
{
    at->failures++;
    if (at_once || at->open || at->failures >= conf.breaker_failures) {
        set_open(b, at, true);
        at->open_until_us = now_us + conf.breaker_open_ms * MS_US;
    }
}

void breaker_leave(struct breakers *b, uint64_t key, int64_t now_us, enum breaker_outcome outcome)
{
    (void)pthread_mutex_lock(&b->lock);
    struct breaker *at = find(b, key);
    at->probing = false;
    at->used_us = now_us;
    switch (outcome) {
    case BREAKER_WENT_WELL:
        at->failures = 0;
        set_open(b, at, false);
        break;
    case BREAKER_FAILED:
        failed(b, at, now_us, false);
        break;
    case BREAKER_EXHAUSTED:
        failed(b, at, now_us, true);
        break;
    case BREAKER_NEITHER:
        break;
    }
    (void)pthread_mutex_unlock(&b->lock);
}
