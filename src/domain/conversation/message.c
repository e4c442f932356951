#include "domain/conversation/message.h"

#include "base/jw.h"
#include "base/metric.h"
#include "domain/ledger/event.h"

enum { EVENT_BYTES = 1024 * 1024 };

#define MESSAGE_COLUMNS                                                                            \
    "m.id, m.conversation_id, m.direction, m.type, m.sender, m.content, m.metadata, m.status, "    \
    "m.turn_id, m.created_us FROM messages m"

static const struct db_stmt insert_message = DB_TENANT_SQL(
    "INSERT INTO messages (tenant_id, id, conversation_id, direction, type, sender, content, "
    "metadata, status, turn_id, created_us) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
static const struct db_stmt touch_conversation = DB_TENANT_SQL(
    "UPDATE conversations SET last_message_us = $3, waiting_since_us = $4, updated_us = $5 "
    "WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt select_message =
    DB_TENANT_SQL("SELECT " MESSAGE_COLUMNS " WHERE m.tenant_id = $1 AND m.id = $2");
static const struct db_stmt select_thread = DB_TENANT_SQL(
    "SELECT " MESSAGE_COLUMNS " WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.id < $3 "
    "ORDER BY m.id DESC LIMIT $4");

static const struct db_stmt mark_read = DB_TENANT_SQL(
    "UPDATE messages SET status = 'read' WHERE tenant_id = $1 AND conversation_id = $2 "
    "AND id <= $3 AND direction = 'outbound' AND status IN ('sent', 'delivered')");

static struct message read_message(const struct db_rows *rows, size_t i)
{
    return (struct message){
        .id = {db_id(rows, i, 0)},
        .conversation = {db_id(rows, i, 1)},
        .direction = db_text(rows, i, 2),
        .type = db_text(rows, i, 3),
        .sender = db_text(rows, i, 4),
        .content = db_text(rows, i, 5),
        .metadata = db_text(rows, i, 6),
        .status = db_text(rows, i, 7),
        .turn = db_id(rows, i, 8),
        .created_us = db_int(rows, i, 9),
    };
}

static bool is_inbound(const struct message *m)
{
    return str_is(m->direction, "inbound");
}

static void complete(struct message *m, const struct conversation *c, int64_t now_us)
{
    if (uuid_is_nil(m->id.v)) {
        m->id.v = uuid_new();
    }
    m->conversation = c->id;
    m->created_us = now_us;
    m->metadata = m->metadata.n ? m->metadata : STR("{}");
    if (!m->status.n) {
        m->status = is_inbound(m) ? STR("received") : STR("sent");
    }
}

/* A customer's message begins the wait, an answer ends it, and words of the system do neither. */
static void touch(struct conversation *c, const struct message *m)
{
    c->last_message_us = max_i64(c->last_message_us, m->created_us);
    c->updated_us = max_i64(c->updated_us, m->created_us);
    if (is_inbound(m)) {
        c->waiting_since_us = c->waiting_since_us ? c->waiting_since_us : m->created_us;
    } else if (!str_is(m->sender, "system")) {
        c->waiting_since_us = 0;
    }
}

static enum err add_event(struct db_tx *tx, const struct message *m)
{
    SCOPED(buf_fini) struct buf b = buf_make(EVENT_BYTES);
    message_json(&b, m);
    must(!b.full);
    return event_add(tx, is_inbound(m) ? EVENT_MESSAGE_RECEIVED : EVENT_MESSAGE_SENT,
                     m->conversation.v, buf_view(&b));
}

enum err message_append(struct db_tx *tx, struct conversation *c, struct message *m)
{
    complete(m, c, db_tx_cx(tx)->now_us);
    touch(c, m);
    TRY(db_exec(tx, &insert_message,
                DB_ARGS(DB_ID(m->id.v), DB_ID(c->id.v), DB_TEXT(m->direction), DB_TEXT(m->type),
                        DB_TEXT(m->sender), DB_TEXT(m->content), DB_TEXT(m->metadata),
                        DB_TEXT(m->status), DB_OPT_ID(m->turn), DB_INT(m->created_us)),
                NULL));
    TRY(db_exec(tx, &touch_conversation,
                DB_ARGS(DB_ID(c->id.v), DB_INT(c->last_message_us),
                        c->waiting_since_us ? DB_INT(c->waiting_since_us) : DB_NULL,
                        DB_INT(c->updated_us)),
                NULL));
    metric_add(METRIC_MESSAGES, is_inbound(m) ? "inbound" : "outbound", 1);
    return add_event(tx, m);
}

enum err message_get(struct db_tx *tx, struct message_id id, struct message *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_message, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_MESSAGE_NOT_FOUND, "there is no such message");
    }
    *ret = read_message(&rows, 0);
    return ERR_OK;
}

