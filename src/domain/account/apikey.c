#include "domain/account/apikey_cache.h"

#include "base/clock.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "crypto/apikey.h"

enum {
    NAME_SIGNS = 200,
    SCOPES_BYTES = 500,
    NOTE_MAX = 500,
};

const char *const apikey_scopes[] = {
    "chat",
    "contacts:verify",
    "conversations:read",
    "conversations:write",
    "documents:read",
    "documents:write",
    "events:read",
    "keys:read",
    "keys:write",
    "search",
    "tenant:read",
    "tenant:write",
    NULL,
};

#define KEY_COLUMNS                                                                                \
    "k.tenant_id, k.id, k.name, k.prefix, k.last4, k.scopes, k.created_us, k.last_used_us, "       \
    "k.expires_us, k.revoked_us"

static const struct db_stmt insert_key = DB_TENANT_SQL(
    "INSERT INTO api_keys (tenant_id, id, name, prefix, last4, hash, scopes, created_us, "
    "expires_us) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
static const struct db_stmt select_list =
    DB_TENANT_SQL("SELECT " KEY_COLUMNS " FROM api_keys k WHERE k.tenant_id = $1 AND k.id < $2 "
                  "ORDER BY k.id DESC LIMIT $3");
static const struct db_stmt select_key =
    DB_TENANT_SQL("SELECT " KEY_COLUMNS " FROM api_keys k WHERE k.tenant_id = $1 AND k.id = $2");
static const struct db_stmt revoke_key =
    DB_TENANT_SQL("UPDATE api_keys SET revoked_us = $3 "
                  "WHERE tenant_id = $1 AND id = $2 AND revoked_us IS NULL");
static const struct db_stmt select_by_prefix =
    DB_PLATFORM_SQL("SELECT " KEY_COLUMNS ", k.hash, t.status FROM api_keys k "
                    "JOIN tenants t ON t.id = k.tenant_id WHERE k.prefix = $1");
static const struct db_stmt update_used =
    DB_PLATFORM_SQL("UPDATE api_keys SET last_used_us = $3 WHERE tenant_id = $1 AND id = $2 "
                    "AND (last_used_us IS NULL OR last_used_us < $3)");

enum { HASH = 10, TENANT_STATUS };

static struct apikey read_key(const struct db_rows *rows, size_t i)
{
    return (struct apikey){
        .tenant = {db_id(rows, i, 0)},
        .id = {db_id(rows, i, 1)},
        .name = db_text(rows, i, 2),
        .prefix = db_text(rows, i, 3),
        .last4 = db_text(rows, i, 4),
        .scopes = db_text(rows, i, 5),
        .created_us = db_int(rows, i, 6),
        .last_used_us = db_int(rows, i, 7),
        .expires_us = db_int(rows, i, 8),
        .revoked_us = db_int(rows, i, 9),
    };
}

static bool is_scope(struct str word)
{
    for (size_t i = 0; apikey_scopes[i]; i++) {
        if (str_is(word, apikey_scopes[i])) {
            return true;
        }
    }
    return false;
}

enum err apikey_check_scopes(struct cx *cx, struct str scopes)
{
    struct str rest = scopes;
    struct str word;
    if (str_is(scopes, "*")) {
        return ERR_OK;
    }
    if (!scopes.n || scopes.n > SCOPES_BYTES) {
        return cx_fail_field(cx, "scopes", "must name at least one scope, or be *");
    }
    while (str_split(&rest, ' ', &word)) {
        if (!is_scope(word)) {
            return cx_fail_field(cx, "scopes", "there is no scope '%.40s'",
                                 str_dup(cx->arena, word).p);
        }
    }
    return ERR_OK;
}

static enum err check_new(struct cx *cx, struct str name, struct str scopes, int64_t expires_us)
{
    TRY(apikey_check_scopes(cx, scopes));
    if (!utf8_is_text(name) || str_trim(name).n == 0 || utf8_count(name) > NAME_SIGNS) {
        return cx_fail_field(cx, "name", "must have 1 to %d characters", NAME_SIGNS);
    }
    if (expires_us && expires_us <= cx->now_us) {
        return cx_fail_field(cx, "expiresAt", "must lie in the future");
    }
    return ERR_OK;
}

enum err apikey_create(struct cx *cx, struct str name, struct str scopes, int64_t expires_us,
                       struct apikey *ret, struct str *ret_secret)
{
    SCOPED(apikey_fini) struct apikey_new made = {};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(check_new(cx, name, scopes, expires_us));
    TRY(apikey_make(cx, &made));
    const struct apikey key = {
        .id = {uuid_new()},
        .tenant = cx->tenant,
        .name = name,
        .prefix = made.prefix,
        .last4 = made.last_four,
        .scopes = scopes,
        .created_us = cx->now_us,
        .expires_us = expires_us,
    };
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &insert_key,
                DB_ARGS(DB_ID(key.id.v), DB_TEXT(name), DB_TEXT(made.prefix),
                        DB_TEXT(made.last_four), DB_TEXT(made.hash), DB_TEXT(scopes),
                        DB_INT(cx->now_us), expires_us ? DB_INT(expires_us) : DB_NULL),
                NULL));
    TRY(db_commit(tx));
    *ret = key;
    *ret_secret = str_dup(cx->arena, str_of(made.text));
    return ERR_OK;
}

