#include "domain/conversation/conversation.h"

#include "base/jw.h"
#include "base/utf8.h"
#include "domain/conversation/row.h"
#include "domain/ledger/event.h"

enum {
    EXTERNAL_ID_SIGNS = 255,
    SUBJECT_SIGNS = 200,
    REASON_BYTES = 500,
};

static const struct db_stmt select_by_id =
    DB_TENANT_SQL("SELECT " CONVERSATION_COLUMNS " WHERE c.tenant_id = $1 AND c.id = $2");
static const struct db_stmt select_by_external =
    DB_TENANT_SQL("SELECT " CONVERSATION_COLUMNS " WHERE c.tenant_id = $1 AND c.channel_type = $2 "
                  "AND c.external_id = $3");
static const struct db_stmt insert_conversation = DB_TENANT_SQL(
    "INSERT INTO conversations (tenant_id, id, channel_type, external_id, contact_id, status, "
    "language, subject, priority, unknown_in_row, last_message_us, created_us, updated_us) "
    "VALUES ($1, $2, $3, $4, $5, 'active', $6, '', 'normal', 0, $7, $7, $7) "
    "ON CONFLICT (tenant_id, channel_type, external_id) DO NOTHING");
static const struct db_stmt update_conversation = DB_TENANT_SQL(
    "UPDATE conversations SET status = $3, subject = $4, priority = $5, language = $6, "
    "assignee_id = $7, snoozed_until_us = $8, waiting_since_us = $9, unknown_in_row = $10, "
    "closed_us = $11, updated_us = $12 WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt update_unknown =
    DB_TENANT_SQL("UPDATE conversations SET unknown_in_row = $3 WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt count_active = DB_PLATFORM_SQL(
    "SELECT count(*) FROM conversations WHERE status IN ('active', 'assigned_human')");

struct conversation conversation_read(const struct db_rows *rows, size_t i)
{
    return (struct conversation){
        .id = {db_id(rows, i, 0)},
        .channel_type = db_text(rows, i, 1),
        .external_id = db_text(rows, i, 2),
        .contact = {db_id(rows, i, 3)},
        .contact_name = db_text(rows, i, 4),
        .status = db_text(rows, i, 5),
        .assignee = db_id(rows, i, 6),
        .language = db_text(rows, i, 7),
        .subject = db_text(rows, i, 8),
        .priority = db_text(rows, i, 9),
        .unknown_in_row = db_int(rows, i, 10),
        .snoozed_until_us = db_int(rows, i, 11),
        .waiting_since_us = db_int(rows, i, 12),
        .last_message_us = db_int(rows, i, 13),
        .created_us = db_int(rows, i, 14),
        .updated_us = db_int(rows, i, 15),
        .closed_us = db_int(rows, i, 16),
    };
}

bool one_of(struct str value, const char *words)
{
    struct str rest = str_of(words);
    struct str word;
    while (str_split(&rest, '|', &word)) {
        if (str_eq(word, value)) {
            return true;
        }
    }
    return false;
}

enum err conversation_get(struct db_tx *tx, struct conversation_id id, struct conversation *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_by_id, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_CONVERSATION_NOT_FOUND, "there is no such conversation");
    }
    *ret = conversation_read(&rows, 0);
    return ERR_OK;
}

static enum err find(struct db_tx *tx, struct str channel_type, struct str external_id,
                     struct conversation *ret, bool *ret_found)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_by_external, DB_ARGS(DB_TEXT(channel_type), DB_TEXT(external_id)),
                 &rows));
    *ret_found = rows.count == 1;
    if (*ret_found) {
        *ret = conversation_read(&rows, 0);
    }
    return ERR_OK;
}

/* State and ids, for events. */
static enum err add_event(struct db_tx *tx, enum event_type type, const struct conversation *c)
{
    SCOPED(buf_fini) struct buf b = buf_make(16 * KB);
    jw_open(&b, '{');
    jw_member_id(&b, "id", c->id.v);
    jw_member_str(&b, "channelType", c->channel_type);
    jw_member_str(&b, "externalId", c->external_id);
    jw_member_id(&b, "contactId", c->contact.v);
    jw_member_str(&b, "status", c->status);
    jw_member_str(&b, "priority", c->priority);
    jw_key(&b, "assigneeId");
    if (uuid_is_nil(c->assignee)) {
        jw_null(&b);
    } else {
        jw_id(&b, c->assignee);
    }
    jw_close(&b, '}');
    must(!b.full);
    return event_add(tx, type, c->id.v, buf_view(&b));
}

static struct str identity_kind(struct str channel_type)
{
    return str_is(channel_type, "whatsapp")    ? STR("phone")
           : str_is(channel_type, "messenger") ? STR("psid")
           : str_is(channel_type, "webchat")   ? STR("visitor")
                                               : STR("user");
}

