/* The words of the house: the first include of every file.
 * System headers that everyone needs, the few macros we allow ourselves, and the calls that are
 * banned. */
#ifndef BASE_BASE_H
#define BASE_BASE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* sprintf and its kin are macros in some C libraries, so tools/lint.awk bans it instead. */
#pragma GCC poison strcpy strcat strtok atoi atol atoll
#pragma GCC poison gmtime localtime asctime ctime

/* On a type: ignoring a call that returns it does not compile; (void) is the visible way out. */
#define MUST_USE     [[nodiscard]]
#define PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Runs fn(&var) when var leaves its scope; fn must accept a pointer to an empty object. */
#define SCOPED(fn) __attribute__((cleanup(fn)))

/* Hands the pointer on and forgets it, so that SCOPED has nothing left to do. */
#define TAKE(p)                                                                                    \
    ({                                                                                             \
        __typeof__(p) take_p_ = (p);                                                               \
        (p) = NULL;                                                                                \
        take_p_;                                                                                   \
    })

#define COUNT(a)                        (sizeof(a) / sizeof((a)[0]))
#define KB                              ((size_t)1024)
#define MB                              (1024 * KB)
#define container_of(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

/* Stays in production. For our own bugs only, never for anything from outside: says where, and
 * aborts. */
#define must(cond) ((cond) ? (void)0 : must_fail(__FILE__, __LINE__, #cond))
__attribute__((noreturn)) void must_fail(const char *file, int line, const char *what);

static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
