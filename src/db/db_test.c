/* The interface as rooms use it: scopes, arguments, rows, errors, what is durable and seen. */
#include "db/db_fixture.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const struct db_stmt insert_note =
    DB_TENANT_SQL("INSERT INTO notes (tenant_id, id, body, n) VALUES ($1, $2, $3, $4)");
static const struct db_stmt select_notes =
    DB_TENANT_SQL("SELECT id, body, n FROM notes WHERE tenant_id = $1 ORDER BY n");
static const struct db_stmt count_all = DB_PLATFORM_SQL("SELECT count(*) FROM notes");

static int setup(void **state)
{
    struct db_fixture *f = malloc(sizeof(*f));
    db_fixture_init(f);
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE notes (tenant_id BLOB NOT NULL, id BLOB NOT NULL,"
                         " body TEXT, n INTEGER NOT NULL UNIQUE CHECK (n >= 0), f REAL,"
                         " PRIMARY KEY (tenant_id, id))");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    db_fixture_fini(*state);
    free(*state);
    return 0;
}

static enum err add(struct db_tx *tx, const char *body, int64_t n)
{
    return db_exec(tx, &insert_note, DB_ARGS(DB_ID(uuid_new()), DB_CSTR(body), DB_INT(n)), NULL);
}

static void what_is_committed_is_seen(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    const struct uuid id = uuid_new();
    int64_t changed;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(
        db_exec(tx, &insert_note, DB_ARGS(DB_ID(id), DB_TEXT(STR("a\0b")), DB_INT(7)), &changed),
        ERR_OK);
    assert_int_equal(changed, 1);
    assert_int_equal(db_commit(tx), ERR_OK);
    db_tx_close(&tx);

    struct db_rows rows;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &select_notes, DB_NO_ARGS, &rows), ERR_OK);
    assert_int_equal(rows.count, 1);
    assert_int_equal(rows.columns, 3);
    assert_true(uuid_eq(db_id(&rows, 0, 0), id));
    assert_true(str_eq(db_text(&rows, 0, 1), STR("a\0b")));
    assert_int_equal(db_int(&rows, 0, 2), 7);
    assert_int_equal(db_commit(tx), ERR_OK);
}

static void a_tenant_sees_its_own(void **state)
{
    for (uint8_t i = 1; i <= 2; i++) {
        SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, i);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        struct db_rows rows;
        assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
        assert_int_equal(add(tx, "mine", i), ERR_OK);
        assert_int_equal(db_query(tx, &select_notes, DB_NO_ARGS, &rows), ERR_OK);
        assert_int_equal(rows.count, 1);
        assert_int_equal(db_int(&rows, 0, 2), i);
        assert_int_equal(db_commit(tx), ERR_OK);
    }
}

static void what_is_not_committed_is_gone(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(add(tx, "x", 1), ERR_OK);
    assert_true(cx.in_tx);
    db_tx_close(&tx);
    assert_null(tx);
    assert_false(cx.in_tx);
    assert_int_equal(db_fixture_number(*state, count_all.sql), 0);
}

