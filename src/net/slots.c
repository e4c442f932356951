#include "net/slots.h"

#include "base/mem.h"

void slots_init(struct slots *s, uint32_t count)
{
    *s = (struct slots){.all = mem_alloc(count, sizeof(*s->all)), .count = count};
    for (uint32_t i = 0; i < count; i++) {
        atomic_init(&s->all[i].generation, 1);
        s->all[i].next_free = i + 1;
    }
    (void)pthread_mutex_init(&s->lock, NULL);
}

void slots_fini(struct slots *s)
{
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s->all);
}

bool slots_full(const struct slots *s)
{
    return (uint32_t)atomic_load(&s->used) == s->count;
}

bool slots_take(struct slots *s, uint32_t *ret)
{
    (void)pthread_mutex_lock(&s->lock);
    const uint32_t slot = s->first_free;
    const bool found = slot != s->count;
    if (found) {
        s->first_free = s->all[slot].next_free;
        (void)atomic_fetch_add(&s->used, 1);
        *ret = slot;
    } else {
        atomic_store(&s->wanted, true);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

bool slots_give(struct slots *s, uint32_t slot)
{
    (void)pthread_mutex_lock(&s->lock);
    s->all[slot].conn = NULL;
    s->all[slot].next_free = s->first_free;
    s->first_free = slot;
    (void)atomic_fetch_sub(&s->used, 1);
    const bool wanted = atomic_exchange(&s->wanted, false);
    (void)pthread_mutex_unlock(&s->lock);
    return wanted;
}

void slot_next_generation(struct slot *slot)
{
    const uint32_t next = atomic_load(&slot->generation) + 1;
    atomic_store(&slot->generation, next ? next : 1);
}
