#include "domain/account/tenant.h"

#include "base/utf8.h"
#include "domain/account/widget.h"

enum {
    NAME_SIGNS = 200,
    ZONE_BYTES = 64,
};

#define TENANT_COLUMNS "id, slot, name, status, language, time_zone, created_us, updated_us"

static const struct db_stmt take_slot =
    DB_PLATFORM_SQL("UPDATE tenant_slots SET next = next + 1 WHERE one = 1 RETURNING next - 1");
static const struct db_stmt insert_tenant =
    DB_PLATFORM_SQL("INSERT INTO tenants (" TENANT_COLUMNS ") "
                    "VALUES ($1, $2, $3, 'active', 'en', 'UTC', $4, $4) RETURNING " TENANT_COLUMNS);
static const struct db_stmt select_own =
    DB_TENANT_SQL("SELECT " TENANT_COLUMNS " FROM tenants WHERE id = $1");
static const struct db_stmt select_by_id =
    DB_PLATFORM_SQL("SELECT " TENANT_COLUMNS " FROM tenants WHERE id = $1");
static const struct db_stmt select_by_name =
    DB_PLATFORM_SQL("SELECT " TENANT_COLUMNS " FROM tenants WHERE name = $1 ORDER BY id LIMIT 1");
static const struct db_stmt select_page =
    DB_PLATFORM_SQL("SELECT " TENANT_COLUMNS " FROM tenants WHERE id > $1 ORDER BY id LIMIT $2");
static const struct db_stmt update_own =
    DB_TENANT_SQL("UPDATE tenants SET name = $2, language = $3, time_zone = $4, updated_us = $5 "
                  "WHERE id = $1");
static const struct db_stmt update_status =
    DB_PLATFORM_SQL("UPDATE tenants SET status = $2, updated_us = $3 WHERE id = $1");

static struct tenant read_tenant(const struct db_rows *rows, size_t i)
{
    return (struct tenant){
        .id = {db_id(rows, i, 0)},
        .slot = db_int(rows, i, 1),
        .name = db_text(rows, i, 2),
        .status = db_text(rows, i, 3),
        .language = db_text(rows, i, 4),
        .time_zone = db_text(rows, i, 5),
        .created_us = db_int(rows, i, 6),
        .updated_us = db_int(rows, i, 7),
    };
}

static enum err no_such_tenant(struct cx *cx)
{
    return cx_fail(cx, CODE_TENANT_NOT_FOUND, "there is no such tenant");
}

static enum err select_one(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                           size_t count, struct tenant *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, stmt, args, count, &rows));
    if (!rows.count) {
        return no_such_tenant(db_tx_cx(tx));
    }
    *ret = read_tenant(&rows, 0);
    return ERR_OK;
}

static enum err check_name(struct cx *cx, struct str name)
{
    if (!utf8_is_text(name) || str_trim(name).n == 0 || utf8_count(name) > NAME_SIGNS) {
        return cx_fail_field(cx, "name", "must have 1 to %d characters", NAME_SIGNS);
    }
    return ERR_OK;
}

static enum err check_language(struct cx *cx, struct str language)
{
    bool ok = language.n == 2;
    for (size_t i = 0; ok && i < language.n; i++) {
        ok = language.p[i] >= 'a' && language.p[i] <= 'z';
    }
    return ok ? ERR_OK : cx_fail_field(cx, "language", "must be an ISO 639-1 code such as en");
}

/* The form of an IANA name; which ones exist changes with every release of that database. */
static enum err check_time_zone(struct cx *cx, struct str zone)
{
    static const char signs[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/";
    bool ok = zone.n >= 1 && zone.n <= ZONE_BYTES && zone.p[0] != '/';
    for (size_t i = 0; ok && i < zone.n; i++) {
        ok = memchr(signs, zone.p[i], sizeof(signs) - 1) != NULL;
    }
    return ok ? ERR_OK
              : cx_fail_field(cx, "timeZone", "must be an IANA time zone such as Europe/Zagreb");
}

enum err tenant_create(struct db_tx *tx, struct str name, struct tenant *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows slot;
    TRY(check_name(cx, name));
    TRY(db_query(tx, &take_slot, DB_NO_ARGS, &slot));
    TRY(select_one(
        tx, &insert_tenant,
        DB_ARGS(DB_ID(uuid_new()), DB_INT(db_int(&slot, 0, 0)), DB_TEXT(name), DB_INT(cx->now_us)),
        ret));
    return widget_key_first(tx, ret->id);
}

enum err tenant_get(struct db_tx *tx, struct tenant *ret)
{
    return select_one(tx, &select_own, DB_NO_ARGS, ret);
}

enum err tenant_find(struct db_tx *tx, struct tenant_id id, struct tenant *ret)
{
    return select_one(tx, &select_by_id, DB_ARGS(DB_ID(id.v)), ret);
}

enum err tenant_find_by_name(struct db_tx *tx, struct str name, struct tenant *ret)
{
    return select_one(tx, &select_by_name, DB_ARGS(DB_TEXT(name)), ret);
}

enum err tenant_list(struct db_tx *tx, struct tenant_id after, size_t limit, struct tenant **ret,
                     size_t *ret_count)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_page, DB_ARGS(DB_ID(after.v), DB_INT((int64_t)limit)), &rows));
    struct tenant *list = arena_many(db_tx_cx(tx)->arena, struct tenant, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        list[i] = read_tenant(&rows, i);
    }
    *ret = list;
    *ret_count = rows.count;
    return ERR_OK;
}

static enum err check_change(struct cx *cx, const struct tenant_change *change)
{
    enum err e = ERR_OK;
    if (change->has_name && check_name(cx, change->name)) {
        e = ERR_INVALID;
    }
    if (change->has_language && check_language(cx, change->language)) {
        e = ERR_INVALID;
    }
    if (change->has_time_zone && check_time_zone(cx, change->time_zone)) {
        e = ERR_INVALID;
    }
    return e;
}

enum err tenant_update(struct db_tx *tx, const struct tenant_change *change, struct tenant *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct tenant t;
    TRY(check_change(cx, change));
    TRY(tenant_get(tx, &t));
    t.name = change->has_name ? change->name : t.name;
    t.language = change->has_language ? change->language : t.language;
    t.time_zone = change->has_time_zone ? change->time_zone : t.time_zone;
    t.updated_us = cx->now_us;
    TRY(db_exec(
        tx, &update_own,
        DB_ARGS(DB_TEXT(t.name), DB_TEXT(t.language), DB_TEXT(t.time_zone), DB_INT(t.updated_us)),
        NULL));
    *ret = t;
    return ERR_OK;
}

enum err tenant_set_status(struct db_tx *tx, struct tenant_id id, struct str status)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t changed;
    if (!str_is(status, "active") && !str_is(status, "suspended")) {
        return cx_fail_field(cx, "status", "must be active or suspended");
    }
    TRY(db_exec(tx, &update_status, DB_ARGS(DB_ID(id.v), DB_TEXT(status), DB_INT(cx->now_us)),
                &changed));
    return changed ? ERR_OK : no_such_tenant(cx);
}
