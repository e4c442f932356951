/* What apikey_verify found, by keyed hash of the secret: a bounded table in memory, so that a known
 * key costs no database and no scrypt. Refusals are kept too, and are the first to make room. Any
 * thread. */
#ifndef DOMAIN_ACCOUNT_APIKEY_CACHE_H
#define DOMAIN_ACCOUNT_APIKEY_CACHE_H

#include "domain/account/apikey.h"

struct key_digest {
    uint8_t b[32];
};

enum key_verdict {
    KEY_UNKNOWN, /* not in the table */
    KEY_GOOD,
    KEY_OLD, /* was good; to be compared with the database again */
    KEY_REFUSED,
};

/* The hash of a secret under a random key of this process. */
void key_digest(struct str secret, struct key_digest *ret);

/* GOOD and OLD fill ret, in the arena; GOOD also notes the use at now. */
enum key_verdict key_cache_find(struct arena *a, const struct key_digest *d, int64_t now_us,
                                struct apikey *ret);

/* Changes whenever something is forgotten. To be read before the database is. */
uint64_t key_cache_age(void);

/* Keeps a verdict (NULL: refused), unless something was forgotten since age was read: then it may
 * rest on rows that are no longer true. */
void key_cache_keep(const struct key_digest *d, int64_t now_us, uint64_t age,
                    const struct apikey *good);

/* Up to max keys that were used since this was last asked; only tenant, id and last_used_us. */
size_t key_cache_take_used(struct apikey *ret, size_t max);

/* One at a time for one secret: the first verifies, the others then find the verdict. */
void key_cache_lock(const struct key_digest *d);
void key_cache_unlock(const struct key_digest *d);

#endif
