/* The unit of work: one request, one job, one command. It says for whom the work is done, until
 * when, and what went wrong; everything it allocates dies with its arena.
 *
 * Invariants:
 * 1. who is SCOPE_NONE until authentication (or the claim of a job) says otherwise; nothing else
 * sets it.
 * 2. tenant is meaningful only when who is SCOPE_TENANT.
 * 3. in_tx is true between the begin and the end of a transaction; calls that wait for the outside
 * assert it is not. A cx belongs to one thread at a time; only cancel may be touched by others. */
#ifndef BASE_CX_H
#define BASE_CX_H

#include "base/err.h"
#include "base/id.h"
#include "base/str.h"

struct cancel;
struct db;

enum scope {
    SCOPE_NONE,     /* no tenant data can be reached */
    SCOPE_TENANT,   /* one tenant's data */
    SCOPE_PLATFORM, /* the few statements that are platform-scoped */
};

enum {
    CX_DETAIL = 256,
    CX_FIELDS = 16, /* errors by field that one reply names */
};

/* One thing wrong with one field of the input. */
struct field_error {
    struct str field;   /* dotted path, "contact.name" */
    struct str message; /* a sentence for a person */
};

struct cx {
    struct arena *arena; /* reset or freed by whoever made the cx */
    struct db *db;       /* the database of this process; may be NULL in tests */
    enum scope who;
    struct tenant_id tenant;
    int64_t now_us;        /* wall time of the unit of work */
    int64_t deadline_us;   /* monotonic; 0: none */
    struct cancel *cancel; /* NULL: cannot be cancelled */
    bool in_tx;
    struct str request_id; /* runs from the edge through job, turn, provider call and answer */

    enum code code; /* of the last failure */
    char detail[CX_DETAIL];
    struct field_error fields[CX_FIELDS];
    int field_count;
};

/* A unit of work that starts now, with an arena of its own; end it with cx_end. */
void cx_begin(struct cx *cx, struct db *db);
void cx_end(struct cx *cx);

/* Fresh arena, no transaction, no failure, same purpose: for running the work again. request_id is
 * kept. */
void cx_again(struct cx *cx);

/* Acts for one tenant from now on. The callers are few: authentication, job claims, operator
 * commands, tests. */
void cx_for_tenant(struct cx *cx, struct tenant_id tenant);
void cx_for_platform(struct cx *cx);

/* Records the failure and returns the class of its code: `return cx_fail(cx, CODE_CONFLICT, "…")`.
 * The words go to the client for 4xx codes, and to the log alone for 5xx. */
enum err cx_fail(struct cx *cx, enum code code, const char *fmt, ...) PRINTF(3, 4);

/* Adds an error of one field and returns ERR_INVALID with VALIDATION_ERROR. */
enum err cx_fail_field(struct cx *cx, const char *field, const char *fmt, ...) PRINTF(3, 4);

/* Monotonic microseconds left; INT64_MAX without a deadline; 0 when it has passed. */
int64_t cx_left_us(const struct cx *cx);

/* ERR_CANCELLED or ERR_TIMEOUT when the work should end, else ERR_OK. */
enum err cx_check(struct cx *cx);

/* One-time signal that some work should end; made by the owner of the work, told by any thread. */
struct cancel *cancel_new(void);
void cancel_free(struct cancel **c);
void cancel_now(struct cancel *c); /* NULL is allowed */
bool cancel_is(const struct cancel *c);

/* Calls wake(arg) once when cancelled (at once, if it already is), from the cancelling thread. One
 * at a time. */
void cancel_on(struct cancel *c, void (*wake)(void *arg), void *arg);
/* No call is running or will come after this returns. */
void cancel_off(struct cancel *c);

#endif
