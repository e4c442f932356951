#include "base/clock.h"
#include "domain/assistant/turn.h"
#include "domain/conversation/inbox.h"

enum { SWEEP_LIMIT = 500 };

/* Only conversations in which a customer waits are looked at. */
static const struct db_stmt sql_forgotten = DB_PLATFORM_SQL(
    "SELECT c.tenant_id, c.id FROM conversations c WHERE c.waiting_since_us IS NOT NULL "
    "AND c.id > $1 "
    "AND EXISTS (SELECT 1 FROM messages m WHERE m.tenant_id = c.tenant_id "
    "AND m.conversation_id = c.id AND m.direction = 'inbound' "
    "AND NOT EXISTS (SELECT 1 FROM turn_messages t WHERE t.tenant_id = m.tenant_id "
    "AND t.message_id = m.id)) "
    "AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.tenant_id = c.tenant_id AND j.lane = c.id "
    "AND j.kind = 'turn' AND j.state IN ('pending', 'running')) ORDER BY c.id LIMIT $2");

static enum err find(struct cx *cx, struct uuid after, struct db_rows *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &sql_forgotten, DB_ARGS(DB_ID(after), DB_INT(SWEEP_LIMIT)), ret));
    return db_commit(tx);
}

static enum err give_job(struct cx *cx, struct tenant_id tenant, struct uuid conversation)
{
    struct cx own;
    cx_begin(&own, cx->db);
    cx_for_tenant(&own, tenant);
    struct db_tx *tx = NULL;
    struct job_id id;
    const struct job_spec spec = {.kind = JOB_TURN, .lane = conversation, .payload = STR("{}")};
    enum err e = db_begin_write(&own, &tx);
    e = e ? e : job_add(tx, &spec, &id);
    e = e ? e : db_commit(tx);
    db_tx_close(&tx);
    cx_end(&own);
    return e;
}

enum err turn_sweep(struct cx *cx)
{
    struct uuid after = {};
    struct db_rows rows = {.count = SWEEP_LIMIT};
    while (rows.count == SWEEP_LIMIT) {
        TRY(find(cx, after, &rows));
        for (size_t i = 0; i < rows.count; i++) {
            TRY(give_job(cx, (struct tenant_id){db_id(&rows, i, 0)}, db_id(&rows, i, 1)));
            after = db_id(&rows, i, 1);
        }
    }
    return ERR_OK;
}
