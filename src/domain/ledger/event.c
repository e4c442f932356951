/* Events of a transaction are gathered in its arena and get their numbers at its end, so that the
 * row of the tenant's number is held (on PostgreSQL: locked) only from there to the commit. */
#include "domain/ledger/event.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/jw.h"
#include "base/metric.h"

struct gathered {
    struct gathered *next;
    enum event_type type;
    struct uuid conversation;
    struct str payload;
};

struct outbox {
    struct gathered *first;
    struct gathered **last;
    int64_t count;
};

enum {
    SWEEP_ROWS = 500,
    SWEEP_TENANTS = 100,
};

static const struct db_stmt take_numbers =
    DB_TENANT_SQL("INSERT INTO event_numbers (tenant_id, last) VALUES ($1, $2) "
                  "ON CONFLICT (tenant_id) DO UPDATE SET last = event_numbers.last + excluded.last "
                  "RETURNING last");
static const struct db_stmt insert_event =
    DB_TENANT_SQL("INSERT INTO events (tenant_id, seq, type, conversation_id, payload, created_us) "
                  "VALUES ($1, $2, $3, $4, $5, $6)");
static const struct db_stmt select_events =
    DB_TENANT_SQL("SELECT seq, type, conversation_id, payload, created_us FROM events "
                  "WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3");
static const struct db_stmt select_events_of_type =
    DB_TENANT_SQL("SELECT seq, type, conversation_id, payload, created_us FROM events "
                  "WHERE tenant_id = $1 AND type = $4 AND seq > $2 ORDER BY seq LIMIT $3");
static const struct db_stmt select_events_of_conversation = DB_TENANT_SQL(
    "SELECT seq, type, conversation_id, payload, created_us FROM events "
    "WHERE tenant_id = $1 AND conversation_id = $4 AND seq > $2 ORDER BY seq LIMIT $3");
static const struct db_stmt count_events =
    DB_TENANT_SQL("SELECT count(*) FROM (SELECT seq FROM events "
                  "WHERE tenant_id = $1 AND seq > $2 LIMIT $3) AS above");
static const struct db_stmt count_events_of_conversation =
    DB_TENANT_SQL("SELECT count(*) FROM (SELECT seq FROM events "
                  "WHERE tenant_id = $1 AND conversation_id = $4 AND seq > $2 LIMIT $3) AS above");
static const struct db_stmt select_newest =
    DB_TENANT_SQL("SELECT last FROM event_numbers WHERE tenant_id = $1");
static const struct db_stmt select_oldest =
    DB_TENANT_SQL("SELECT seq FROM events WHERE tenant_id = $1 ORDER BY seq LIMIT 1");
static const struct db_stmt select_tenants =
    DB_PLATFORM_SQL("SELECT tenant_id FROM event_numbers WHERE tenant_id > $1 "
                    "ORDER BY tenant_id LIMIT $2");
static const struct db_stmt select_ages = DB_PLATFORM_SQL(
    "SELECT seq, created_us FROM events WHERE tenant_id = $1 ORDER BY seq LIMIT $2");
static const struct db_stmt delete_upto =
    DB_PLATFORM_SQL("DELETE FROM events WHERE tenant_id = $1 AND seq <= $2");

static const char *const names[EVENT_TYPE_COUNT] = {
#define EVENT(id, name, doc) [EVENT_##id] = (name),
#include "domain/ledger/event_table.h"
#undef EVENT
};

const char *event_name(enum event_type type)
{
    must(type >= 0 && type < EVENT_TYPE_COUNT);
    return names[type];
}

bool event_parse(struct str name, enum event_type *ret)
{
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        if (str_is(name, names[i])) {
            *ret = (enum event_type)i;
            return true;
        }
    }
    return false;
}

static struct outbox *outbox_of(struct db_tx *tx)
{
    void **slot = db_tx_slot(tx);
    if (!*slot) {
        struct outbox *o = arena_one(db_tx_cx(tx)->arena, struct outbox);
        o->last = &o->first;
        *slot = o;
    }
    return *slot;
}