/* The conversation's own id stands in for what the caller has no id for. */
static enum err make(struct db_tx *tx, struct conversation *c, const struct contact_in *in,
                     bool *ret_mine)
{
    const int64_t now = db_tx_cx(tx)->now_us;
    const struct str own_id = uuid_text(db_tx_cx(tx)->arena, c->id.v);
    const struct identity identity = {
        .channel_type = c->channel_type,
        .external_id = in->external_id.n ? in->external_id : own_id,
        .kind = identity_kind(c->channel_type),
        .verified_by = in->verified ? STR("key") : STR(""),
    };
    struct contact contact;
    bool is_new;
    int64_t changed;
    TRY(contact_resolve(tx, &identity, in, &contact, &is_new));
    c->contact = contact.id;
    c->contact_name = contact.name;
    c->language = contact.language;
    c->external_id = c->external_id.n ? c->external_id : own_id;
    TRY(db_exec(tx, &insert_conversation,
                DB_ARGS(DB_ID(c->id.v), DB_TEXT(c->channel_type), DB_TEXT(c->external_id),
                        DB_ID(contact.id.v), DB_TEXT(c->language), DB_INT(now)),
                &changed));
    *ret_mine = changed == 1;
    return ERR_OK;
}

static enum err check_open(struct cx *cx, struct str channel_type, struct str external_id)
{
    if (!one_of(channel_type, CHANNEL_TYPES)) {
        return cx_fail_field(cx, "channelType", "must be one of %s", CHANNEL_TYPES);
    }
    if (utf8_count(external_id) > EXTERNAL_ID_SIGNS) {
        return cx_fail_field(cx, "externalId", "must have 1 to %d characters", EXTERNAL_ID_SIGNS);
    }
    return ERR_OK;
}

/* A conversation that is there already learns the customer's name and the like, if it had none. */
static enum err learn(struct db_tx *tx, struct conversation *c, const struct contact_in *in)
{
    struct contact contact;
    if (c->contact_name.n || !(in->name.n || in->email.n || in->phone.n)) {
        return ERR_OK;
    }
    TRY(contact_get(tx, c->contact, &contact));
    TRY(contact_fill(tx, &contact, in));
    c->contact_name = contact.name;
    return ERR_OK;
}

enum err conversation_open(struct db_tx *tx, struct str channel_type, struct str external_id,
                           const struct contact_in *contact, struct conversation *ret,
                           bool *ret_created)
{
    struct cx *cx = db_tx_cx(tx);
    struct conversation c = {
        .id = {uuid_new()},
        .channel_type = channel_type,
        .external_id = external_id,
        .status = STR("active"),
        .priority = STR("normal"),
        .last_message_us = cx->now_us,
        .created_us = cx->now_us,
        .updated_us = cx->now_us,
    };
    bool found = false;
    TRY(check_open(cx, channel_type, external_id));
    *ret_created = false;
    if (external_id.n) {
        TRY(find(tx, channel_type, external_id, ret, &found));
    }
    if (!found) {
        TRY(make(tx, &c, contact, ret_created));
        if (*ret_created) {
            *ret = c;
            return add_event(tx, EVENT_CONVERSATION_CREATED, ret);
        }
        TRY(find(tx, channel_type, c.external_id, ret, &found));
    }
    return found ? learn(tx, ret, contact)
                 : cx_fail(cx, CODE_RERUN, "the conversation was opened and removed meanwhile");
}

static bool is_language(struct str s)
{
    return s.n == 2 && s.p[0] >= 'a' && s.p[0] <= 'z' && s.p[1] >= 'a' && s.p[1] <= 'z';
}

static enum err check_change(struct cx *cx, const struct conversation_change *change)
{
    enum err e = ERR_OK;
    if (change->has_status && !one_of(change->status, CONVERSATION_STATES)) {
        e = cx_fail_field(cx, "status", "must be one of %s", CONVERSATION_STATES);
    }
    if (change->has_priority && !one_of(change->priority, CONVERSATION_PRIORITIES)) {
        e = cx_fail_field(cx, "priority", "must be one of %s", CONVERSATION_PRIORITIES);
    }
    if (change->has_subject &&
        (!utf8_is_text(change->subject) || utf8_count(change->subject) > SUBJECT_SIGNS)) {
        e = cx_fail_field(cx, "subject", "must have at most %d characters", SUBJECT_SIGNS);
    }
    if (change->has_language && change->language.n != 0 && !is_language(change->language)) {
        e = cx_fail_field(cx, "language", "must be an ISO 639-1 code such as en");
    }
    if (change->has_snoozed && change->snoozed_until_us < 0) {
        e = cx_fail_field(cx, "snoozedUntil", "must not lie before 1970");
    }
    return e;
}

