/* Idempotency-Key: the request's first write transaction stores the key with the hash of the body
 * and the id of what it made; a repetition finds it and answers from the resource. Kept
 * conf.idempotency_hours. */
#ifndef DOMAIN_LEDGER_IDEMPOTENCY_H
#define DOMAIN_LEDGER_IDEMPOTENCY_H

#include "db/db.h"

struct idempotency {
    struct str key;           /* empty: the caller sent none, and everything here does nothing */
    const char *route;        /* the method and the path, with its ids; at most 200 bytes */
    const uint8_t *body_hash; /* 32 bytes */
};

/* *ret_found and *ret_resource when the same request was made before; IDEMPOTENCY_MISMATCH when the
 * key was used with another body or route. */
enum err idempotency_find(struct db_tx *tx, const struct idempotency *i, bool *ret_found,
                          struct uuid *ret_resource);
/* IDEMPOTENCY_IN_USE when another request with the key came first. */
enum err idempotency_store(struct db_tx *tx, const struct idempotency *i, struct uuid resource);

/* Removes what is older than the setting, in transactions of at most 500 rows. cx of the platform,
 * no transaction open. */
enum err idempotency_sweep(struct cx *cx, int64_t *ret_removed);

#endif