static void what_a_column_is(void **state)
{
    static const struct db_stmt kinds = DB_TENANT_SQL(
        "SELECT $1, NULL, 7, 1.5, 'text', x'0102', $2, $3, $4, $5, $6, $7 WHERE $1 IS NOT NULL");
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 3);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    const struct uuid id = uuid_new();
    const struct uuid nil = {};
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &kinds,
                              DB_ARGS(DB_OPT_TEXT(STR("")), DB_TEXT(((struct str){})), DB_NUM(2.5),
                                      DB_ID(id), DB_OPT_ID(nil), DB_BLOB(STR("b\0"))),
                              &r),
                     ERR_OK);
    assert_int_equal(r.count, 1);
    assert_true(uuid_eq(db_id(&r, 0, 0), cx.tenant.v));
    assert_true(db_is_null(&r, 0, 1));
    assert_int_equal(db_int(&r, 0, 1), 0);
    assert_int_equal(db_text(&r, 0, 1).n, 0);
    assert_true(uuid_is_nil(db_id(&r, 0, 1)));
    assert_true(db_num(&r, 0, 1) == 0);
    assert_int_equal(db_int(&r, 0, 2), 7);
    assert_true(db_num(&r, 0, 2) == 7);
    assert_true(db_num(&r, 0, 3) == 1.5);
    assert_string_equal(db_text(&r, 0, 4).p, "text");
    assert_int_equal(db_text(&r, 0, 5).n, 2);
    assert_true(db_is_null(&r, 0, 6));
    assert_false(db_is_null(&r, 0, 7));
    assert_true(db_num(&r, 0, 8) == 2.5);
    assert_true(uuid_eq(db_id(&r, 0, 9), id));
    assert_true(db_is_null(&r, 0, 10));
    assert_true(str_eq(db_text(&r, 0, 11), STR("b\0")));
}

static void many_rows_are_all_there(void **state)
{
    static const struct db_stmt series =
        DB_PLATFORM_SQL("WITH RECURSIVE c (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c "
                        "WHERE i < $1 - 1) SELECT i, 'row ' || i FROM c");
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &series, DB_ARGS(DB_INT(1000)), &r), ERR_OK);
    assert_int_equal(r.count, 1000);
    for (size_t i = 0; i < r.count; i++) {
        assert_int_equal(db_int(&r, i, 0), i);
        assert_true(str_starts(db_text(&r, i, 1), STR("row ")));
    }
}

/* Nothing runs outside of its scope, whatever the statement would do. */
/* shows: TEN-3 */
static void scopes_are_held(void **state)
{
    static const struct {
        enum scope who;
        enum db_scope scope;
        enum err want;
    } cases[] = {
        {SCOPE_NONE, DB_TENANT, ERR_INTERNAL},     {SCOPE_NONE, DB_PLATFORM, ERR_INTERNAL},
        {SCOPE_TENANT, DB_TENANT, ERR_OK},         {SCOPE_TENANT, DB_PLATFORM, ERR_INTERNAL},
        {SCOPE_PLATFORM, DB_TENANT, ERR_INTERNAL}, {SCOPE_PLATFORM, DB_PLATFORM, ERR_OK},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const struct db_stmt stmt = {"DELETE FROM notes WHERE tenant_id = $1", cases[i].scope,
                                     NULL};
        SCOPED(cx_end)
        struct cx cx = cases[i].who == SCOPE_TENANT ? db_fixture_tenant(*state, 1)
                                                    : db_fixture_platform(*state);
        cx.who = cases[i].who;
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        struct db_rows r;
        const struct db_val id = DB_ID(uuid_new());
        const size_t count = cases[i].scope == DB_PLATFORM ? 1 : 0;
        assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
        assert_int_equal(db_exec(tx, &stmt, &id, count, NULL), cases[i].want);
        assert_int_equal(db_query(tx, &stmt, &id, count, &r), cases[i].want);
        if (cases[i].want) {
            assert_int_equal(cx.code, CODE_INTERNAL_ERROR);
        }
    }
}

static void wrong_statements_are_refused(void **state)
{
    static const struct db_stmt stmts[] = {
        DB_TENANT_SQL("SELECT 1 WHERE $1 = $2"),
        DB_TENANT_SQL("SELECT 1 WHERE $1 = $2 AND $3 = $4"),
        DB_TENANT_SQL("SELECT nonsense FROM notes WHERE tenant_id = $1 AND n = $2 AND f = $3"),
        DB_TENANT_SQL("SELECT $1, $2, $3; DELETE FROM notes"),
        DB_TENANT_SQL("SELECT $1, $2, \"$3\""),
        DB_TENANT_SQL("SELECT $1, $2, $3, \"no such column\""),
        DB_TENANT_SQL(" -- nothing"),
        DB_TENANT_SQL("ATTACH $1 AS x"),
    };
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    for (size_t i = 0; i < COUNT(stmts); i++) {
        assert_int_equal(db_exec(tx, &stmts[i], DB_ARGS(DB_INT(1), DB_INT(2)), NULL), ERR_INTERNAL);
    }
    assert_int_equal(add(tx, "still usable", 1), ERR_OK);
    assert_int_equal(db_commit(tx), ERR_OK);
}

