/* A tenant: one business on this installation. */
#ifndef DOMAIN_ACCOUNT_TENANT_H
#define DOMAIN_ACCOUNT_TENANT_H

#include "db/db.h"

struct tenant {
    struct tenant_id id;
    int64_t slot; /* small, unique, never reused: the upper half of text-index keys */
    struct str name;
    struct str status;    /* active | suspended */
    struct str language;  /* ISO 639-1, "en" */
    struct str time_zone; /* IANA name */
    int64_t created_us;
    int64_t updated_us;
};

/* Makes a tenant, and its first widget key; name 1-200 characters. cx of the platform. */
enum err tenant_create(struct db_tx *tx, struct str name, struct tenant *ret);

/* cx's own tenant. TENANT_NOT_FOUND. */
enum err tenant_get(struct db_tx *tx, struct tenant *ret);

/* By id or by name; cx of the platform (operator commands). TENANT_NOT_FOUND. */
enum err tenant_find(struct db_tx *tx, struct tenant_id id, struct tenant *ret);
enum err tenant_find_by_name(struct db_tx *tx, struct str name, struct tenant *ret);
enum err tenant_list(struct db_tx *tx, struct tenant_id after, size_t limit, struct tenant **ret,
                     size_t *ret_count);

struct tenant_change {
    struct str name, language, time_zone;
    bool has_name, has_language, has_time_zone;
};
/* Changes cx's own tenant; faults name the field. *ret is how it stands then. */
enum err tenant_update(struct db_tx *tx, const struct tenant_change *change, struct tenant *ret);

/* Suspended or active again; cx of the platform. After the commit the caller calls
 * apikey_cache_clear, so that it counts at once in this process. */
enum err tenant_set_status(struct db_tx *tx, struct tenant_id id, struct str status);

#endif
