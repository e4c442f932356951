/* Which tenant-scoped statements are refused when they are first prepared. */
#include "db/db_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static const char schema[] =
    "CREATE TABLE msgs (tenant_id BLOB NOT NULL, id BLOB NOT NULL, body TEXT, conv BLOB,"
    "  PRIMARY KEY (tenant_id, id));"
    "CREATE INDEX msgs_conv ON msgs (tenant_id, conv);"
    "CREATE INDEX msgs_body ON msgs (body);"
    "CREATE TABLE chunks (fts INTEGER PRIMARY KEY, tenant_id BLOB NOT NULL, id BLOB NOT NULL,"
    "  UNIQUE (tenant_id, id));"
    "CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT);"
    "CREATE VIRTUAL TABLE words USING fts5(title, body);"
    "CREATE VIEW bodies AS SELECT body FROM msgs;";

struct row {
    const char *sql;
    bool ok;
};

static const struct row rows[] = {
    {"SELECT * FROM msgs WHERE tenant_id = $1", true},
    {"SELECT * FROM msgs WHERE tenant_id = $1 AND id = $2", true},
    {"SELECT * FROM msgs", false},
    {"SELECT count(*) FROM msgs AS m", false},
    {"SELECT * FROM msgs WHERE id = $2 AND $1 = $1", false},
    {"SELECT * FROM msgs WHERE body = $2 AND tenant_id = $1", false},
    {"SELECT * FROM msgs WHERE id = $2 OR tenant_id = $1", false},
    {"SELECT * FROM msgs WHERE tenant_id = $2 AND $1 = $1", false},
    {"SELECT * FROM msgs WHERE tenant_id IN ($1, $2)", false},
    {"SELECT * FROM msgs WHERE $2 = tenant_id", false},
    {"SELECT * FROM msgs WHERE $1 = tenant_id", true},
    {"SELECT * FROM msgs m WHERE m.tenant_id = $1 AND m.conv = $2", true},
    {"SELECT * FROM msgs m WHERE m.conv = $2", false},
    {"SELECT * FROM msgs AS m WHERE m.conv = $2", false},
    {"SELECT * FROM \"msgs\" m WHERE m.conv = $2", false},
    {"SELECT * FROM msgs m JOIN msgs o ON o.tenant_id = m.tenant_id AND o.conv = m.conv "
     "WHERE m.tenant_id = $1",
     true},
    {"SELECT * FROM msgs m JOIN msgs o ON o.conv = m.conv WHERE m.tenant_id = $1", false},
    {"SELECT * FROM msgs m, plain p WHERE m.tenant_id = $1 AND p.name = m.body", true},
    {"SELECT * FROM plain p WHERE EXISTS (SELECT 1 FROM msgs WHERE body = p.name)", false},
    {"SELECT (SELECT max(body) FROM msgs x), $1", false},
    {"SELECT (SELECT max(body) FROM msgs x WHERE x.tenant_id = $1)", true},
    {"SELECT body FROM msgs WHERE tenant_id = $1 UNION ALL SELECT body FROM msgs", false},
    {"WITH q AS (SELECT tenant_id, id FROM msgs WHERE tenant_id = $1 LIMIT 3) "
     "SELECT * FROM q z JOIN msgs m ON m.tenant_id = z.tenant_id AND m.id = z.id",
     true},
    {"WITH q (t, i) AS MATERIALIZED (SELECT tenant_id, id FROM msgs LIMIT 3) SELECT * FROM q",
     false},
    {"SELECT * FROM (SELECT body FROM msgs WHERE tenant_id = $1 LIMIT 9) AS s ORDER BY 1", true},
    {"SELECT * FROM bodies", false},
    {"SELECT m.* FROM json_each($2) j JOIN msgs m ON m.tenant_id = $1 AND m.id = j.value", true},
    {"SELECT (tenant_id, id) = ($1, $2) FROM msgs WHERE (tenant_id, id) = ($1, $2)", true},
    {"SELECT 1 FROM msgs WHERE (tenant_id, id) = ($2, $1)", false},

    {"UPDATE msgs SET body = $2 WHERE tenant_id = $1 AND id = $3", true},
    {"UPDATE msgs SET body = $2 WHERE id = $3", false},
    {"UPDATE msgs SET tenant_id = $2 WHERE tenant_id = $1 AND id = $3", false},
    {"UPDATE msgs SET body = q.v FROM (SELECT $2 AS v, $3 AS id) q "
     "WHERE msgs.tenant_id = $1 AND msgs.id = q.id",
     true},
    {"DELETE FROM msgs WHERE (tenant_id, id) IN "
     "(SELECT tenant_id, id FROM msgs WHERE tenant_id = $1 ORDER BY id LIMIT $2)",
     true},
    {"DELETE FROM msgs WHERE (tenant_id, id) IN (SELECT $2, id FROM msgs WHERE tenant_id = $1)",
     false},
    {"DELETE FROM msgs", false},

    {"INSERT INTO msgs (tenant_id, id) VALUES ($1, $2)", true},
    {"INSERT INTO msgs (id, tenant_id) VALUES ($2, $1), ($3, $1)", true},
    {"INSERT INTO msgs (id, tenant_id) VALUES ($2, $1), ($3, $2)", false},
    {"INSERT INTO msgs (id, tenant_id) VALUES (coalesce($2, $3), $1)", true},
    {"INSERT INTO msgs VALUES ($1, $2, $3, $4)", false},
    {"INSERT INTO msgs (tenant_id, id) VALUES ($2, $1)", false},
    {"INSERT INTO msgs (tenant_id, id) SELECT $1, id FROM plain", true},
    {"INSERT INTO msgs (tenant_id, id) SELECT m.tenant_id, m.id FROM msgs m "
     "WHERE m.tenant_id = $1",
     true},
    {"INSERT INTO msgs (tenant_id, id) SELECT id, $1 FROM plain", false},
    {"INSERT INTO msgs (tenant_id, id) VALUES ($1, $2) ON CONFLICT (tenant_id, id) "
     "DO UPDATE SET body = excluded.body",
     true},
    {"INSERT INTO chunks (fts, tenant_id, id) VALUES ($2, $1, $3) ON CONFLICT (fts) "
     "DO UPDATE SET id = excluded.id",
     false},
    {"INSERT OR REPLACE INTO msgs (tenant_id, id) VALUES ($1, $2)", false},
    {"INSERT INTO plain (name) VALUES ($2)", true},

    {"SELECT rowid FROM words WHERE words MATCH $2 AND rowid BETWEEN $3 AND $4", true},
    {"SELECT rowid FROM words f WHERE f.words MATCH $2 AND f.rowid >= $3 AND f.rowid < $4", true},
    {"SELECT rowid FROM words WHERE words MATCH $2 AND rowid >= $3", false},
    {"SELECT rowid FROM words WHERE words MATCH $2", false},
    {"SELECT c.id FROM words f JOIN chunks c ON c.fts = f.rowid AND c.tenant_id = $1 "
     "WHERE f.words MATCH $2 AND f.rowid BETWEEN $3 AND $4",
     true},
    {"SELECT c.id FROM words f JOIN chunks c ON c.fts = f.rowid "
     "WHERE f.words MATCH $2 AND f.rowid BETWEEN $3 AND $4",
     false},
    {"SELECT id FROM chunks WHERE fts = $2 AND tenant_id = $1", true},
    {"SELECT id FROM chunks WHERE fts = $2", false},
    {"SELECT id FROM chunks WHERE fts BETWEEN $2 AND $3", false},
    {"DELETE FROM words WHERE rowid = $2", true},
    {"INSERT INTO words (rowid, title, body) VALUES ($2, $3, $4)", true},
};

