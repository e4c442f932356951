/* Tickets: what a client shows when it opens a realtime connection. Signed, good for
 * METACHAT_TICKET_S seconds and for one use; used ones are remembered in the database until they
 * have expired, so that every process refuses them, also after a restart. */
#ifndef DOMAIN_ACCOUNT_TICKET_H
#define DOMAIN_ACCOUNT_TICKET_H

#include "crypto/keyring.h"
#include "db/db.h"

enum ticket_kind {
    TICKET_VISITOR,
    TICKET_KEY, /* an API key */
    TICKET_ACT, /* the operator, acting for the tenant */
};

/* For whom a connection may be opened. */
struct ticket {
    enum ticket_kind kind;
    struct tenant_id tenant;
    struct uuid id;    /* of the visitor, of the API key, or of the token to act with */
    struct uuid key;   /* of a visitor: its widget key; nil otherwise */
    struct str origin; /* of a visitor: where its page is; empty: anywhere */
    struct str scopes; /* of an API key, as they are now */
    int64_t ends_us;   /* when the connection must end: with the token or key; 0: no such time */
};

/* Signs a ticket in the arena; scopes are not in it. *ret_expires_us is when it stops working. */
struct str ticket_make(struct cx *cx, const struct keyring *ring, const struct ticket *t,
                       int64_t *ret_expires_us);

/* Uses it up, in a transaction of its own. INVALID_TOKEN when it is malformed, has expired, was
 * used before, or what it was made for has ended since (tenant, widget key, API key). cx has no
 * scope, and is left without one; texts are in its arena. Blocks. */
enum err ticket_use(struct cx *cx, const struct keyring *ring, struct str text, struct ticket *ret);

/* Whether what stands behind an open connection still does: the tenant active, its key alive, the
 * time not over. INVALID_TOKEN when not. A read of its own; cx as above. */
enum err ticket_check(struct cx *cx, const struct ticket *t);

/* Forgets used tickets that have expired. cx of the platform, no transaction open. */
enum err ticket_sweep(struct cx *cx, int64_t *ret_removed);

#endif
