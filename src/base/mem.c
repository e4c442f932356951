#include "base/mem.h"

#include <malloc.h>
#include <unistd.h>

enum { HEAPS_PER_CORE = 2 };

__attribute__((noreturn)) static void out_of_memory(size_t size)
{
    (void)fprintf(stderr, "metachat: out of memory (%zu bytes wanted)\n", size);
    abort();
}

__attribute__((noreturn)) void must_fail(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "metachat: bug at %s:%d: %s does not hold\n", file, line, what);
    abort();
}

void *mem_alloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size ? size : 1);
    if (!p) {
        out_of_memory(n * size);
    }
    return p;
}

void *mem_realloc(void *p, size_t size)
{
    void *q = realloc(p, size ? size : 1);
    if (!q) {
        out_of_memory(size);
    }
    return q;
}

char *mem_dup(const char *p, size_t n)
{
    char *q = mem_alloc(n + 1, 1);
    if (n) {
        memcpy(q, p, n);
    }
    return q;
}

void mem_free(void *p)
{
    free(p);
}

void mem_share_heaps(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    (void)mallopt(M_ARENA_MAX, HEAPS_PER_CORE * (cores > 0 ? (int)cores : 1));
}

void mem_wipe(void *p, size_t n)
{
    if (n) {
        explicit_bzero(p, n);
    }
}
