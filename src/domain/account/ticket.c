#include "domain/account/ticket.h"

#include "base/clock.h"
#include "base/conf.h"
#include "crypto/jwt.h"
#include "domain/account/apikey.h"
#include "domain/account/widget.h"

enum { SWEEP_ROWS = 500, ATTEMPTS = 3 };

/* A clock that is set back makes an expired ticket good again for as long. */
#define KEEP_US HOUR_US

static const char *const kinds[] = {"visitor", "key", "act"};

static const struct db_stmt insert_used =
    DB_TENANT_SQL("INSERT INTO used_tickets (tenant_id, id, expires_us) VALUES ($1, $2, $3) "
                  "ON CONFLICT (tenant_id, id) DO NOTHING");
static const struct db_stmt delete_old = DB_PLATFORM_SQL(
    "DELETE FROM used_tickets WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM used_tickets "
    "WHERE expires_us <= $1 ORDER BY expires_us LIMIT $2)");

struct str ticket_make(struct cx *cx, const struct keyring *ring, const struct ticket *t,
                       int64_t *ret_expires_us)
{
    const struct jwt_claims claims = {
        .sub = uuid_text(cx->arena, t->id),
        .tenant = t->tenant,
        .kind = str_of(kinds[t->kind]),
        .key = t->key,
        .origin = t->origin,
        .ends_us = t->ends_us,
        .exp_us = cx->now_us + conf.ticket_s * SECOND_US,
        .jti = uuid_new(),
    };
    *ret_expires_us = claims.exp_us;
    return jwt_sign(cx, ring, "ticket", &claims);
}

static enum err of_claims(struct cx *cx, const struct jwt_claims *claims, struct ticket *ret)
{
    *ret = (struct ticket){
        .tenant = claims->tenant,
        .key = claims->key,
        .origin = claims->origin,
        .ends_us = claims->ends_us,
    };
    for (size_t i = 0; i < COUNT(kinds); i++) {
        if (str_is(claims->kind, kinds[i]) && uuid_parse(claims->sub, &ret->id)) {
            ret->kind = (enum ticket_kind)i;
            return ERR_OK;
        }
    }
    return cx_fail(cx, CODE_INVALID_TOKEN, "the ticket is of another kind");
}

static enum err check_apikey(struct db_tx *tx, struct ticket *t)
{
    struct cx *cx = db_tx_cx(tx);
    struct apikey k;
    const enum err e = apikey_get(tx, (struct apikey_id){t->id}, &k);
    if (e == ERR_NOT_FOUND ||
        (!e && (k.revoked_us || (k.expires_us && cx->now_us >= k.expires_us)))) {
        return cx_fail(cx, CODE_INVALID_TOKEN, "the API key has expired or was revoked");
    }
    t->scopes = k.scopes;
    return e;
}

/* Whether what it was made for still is. */
static enum err check(struct db_tx *tx, struct ticket *t)
{
    struct cx *cx = db_tx_cx(tx);
    TRY(widget_key_check(tx, t->key));
    if (t->kind == TICKET_KEY) {
        TRY(check_apikey(tx, t));
    }
    return t->ends_us && cx->now_us >= t->ends_us
               ? cx_fail(cx, CODE_INVALID_TOKEN, "the session is over")
               : ERR_OK;
}

static enum err use(struct cx *cx, const struct jwt_claims *claims, struct ticket *t)
{
    int64_t changed = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &insert_used, DB_ARGS(DB_ID(claims->jti), DB_INT(claims->exp_us)), &changed));
    if (!changed) {
        return cx_fail(cx, CODE_INVALID_TOKEN, "the ticket was used before");
    }
    TRY(check(tx, t));
    return db_commit(tx);
}

enum err ticket_use(struct cx *cx, const struct keyring *ring, struct str text, struct ticket *ret)
{
    struct jwt_claims claims;
    struct ticket t;
    TRY(jwt_verify(cx, ring, "ticket", text, &claims));
    TRY(of_claims(cx, &claims, &t));
    cx_for_tenant(cx, t.tenant);
    enum err e = use(cx, &claims, &t);
    for (int i = 1; e == ERR_RERUN && i < ATTEMPTS; i++) {
        e = use(cx, &claims, &t);
    }
    cx->who = SCOPE_NONE;
    if (!e) {
        *ret = t;
    }
    return e;
}

static enum err read_check(struct cx *cx, struct ticket *t)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(check(tx, t));
    return db_commit(tx);
}

enum err ticket_check(struct cx *cx, const struct ticket *t)
{
    struct ticket copy = *t;
    cx_for_tenant(cx, t->tenant);
    const enum err e = read_check(cx, &copy);
    cx->who = SCOPE_NONE;
    return e;
}

static enum err sweep_step(struct cx *cx, int64_t *ret_removed)
{
    const int64_t before_us = clock_before_us(cx->now_us, KEEP_US);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &delete_old, DB_ARGS(DB_INT(before_us), DB_INT(SWEEP_ROWS)), ret_removed));
    return db_commit(tx);
}

enum err ticket_sweep(struct cx *cx, int64_t *ret_removed)
{
    int64_t removed = 0;
    for (int64_t n = SWEEP_ROWS; n == SWEEP_ROWS; removed += n) {
        TRY(sweep_step(cx, &n));
    }
    *ret_removed = removed;
    return ERR_OK;
}
