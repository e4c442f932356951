#include "net/bytes.h"

#include "base/mem.h"

#include <stdatomic.h>

struct net_bytes {
    atomic_uint refs;
    size_t n;
    const char *p;
    char *taken; /* to be freed with it; else the bytes stand behind the struct, or last for ever */
    char own[];
};

struct net_bytes *net_bytes_pair(struct str first, struct str second)
{
    struct net_bytes *b = mem_alloc(1, sizeof(*b) + first.n + second.n);
    atomic_init(&b->refs, 1);
    b->n = first.n + second.n;
    b->p = b->own;
    if (first.n) {
        memcpy(b->own, first.p, first.n);
    }
    if (second.n) {
        memcpy(b->own + first.n, second.p, second.n);
    }
    return b;
}

struct net_bytes *net_bytes_new(struct str copy)
{
    return net_bytes_pair(copy, STR(""));
}

struct net_bytes *net_bytes_lasting(struct str bytes)
{
    struct net_bytes *b = mem_new(struct net_bytes);
    atomic_init(&b->refs, 1);
    b->n = bytes.n;
    b->p = bytes.p;
    return b;
}

struct net_bytes *net_bytes_take(struct buf *take)
{
    struct net_bytes *b = mem_alloc(1, sizeof(*b));
    atomic_init(&b->refs, 1);
    b->n = take->n;
    b->taken = TAKE(take->p);
    b->p = b->taken;
    *take = buf_make(take->max);
    return b;
}

struct net_bytes *net_bytes_ref(struct net_bytes *b)
{
    net_bytes_ref_many(b, 1);
    return b;
}

void net_bytes_ref_many(struct net_bytes *b, unsigned int n)
{
    (void)atomic_fetch_add_explicit(&b->refs, n, memory_order_relaxed);
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
    return (struct str){b->n ? b->p : "", b->n};
}
