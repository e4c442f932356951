/* Turns across tenants, for the operator's commands. They read the whole table: nobody waits for
 * them. */
#include "domain/assistant/turn.h"

static const struct db_stmt select_tenant =
    DB_PLATFORM_SQL("SELECT tenant_id FROM turns WHERE id = $1 LIMIT 1");

static const struct db_stmt select_ids =
    DB_PLATFORM_SQL("SELECT id FROM turns WHERE id > $1 ORDER BY id LIMIT $2");

enum err turn_find_tenant(struct db_tx *tx, struct turn_id id, struct tenant_id *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_tenant, DB_ARGS(DB_ID(id.v)), &rows));
    if (rows.count == 0) {
        return cx_fail(db_tx_cx(tx), CODE_TURN_NOT_FOUND, "there is no such turn");
    }
    ret->v = db_id(&rows, 0, 0);
    return ERR_OK;
}

enum err turn_list_all(struct db_tx *tx, struct turn_id after, size_t limit, struct turn_id **ret,
                       size_t *ret_count)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_ids, DB_ARGS(DB_ID(after.v), DB_INT((int64_t)limit)), &rows));
    struct turn_id *ids = arena_many(db_tx_cx(tx)->arena, struct turn_id, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        ids[i].v = db_id(&rows, i, 0);
    }
    *ret = ids;
    *ret_count = rows.count;
    return ERR_OK;
}
