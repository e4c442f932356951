#include "domain/account/widget.h"

#include "base/utf8.h"
#include "domain/account/origin.h"

enum {
    KEY_BYTES = 16,
    URL_BYTES = 1000,
};

#define WIDGET_COLUMNS                                                                             \
    "w.origins, w.title, w.greeting, w.launcher, w.placeholder, w.color, w.position, w.language, " \
    "w.privacy_url, w.updated_us"

static const struct db_stmt select_widget =
    DB_TENANT_SQL("SELECT " WIDGET_COLUMNS " FROM widgets w WHERE w.tenant_id = $1");
static const struct db_stmt upsert_widget = DB_TENANT_SQL(
    "INSERT INTO widgets (tenant_id, origins, title, greeting, launcher, placeholder, color, "
    "position, language, privacy_url, updated_us) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) "
    "ON CONFLICT (tenant_id) DO UPDATE SET origins = excluded.origins, title = excluded.title, "
    "greeting = excluded.greeting, launcher = excluded.launcher, "
    "placeholder = excluded.placeholder, color = excluded.color, position = excluded.position, "
    "language = excluded.language, privacy_url = excluded.privacy_url, "
    "updated_us = excluded.updated_us");
static const struct db_stmt insert_first = DB_PLATFORM_SQL(
    "INSERT INTO widget_keys (tenant_id, id, key, created_us) VALUES ($1, $2, $3, $4)");
static const struct db_stmt insert_key = DB_TENANT_SQL(
    "INSERT INTO widget_keys (tenant_id, id, key, created_us) VALUES ($1, $2, $3, $4)");
static const struct db_stmt end_keys =
    DB_TENANT_SQL("UPDATE widget_keys SET ends_us = $2 "
                  "WHERE tenant_id = $1 AND (ends_us IS NULL OR ends_us > $2)");
static const struct db_stmt select_newest =
    DB_TENANT_SQL("SELECT id, key, created_us, ends_us FROM widget_keys WHERE tenant_id = $1 "
                  "AND ends_us IS NULL ORDER BY created_us DESC, id DESC LIMIT 1");
static const struct db_stmt select_door = DB_PLATFORM_SQL(
    "SELECT " WIDGET_COLUMNS ", k.tenant_id, k.id, t.name FROM widget_keys k "
    "JOIN tenants t ON t.id = k.tenant_id LEFT JOIN widgets w ON w.tenant_id = k.tenant_id "
    "WHERE k.key = $1 AND t.status = 'active' AND (k.ends_us IS NULL OR k.ends_us > $2)");
static const struct db_stmt select_tenant =
    DB_TENANT_SQL("SELECT 1 FROM tenants WHERE id = $1 AND status = 'active'");
static const struct db_stmt select_live =
    DB_TENANT_SQL("SELECT 1 FROM widget_keys k WHERE k.tenant_id = $1 AND k.id = $2 "
                  "AND (k.ends_us IS NULL OR k.ends_us > $3)");

enum { UPDATED = 9, DOOR_TENANT, DOOR_KEY, DOOR_NAME };

static const struct widget as_made = {
    .origins = {"", 0},
    .title = {"", 0},
    .greeting = {"", 0},
    .launcher = {"", 0},
    .placeholder = {"", 0},
    .color = {"#2563eb", 7},
    .position = {"right", 5},
    .language = {"auto", 4},
    .privacy_url = {"", 0},
};

static struct widget read_widget(const struct db_rows *rows)
{
    if (!rows->count || db_is_null(rows, 0, UPDATED)) {
        return as_made;
    }
    return (struct widget){
        .origins = db_text(rows, 0, 0),
        .title = db_text(rows, 0, 1),
        .greeting = db_text(rows, 0, 2),
        .launcher = db_text(rows, 0, 3),
        .placeholder = db_text(rows, 0, 4),
        .color = db_text(rows, 0, 5),
        .position = db_text(rows, 0, 6),
        .language = db_text(rows, 0, 7),
        .privacy_url = db_text(rows, 0, 8),
        .updated_us = db_int(rows, 0, UPDATED),
    };
}

