/* Memory that lives as long as one unit of work and is freed all at once.
 *
 * Invariants: what arena_alloc returns is zeroed and aligned for any type, and stays where it is
 * until the arena is reset or freed. Clean-ups registered with arena_defer run newest first, before
 * the memory goes. An arena belongs to one thread at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/base.h"

struct arena;

/* An empty arena; no memory is taken until the first allocation. The caller frees it with
 * arena_free. */
struct arena *arena_new(void);

/* Runs the clean-ups and gives everything back but one block, so that the arena can serve the next
 * unit of work. */
void arena_reset(struct arena *a);

/* Resets and frees; *a may be NULL and is NULL afterwards. */
void arena_free(struct arena **a);

/* size zeroed bytes; never NULL. */
void *arena_alloc(struct arena *a, size_t size);

/* A NUL-terminated copy of n bytes. */
char *arena_dup(struct arena *a, const char *p, size_t n);

/* Runs fn(arg) when the arena is reset or freed. */
void arena_defer(struct arena *a, void (*fn)(void *arg), void *arg);

/* Bytes handed out since the last reset: for tests and limits. */
size_t arena_used(const struct arena *a);

#define arena_one(a, type)     ((type *)arena_alloc((a), sizeof(type)))
#define arena_many(a, type, n) ((type *)arena_alloc((a), sizeof(type) * (n)))

#endif
