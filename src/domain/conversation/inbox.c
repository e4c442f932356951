#include "domain/conversation/inbox.h"

#include "base/jw.h"
#include "base/utf8.h"
#include "domain/conversation/row.h"

enum {
    CONTENT_BYTES = 100000,
    KEY_SIGNS = 255,
    METADATA_BYTES = 8 * 1024,
};

static const struct db_stmt insert_key = DB_TENANT_SQL(
    "INSERT INTO message_keys (tenant_id, source, key, message_id) VALUES ($1, $2, $3, $4) "
    "ON CONFLICT (tenant_id, source, key) DO NOTHING");
static const struct db_stmt select_key = DB_TENANT_SQL(
    "SELECT message_id FROM message_keys WHERE tenant_id = $1 AND source = $2 AND key = $3");

static enum err check(struct cx *cx, const struct inbound *in)
{
    if (!one_of(in->type, MESSAGE_TYPES)) {
        return cx_fail_field(cx, "type", "must be one of %s", MESSAGE_TYPES);
    }
    if (in->content.n < 1 || in->content.n > CONTENT_BYTES) {
        return cx_fail_field(cx, "message", "must have 1 to %d bytes", CONTENT_BYTES);
    }
    if (utf8_count(in->key) > KEY_SIGNS || utf8_count(in->client_message) > KEY_SIGNS) {
        return cx_fail_field(cx, "clientMessageId", "must have at most %d characters", KEY_SIGNS);
    }
    return ERR_OK;
}

/* The key is written before anything else, so that of two who bring the same message at once the
 * second waits here for the first, and then finds it. */
static enum err claim_key(struct db_tx *tx, const struct inbound *in, struct message_id mine,
                          struct message_id *ret_first, bool *ret_seen)
{
    struct db_rows rows;
    int64_t changed;
    *ret_seen = false;
    if (!in->key.n) {
        return ERR_OK;
    }
    TRY(db_exec(tx, &insert_key, DB_ARGS(DB_TEXT(in->key_source), DB_TEXT(in->key), DB_ID(mine.v)),
                &changed));
    if (changed) {
        return ERR_OK;
    }
    TRY(db_query(tx, &select_key, DB_ARGS(DB_TEXT(in->key_source), DB_TEXT(in->key)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_RERUN, "the message was stored and removed meanwhile");
    }
    ret_first->v = db_id(&rows, 0, 0);
    *ret_seen = true;
    return ERR_OK;
}

static enum err read_first(struct db_tx *tx, struct message_id id, struct received *ret)
{
    ret->duplicate = true;
    TRY(message_get(tx, id, &ret->message));
    return conversation_get(tx, ret->message.conversation, &ret->conversation);
}

static enum err find_conversation(struct db_tx *tx, const struct inbound *in,
                                  struct conversation *ret)
{
    bool created;
    if (!uuid_is_nil(in->conversation.v)) {
        TRY(conversation_get(tx, in->conversation, ret));
    } else {
        TRY(conversation_open(tx, in->channel_type, in->external_id, &in->contact, ret, &created));
    }
    return conversation_reopen(tx, ret);
}

static enum err add_turn(struct db_tx *tx, const struct inbound *in, struct received *ret)
{
    /* A lane that is taken wakes the workers when it comes free. */
    const struct job_spec spec = {.kind = JOB_TURN,
                                  .lane = ret->conversation.id.v,
                                  .payload = STR("{}"),
                                  .quiet = in->claim_for.n > 0};
    struct job_id id;
    TRY(job_add(tx, &spec, &id));
    return in->claim_for.n ? job_claim_added(tx, id, in->claim_for, &ret->claimed, &ret->job)
                           : ERR_OK;
}

/* By its own id a client knows its message again. */
static struct str metadata_of(struct arena *a, const struct inbound *in)
{
    SCOPED(buf_fini) struct buf b = buf_make(METADATA_BYTES);
    jw_open(&b, '{');
    if (in->client_message.n) {
        jw_member_str(&b, "clientMessageId", in->client_message);
    }
    jw_close(&b, '}');
    must(!b.full);
    return str_dup(a, buf_view(&b));
}

enum err inbox_receive(struct db_tx *tx, const struct inbound *in, struct received *ret)
{
    struct message_id first;
    bool seen;
    *ret = (struct received){};
    TRY(check(db_tx_cx(tx), in));
    struct message m = {
        .id = {uuid_new()},
        .direction = STR("inbound"),
        .type = in->type,
        .sender = STR("customer"),
        .content = in->content,
        .metadata = metadata_of(db_tx_cx(tx)->arena, in),
    };
    TRY(claim_key(tx, in, m.id, &first, &seen));
    if (seen) {
        return read_first(tx, first, ret);
    }
    TRY(find_conversation(tx, in, &ret->conversation));
    TRY(message_append(tx, &ret->conversation, &m));
    ret->message = m;
    return add_turn(tx, in, ret);
}