/* What follows from a status, whoever sets it: only a closed one has a time of closing and nobody
 * waits in it; the assistant begins anew when it gets a conversation back, and nobody else has it.
 */
static void set_status(struct conversation *c, struct str status, int64_t now_us)
{
    if (str_eq(c->status, status)) {
        return;
    }
    c->status = status;
    c->closed_us = 0;
    if (str_is(status, "closed")) {
        c->closed_us = now_us;
        c->waiting_since_us = 0;
    }
    if (str_is(status, "active")) {
        c->unknown_in_row = 0;
        c->assignee = (struct uuid){};
    }
}

static void apply(struct conversation *c, const struct conversation_change *change, int64_t now_us)
{
    if (change->has_status) {
        set_status(c, change->status, now_us);
    }
    c->subject = change->has_subject ? change->subject : c->subject;
    c->priority = change->has_priority ? change->priority : c->priority;
    c->language = change->has_language ? change->language : c->language;
    c->assignee = change->has_assignee ? change->assignee : c->assignee;
    c->snoozed_until_us = change->has_snoozed ? change->snoozed_until_us : c->snoozed_until_us;
}

static bool is_same(const struct conversation *a, const struct conversation *b)
{
    return str_eq(a->status, b->status) && str_eq(a->subject, b->subject) &&
           str_eq(a->priority, b->priority) && str_eq(a->language, b->language) &&
           uuid_eq(a->assignee, b->assignee) && a->snoozed_until_us == b->snoozed_until_us;
}

static struct db_val opt_time(int64_t us)
{
    return us ? DB_INT(us) : DB_NULL;
}

/* Writes what apply and set_status may have changed, and says so. */
static enum err save(struct db_tx *tx, struct conversation *c, enum event_type type)
{
    c->updated_us = db_tx_cx(tx)->now_us;
    TRY(db_exec(tx, &update_conversation,
                DB_ARGS(DB_ID(c->id.v), DB_TEXT(c->status), DB_TEXT(c->subject),
                        DB_TEXT(c->priority), DB_TEXT(c->language), DB_OPT_ID(c->assignee),
                        opt_time(c->snoozed_until_us), opt_time(c->waiting_since_us),
                        DB_INT(c->unknown_in_row), opt_time(c->closed_us), DB_INT(c->updated_us)),
                NULL));
    return add_event(tx, type, c);
}

enum err conversation_update(struct db_tx *tx, struct conversation_id id,
                             const struct conversation_change *change, struct conversation *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct conversation before = {};
    TRY(check_change(cx, change));
    TRY(conversation_get(tx, id, &before));
    struct conversation after = before;
    apply(&after, change, cx->now_us);
    if (!is_same(&before, &after)) {
        const bool closes = str_is(after.status, "closed") && !str_is(before.status, "closed");
        TRY(save(tx, &after, closes ? EVENT_CONVERSATION_CLOSED : EVENT_CONVERSATION_UPDATED));
    }
    *ret = after;
    return ERR_OK;
}

enum err conversation_handover(struct db_tx *tx, struct conversation *c, struct str reason)
{
    if (str_is(c->status, "assigned_human")) {
        return ERR_OK;
    }
    SCOPED(buf_fini) struct buf b = buf_make(16 * KB);
    set_status(c, STR("assigned_human"), db_tx_cx(tx)->now_us);
    TRY(save(tx, c, EVENT_CONVERSATION_UPDATED));
    jw_open(&b, '{');
    jw_member_id(&b, "conversationId", c->id.v);
    jw_member_str(&b, "reason", utf8_prefix(reason, REASON_BYTES));
    jw_close(&b, '}');
    must(!b.full);
    return event_add(tx, EVENT_HANDOVER_REQUESTED, c->id.v, buf_view(&b));
}

enum err conversation_reopen(struct db_tx *tx, struct conversation *c)
{
    if (!str_is(c->status, "closed")) {
        return ERR_OK;
    }
    set_status(c, STR("active"), db_tx_cx(tx)->now_us);
    return save(tx, c, EVENT_CONVERSATION_UPDATED);
}

enum err conversation_note_unknown(struct db_tx *tx, struct conversation *c, bool known)
{
    const int64_t n = known ? 0 : c->unknown_in_row + 1;
    if (n == c->unknown_in_row) {
        return ERR_OK;
    }
    c->unknown_in_row = n;
    return db_exec(tx, &update_unknown, DB_ARGS(DB_ID(c->id.v), DB_INT(n)), NULL);
}

enum err conversation_count_active(struct cx *cx, int64_t *ret)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &count_active, DB_NO_ARGS, &rows));
    TRY(db_commit(tx));
    *ret = db_int(&rows, 0, 0);
    return ERR_OK;
}
