/* A tenant's API keys. Shown once; stored as look-up prefix and scrypt hash; checked by one
 * routine. */
#ifndef DOMAIN_ACCOUNT_APIKEY_H
#define DOMAIN_ACCOUNT_APIKEY_H

#include "db/db.h"

struct apikey_id {
    struct uuid v;
};

struct apikey {
    struct apikey_id id;
    struct tenant_id tenant;
    struct str name;
    struct str prefix;
    struct str last4;
    struct str scopes; /* words apart by spaces; "*": all */
    int64_t created_us;
    int64_t last_used_us;
    int64_t expires_us; /* 0: never */
    int64_t revoked_us; /* 0: not */
};

/* Every scope a key can hold, ends with NULL. */
extern const char *const apikey_scopes[];
/* Words of apikey_scopes, or "*"; faults go to the field "scopes". */
enum err apikey_check_scopes(struct cx *cx, struct str scopes);

/* Hashes outside of a transaction, then inserts in its own: so it takes cx (of the tenant), not a
 * tx. *ret_secret is the whole key, shown once. */
enum err apikey_create(struct cx *cx, struct str name, struct str scopes, int64_t expires_us,
                       struct apikey *ret, struct str *ret_secret);
enum err apikey_list(struct db_tx *tx, struct apikey **ret, size_t *ret_count);
/* API_KEY_NOT_FOUND. The key fails at once in this process; others notice within the cache's time.
 */
enum err apikey_revoke(struct db_tx *tx, struct apikey_id id, struct apikey *ret);
enum err apikey_get(struct db_tx *tx, struct apikey_id id, struct apikey *ret);

/* Whose key it is: checksum, prefix, scrypt (bounded), with a cache by keyed hash: successes until
 * revoked, refusals for 60 s. INVALID_TOKEN when malformed, unknown, expired or revoked, or the
 * tenant is suspended. cx has no scope yet; it is left without one. last_used is noted at most once
 * a minute. */
enum err apikey_verify(struct cx *cx, struct str secret, struct apikey *ret);

/* Forgets a key in the cache (after revocation), or everything. */
void apikey_cache_forget(struct apikey_id id);
void apikey_cache_clear(void);

#endif
