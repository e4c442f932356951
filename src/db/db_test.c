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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_committed_is_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tenant_sees_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_committed_is_gone, setup, teardown),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