enum err apikey_list(struct db_tx *tx, struct apikey_id before, size_t limit, struct apikey **ret,
                     size_t *ret_count)
{
    struct db_rows rows;
    struct uuid end = before.v;
    if (uuid_is_nil(end)) {
        memset(end.b, 0xff, sizeof(end.b));
    }
    TRY(db_query(tx, &select_list, DB_ARGS(DB_ID(end), DB_INT((int64_t)limit)), &rows));
    struct apikey *list = arena_many(db_tx_cx(tx)->arena, struct apikey, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        list[i] = read_key(&rows, i);
    }
    *ret = list;
    *ret_count = rows.count;
    return ERR_OK;
}

enum err apikey_get(struct db_tx *tx, struct apikey_id id, struct apikey *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_key, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_API_KEY_NOT_FOUND, "there is no such API key");
    }
    *ret = read_key(&rows, 0);
    return ERR_OK;
}

enum err apikey_revoke(struct db_tx *tx, struct apikey_id id, struct apikey *ret)
{
    TRY(db_exec(tx, &revoke_key, DB_ARGS(DB_ID(id.v), DB_INT(db_tx_cx(tx)->now_us)), NULL));
    return apikey_get(tx, id, ret);
}

static enum err refuse(struct cx *cx, const char *verdict)
{
    metric_add(METRIC_KEY_CHECKS, verdict, 1);
    return cx_fail(cx, CODE_INVALID_TOKEN, "the API key is not known, has expired or was revoked");
}

/* A read as the platform, for a caller who is nobody yet; the rows are in cx's arena. */
static enum err find_by_prefix(struct cx *cx, struct str secret, struct db_rows *ret)
{
    struct cx inner = *cx;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_platform(&inner);
    enum err e = db_begin_read(&inner, &tx);
    if (!e) {
        e = db_query(tx, &select_by_prefix, DB_ARGS(DB_TEXT(apikey_prefix(secret))), ret);
    }
    if (!e) {
        e = db_commit(tx);
    }
    return e ? cx_fail(cx, inner.code, "%s", inner.detail) : ERR_OK;
}

static bool is_live(const struct db_rows *rows, const struct apikey *k, int64_t now_us)
{
    return !k->revoked_us && (!k->expires_us || now_us < k->expires_us) &&
           str_is(db_text(rows, 0, TENANT_STATUS), "active");
}

/* known: the key as the cache had it, whose secret needs no second look; NULL: none. */
static enum err verify_by_row(struct cx *cx, struct str secret, const struct apikey *known,
                              struct apikey *ret, bool *ret_good)
{
    struct db_rows rows = {};
    *ret_good = false;
    TRY(find_by_prefix(cx, secret, &rows));
    if (!rows.count) {
        return ERR_OK;
    }
    *ret = read_key(&rows, 0);
    bool same = known && uuid_eq(known->id.v, ret->id.v);
    if (!same) {
        TRY(apikey_matches(cx, secret, db_text(&rows, 0, HASH), &same));
    }
    *ret_good = same && is_live(&rows, ret, cx->now_us);
    return ERR_OK;
}

/* What the cache does not know; one caller a secret. */
static enum err verify_slowly(struct cx *cx, struct str secret, const struct key_digest *d,
                              struct apikey *ret)
{
    struct apikey known;
    bool good;
    const enum key_verdict v = key_cache_find(cx->arena, d, cx->now_us, &known);
    if (v == KEY_GOOD) {
        *ret = known;
        return ERR_OK;
    }
    if (v == KEY_REFUSED) {
        return refuse(cx, "refused");
    }
    const uint64_t age = key_cache_age();
    TRY(verify_by_row(cx, secret, v == KEY_OLD ? &known : NULL, ret, &good));
    key_cache_keep(d, cx->now_us, age, good ? ret : NULL);
    if (!good) {
        return refuse(cx, "refused");
    }
    metric_add(METRIC_KEY_CHECKS, "verified", 1);
    return ERR_OK;
}

enum err apikey_verify(struct cx *cx, struct str secret, struct apikey *ret)
{
    struct key_digest d;
    if (!apikey_well_formed(secret)) {
        return refuse(cx, "malformed");
    }
    key_digest(secret, &d);
    switch (key_cache_find(cx->arena, &d, cx->now_us, ret)) {
    case KEY_GOOD:
        if (ret->expires_us && cx->now_us >= ret->expires_us) {
            return refuse(cx, "refused");
        }
        metric_add(METRIC_KEY_CHECKS, "cached", 1);
        return ERR_OK;
    case KEY_REFUSED:
        return refuse(cx, "refused");
    case KEY_UNKNOWN:
    case KEY_OLD:
        break;
    }
    key_cache_lock(&d);
    const enum err e = verify_slowly(cx, secret, &d, ret);
    key_cache_unlock(&d);
    return e;
}

enum err apikey_note_used(struct cx *cx, int64_t *ret_count)
{
    struct apikey *used = arena_many(cx->arena, struct apikey, NOTE_MAX);
    int64_t noted = 0;
    for (size_t n = NOTE_MAX; n == NOTE_MAX; noted += (int64_t)n) {
        n = key_cache_take_used(used, NOTE_MAX);
        if (!n) {
            break;
        }
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        TRY(db_begin_write(cx, &tx));
        for (size_t i = 0; i < n; i++) {
            TRY(db_exec(
                tx, &update_used,
                DB_ARGS(DB_ID(used[i].tenant.v), DB_ID(used[i].id.v), DB_INT(used[i].last_used_us)),
                NULL));
        }
        TRY(db_commit(tx));
    }
    *ret_count = noted;
    return ERR_OK;
}