static enum err add_status(struct db_tx *tx, const struct message *m, const char *status)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    jw_open(&b, '{');
    jw_member_id(&b, "conversationId", m->conversation.v);
    jw_member_id(&b, "messageId", m->id.v);
    jw_member_str(&b, "status", str_of(status));
    jw_close(&b, '}');
    return event_add(tx, EVENT_MESSAGE_STATUS, m->conversation.v, buf_view(&b));
}

enum err message_mark_read(struct db_tx *tx, struct conversation_id conversation,
                           struct message_id upto)
{
    struct message m;
    int64_t changed = 0;
    TRY(message_get(tx, upto, &m));
    if (!uuid_eq(m.conversation.v, conversation.v)) {
        return cx_fail(db_tx_cx(tx), CODE_MESSAGE_NOT_FOUND, "there is no such message");
    }
    TRY(db_exec(tx, &mark_read, DB_ARGS(DB_ID(conversation.v), DB_ID(upto.v)), &changed));
    return changed ? add_status(tx, &m, "read") : ERR_OK;
}

enum err message_list(struct db_tx *tx, struct conversation_id conversation,
                      struct message_id before, size_t limit, struct message **ret,
                      size_t *ret_count)
{
    struct db_rows rows;
    if (uuid_is_nil(before.v)) {
        memset(before.v.b, 0xff, sizeof(before.v.b));
    }
    TRY(db_query(tx, &select_thread,
                 DB_ARGS(DB_ID(conversation.v), DB_ID(before.v), DB_INT((int64_t)limit)), &rows));
    struct message *list = arena_many(db_tx_cx(tx)->arena, struct message, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        list[i] = read_message(&rows, i);
    }
    *ret = list;
    *ret_count = rows.count;
    return ERR_OK;
}

void message_json(struct buf *out, const struct message *m)
{
    jw_open(out, '{');
    jw_member_id(out, "id", m->id.v);
    jw_member_id(out, "conversationId", m->conversation.v);
    jw_member_str(out, "direction", m->direction);
    jw_member_str(out, "type", m->type);
    jw_member_str(out, "content", m->content);
    jw_member_raw(out, "metadata", m->metadata);
    jw_member_str(out, "status", m->status);
    jw_member_str(out, "sender", m->sender);
    jw_key(out, "turnId");
    if (uuid_is_nil(m->turn)) {
        jw_null(out);
    } else {
        jw_id(out, m->turn);
    }
    jw_member_time(out, "createdAt", m->created_us);
    jw_close(out, '}');
}

enum err message_newest(struct db_tx *tx, struct uuid *ret)
{
    static const struct db_stmt select_newest = DB_PLATFORM_SQL(
        "SELECT max((SELECT max(m.id) FROM messages m WHERE m.tenant_id = t.id)) FROM tenants t");
    struct db_rows rows;
    TRY(db_query(tx, &select_newest, DB_NO_ARGS, &rows));
    *ret = db_id(&rows, 0, 0);
    return ERR_OK;
}
