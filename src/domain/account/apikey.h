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
/* A page, newest first, with revoked ones; before: the last id of the page before it, or nil. */
enum err apikey_list(struct db_tx *tx, struct apikey_id before, size_t limit, struct apikey **ret,
                     size_t *ret_count);
/* API_KEY_NOT_FOUND; a revoked one stays as it was. After the commit the caller calls
 * apikey_cache_forget: then the key fails at once in this process; others notice within
 * conf.api_key_cache_s. */
enum err apikey_revoke(struct db_tx *tx, struct apikey_id id, struct apikey *ret);
/* API_KEY_NOT_FOUND, also for another tenant's. */
enum err apikey_get(struct db_tx *tx, struct apikey_id id, struct apikey *ret);

/* Whose key it is: checksum, prefix, scrypt (bounded), with a cache by keyed hash, which is
 * compared with the database again when it is conf.api_key_cache_s old. INVALID_TOKEN when
 * malformed, unknown, expired or revoked, or the tenant is suspended; OVERLOADED when too many
 * unknown keys wait to be hashed. cx has no scope yet; it is left without one, and ret is in its
 * arena. Worker threads; about a microsecond when the key is known, else it blocks. */
enum err apikey_verify(struct cx *cx, struct str secret, struct apikey *ret);

/* Forgets a key in the cache (after the commit of its revocation), or everything (after a tenant
 * was suspended or resumed). */
void apikey_cache_forget(struct apikey_id id);
void apikey_cache_clear(void);

/* Writes down when keys were last used, as far as it is not yet. cx of the platform, own
 * transaction; to be called about once a minute. */
enum err apikey_note_used(struct cx *cx, int64_t *ret_count);

#endif
