/* Who is asking: an API key, or one of the short tokens that we sign ourselves. */
#include "api/app.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "domain/account/apikey.h"
#include "domain/account/ticket.h"
#include "domain/account/widget.h"
#include "domain/ledger/idempotency.h"

static const struct keyring *ring;

void auth_use_keyring(const struct keyring *keys)
{
    ring = keys;
}

struct str auth_act_token(struct cx *cx, struct tenant_id tenant, struct str reason)
{
    const struct jwt_claims claims = {
        .sub = utf8_prefix(reason, JWT_MAX_TEXT),
        .tenant = tenant,
        .kind = STR("act"),
        .exp_us = cx->now_us + AUTH_ACT_MINUTES * MINUTE_US,
        .jti = uuid_new(),
    };
    return jwt_sign(cx, ring, "api", &claims);
}

struct visitor auth_visitor(const struct principal *who)
{
    return (struct visitor){
        .tenant = who->tenant,
        .id = who->id,
        .key = who->widget_key,
        .origin = who->origin,
        .expires_us = who->expires_us,
    };
}

static enum err from_visitor(struct cx *cx, const struct jwt_claims *claims, struct principal *ret)
{
    struct visitor v;
    TRY(visitor_verify(cx, claims, &v));
    *ret = (struct principal){
        .kind = PRINCIPAL_VISITOR,
        .role = WHO_VISITOR,
        .tenant = v.tenant,
        .id = v.id,
        .widget_key = v.key,
        .origin = v.origin,
        .expires_us = v.expires_us,
    };
    return ERR_OK;
}

static enum err from_act(struct cx *cx, const struct jwt_claims *claims, struct principal *ret)
{
    const struct ticket t = {.kind = TICKET_ACT, .tenant = claims->tenant};
    TRY(ticket_check(cx, &t));
    *ret = (struct principal){
        .kind = PRINCIPAL_ACTING,
        .role = WHO_ADMIN,
        .tenant = claims->tenant,
        .id = claims->jti,
        .expires_us = claims->exp_us,
    };
    return ERR_OK;
}

static enum err from_token(struct cx *cx, struct str credential, struct principal *ret)
{
    struct jwt_claims claims;
    TRY(jwt_verify(cx, ring, "api", credential, &claims));
    return str_is(claims.kind, "visitor") ? from_visitor(cx, &claims, ret)
           : str_is(claims.kind, "act")
               ? from_act(cx, &claims, ret)
               : cx_fail(cx, CODE_INVALID_TOKEN, "the token is of another kind");
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
        .expires_us = k.expires_us,
    };
    return ERR_OK;
}

/* --- tickets --- */

static const struct {
    enum principal_kind kind;
    enum who role;
} of_tickets[] = {
    [TICKET_VISITOR] = {PRINCIPAL_VISITOR, WHO_VISITOR},
    [TICKET_KEY] = {PRINCIPAL_KEY, WHO_ADMIN},
    [TICKET_ACT] = {PRINCIPAL_ACTING, WHO_ADMIN},
};

struct ticket auth_ticket(const struct principal *who)
{
    struct ticket t = {
        .tenant = who->tenant,
        .id = who->id,
        .key = who->widget_key,
        .origin = who->origin,
        .scopes = who->scopes,
        .ends_us = who->expires_us,
    };
    for (size_t i = 0; i < COUNT(of_tickets); i++) {
        if (of_tickets[i].kind == who->kind) {
            t.kind = (enum ticket_kind)i;
        }
    }
    return t;
}

struct principal auth_ticket_principal(const struct ticket *t)
{
    return (struct principal){
        .kind = of_tickets[t->kind].kind,
        .role = of_tickets[t->kind].role,
        .tenant = t->tenant,
        .id = t->id,
        .scopes = t->scopes,
        .widget_key = t->key,
        .origin = t->origin,
        .expires_us = t->ends_us,
    };
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
        const struct str own = uuid_text(a, r->who.id);
        s = str_fmt(a, STR_FMT " " STR_FMT, STR_ARG(s), STR_ARG(own));
    }
    return s.p;
}

struct idempotency req_idempotency(struct req *r)
{
    return (struct idempotency){
        .key = r->idempotency_key, .route = place(r), .body_hash = r->body_hash};
}
