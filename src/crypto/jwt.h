/* Tokens that we sign and that only we read: JSON Web Tokens (RFC 7519) with HS256 and nothing
 * else. Each audience has a signing key of its own, derived from the ring, so a token for one is
 * refused by every other. Times are seconds on the wire. Any thread; nothing blocks. */
#ifndef CRYPTO_JWT_H
#define CRYPTO_JWT_H

#include "base/cx.h"
#include "crypto/keyring.h"

enum {
    JWT_MAX_BYTES = 4096,
    JWT_MAX_TEXT = 200, /* bytes of sub, kind and origin each, UTF-8 */
};

/* What a token says, beside issuer and audience. */
struct jwt_claims {
    struct str sub;          /* who */
    struct tenant_id tenant; /* of which tenant */
    struct str kind;         /* in which part: "visitor", "agent" */
    struct uuid key;         /* by which widget key; nil: none */
    struct str origin;       /* for pages of which origin; empty: of any */
    int64_t ends_us;         /* what it opens ends then; whole seconds count; 0: not known */
    int64_t exp_us;          /* wall time from which it is refused; whole seconds count */
    struct uuid jti;         /* its own id, to revoke it by or to let it be used once */
};

/* Signs for one audience ("chat", "ticket") with the newest key; the token is in the arena. Asserts
 * that sub, tenant, kind, exp and jti are there and that the texts are within JWT_MAX_TEXT. */
struct str jwt_sign(struct cx *cx, const struct keyring *k, const char *audience,
                    const struct jwt_claims *claims);

/* The claims of a token for this audience that has not expired at cx->now_us; their texts are in
 * the arena. INVALID_TOKEN (ERR_UNAUTHENTICATED) for everything else. */
enum err jwt_verify(struct cx *cx, const struct keyring *k, const char *audience, struct str token,
                    struct jwt_claims *ret);

/* As jwt_verify, also when it expired less than late_us ago: for giving a new one for it. */
enum err jwt_verify_late(struct cx *cx, const struct keyring *k, const char *audience,
                         struct str token, int64_t late_us, struct jwt_claims *ret);

/* What is wrong with a token's form, in a literal sentence; NULL when nothing is. Who signed it and
 * what it claims is not looked at: for people who wonder about a token, never for trusting one.
 * Header and payload are JSON in the arena, as far as they could be read; else empty. */
const char *jwt_form(struct cx *cx, struct str token, struct str *ret_header,
                     struct str *ret_payload);

#endif
