/* Visitors of the tenants' pages: people whom nobody knows, each told apart by an id that a signed
 * token carries. The token is bound to the widget key and to the origin that it was given for. It
 * is good for METACHAT_VISITOR_TOKEN_MINUTES; its holder gets a new one for the same visitor until
 * METACHAT_VISITOR_KEEP_DAYS after it ended. */
#ifndef DOMAIN_ACCOUNT_VISITOR_H
#define DOMAIN_ACCOUNT_VISITOR_H

#include "crypto/jwt.h"
#include "db/db.h"

struct visitor {
    struct tenant_id tenant;
    struct uuid id;
    struct uuid key;    /* of the widget key */
    struct str origin;  /* of the page */
    int64_t expires_us; /* of the token */
};

struct visitor_session {
    struct visitor visitor;
    struct str token; /* in the arena */
};

/* What a page asks with: the widget key, its origin as the browser says it, and the token that it
 * has (empty: none, a new visitor). WIDGET_KEY_NOT_FOUND; ORIGIN_NOT_ALLOWED; INVALID_TOKEN when
 * the token is not of this tenant and origin, or ended too long ago: then the page asks again
 * without. cx has no scope, and is left without one. Blocks. */
enum err visitor_session(struct cx *cx, const struct keyring *ring, struct str key,
                         struct str origin, struct str token, struct visitor_session *ret);

/* Signs a token that ends METACHAT_VISITOR_TOKEN_MINUTES from now (v->expires_us is set). */
struct str visitor_token(struct cx *cx, const struct keyring *ring, struct visitor *v);

/* The visitor of a verified token whose kind is "visitor". INVALID_TOKEN when tenant or key are no
 * more. cx has no scope, and is left without one. Blocks. */
enum err visitor_verify(struct cx *cx, const struct jwt_claims *claims, struct visitor *ret);

#endif
