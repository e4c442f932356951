/* A tenant's assistant policy: what it is told, which model answers, when it hands over. Versioned:
 * each change is a new row, stored as text and known by the hash of that text, so that a turn can
 * be replayed. */
#ifndef DOMAIN_ASSISTANT_POLICY_H
#define DOMAIN_ASSISTANT_POLICY_H

#include "db/db.h"

struct keyring;

struct policy {
    bool enabled;
    struct str name;         /* of the assistant, as customers see it; 1-80 characters */
    struct str instructions; /* the tenant's own words, at most 8,000 characters */
    struct str tone;         /* friendly | formal | concise */
    struct str provider;     /* extractive | openai */
    struct str model;        /* empty: the installation's */
    struct str base_url;     /* of openai; empty: the installation's */
    struct str api_key;      /* sealed (base64); empty: the installation's; never shown */
    bool has_api_key;
    bool retrieval;        /* use documents */
    int64_t top_k;         /* 1-20, default 3 */
    double temperature;    /* 0-2 */
    int64_t max_tokens;    /* 16-16,384 */
    double review_below;   /* confidence below which a person is asked to look, 0-1 */
    double handover_below; /* confidence below which a person takes over, 0-1 */
    double disclaimer_below;
    int64_t unknown_handover_after;
    struct str handover_words; /* the tenant's own, apart by "|" */
    struct str handover_text;  /* overrides of customer texts; empty: the house's, in the customer's
                                  language */
    struct str unknown_text;
    struct str disclaimer_text;
    int64_t version;
    struct str hash; /* SHA-256 of the text, hexadecimal */
    int64_t created_us;
};

/* The tenant's current policy, or the default one (version 0). */
enum err policy_get(struct db_tx *tx, struct policy *ret);
/* Seals the tenant's own model key into p->api_key (base64) and sets has_api_key; an empty plain
 * text removes it. VALIDATION_ERROR when it has blanks or control signs. */
enum err policy_seal_key(struct cx *cx, const struct keyring *keys, struct str plain,
                         struct policy *p);
/* Checks (fields named) and stores as the next version; adds no event. api_key is sealed already.
 */
enum err policy_put(struct db_tx *tx, struct policy *next, struct policy *ret);
/* By hash, for replay; *ret_found. */
enum err policy_by_hash(struct db_tx *tx, struct str hash, struct policy *ret, bool *ret_found);

#endif
