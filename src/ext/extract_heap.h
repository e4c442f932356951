/* A heap for one run of a parser that knows no bounds of its own: it counts bytes, looks at the
 * clock, and leaves the parser by longjmp when either is used up. What was allocated is freed at
 * the end whatever happened, so the parser's own (recursive) clean-up is never called.
 *
 * The parser must be plain C that holds nothing but memory of this heap. One thread. */
#ifndef EXT_EXTRACT_HEAP_H
#define EXT_EXTRACT_HEAP_H

#include "base/cx.h"

#include <setjmp.h>

struct extract_heap {
    struct cx *cx;
    jmp_buf out;
    size_t used, max;    /* bytes */
    int64_t deadline_us; /* monotonic */
    unsigned calls;
    bool over_memory; /* why the run was left; else the time */
    struct heap_block *blocks;
};

/* bytes: of what is parsed; its time is counted by the megabyte. */
void extract_heap_init(struct extract_heap *h, struct cx *cx, size_t bytes);
void extract_heap_fini(struct extract_heap *h);

/* Runs fn(arg), which may use the heap; VALIDATION_ERROR when it was left because of a bound,
 * DEADLINE_EXCEEDED or CANCELLED when the cx says so. */
enum err extract_heap_run(struct extract_heap *h, void (*fn)(void *arg), void *arg);

/* Within a run only. Zeroed memory; never NULL: leaves the run instead. */
void *extract_heap_alloc(struct extract_heap *h, size_t n);
void *extract_heap_realloc(struct extract_heap *h, void *p, size_t n);
void extract_heap_free(struct extract_heap *h, void *p);

/* Frees everything that was allocated since the mark; nothing older may have been freed since. */
const struct heap_block *extract_heap_mark(const struct extract_heap *h);
void extract_heap_drop(struct extract_heap *h, const struct heap_block *mark);

/* Leaves the run when the time is over; looks at the clock once in many calls. */
void extract_heap_tick(struct extract_heap *h);

#endif