enum err widget_get(struct db_tx *tx, struct widget *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_widget, DB_NO_ARGS, &rows));
    *ret = read_widget(&rows);
    return ERR_OK;
}

/* --- checks; every fault is named, so they all run --- */

static enum err check_text(struct cx *cx, const char *field, struct str text, size_t signs)
{
    return utf8_is_text(text) && utf8_count(text) <= signs
               ? ERR_OK
               : cx_fail_field(cx, field, "must be text of at most %zu characters", signs);
}

static enum err check_word(struct cx *cx, const char *field, struct str word, const char *words)
{
    struct str rest = str_of(words);
    struct str one;
    while (str_split(&rest, '|', &one)) {
        if (str_eq(one, word)) {
            return ERR_OK;
        }
    }
    return cx_fail_field(cx, field, "must be one of %s", words);
}

static enum err check_color(struct cx *cx, struct str color)
{
    uint8_t rgb[3];
    const bool ok = color.n == 7 && color.p[0] == '#' &&
                    str_unhex(str_lower(cx->arena, str_sub(color, 1, 6)), rgb, sizeof(rgb));
    return ok ? ERR_OK : cx_fail_field(cx, "color", "must be a colour such as #2563eb");
}

static bool is_url_sign(char c)
{
    static const char others[] = "-._~:/?#[]@!$&()*+,;=%";
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr(others, c));
}

/* Where the authority ends. */
static size_t origin_end(struct str url)
{
    size_t at = sizeof("https://") - 1;
    while (at < url.n && !strchr("/?#", url.p[at])) {
        at++;
    }
    return at < url.n ? at : url.n;
}

/* An address that a page may link to: https (http for this machine), a plain host, and no sign
 * that could end an attribute. */
static bool url_ok(struct str url)
{
    const struct str origin = str_sub(url, 0, origin_end(url));
    for (size_t i = 0; i < url.n; i++) {
        if (!is_url_sign(url.p[i])) {
            return false;
        }
    }
    return url.n <= URL_BYTES && origin_ok(origin) &&
           (str_starts(url, STR("https://")) ||
            origin_allowed(STR("http://localhost:* http://127.0.0.1:* http://[::1]:*"), origin));
}

static enum err check_url(struct cx *cx, struct str url)
{
    return !url.n || url_ok(url)
               ? ERR_OK
               : cx_fail_field(cx, "privacyUrl",
                               "must be an address that begins with https:// and is not too long");
}

static enum err check_origins(struct cx *cx, struct str origins)
{
    size_t count = 0;
    struct str rule;
    while (origins.n && str_split(&origins, ' ', &rule)) {
        if (!origin_rule_ok(rule)) {
            return cx_fail_field(cx, "origins",
                                 "'%.60s' is none: write https://shop.example, with a port when it "
                                 "is not the usual one, and nothing behind it",
                                 str_dup(cx->arena, rule).p);
        }
        count++;
    }
    return count <= WIDGET_ORIGINS
               ? ERR_OK
               : cx_fail_field(cx, "origins", "must be at most %d", WIDGET_ORIGINS);
}

static enum err check(struct cx *cx, const struct widget *w)
{
    bool ok = !check_origins(cx, w->origins);
    ok &= !check_text(cx, "title", w->title, 80);
    ok &= !check_text(cx, "greeting", w->greeting, 500);
    ok &= !check_text(cx, "launcher", w->launcher, 40);
    ok &= !check_text(cx, "placeholder", w->placeholder, 80);
    ok &= !check_color(cx, w->color);
    ok &= !check_word(cx, "position", w->position, WIDGET_POSITIONS);
    ok &= !check_word(cx, "language", w->language, WIDGET_LANGUAGES);
    ok &= !check_url(cx, w->privacy_url);
    return ok ? ERR_OK : ERR_INVALID;
}

