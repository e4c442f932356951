#include "domain/account/visitor.h"

#include "base/clock.h"
#include "base/conf.h"
#include "domain/account/origin.h"
#include "domain/account/widget.h"

struct str visitor_token(struct cx *cx, const struct keyring *ring, struct visitor *v)
{
    v->expires_us = cx->now_us + conf.visitor_token_min * MINUTE_US;
    const struct jwt_claims claims = {
        .sub = uuid_text(cx->arena, v->id),
        .tenant = v->tenant,
        .kind = STR("visitor"),
        .key = v->key,
        .origin = v->origin,
        .exp_us = v->expires_us,
        .jti = uuid_new(),
    };
    return jwt_sign(cx, ring, "api", &claims);
}

static enum err of_claims(struct cx *cx, const struct jwt_claims *claims, struct visitor *ret)
{
    *ret = (struct visitor){
        .tenant = claims->tenant,
        .key = claims->key,
        .origin = claims->origin,
        .expires_us = claims->exp_us,
    };
    const bool whole = str_is(claims->kind, "visitor") && uuid_parse(claims->sub, &ret->id) &&
                       !uuid_is_nil(claims->key) && claims->origin.n;
    return whole ? ERR_OK : cx_fail(cx, CODE_INVALID_TOKEN, "the token is not a visitor's");
}

static enum err check(struct cx *cx, const struct visitor *v)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(widget_key_check(tx, v->key));
    return db_commit(tx);
}

enum err visitor_verify(struct cx *cx, const struct jwt_claims *claims, struct visitor *ret)
{
    TRY(of_claims(cx, claims, ret));
    cx_for_tenant(cx, ret->tenant);
    const enum err e = check(cx, ret);
    cx->who = SCOPE_NONE;
    return e;
}

/* The one whose token it is. A key that was replaced meanwhile does not make another visitor of it,
 * for the page came with one that lives. */
static enum err known(struct cx *cx, const struct keyring *ring, const struct widget_door *door,
                      struct str origin, struct str token, struct visitor *ret)
{
    struct jwt_claims claims;
    const int64_t late_us = conf.visitor_keep_days * DAY_US;
    TRY(jwt_verify_late(cx, ring, "api", token, late_us, &claims));
    TRY(of_claims(cx, &claims, ret));
    return uuid_eq(ret->tenant.v, door->tenant.v) && str_eq(ret->origin, origin)
               ? ERR_OK
               : cx_fail(cx, CODE_INVALID_TOKEN, "the token was given for another page");
}

enum err visitor_session(struct cx *cx, const struct keyring *ring, struct str key,
                         struct str origin, struct str token, struct visitor_session *ret)
{
    struct widget_door door;
    struct visitor v = {.id = uuid_new()};
    TRY(widget_open(cx, key, &door));
    if (!origin_allowed(door.widget.origins, origin)) {
        return cx_fail(cx, CODE_ORIGIN_NOT_ALLOWED,
                       origin.n ? "pages of this origin may not show the widget; the origins that "
                                  "may are set with PUT /api/v1/tenant/widget"
                                : "the request carries no Origin, which browsers send by "
                                  "themselves");
    }
    if (token.n) {
        TRY(known(cx, ring, &door, origin, token, &v));
    }
    v.tenant = door.tenant;
    v.key = door.key_id;
    v.origin = origin;
    ret->token = visitor_token(cx, ring, &v);
    ret->visitor = v;
    return ERR_OK;
}
