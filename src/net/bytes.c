#include "net/bytes.h"

#include "base/mem.h"

#include <stdatomic.h>

struct net_bytes {
    atomic_uint refs;
    size_t n;
    char *taken; /* NULL: the bytes stand behind the struct */
    char own[];
};

struct net_bytes *net_bytes_new(struct str copy)
{
    struct net_bytes *b = mem_alloc(1, sizeof(*b) + copy.n);
    atomic_init(&b->refs, 1);
    b->n = copy.n;
    if (copy.n) {
        memcpy(b->own, copy.p, copy.n);
    }
    return b;
}

struct net_bytes *net_bytes_take(struct buf *take)
{
    struct net_bytes *b = mem_alloc(1, sizeof(*b));
    atomic_init(&b->refs, 1);
    b->n = take->n;
    b->taken = TAKE(take->p);
    *take = buf_make(take->max);
    return b;
}

struct net_bytes *net_bytes_ref(struct net_bytes *b)
{
    (void)atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void net_bytes_unref(struct net_bytes *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1) {
        mem_free(b->taken);
        mem_free(b);
    }
}

struct str net_bytes_view(const struct net_bytes *b)
{
    return (struct str){b->taken ? b->taken : b->own, b->n};
}
