#include "base/arena.h"

#include "base/mem.h"

enum {
    BLOCK_MIN_BYTES = 4096,
    BLOCK_MAX_BYTES = 256 * 1024,
    ALIGN = 16,
};

struct block {
    struct block *next;
    size_t size;
    size_t used;
    size_t pad;
    char data[];
};

struct deferred {
    struct deferred *next;
    void (*fn)(void *arg);
    void *arg;
};

struct arena {
    struct block *blocks; /* newest first */
    struct deferred *deferred;
    size_t next_size;
    size_t handed_out;
};

struct arena *arena_new(void)
{
    struct arena *a = mem_new(struct arena);
    a->next_size = BLOCK_MIN_BYTES;
    return a;
}

static void run_deferred(struct arena *a)
{
    while (a->deferred) {
        struct deferred *d = a->deferred;
        a->deferred = d->next;
        d->fn(d->arg);
    }
}

void arena_reset(struct arena *a)
{
    run_deferred(a);
    while (a->blocks && a->blocks->next) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        mem_free(b);
    }
    if (a->blocks && a->blocks->size > BLOCK_MAX_BYTES) {
        mem_free(a->blocks); /* one great unit of work must not be paid for ever after */
        a->blocks = NULL;
    }
    if (a->blocks) {
        a->blocks->used = 0;
    }
    a->next_size = BLOCK_MIN_BYTES;
    a->handed_out = 0;
}

void arena_free(struct arena **a)
{
    if (!*a) {
        return;
    }
    run_deferred(*a);
    while ((*a)->blocks) {
        struct block *b = (*a)->blocks;
        (*a)->blocks = b->next;
        mem_free(b);
    }
    mem_free(*a);
    *a = NULL;
}

static struct block *block_for(struct arena *a, size_t size)
{
    struct block *b = a->blocks;
    if (b && b->size - b->used >= size) {
        return b;
    }
    const size_t want = size > a->next_size ? size : a->next_size;
    b = mem_realloc(NULL, sizeof(*b) + want); /* what is never handed out is never touched */
    b->size = want;
    b->used = 0;
    if (a->next_size < BLOCK_MAX_BYTES) {
        a->next_size *= 2;
    }
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

static void *take(struct arena *a, size_t size)
{
    must(size <= SIZE_MAX / 2);
    size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct block *b = block_for(a, size);
    void *p = b->data + b->used;
    b->used += size;
    a->handed_out += size;
    return p;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return memset(take(a, size), 0, size);
}

char *arena_dup(struct arena *a, const char *p, size_t n)
{
    must(n < SIZE_MAX / 2);
    char *q = take(a, n + 1);
    if (n) {
        memcpy(q, p, n);
    }
    q[n] = '\0';
    return q;
}

void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg)
{
    struct deferred *d = arena_one(a, struct deferred);
    *d = (struct deferred){.next = a->deferred, .fn = fn, .arg = arg};
    a->deferred = d;
}

size_t arena_used(const struct arena *a)
{
    return a->handed_out;
}