static void a_room_keeps_something_with_it(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    for (int i = 0; i < 2; i++) {
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
        assert_null(*db_tx_slot(tx));
        *db_tx_slot(tx) = &cx;
        assert_ptr_equal(*db_tx_slot(tx), &cx);
    }
}

static void one_call_runs_one_statement(void **state)
{
    static const struct {
        struct db_stmt stmt;
        enum err want;
    } cases[] = {
        {DB_PLATFORM_SQL("SELECT 1; SELECT 2"), ERR_INTERNAL},
        {DB_PLATFORM_SQL("SELECT 1; -- the end\n"), ERR_OK},
        {DB_PLATFORM_SQL(""), ERR_INTERNAL},
        {DB_PLATFORM_SQL("/* nothing */"), ERR_INTERNAL},
    };
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_ptr_equal(db_tx_cx(tx), &cx);
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(db_exec(tx, &cases[i].stmt, DB_NO_ARGS, NULL), cases[i].want);
    }
}

static void broken_rules_have_their_codes(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(add(tx, "x", 1), ERR_OK);
    assert_int_equal(add(tx, "x", 1), ERR_CONFLICT);
    assert_int_equal(cx.code, CODE_CONFLICT);
    assert_int_equal(add(tx, "x", -1), ERR_INVALID);
    assert_int_equal(cx.code, CODE_VALIDATION_ERROR);
    assert_int_equal(db_exec(tx, &insert_note, DB_ARGS(DB_NULL, DB_NULL, DB_INT(2)), NULL),
                     ERR_INVALID);
    assert_int_equal(db_commit(tx), ERR_OK);
    assert_int_equal(db_fixture_number(*state, count_all.sql), 1);
}

static void returning_gives_rows_and_counts(void **state)
{
    static const struct db_stmt bump =
        DB_TENANT_SQL("UPDATE notes SET n = notes.n + 10 WHERE tenant_id = $1 RETURNING n");
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    int64_t changed = -1;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &bump, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(r.count, 0);
    assert_int_equal(add(tx, "x", 1), ERR_OK);
    assert_int_equal(add(tx, "y", 2), ERR_OK);
    assert_int_equal(db_exec(tx, &bump, DB_NO_ARGS, &changed), ERR_OK);
    assert_int_equal(changed, 2);
    assert_int_equal(db_query(tx, &bump, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(r.count, 2);
    assert_int_equal(db_exec(tx, &select_notes, DB_NO_ARGS, &changed), ERR_OK);
    assert_int_equal(changed, 0);
}

/* Rooms keep statements as static objects; a test's own may share an address with an earlier one.
 */
static void a_statement_is_known_by_its_text_too(void **state)
{
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {"SELECT 0", "SELECT 1", "SELECT 2"};
        assert_int_equal(db_fixture_number(*state, texts[i]), i);
    }
}

static void many_statements_are_kept(void **state)
{
    enum { HOW_MANY = 300 };
    static char texts[HOW_MANY][32];
    static struct db_stmt stmts[HOW_MANY];
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < HOW_MANY; i++) {
            struct db_rows r;
            (void)snprintf(texts[i], sizeof(texts[i]), "SELECT %d", i);
            stmts[i] = (struct db_stmt)DB_PLATFORM_SQL(texts[i]);
            assert_int_equal(db_query(tx, &stmts[i], DB_NO_ARGS, &r), ERR_OK);
            assert_int_equal(db_int(&r, 0, 0), i);
        }
    }
}

