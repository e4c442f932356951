/* Who is asking: an API key, or one of the short tokens that we sign ourselves. */
#include "api/app.h"
#include "base/clock.h"
#include "crypto/jwt.h"
#include "domain/account/apikey.h"
#include "domain/account/tenant.h"
#include "domain/ledger/idempotency.h"

static const struct keyring *ring;

void auth_use_keyring(const struct keyring *keys)
{
    ring = keys;
}

static struct str token(struct cx *cx, const char *kind, struct str sub, struct tenant_id tenant,
                        struct uuid conversation, int64_t minutes)
{
    const struct jwt_claims claims = {
        .sub = sub,
        .tenant = tenant,
        .kind = str_of(kind),
        .conversation = conversation,
        .exp_us = cx->now_us + minutes * MINUTE_US,
        .jti = uuid_new(),
    };
    return jwt_sign(cx, ring, "api", &claims);
}

struct str auth_visitor_token(struct cx *cx, struct tenant_id tenant, struct uuid conversation)
{
    return token(cx, "visitor", uuid_text(cx->arena, conversation), tenant, conversation,
                 AUTH_VISITOR_MINUTES);
}

struct str auth_act_token(struct cx *cx, struct tenant_id tenant, struct str reason)
{
    return token(cx, "act", reason, tenant, (struct uuid){}, AUTH_ACT_MINUTES);
}

static enum err check_tenant(struct cx *cx, struct tenant_id id)
{
    struct tenant t = {};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_tenant(cx, id);
    enum err e = db_begin_read(cx, &tx);
    if (!e) {
        e = tenant_get(tx, &t);
    }
    if (!e) {
        e = db_commit(tx);
    }
    db_tx_close(&tx);
    cx->who = SCOPE_NONE;
    if (e == ERR_NOT_FOUND || (!e && !str_is(t.status, "active"))) {
        return cx_fail(cx, CODE_INVALID_TOKEN, "the tenant is gone or suspended");
    }
    return e;
}

static enum err from_token(struct cx *cx, struct str credential, struct principal *ret)
{
    struct jwt_claims claims;
    TRY(jwt_verify(cx, ring, "api", credential, &claims));
    const bool visitor = str_is(claims.kind, "visitor");
    if (!visitor && !str_is(claims.kind, "act")) {
        return cx_fail(cx, CODE_INVALID_TOKEN, "the token is of another kind");
    }
    TRY(check_tenant(cx, claims.tenant));
    *ret = (struct principal){
        .kind = visitor ? PRINCIPAL_VISITOR : PRINCIPAL_ACTING,
        .role = visitor ? WHO_VISITOR : WHO_ADMIN,
        .tenant = claims.tenant,
        .id = claims.jti,
        .conversation = claims.conversation,
    };
    return ERR_OK;
}

enum err auth_principal(struct cx *cx, struct str credential, struct principal *ret)
{
    struct apikey k;
    if (!str_starts(credential, STR("mc_"))) {
        return from_token(cx, credential, ret);
    }
    TRY(apikey_verify(cx, credential, &k));
    *ret = (struct principal){
        .kind = PRINCIPAL_KEY,
        .role = WHO_ADMIN,
        .tenant = k.tenant,
        .id = k.id.v,
        .scopes = k.scopes,
    };
    return ERR_OK;
}

/* The route with what stands in its place holders; and a visitor's key is nobody else's. */
static const char *place(struct req *r)
{
    struct arena *a = r->cx.arena;
    struct str s = str_fmt(a, "%s %s", method_name(r->route->method), r->route->path);
    for (size_t i = 0; i < r->hit.param_count; i++) {
        s = str_fmt(a, STR_FMT " " STR_FMT, STR_ARG(s), STR_ARG(r->hit.params[i]));
    }
    if (r->who.kind == PRINCIPAL_VISITOR) {
        const struct str own = uuid_text(a, r->who.conversation);
        s = str_fmt(a, STR_FMT " " STR_FMT, STR_ARG(s), STR_ARG(own));
    }
    return s.p;
}

struct idempotency req_idempotency(struct req *r)
{
    return (struct idempotency){
        .key = r->idempotency_key, .route = place(r), .body_hash = r->body_hash};
}
