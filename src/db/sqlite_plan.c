/* Does a tenant-scoped statement stay with its tenant? SQLite has no row-level security, so this is
 * asked when a statement is first prepared, while developing and in every test (check_plans).
 *
 * A tenant table is one with a column tenant_id. Four rules:
 * 1. The plan reaches a tenant table only by an index that begins tenant_id=?. A single row found
 *    by its integer key will do when the text also asks its tenant_id = $1: text search comes to
 *    chunks that way.
 * 2. What tenant_id is compared with is $1, or the tenant_id of another table in the statement.
 * 3. INSERT into a tenant table names its columns and fills tenant_id from $1 (or from another
 *    tenant_id, in INSERT … SELECT); its conflict target has tenant_id; REPLACE is out, since it
 *    deletes whatever stands in the way.
 * 4. FTS5 tables have no tenant: the plan must bound their rowid on both sides, or name it. Their
 *    row ids carry the tenant's slot, and the caller gives the bounds.
 *
 * Plans name a table by its alias, so the text is read for aliases: whatever follows a table's name
 * counts as one. Where a name could be two things, the stricter holds; a name that is nothing known
 * is refused. */
#include "db/sqlite.h"

#include "db/params.h"

/* The later, the stricter. */
enum source_kind {
    UNKNOWN,
    FREE, /* a table without tenant, a common table expression, a subquery */
    FTS,
    TENANT,
};

struct source {
    struct str name;
    enum source_kind kind;
};

struct plan {
    struct conn *conn;
    struct cx *cx;
    const char *sql;
    sqlite3_stmt *look_up;
    struct str *tokens; /* without blanks */
    size_t count;
    struct source *sources;
    size_t source_count;
};

static const char look_up_text[] =
    "SELECT CASE WHEN EXISTS (SELECT 1 FROM pragma_table_info(?1) WHERE name = 'tenant_id') THEN 3"
    " WHEN sql LIKE 'CREATE VIRTUAL TABLE%fts5%' THEN 2 ELSE 1 END "
    "FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE AND type IN ('table', 'view')";

static enum err refuse(const struct plan *p, const char *why, struct str what)
{
    return cx_fail(p->cx, CODE_INTERNAL_ERROR, "%s: " STR_FMT " in: %.120s", why, STR_ARG(what),
                   p->sql);
}

/* The empty text behind the end. */
static struct str at(const struct plan *p, size_t i)
{
    return i < p->count ? p->tokens[i] : STR("");
}

static bool is(const struct plan *p, size_t i, const char *word)
{
    return str_eq_nocase(at(p, i), str_of(word));
}

static void read_tokens(struct plan *p, struct str sql)
{
    p->tokens = arena_many(p->cx->arena, struct str, sql.n);
    p->sources = arena_many(p->cx->arena, struct source, sql.n * 2);
    while (sql.n) {
        struct str token = str_sub(sql, 0, sql_token(sql));
        if (token.p[0] == '?') {
            /* Its number is a token of its own to a reader that knows only $n. */
            const struct str rest = str_sub(sql, 1, sql.n);
            token.n += rest.n ? sql_token(rest) : 0;
        }
        if (!sql_is_blank(token)) {
            p->tokens[p->count++] = sql_unquoted(token);
        }
        sql = str_sub(sql, token.n, sql.n);
    }
}

static enum source_kind in_schema(struct plan *p, struct str name)
{
    (void)sqlite3_bind_text64(p->look_up, 1, name.p, name.n, SQLITE_STATIC, SQLITE_UTF8);
    const enum source_kind kind = sqlite3_step(p->look_up) == SQLITE_ROW
                                      ? (enum source_kind)sqlite3_column_int(p->look_up, 0)
                                      : UNKNOWN;
    (void)sqlite3_reset(p->look_up);
    return kind;
}

static enum source_kind kind_of(const struct plan *p, struct str name)
{
    enum source_kind kind = UNKNOWN;
    for (size_t i = 0; i < p->source_count; i++) {
        if (p->sources[i].kind > kind && str_eq_nocase(p->sources[i].name, name)) {
            kind = p->sources[i].kind;
        }
    }
    return kind;
}

static void add_source(struct plan *p, struct str name, enum source_kind kind)
{
    if (name.n && kind_of(p, name) < kind) {
        p->sources[p->source_count++] = (struct source){name, kind};
    }
}

/* Index of the bracket that closes the one at i, or the count. */
static size_t closing(const struct plan *p, size_t i)
{
    int depth = 0;
    for (; i < p->count; i++) {
        depth += is(p, i, "(") ? 1 : is(p, i, ")") ? -1 : 0;
        if (depth == 0) {
            return i;
        }
    }
    return i;
}

