/* Inside the room: the text of a policy, and texts kept by hash for replay. */
#ifndef DOMAIN_ASSISTANT_POLICY_TEXT_H
#define DOMAIN_ASSISTANT_POLICY_TEXT_H

#include "domain/assistant/policy.h"

struct keyring;

/* What a tenant has that never said anything. Static texts. */
void policy_default(struct policy *p);

/* Canonical JSON of all that the policy says, without key, version and time. In the arena. */
struct str policy_text(struct arena *a, const struct policy *p);

/* The tenant's model key; p->api_key must not be empty. As seal_open. */
enum err policy_open_key(struct cx *cx, const struct keyring *keys, const struct policy *p,
                         struct str *ret);

/* Stored texts of policies and templates. */
enum err policy_text_find(struct db_tx *tx, struct str hash, struct str *ret, bool *ret_found);
enum err policy_text_keep(struct db_tx *tx, struct str hash, struct str text);

#endif