enum err event_add(struct db_tx *tx, enum event_type type, struct uuid conversation,
                   struct str payload)
{
    struct arena *a = db_tx_cx(tx)->arena;
    struct outbox *o = outbox_of(tx);
    struct gathered *g = arena_one(a, struct gathered);
    *g = (struct gathered){
        .type = type, .conversation = conversation, .payload = str_dup(a, payload)};
    *o->last = g;
    o->last = &g->next;
    o->count++;
    return ERR_OK;
}

static enum err insert_all(struct db_tx *tx, const struct gathered *first, int64_t seq)
{
    const int64_t now = db_tx_cx(tx)->now_us;
    for (const struct gathered *g = first; g; g = g->next) {
        TRY(db_exec(tx, &insert_event,
                    DB_ARGS(DB_INT(seq++), DB_CSTR(event_name(g->type)), DB_OPT_ID(g->conversation),
                            DB_TEXT(g->payload), DB_INT(now)),
                    NULL));
    }
    return ERR_OK;
}

enum err event_flush(struct db_tx *tx, int64_t *ret_last)
{
    struct outbox *o = *db_tx_slot(tx);
    struct db_rows rows;
    if (ret_last) {
        *ret_last = 0;
    }
    if (!o) {
        return ERR_OK;
    }
    *db_tx_slot(tx) = NULL;
    TRY(db_query(tx, &take_numbers, DB_ARGS(DB_INT(o->count)), &rows));
    const int64_t last = db_int(&rows, 0, 0);
    TRY(insert_all(tx, o->first, last - o->count + 1));
    db_note(tx, (struct db_note){.kind = NOTE_EVENT, .tenant = db_tx_cx(tx)->tenant, .n = last});
    metric_add(METRIC_EVENTS, NULL, (double)o->count);
    if (ret_last) {
        *ret_last = last;
    }
    return ERR_OK;
}

enum err event_commit(struct db_tx *tx)
{
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

static enum err read_events(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                            size_t arg_count, struct event **ret, size_t *ret_count)
{
    struct db_rows rows;
    TRY(db_query(tx, stmt, args, arg_count, &rows));
    struct event *list = arena_many(db_tx_cx(tx)->arena, struct event, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        list[i] = (struct event){
            .seq = db_int(&rows, i, 0),
            .type = db_text(&rows, i, 1),
            .conversation = db_id(&rows, i, 2),
            .payload = db_text(&rows, i, 3),
            .created_us = db_int(&rows, i, 4),
        };
    }
    *ret = list;
    *ret_count = rows.count;
    return ERR_OK;
}

enum err event_list(struct db_tx *tx, int64_t since, struct str type, size_t limit,
                    struct event **ret, size_t *ret_count)
{
    const struct db_val args[] = {DB_INT(since), DB_INT((int64_t)limit), DB_TEXT(type)};
    return type.n ? read_events(tx, &select_events_of_type, args, 3, ret, ret_count)
                  : read_events(tx, &select_events, args, 2, ret, ret_count);
}

enum err event_list_of(struct db_tx *tx, struct uuid conversation, int64_t since, size_t limit,
                       struct event **ret, size_t *ret_count)
{
    const struct db_val args[] = {DB_INT(since), DB_INT((int64_t)limit), DB_ID(conversation)};
    return read_events(tx, &select_events_of_conversation, args, 3, ret, ret_count);
}

enum err event_count(struct db_tx *tx, struct uuid conversation, int64_t since, int64_t max,
                     int64_t *ret)
{
    struct db_rows rows;
    const bool all = uuid_is_nil(conversation);
    const struct db_val args[] = {DB_INT(since), DB_INT(max), DB_ID(conversation)};
    TRY(db_query(tx, all ? &count_events : &count_events_of_conversation, args, all ? 2 : 3,
                 &rows));
    *ret = db_int(&rows, 0, 0);
    return ERR_OK;
}

enum err event_range(struct db_tx *tx, int64_t *ret_oldest, int64_t *ret_newest)
{
    struct db_rows newest;
    struct db_rows oldest;
    TRY(db_query(tx, &select_newest, DB_NO_ARGS, &newest));
    TRY(db_query(tx, &select_oldest, DB_NO_ARGS, &oldest));
    *ret_newest = newest.count ? db_int(&newest, 0, 0) : 0;
    *ret_oldest = oldest.count ? db_int(&oldest, 0, 0) : *ret_newest + 1;
    return ERR_OK;
}

/* One step: the oldest rows of one tenant, as far as they are too old. Numbers rise with time, so
 * the first young row ends it. */
static enum err sweep_step(struct cx *cx, struct uuid tenant, int64_t before_us,
                           int64_t *ret_removed)
{
    struct db_rows rows;
    int64_t upto = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_query(tx, &select_ages, DB_ARGS(DB_ID(tenant), DB_INT(SWEEP_ROWS)), &rows));
    for (size_t i = 0; i < rows.count && db_int(&rows, i, 1) < before_us; i++) {
        upto = db_int(&rows, i, 0);
    }
    TRY(db_exec(tx, &delete_upto, DB_ARGS(DB_ID(tenant), DB_INT(upto)), ret_removed));
    return db_commit(tx);
}

