/* People who write to a tenant, and the identities by which channels know them. */
#ifndef DOMAIN_CONVERSATION_CONTACT_H
#define DOMAIN_CONVERSATION_CONTACT_H

#include "db/db.h"

struct contact_id {
    struct uuid v;
};

struct contact {
    struct contact_id id;
    struct str name;
    struct str email; /* as typed: proves nothing */
    struct str phone;
    struct str language;
    struct str attributes; /* JSON object, at most 4 KB */
    int64_t created_us;
    int64_t updated_us;
};

/* How a channel knows a person. kind: phone | bsuid | psid | visitor | user. verified_by: empty,
 * "signature", "channel" or "key". */
struct identity {
    struct str channel_type;
    struct str external_id;
    struct str kind;
    struct str verified_by;
};

struct contact_in {
    struct str
        external_id; /* the person's id at the caller; empty: made new for the conversation */
    struct str name, email, phone, language;
    bool verified; /* the caller may vouch for it (scope contacts:verify) */
};

/* Finds the contact by identity, or makes both; fills what was empty. Races end in one contact. */
enum err contact_resolve(struct db_tx *tx, const struct identity *identity,
                         const struct contact_in *in, struct contact *ret, bool *ret_created);

/* Fills what is empty in c, here and in its row. */
enum err contact_fill(struct db_tx *tx, struct contact *c, const struct contact_in *in);

/* CONTACT_NOT_FOUND, also for another tenant's. */
enum err contact_get(struct db_tx *tx, struct contact_id id, struct contact *ret);

#endif
