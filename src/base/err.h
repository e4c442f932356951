/* What a failing function returns. The class says what the caller can do about it; the code (see
 * err_table.h) is what a client sees. Both are set in one call, cx_fail (base/cx.h). */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/base.h"

// clang-format off
enum MUST_USE err {
    ERR_OK = 0,
    ERR_INVALID,         /* the caller's input is wrong */
    ERR_UNAUTHENTICATED, /* no credentials, or unknown ones */
    ERR_FORBIDDEN,       /* known, but not allowed */
    ERR_NOT_FOUND,       /* also: belongs to another tenant */
    ERR_CONFLICT,        /* the state moved on; read again */
    ERR_LIMIT,           /* too much in this time; later */
    ERR_TOO_LARGE,       /* over a size bound */
    ERR_UNAVAILABLE,     /* a dependency failed; later */
    ERR_TIMEOUT,         /* the deadline passed */
    ERR_CANCELLED,       /* somebody gave the work up */
    ERR_RERUN,           /* the transaction died through no fault of its own: run the unit of work again */
    ERR_INTERNAL,        /* our bug */
};
// clang-format on

/* One for each row of err_table.h. */
enum code {
#define CODE(name, class, status, retry, doc) CODE_##name,
#include "base/err_table.h"
#undef CODE
    CODE_COUNT
};

struct code_info {
    const char *name; /* wire name, upper case */
    enum err class;
    int http_status;
    bool retryable;
    const char *doc;
};

/* The row of a code; static storage, never NULL. Any thread. */
const struct code_info *code_info(enum code code);

/* The code that stands for a class when nothing finer was said. */
enum code code_of_class(enum err e);

/* Lower-case name of the class, for logs and metrics. */
const char *err_name(enum err e);

/* The only control-flow macro of the house. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        const enum err try_e_ = (expr);                                                            \
        if (try_e_) {                                                                              \
            return try_e_;                                                                         \
        }                                                                                          \
    } while (0)

#endif
