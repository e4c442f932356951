#include "db/sqlite.h"

#include "base/mem.h"
#include "db/params.h"

enum {
    BUSY_MS = 5000,         /* for start-up beside a closing process; nobody else writes later */
    PROGRESS_STEPS = 10000, /* SQLite instructions between two looks at the deadline of a read */
    CACHE_FIRST = 64,
};

struct cached {
    const struct db_stmt *key;
    const char *sql; /* a statement that is not static may give its address to another */
    sqlite3_stmt *st;
    int params;
};

static const char *const own_texts[OWN_COUNT] = {
    [OWN_BEGIN_READ] = "BEGIN",      [OWN_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [OWN_COMMIT] = "COMMIT",         [OWN_ROLLBACK] = "ROLLBACK",
    [OWN_SAVEPOINT] = "SAVEPOINT m", [OWN_RELEASE] = "RELEASE m",
    [OWN_UNDO] = "ROLLBACK TO m",
};

static const char reader_settings[] = "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; "
                                      "PRAGMA cache_size = -2048;";
static const char writer_settings[] =
    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000; "
    "PRAGMA journal_size_limit = 67108864; PRAGMA temp_store = MEMORY; "
    "PRAGMA cache_size = -65536;";

static int configure(struct conn *c)
{
    static const struct {
        int option;
        int value;
    } switches[] = {
        {SQLITE_DBCONFIG_DQS_DML, 0},     {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1}, {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DEFENSIVE, 1},   {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    for (size_t i = 0; i < COUNT(switches); i++) {
        const int rc = sqlite3_db_config(c->sq, switches[i].option, switches[i].value, NULL);
        if (rc) {
            return rc;
        }
    }
    /* One process alone checkpoints, through one connection: older SQLite can corrupt the log
     * otherwise. */
    int rc =
        sqlite3_db_config(c->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, c->kind == CONN_READER, NULL);
    (void)sqlite3_limit(c->sq, SQLITE_LIMIT_ATTACHED, 0);
    (void)sqlite3_busy_timeout(c->sq, BUSY_MS);
    if (!rc && c->kind != CONN_SCRATCH) {
        rc = sqlite3_exec(c->sq, c->kind == CONN_WRITER ? writer_settings : reader_settings, NULL,
                          NULL, NULL);
    }
    return rc ? rc : stats_register(c->sq);
}

/* A read ends at its deadline; the writer is never interrupted, for that would undo the work of
 * others. */
static int on_progress(void *arg)
{
    struct conn *c = arg;
    return c->cx && (cancel_is(c->cx->cancel) || cx_left_us(c->cx) == 0);
}

enum err sqlite_conn_open(const char *path, enum conn_kind kind, bool check_plans,
                          struct conn **ret, struct buf *why)
{
    static const int flags[] = {
        [CONN_READER] = SQLITE_OPEN_READONLY,
        [CONN_WRITER] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
        [CONN_SCRATCH] = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
    };
    SCOPED(sqlite_conn_close) struct conn *c = mem_new(struct conn);
    c->kind = kind;
    c->check_plans = check_plans;
    c->cache_size = CACHE_FIRST;
    c->cache = mem_alloc(c->cache_size, sizeof(*c->cache));
    int rc = sqlite3_open_v2(kind == CONN_SCRATCH ? ":memory:" : path, &c->sq,
                             flags[kind] | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (!rc) {
        rc = configure(c);
    }
    if (rc) {
        buf_fmt(why, "cannot open the database %s: %s", path,
                c->sq ? sqlite3_errmsg(c->sq) : sqlite3_errstr(rc));
        return ERR_UNAVAILABLE;
    }
    if (kind == CONN_READER) {
        sqlite3_progress_handler(c->sq, PROGRESS_STEPS, on_progress, c);
    }
    *ret = TAKE(c);
    return ERR_OK;
}

void sqlite_conn_close(struct conn **c)
{
    if (!*c) {
        return;
    }
    for (size_t i = 0; i < OWN_COUNT; i++) {
        (void)sqlite3_finalize((*c)->own[i]);
    }
    for (size_t i = 0; i < (*c)->cache_size; i++) {
        (void)sqlite3_finalize((*c)->cache[i].st);
    }
    must(sqlite3_close((*c)->sq) == SQLITE_OK);
    mem_free((*c)->cache);
    mem_free(*c);
    *c = NULL;
}

static enum code code_of(int rc)
{
    switch (rc) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return CODE_CONFLICT;
    default:
        break;
    }
    switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
        return CODE_VALIDATION_ERROR;
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
        return CODE_DATABASE_ERROR;
    default:
        return CODE_INTERNAL_ERROR;
    }
}

enum err sqlite_conn_fail(struct conn *c, struct cx *cx)
{
    const int rc = sqlite3_extended_errcode(c->sq);
    if (rc == SQLITE_INTERRUPT) {
        TRY(cx_check(cx));
    }
    return cx_fail(cx, code_of(rc), "%s", sqlite3_errmsg(c->sq));
}

int sqlite_conn_own(struct conn *c, enum own_stmt which)
{
    if (!c->own[which]) {
        const int rc = sqlite3_prepare_v3(c->sq, own_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
                                          &c->own[which], NULL);
        if (rc) {
            return rc;
        }
    }
    (void)sqlite3_step(c->own[which]);
    return sqlite3_reset(c->own[which]);
}

static struct cached *slot_of(struct cached *cache, size_t size, const struct db_stmt *key)
{
    size_t i = ((uintptr_t)key >> 3) * 0x9E3779B97F4A7C15u >> 32 & (size - 1);
    while (cache[i].key && cache[i].key != key) {
        i = (i + 1) & (size - 1);
    }
    return &cache[i];
}

static void cache_grow(struct conn *c)
{
    const size_t size = c->cache_size * 2;
    struct cached *bigger = mem_alloc(size, sizeof(*bigger));
    for (size_t i = 0; i < c->cache_size; i++) {
        if (c->cache[i].key) {
            *slot_of(bigger, size, c->cache[i].key) = c->cache[i];
        }
    }
    mem_free(c->cache);
    c->cache = bigger;
    c->cache_size = size;
}

static bool is_only_blank(struct str s)
{
    while (s.n) {
        const struct str token = str_sub(s, 0, sql_token(s));
        if (!sql_is_blank(token) && token.p[0] != ';') {
            return false;
        }
        s = str_sub(s, token.n, s.n);
    }
    return true;
}

static enum err prepare(struct conn *c, struct cx *cx, const struct db_stmt *stmt,
                        struct cached *slot)
{
    int params;
    const struct str sql = params_rewrite(cx->arena, str_of(stmt->sql), &params);
    if (c->check_plans && stmt->scope == DB_TENANT) {
        TRY(plan_check(c, cx, stmt, sql));
    }
    sqlite3_stmt *st = NULL;
    const char *rest = NULL;
    if (sqlite3_prepare_v3(c->sq, sql.p, -1, SQLITE_PREPARE_PERSISTENT, &st, &rest)) {
        return sqlite_conn_fail(c, cx);
    }
    if (!st || !is_only_blank(str_of(rest))) {
        (void)sqlite3_finalize(st);
        return cx_fail(cx, CODE_INTERNAL_ERROR, "not one statement: %.80s", stmt->sql);
    }
    c->cache_count += slot->key ? 0 : 1;
    (void)sqlite3_finalize(slot->st);
    *slot = (struct cached){stmt, stmt->sql, st, params};
    return ERR_OK;
}

static enum err prepared(struct conn *c, struct cx *cx, const struct db_stmt *stmt,
                         struct cached **ret)
{
    must(stmt);
    if (c->cache_count * 2 >= c->cache_size) {
        cache_grow(c);
    }
    struct cached *slot = slot_of(c->cache, c->cache_size, stmt);
    if (slot->key != stmt || slot->sql != stmt->sql) {
        TRY(prepare(c, cx, stmt, slot));
    }
    *ret = slot;
    return ERR_OK;
}

/* A NULL pointer would bind NULL instead of the empty text. */
static const char *bytes_of(const struct db_val *v)
{
    return v->s.p ? v->s.p : "";
}

static int bind_one(sqlite3_stmt *st, int at, const struct db_val *v)
{
    switch (v->kind) {
    case DB_K_NULL:
        return sqlite3_bind_null(st, at);
    case DB_K_I64:
        return sqlite3_bind_int64(st, at, v->i);
    case DB_K_F64:
        return sqlite3_bind_double(st, at, v->f);
    case DB_K_TEXT:
        return sqlite3_bind_text64(st, at, bytes_of(v), v->s.n, SQLITE_STATIC, SQLITE_UTF8);
    case DB_K_BLOB:
        return v->is_id ? sqlite3_bind_blob(st, at, v->id.b, sizeof(v->id.b), SQLITE_STATIC)
                        : sqlite3_bind_blob64(st, at, bytes_of(v), v->s.n, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

/* What is bound stays the caller's; sqlite_conn_run clears it before it returns. */
static enum err bind(struct conn *c, struct cx *cx, const struct db_stmt *stmt,
                     const struct cached *p, const struct db_val *args, size_t count)
{
    const int own = stmt->scope == DB_TENANT ? 1 : 0;
    if ((size_t)max_i64(p->params, own) != count + own) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "%d parameters, %zu values: %.80s", p->params,
                       count + own, stmt->sql);
    }
    int rc = own && p->params ? sqlite3_bind_blob(p->st, 1, cx->tenant.v.b, sizeof(cx->tenant.v.b),
                                                  SQLITE_STATIC)
                              : SQLITE_OK;
    for (size_t i = 0; i < count && !rc; i++) {
        rc = bind_one(p->st, (int)i + 1 + own, &args[i]);
    }
    return rc ? sqlite_conn_fail(c, cx) : ERR_OK;
}

/* Texts and blobs are SQLite's until the next step. */
static struct db_val column(sqlite3_stmt *st, int i)
{
    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        return DB_INT(sqlite3_column_int64(st, i));
    case SQLITE_FLOAT:
        return DB_NUM(sqlite3_column_double(st, i));
    case SQLITE_TEXT: {
        const char *p = (const char *)sqlite3_column_text(st, i);
        return DB_TEXT(((struct str){p, (size_t)sqlite3_column_bytes(st, i)}));
    }
    case SQLITE_BLOB: {
        const char *p = sqlite3_column_blob(st, i);
        return DB_BLOB(((struct str){p, (size_t)sqlite3_column_bytes(st, i)}));
    }
    default:
        return DB_NULL;
    }
}

static struct db_val column_copy(struct arena *a, sqlite3_stmt *st, int i)
{
    struct db_val v = column(st, i);
    if (v.kind == DB_K_TEXT || v.kind == DB_K_BLOB) {
        v.s.p = arena_dup(a, v.s.p, v.s.n);
    }
    return v;
}

struct reading {
    struct db_rows rows;
    struct db_val *vals;
    size_t room; /* rows that fit */
};

static void add_row(struct arena *a, struct reading *r, sqlite3_stmt *st)
{
    const size_t columns = r->rows.columns;
    if (r->rows.count == r->room) {
        const size_t room = r->room ? r->room * 4 : 1; /* most queries have one row */
        struct db_val *more = arena_many(a, struct db_val, room * columns);
        if (r->room) {
            memcpy(more, r->vals, r->room * columns * sizeof(*more));
        }
        r->vals = more;
        r->room = room;
    }
    for (size_t i = 0; i < columns; i++) {
        r->vals[r->rows.count * columns + i] = column_copy(a, st, (int)i);
    }
    r->rows.count++;
}

static int step_all(struct arena *a, sqlite3_stmt *st, struct db_rows *ret_rows)
{
    struct reading r = {.rows.columns = (size_t)sqlite3_column_count(st)};
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (ret_rows) {
            add_row(a, &r, st);
        }
    }
    if (ret_rows && rc == SQLITE_DONE) {
        r.rows.vals = r.vals;
        *ret_rows = r.rows;
    }
    return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The statement, bound; to be left by finish also when this fails, if it is set. */
static enum err start(struct conn *c, const struct db_tx *tx, const struct db_stmt *stmt,
                      const struct db_val *args, size_t count, struct cached **ret)
{
    *ret = NULL;
    TRY(prepared(c, tx->cx, stmt, ret));
    if (tx->mode == DB_READ && !sqlite3_stmt_readonly((*ret)->st)) {
        must_fail(tx->file, tx->line, "the transaction begun here only reads");
    }
    return bind(c, tx->cx, stmt, *ret, args, count);
}

/* A statement left open would hold the savepoint of its member. */
static void finish(struct cached *p)
{
    if (p) {
        (void)sqlite3_reset(p->st);
        (void)sqlite3_clear_bindings(p->st);
    }
}

enum err sqlite_conn_run(struct conn *c, const struct db_tx *tx, const struct db_stmt *stmt,
                         const struct db_val *args, size_t count, struct db_rows *ret_rows,
                         int64_t *ret_changed)
{
    struct cached *p;
    enum err e = start(c, tx, stmt, args, count, &p);
    if (!e && step_all(tx->cx->arena, p->st, ret_rows)) {
        e = sqlite_conn_fail(c, tx->cx);
    }
    if (!e && ret_changed) {
        *ret_changed = sqlite3_stmt_readonly(p->st) ? 0 : sqlite3_changes64(c->sq);
    }
    finish(p);
    return e;
}

static enum err give_rows(struct conn *c, struct cx *cx, sqlite3_stmt *st,
                          const struct db_reader *reader)
{
    struct db_val vals[DB_EACH_COLUMNS];
    const struct db_rows row = {
        .count = 1, .columns = (size_t)sqlite3_column_count(st), .vals = vals};
    must(row.columns <= DB_EACH_COLUMNS);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        for (size_t i = 0; i < row.columns; i++) {
            vals[i] = column(st, (int)i);
        }
        TRY(reader->row(reader->arg, &row));
    }
    return rc == SQLITE_DONE ? ERR_OK : sqlite_conn_fail(c, cx);
}

enum err sqlite_conn_each(struct conn *c, const struct db_tx *tx, const struct db_stmt *stmt,
                          const struct db_val *args, size_t count, const struct db_reader *reader)
{
    struct cached *p;
    enum err e = start(c, tx, stmt, args, count, &p);
    if (!e) {
        e = give_rows(c, tx->cx, p->st, reader);
    }
    finish(p);
    return e;
}

enum err sqlite_conn_script(struct conn *c, struct cx *cx, const char *sql)
{
    while (*sql) {
        sqlite3_stmt *st = NULL;
        const char *rest = NULL;
        if (sqlite3_prepare_v2(c->sq, sql, -1, &st, &rest)) {
            return sqlite_conn_fail(c, cx);
        }
        const int rc = st ? step_all(cx->arena, st, NULL) : SQLITE_OK;
        const enum err e = rc ? sqlite_conn_fail(c, cx) : ERR_OK;
        (void)sqlite3_finalize(st);
        TRY(e);
        sql = rest;
    }
    return ERR_OK;
}

/* Columns are listed beside their tables so that a difference has the column's name. What FTS5
 * keeps behind its tables is its own affair. */
static const char schema_text[] =
    "WITH mine AS (SELECT type, name, tbl_name, sql FROM sqlite_schema"
    "  WHERE name NOT LIKE 'sqlite!_%' ESCAPE '!' AND tbl_name <> 'schema_versions'"
    "  AND tbl_name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')) "
    "SELECT type, name, sql FROM mine "
    "UNION ALL SELECT 'column', m.name || '.' || c.name, c.type || ' ' || c.\"notnull\" || ' ' ||"
    "  coalesce(c.dflt_value, '') || ' ' || c.pk FROM mine m, pragma_table_xinfo(m.name) c "
    "  WHERE m.type = 'table' "
    "ORDER BY 1, 2";

enum err sqlite_conn_schema(struct conn *c, struct cx *cx, struct db_rows *ret)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(c->sq, schema_text, -1, &st, NULL);
    if (!rc) {
        rc = step_all(cx->arena, st, ret);
    }
    const enum err e = rc ? sqlite_conn_fail(c, cx) : ERR_OK;
    (void)sqlite3_finalize(st);
    return e;
}