static void work_that_is_over_begins_nothing(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    struct db_tx *tx = NULL;
    cx.deadline_us = 1;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_TIMEOUT);
    assert_int_equal(db_begin_write(&cx, &tx), ERR_TIMEOUT);
    assert_null(tx);
    assert_false(cx.in_tx);
}

/* Our own bugs end the process, and say where the transaction was begun. */
static void dies(void **state, void (*what)(struct cx *cx, struct db_tx *tx), bool write)
{
    (void)fflush(NULL);
    const pid_t pid = fork();
    if (pid == 0) {
        struct cx cx = db_fixture_platform(*state);
        struct db_tx *tx = NULL;
        (void)signal(SIGABRT, SIG_DFL);
        (void)!freopen("/dev/null", "w", stderr);
        const enum err e = write ? db_begin_write(&cx, &tx) : db_begin_read(&cx, &tx);
        if (!e) {
            what(&cx, tx);
        }
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void begin_read_again(struct cx *cx, struct db_tx *tx)
{
    (void)tx;
    struct db_tx *other;
    (void)db_begin_read(cx, &other);
}

static void begin_write_again(struct cx *cx, struct db_tx *tx)
{
    (void)tx;
    struct db_tx *other;
    (void)db_begin_write(cx, &other);
}

static void commit_twice(struct cx *cx, struct db_tx *tx)
{
    (void)cx;
    (void)db_commit(tx);
    (void)db_commit(tx);
}

static void run_after_commit(struct cx *cx, struct db_tx *tx)
{
    (void)cx;
    (void)db_commit(tx);
    (void)db_exec(tx, &count_all, DB_NO_ARGS, NULL);
}

static void write_something(struct cx *cx, struct db_tx *tx)
{
    static const struct db_stmt drop = DB_PLATFORM_SQL("DELETE FROM notes");
    (void)cx;
    (void)db_exec(tx, &drop, DB_NO_ARGS, NULL);
}

static void note_something(struct cx *cx, struct db_tx *tx)
{
    (void)cx;
    db_note(tx, (struct db_note){.kind = 1});
}

static void take_text_for_a_number(struct cx *cx, struct db_tx *tx)
{
    static const struct db_stmt text = DB_PLATFORM_SQL("SELECT 'a'");
    struct db_rows r;
    (void)cx;
    if (db_query(tx, &text, DB_NO_ARGS, &r) == ERR_OK) {
        (void)db_int(&r, 0, 0);
    }
}

static void take_a_row_too_many(struct cx *cx, struct db_tx *tx)
{
    struct db_rows r;
    (void)cx;
    if (db_query(tx, &count_all, DB_NO_ARGS, &r) == ERR_OK) {
        (void)db_int(&r, 1, 0);
    }
}

static void misuse_asserts(void **state)
{
    for (int write = 0; write <= 1; write++) {
        dies(state, begin_read_again, write);
        dies(state, begin_write_again, write);
        dies(state, commit_twice, write);
        dies(state, run_after_commit, write);
        dies(state, take_text_for_a_number, write);
        dies(state, take_a_row_too_many, write);
    }
    dies(state, write_something, false);
    dies(state, note_something, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_sees_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_column_is, setup, teardown),
        cmocka_unit_test_setup_teardown(many_rows_are_all_there, setup, teardown),
        cmocka_unit_test_setup_teardown(scopes_are_held, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_statements_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_room_keeps_something_with_it, setup, teardown),
        cmocka_unit_test_setup_teardown(one_call_runs_one_statement, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_rules_have_their_codes, setup, teardown),
        cmocka_unit_test_setup_teardown(returning_gives_rows_and_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_statement_is_known_by_its_text_too, setup, teardown),
        cmocka_unit_test_setup_teardown(many_statements_are_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(work_that_is_over_begins_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(misuse_asserts, setup, teardown),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
