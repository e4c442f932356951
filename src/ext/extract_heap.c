#include "ext/extract_heap.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"

enum { TICKS = 256 }; /* calls between two looks at the clock */

struct heap_block {
    struct heap_block *prev, *next;
    size_t n;
    size_t pad; /* keeps what follows aligned for any type */
};

void extract_heap_init(struct extract_heap *h, struct cx *cx, size_t bytes)
{
    const int64_t time_us = conf.extract_timeout_ms * MS_US * (int64_t)(1 + bytes / MB);
    *h = (struct extract_heap){
        .cx = cx,
        .max = (size_t)conf.extract_max_memory,
        .deadline_us = clock_mono_us() + time_us,
    };
}

void extract_heap_fini(struct extract_heap *h)
{
    while (h->blocks) {
        struct heap_block *b = h->blocks;
        h->blocks = b->next;
        mem_free(b);
    }
}

enum err extract_heap_run(struct extract_heap *h, void (*fn)(void *arg), void *arg)
{
    if (setjmp(h->out) == 0) {
        fn(arg);
        return ERR_OK;
    }
    TRY(cx_check(h->cx));
    return cx_fail(h->cx, CODE_VALIDATION_ERROR,
                   h->over_memory ? "it is nested or marked up too heavily to be read"
                                  : "it takes too long to read; its markup is too complex");
}

__attribute__((noreturn)) static void leave(struct extract_heap *h)
{
    longjmp(h->out, 1);
}

void extract_heap_tick(struct extract_heap *h)
{
    if (++h->calls % TICKS) {
        return;
    }
    if (clock_mono_us() > h->deadline_us || cx_left_us(h->cx) == 0 || cancel_is(h->cx->cancel)) {
        leave(h);
    }
}

static void link_block(struct extract_heap *h, struct heap_block *b, size_t n)
{
    *b = (struct heap_block){.next = h->blocks, .n = n};
    if (h->blocks) {
        h->blocks->prev = b;
    }
    h->blocks = b;
    h->used += n + sizeof(*b);
}

static void unlink_block(struct extract_heap *h, struct heap_block *b)
{
    if (b->prev) {
        b->prev->next = b->next;
    } else {
        h->blocks = b->next;
    }
    if (b->next) {
        b->next->prev = b->prev;
    }
    h->used -= b->n + sizeof(*b);
}

static void claim(struct extract_heap *h, size_t n)
{
    extract_heap_tick(h);
    if (n > h->max || h->used > h->max - n) {
        h->over_memory = true;
        leave(h);
    }
}

void *extract_heap_alloc(struct extract_heap *h, size_t n)
{
    claim(h, n);
    struct heap_block *b = mem_alloc(1, sizeof(*b) + n);
    link_block(h, b, n);
    return b + 1;
}

void *extract_heap_realloc(struct extract_heap *h, void *p, size_t n)
{
    if (!p) {
        return extract_heap_alloc(h, n);
    }
    claim(h, n);
    struct heap_block *b = (struct heap_block *)p - 1;
    unlink_block(h, b);
    b = mem_realloc(b, sizeof(*b) + n);
    link_block(h, b, n);
    return b + 1;
}

void extract_heap_free(struct extract_heap *h, void *p)
{
    if (p) {
        struct heap_block *b = (struct heap_block *)p - 1;
        unlink_block(h, b);
        mem_free(b);
    }
}

const struct heap_block *extract_heap_mark(const struct extract_heap *h)
{
    return h->blocks;
}

void extract_heap_drop(struct extract_heap *h, const struct heap_block *mark)
{
    while (h->blocks != mark) {
        extract_heap_free(h, h->blocks + 1);
    }
}