enum err widget_put(struct db_tx *tx, const struct widget *w, struct widget *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct widget next = *w;
    TRY(check(cx, w));
    next.color = str_lower(cx->arena, w->color);
    next.updated_us = cx->now_us;
    TRY(db_exec(tx, &upsert_widget,
                DB_ARGS(DB_TEXT(next.origins), DB_TEXT(next.title), DB_TEXT(next.greeting),
                        DB_TEXT(next.launcher), DB_TEXT(next.placeholder), DB_TEXT(next.color),
                        DB_TEXT(next.position), DB_TEXT(next.language), DB_TEXT(next.privacy_url),
                        DB_INT(next.updated_us)),
                NULL));
    *ret = next;
    return ERR_OK;
}

/* --- keys --- */

static struct widget_key new_key(struct cx *cx)
{
    uint8_t secret[KEY_BYTES];
    rand_bytes(secret, sizeof(secret));
    return (struct widget_key){
        .id = uuid_new(),
        .key = str_fmt(cx->arena, "wk_%s", str_hex(cx->arena, secret, sizeof(secret)).p),
        .created_us = cx->now_us,
    };
}

enum err widget_key_first(struct db_tx *tx, struct tenant_id tenant)
{
    const struct widget_key k = new_key(db_tx_cx(tx));
    return db_exec(tx, &insert_first,
                   DB_ARGS(DB_ID(tenant.v), DB_ID(k.id), DB_TEXT(k.key), DB_INT(k.created_us)),
                   NULL);
}

enum err widget_key_get(struct db_tx *tx, struct widget_key *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_newest, DB_NO_ARGS, &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_INTERNAL_ERROR, "the tenant has no widget key");
    }
    *ret = (struct widget_key){
        .id = db_id(&rows, 0, 0),
        .key = db_text(&rows, 0, 1),
        .created_us = db_int(&rows, 0, 2),
        .ends_us = db_int(&rows, 0, 3),
    };
    return ERR_OK;
}

enum err widget_key_rotate(struct db_tx *tx, int64_t overlap_us, struct widget_key *ret)
{
    struct cx *cx = db_tx_cx(tx);
    const struct widget_key k = new_key(cx);
    TRY(db_exec(tx, &end_keys, DB_ARGS(DB_INT(cx->now_us + overlap_us)), NULL));
    TRY(db_exec(tx, &insert_key, DB_ARGS(DB_ID(k.id), DB_TEXT(k.key), DB_INT(k.created_us)), NULL));
    *ret = k;
    return ERR_OK;
}

static enum err find_door(struct cx *cx, struct str key, struct db_rows *ret)
{
    struct cx inner = *cx;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_platform(&inner);
    enum err e = db_begin_read(&inner, &tx);
    if (!e) {
        e = db_query(tx, &select_door, DB_ARGS(DB_TEXT(key), DB_INT(cx->now_us)), ret);
    }
    if (!e) {
        e = db_commit(tx);
    }
    return e ? cx_fail(cx, inner.code, "%s", inner.detail) : ERR_OK;
}

enum err widget_open(struct cx *cx, struct str key, struct widget_door *ret)
{
    struct db_rows rows = {};
    TRY(find_door(cx, key, &rows));
    if (!rows.count) {
        return cx_fail(cx, CODE_WIDGET_KEY_NOT_FOUND,
                       "there is no such widget key, or it was replaced");
    }
    *ret = (struct widget_door){
        .tenant = {db_id(&rows, 0, DOOR_TENANT)},
        .key_id = db_id(&rows, 0, DOOR_KEY),
        .tenant_name = db_text(&rows, 0, DOOR_NAME),
        .widget = read_widget(&rows),
    };
    return ERR_OK;
}

static enum err exists(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                       size_t count, const char *why)
{
    struct db_rows rows;
    TRY(db_query(tx, stmt, args, count, &rows));
    return rows.count ? ERR_OK : cx_fail(db_tx_cx(tx), CODE_INVALID_TOKEN, "%s", why);
}

enum err widget_key_check(struct db_tx *tx, struct uuid key_id)
{
    TRY(exists(tx, &select_tenant, DB_NO_ARGS, "the tenant is gone or suspended"));
    return uuid_is_nil(key_id)
               ? ERR_OK
               : exists(tx, &select_live, DB_ARGS(DB_ID(key_id), DB_INT(db_tx_cx(tx)->now_us)),
                        "the widget key was replaced");
}
