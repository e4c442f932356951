#include "domain/ledger/idempotency.h"

#include "base/clock.h"
#include "base/conf.h"

enum {
    HASH_BYTES = 32,
    SWEEP_ROWS = 500,
};

static const struct db_stmt select_key =
    DB_TENANT_SQL("SELECT route, body_hash, resource_id FROM idempotency_keys "
                  "WHERE tenant_id = $1 AND key = $2 AND created_us > $3");
static const struct db_stmt insert_key = DB_TENANT_SQL(
    "INSERT INTO idempotency_keys (tenant_id, key, route, body_hash, resource_id, created_us) "
    "VALUES ($1, $2, $3, $4, $5, $6) "
    "ON CONFLICT (tenant_id, key) DO UPDATE SET route = excluded.route, "
    "body_hash = excluded.body_hash, resource_id = excluded.resource_id, "
    "created_us = excluded.created_us WHERE idempotency_keys.created_us <= $7");
static const struct db_stmt delete_old =
    DB_PLATFORM_SQL("DELETE FROM idempotency_keys WHERE (tenant_id, key) IN "
                    "(SELECT tenant_id, key FROM idempotency_keys WHERE created_us <= $1 "
                    "ORDER BY created_us LIMIT $2)");

/* What is as old as this is as good as gone. */
static int64_t oldest_us(const struct cx *cx)
{
    return clock_before_us(cx->now_us, conf.idempotency_hours * HOUR_US);
}

static struct str hash_of(const struct idempotency *i)
{
    return (struct str){(const char *)i->body_hash, HASH_BYTES};
}

enum err idempotency_find(struct db_tx *tx, const struct idempotency *i, bool *ret_found,
                          struct uuid *ret_resource)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    *ret_found = false;
    if (!i->key.n) {
        return ERR_OK;
    }
    TRY(db_query(tx, &select_key, DB_ARGS(DB_TEXT(i->key), DB_INT(oldest_us(cx))), &rows));
    if (!rows.count) {
        return ERR_OK;
    }
    if (!str_is(db_text(&rows, 0, 0), i->route) || !str_eq(db_text(&rows, 0, 1), hash_of(i))) {
        return cx_fail(cx, CODE_IDEMPOTENCY_MISMATCH,
                       "this Idempotency-Key was used before for another request");
    }
    *ret_resource = db_id(&rows, 0, 2);
    *ret_found = true;
    return ERR_OK;
}

enum err idempotency_store(struct db_tx *tx, const struct idempotency *i, struct uuid resource)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t changed;
    if (!i->key.n) {
        return ERR_OK;
    }
    TRY(db_exec(tx, &insert_key,
                DB_ARGS(DB_TEXT(i->key), DB_CSTR(i->route), DB_BLOB(hash_of(i)), DB_ID(resource),
                        DB_INT(cx->now_us), DB_INT(oldest_us(cx))),
                &changed));
    return changed ? ERR_OK
                   : cx_fail(cx, CODE_IDEMPOTENCY_IN_USE,
                             "another request with this Idempotency-Key came first");
}

static enum err sweep_step(struct cx *cx, int64_t *ret_removed)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &delete_old, DB_ARGS(DB_INT(oldest_us(cx)), DB_INT(SWEEP_ROWS)), ret_removed));
    return db_commit(tx);
}

enum err idempotency_sweep(struct cx *cx, int64_t *ret_removed)
{
    int64_t removed = 0;
    for (int64_t n = SWEEP_ROWS; n == SWEEP_ROWS; removed += n) {
        TRY(sweep_step(cx, &n));
    }
    *ret_removed = removed;
    return ERR_OK;
}