/* name AS (…), name (columns) AS (…), with MATERIALIZED or not. */
static bool is_common_table(const struct plan *p, size_t i)
{
    i++;
    if (is(p, i, "(")) {
        i = closing(p, i) + 1;
    }
    if (!is(p, i++, "AS")) {
        return false;
    }
    i += is(p, i, "NOT") ? 1 : 0;
    i += is(p, i, "MATERIALIZED") ? 1 : 0;
    return is(p, i, "(");
}

static void find_sources(struct plan *p)
{
    add_source(p, STR("json_each"), FREE);
    for (size_t i = 0; i < p->count; i++) {
        add_source(p, at(p, i), in_schema(p, at(p, i)));
        if (is_common_table(p, i)) {
            add_source(p, at(p, i), FREE);
        }
    }
    /* An alias of an alias there is not: what is found from here on gives no name to others. */
    const struct plan named = *p;
    for (size_t i = 0; i < p->count; i++) {
        const enum source_kind kind = is(p, i, ")") ? FREE : kind_of(&named, at(p, i));
        if (kind != UNKNOWN) {
            add_source(p, at(p, i + (is(p, i + 1, "AS") ? 2 : 1)), kind);
        }
    }
}

/* $1, tenant_id, or x.tenant_id. */
static bool is_tenant(const struct plan *p, size_t i)
{
    return is(p, i, "?1") || is(p, i, "tenant_id") ||
           (is(p, i + 1, ".") && is(p, i + 2, "tenant_id"));
}

/* i is at tenant_id: what it is compared with, alone or as the first of a row value, is the
 * tenant. */
static bool compares_with_tenant(const struct plan *p, size_t i)
{
    if (is(p, i + 1, "=") || is(p, i + 1, "IS")) {
        return is_tenant(p, i + 2 + (is(p, i + 2, "=") ? 1 : 0));
    }
    if (is(p, i + 1, "IN")) {
        return false;
    }
    const size_t start = i >= 2 && is(p, i - 1, ".") ? i - 2 : i;
    if (start >= 1 && is(p, start - 1, "=")) {
        return start >= 2 && (is(p, start - 2, "?1") || is(p, start - 2, "tenant_id"));
    }
    if (start >= 1 && is(p, start - 1, "(") && is(p, i + 1, ",")) {
        const size_t after = closing(p, start - 1) + 1;
        const size_t select = is(p, after + 2, "SELECT") ? 3 : 2;
        return !(is(p, after, "=") || is(p, after, "IN")) || is_tenant(p, after + select);
    }
    return true;
}

static enum err check_comparisons(const struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (is(p, i, "tenant_id") && !compares_with_tenant(p, i)) {
            return refuse(p, "tenant_id is compared with something else than $1", at(p, i + 2));
        }
    }
    return ERR_OK;
}

/* Position of tenant_id among the names in the brackets at i, or -1. */
static int tenant_column(const struct plan *p, size_t i)
{
    int column = 0;
    for (const size_t end = closing(p, i); i < end; i++) {
        column += is(p, i, ",") ? 1 : 0;
        if (is(p, i, "tenant_id")) {
            return column;
        }
    }
    return -1;
}

/* Index of the item with that number in a list that begins at i. */
static size_t item(const struct plan *p, size_t i, int number)
{
    while (number > 0 && i < p->count) {
        i = is(p, i, "(") ? closing(p, i) : i;
        number -= is(p, i, ",") ? 1 : 0;
        i++;
    }
    return i;
}

/* i is at VALUES: every row has the tenant at its place. */
static bool rows_have_tenant(const struct plan *p, size_t i, int column)
{
    do {
        i++;
        if (!is(p, i, "(") || !is(p, item(p, i + 1, column), "?1")) {
            return false;
        }
        i = closing(p, i) + 1;
    } while (is(p, i, ","));
    return true;
}

/* i is at the table's name. */
static enum err check_insert(const struct plan *p, size_t i)
{
    const struct str table = at(p, i);
    const size_t list = i + 1;
    const int column = is(p, list, "(") ? tenant_column(p, list) : -1;
    const size_t from = closing(p, list) + 1;
    const bool filled =
        column >= 0 &&
        (is(p, from, "VALUES") ? rows_have_tenant(p, from, column)
                               : is(p, from, "SELECT") && is_tenant(p, item(p, from + 1, column)));
    if (!filled) {
        return refuse(p, "an INSERT does not fill tenant_id from $1", table);
    }
    for (; i < p->count; i++) {
        if (is(p, i, "CONFLICT") && is(p, i + 1, "(") && tenant_column(p, i + 1) < 0) {
            return refuse(p, "a conflict target lacks tenant_id", table);
        }
    }
    return ERR_OK;
}