/* Reads first, so that a tenant with nothing to remove costs no write. *before_us becomes a day
 * after the oldest at most: a clock that was wrong already when we started takes a day of events
 * each time, and not all at once. */
static enum err is_old(struct cx *cx, struct uuid tenant, int64_t *before_us, bool *ret)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &select_ages, DB_ARGS(DB_ID(tenant), DB_INT(1)), &rows));
    const int64_t oldest_us = rows.count ? db_int(&rows, 0, 1) : INT64_MAX;
    *ret = oldest_us < *before_us;
    *before_us = *ret ? min_i64(*before_us, oldest_us + DAY_US) : *before_us;
    return db_commit(tx);
}

static enum err sweep_tenant(struct cx *cx, struct uuid tenant, int64_t before_us, int64_t *removed)
{
    bool old;
    TRY(is_old(cx, tenant, &before_us, &old));
    for (int64_t n = SWEEP_ROWS; old && n == SWEEP_ROWS;) {
        TRY(sweep_step(cx, tenant, before_us, &n));
        *removed += n;
    }
    return ERR_OK;
}

static enum err tenants_after(struct cx *cx, struct uuid after, struct db_rows *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &select_tenants, DB_ARGS(DB_ID(after), DB_INT(SWEEP_TENANTS)), ret));
    return db_commit(tx);
}

enum err event_sweep(struct cx *cx, int64_t *ret_removed)
{
    const int64_t before_us = clock_before_us(cx->now_us, conf.event_keep_days * DAY_US);
    struct uuid after = {};
    struct db_rows tenants = {.count = SWEEP_TENANTS};
    int64_t removed = 0;
    while (tenants.count == SWEEP_TENANTS) {
        TRY(tenants_after(cx, after, &tenants));
        for (size_t i = 0; i < tenants.count; i++) {
            after = db_id(&tenants, i, 0);
            TRY(sweep_tenant(cx, after, before_us, &removed));
        }
    }
    *ret_removed = removed;
    return ERR_OK;
}

void event_json(struct buf *out, const struct event *e)
{
    jw_open(out, '{');
    jw_member_i64(out, "seq", e->seq);
    jw_member_str(out, "type", e->type);
    jw_key(out, "conversationId");
    if (uuid_is_nil(e->conversation)) {
        jw_null(out);
    } else {
        jw_id(out, e->conversation);
    }
    jw_member_raw(out, "data", e->payload);
    jw_member_time(out, "createdAt", e->created_us);
    jw_close(out, '}');
}