static int highest(const char *sql)
{
    int max = 0;
    for (const char *p = sql; (p = strchr(p, '$')); p++) {
        max = p[1] - '0' > max ? p[1] - '0' : max;
    }
    return max;
}

/* What is let through may still find no row, or break a rule of the table; what is refused is
 * INTERNAL and says why. */
static bool runs(struct db_fixture *f, const char *sql, enum db_scope scope, char *ret_why)
{
    const struct db_stmt stmt = {.sql = sql, .scope = scope};
    const struct db_val args[8] = {DB_INT(1), DB_INT(2), DB_INT(3), DB_INT(4)};
    SCOPED(cx_end)
    struct cx cx = scope == DB_TENANT ? db_fixture_tenant(f, 1) : db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    const int max = highest(sql);
    const size_t count = scope == DB_TENANT && max > 0 ? (size_t)max - 1 : (size_t)max;
    const enum err e = db_exec(tx, &stmt, args, count, NULL);
    (void)snprintf(ret_why, CX_DETAIL, "%s", cx.detail);
    return e != ERR_INTERNAL;
}

/* shows: TEN-3 */
static void statements_are_let_through_or_refused(void **state)
{
    (void)state;
    struct db_fixture f;
    db_fixture_init(&f);
    db_fixture_open(&f);
    db_fixture_script(&f, schema);
    int wrong = 0;
    for (size_t i = 0; i < COUNT(rows); i++) {
        char why[CX_DETAIL];
        if (runs(&f, rows[i].sql, DB_TENANT, why) != rows[i].ok) {
            print_message("%s: %s\n  %s\n", rows[i].ok ? "refused" : "let through", rows[i].sql,
                          why);
            wrong++;
        }
    }
    assert_int_equal(wrong, 0);
    db_fixture_fini(&f);
}

static void the_platform_may_look_across(void **state)
{
    (void)state;
    struct db_fixture f;
    char why[CX_DETAIL];
    db_fixture_init(&f);
    db_fixture_open(&f);
    db_fixture_script(&f, schema);
    assert_true(runs(&f, "SELECT * FROM msgs", DB_PLATFORM, why));
    db_fixture_fini(&f);
}

static void plans_are_checked_only_when_asked(void **state)
{
    (void)state;
    struct db_fixture f;
    char why[CX_DETAIL];
    db_fixture_init(&f);
    f.options.check_plans = false;
    db_fixture_open(&f);
    db_fixture_script(&f, schema);
    assert_true(runs(&f, "SELECT * FROM msgs", DB_TENANT, why));
    db_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statements_are_let_through_or_refused),
        cmocka_unit_test(the_platform_may_look_across),
        cmocka_unit_test(plans_are_checked_only_when_asked),
    };
    return cmocka_run_group_tests_name("sqlite_plan", tests, NULL, NULL);
}