/* Such a DELETE has no plan: the whole table is dropped at once. */
static enum err check_deletes(const struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        if (is(p, i, "DELETE") && is(p, i + 1, "FROM") && kind_of(p, at(p, i + 2)) == TENANT &&
            !is(p, i + 3, "WHERE") && !is(p, i + 4, "WHERE") && !is(p, i + 5, "WHERE")) {
            return refuse(p, "a DELETE without WHERE", at(p, i + 2));
        }
    }
    return ERR_OK;
}

static enum err check_into(const struct plan *p, size_t i)
{
    if (!is(p, i, "INTO") || kind_of(p, at(p, i + 1)) != TENANT) {
        return ERR_OK;
    }
    if (i >= 1 && is(p, i - 1, "REPLACE")) {
        return refuse(p, "REPLACE may delete rows of others", at(p, i + 1));
    }
    return check_insert(p, i + 1);
}

static enum err check_inserts(const struct plan *p)
{
    for (size_t i = 0; i < p->count; i++) {
        TRY(check_into(p, i));
    }
    return ERR_OK;
}

/* The text asks that this table's tenant_id be $1: by its name, or by none when it is alone. */
static bool asks_tenant(struct plan *p, struct str name)
{
    size_t tenants = 0;
    for (size_t i = 0; i < p->count; i++) {
        tenants += in_schema(p, at(p, i)) == TENANT ? 1 : 0;
    }
    for (size_t i = 0; i < p->count; i++) {
        if (is(p, i, "tenant_id") && is(p, i + 1, "=") && is(p, i + 2, "?1")) {
            const bool named = i >= 2 && is(p, i - 1, ".");
            if (named ? str_eq_nocase(at(p, i - 2), name) : tenants == 1) {
                return true;
            }
        }
    }
    return false;
}

static bool has(struct str s, struct str part)
{
    return str_find(s, part, 0) >= 0;
}

static bool stays_in_tenant(struct plan *p, struct str name, struct str line)
{
    if (has(line, STR("USING INTEGER PRIMARY KEY (rowid=?)"))) {
        return asks_tenant(p, name);
    }
    return has(line, STR("tenant_id=?")) && !has(line, STR("AUTOMATIC"));
}

/* After "VIRTUAL TABLE INDEX n:" FTS5 lists its constraints: = > < are those on the rowid. */
static bool is_bounded(struct str line)
{
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    const struct str list = colon < 0 ? STR("") : str_sub(line, (size_t)colon, line.n);
    return has(list, STR("=")) || (has(list, STR("<")) && has(list, STR(">")));
}

static enum err check_line(struct plan *p, struct str line)
{
    struct str rest = line;
    struct str verb;
    struct str name;
    if (!str_split(&rest, ' ', &verb) || !(str_is(verb, "SEARCH") || str_is(verb, "SCAN")) ||
        !str_split(&rest, ' ', &name) || name.p[0] == '(' || has(line, STR("CONSTANT ROW"))) {
        return ERR_OK;
    }
    const enum source_kind known = kind_of(p, name);
    switch (known ? known : in_schema(p, name)) {
    case FREE:
        return ERR_OK;
    case FTS:
        return is_bounded(line) ? ERR_OK : refuse(p, "text search without bounds on rowid", line);
    case TENANT:
        return stays_in_tenant(p, name, line)
                   ? ERR_OK
                   : refuse(p, "a tenant's table is reached without tenant_id", line);
    case UNKNOWN:
        break;
    }
    return refuse(p, "the plan names what the text does not", line);
}

static void finalize(sqlite3_stmt **st)
{
    (void)sqlite3_finalize(*st);
}

static enum err check_lines(struct plan *p, struct str sql)
{
    const struct str text = str_fmt(p->cx->arena, "EXPLAIN QUERY PLAN " STR_FMT, STR_ARG(sql));
    SCOPED(finalize) sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(p->conn->sq, text.p, -1, &st, NULL)) {
        return sqlite_conn_fail(p->conn, p->cx);
    }
    while (sqlite3_step(st) == SQLITE_ROW) {
        TRY(check_line(p, str_of((const char *)sqlite3_column_text(st, 3))));
    }
    return ERR_OK;
}

enum err plan_check(struct conn *c, struct cx *cx, const struct db_stmt *stmt, struct str sql)
{
    SCOPED(finalize) sqlite3_stmt *look_up = NULL;
    if (sqlite3_prepare_v2(c->sq, look_up_text, -1, &look_up, NULL)) {
        return sqlite_conn_fail(c, cx);
    }
    struct plan p = {.conn = c, .cx = cx, .sql = stmt->sql, .look_up = look_up};
    read_tokens(&p, sql);
    find_sources(&p);
    TRY(check_comparisons(&p));
    TRY(check_inserts(&p));
    TRY(check_deletes(&p));
    return check_lines(&p, sql);
}
