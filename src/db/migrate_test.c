/* Migrations of this test's own, and then the program's. */
#include "db/migrate.h"

#include "db/db_fixture.h"
#include "db/driver.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct db_migration mine[] = {
    {1, "people",
     "-- Who there is; ';' in here and '$1' do no harm.\n"
     "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);\n"
     "CREATE TABLE pets (id INTEGER PRIMARY KEY,"
     " owner INTEGER NOT NULL REFERENCES people (id) ON DELETE CASCADE);\n",
     "DROP TABLE pets;\nDROP TABLE people;\n"},
    {2, "age", "ALTER TABLE people ADD COLUMN age INTEGER;", "ALTER TABLE people DROP COLUMN age;"},
    {5, "rebuild",
     "CREATE TABLE new_people (id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK (name <> ''),"
     " age INTEGER);"
     "INSERT INTO new_people SELECT id, name, age FROM people;"
     "DROP TABLE people;"
     "ALTER TABLE new_people RENAME TO people;"
     "CREATE INDEX people_name ON people (name);"
     "CREATE VIRTUAL TABLE words USING fts5 (body);",
     "DROP TABLE words;"
     "CREATE TABLE old_people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INTEGER);"
     "INSERT INTO old_people SELECT id, name, age FROM people;"
     "DROP TABLE people;"
     "ALTER TABLE old_people RENAME TO people;"},
    {},
};

static const struct migration_list all = {mine, 3};
static const struct migration_list two = {mine, 2};

static int setup(void **state)
{
    struct db_fixture *f = malloc(sizeof(*f));
    db_fixture_init(f);
    db_fixture_open(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    db_fixture_fini(*state);
    free(*state);
    return 0;
}

static enum err up(struct db_fixture *f, struct migration_list list, int *ret_count, char *ret_why)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    const enum err e = migrate_up(&cx, list, ret_count);
    if (ret_why) {
        (void)snprintf(ret_why, CX_DETAIL, "%s", cx.detail);
    }
    return e;
}

static int must_up(struct db_fixture *f, struct migration_list list)
{
    int n = -1;
    assert_int_equal(up(f, list, &n, NULL), ERR_OK);
    return n;
}

static int must_down(struct db_fixture *f, struct migration_list list, int count)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    int n = -1;
    assert_int_equal(migrate_down(&cx, list, count, &n), ERR_OK);
    return n;
}

static void status_is(struct db_fixture *f, struct migration_list list,
                      struct db_migrate_status want, const char *drift)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    struct db_migrate_status got;
    assert_int_equal(migrate_status(&cx, list, &got), ERR_OK);
    assert_int_equal(got.known, want.known);
    assert_int_equal(got.applied, want.applied);
    assert_int_equal(got.pending, want.pending);
    assert_int_equal(got.unknown, want.unknown);
    assert_int_equal(got.edited, want.edited);
    assert_string_equal(got.drift.n ? got.drift.p : "", drift);
}

/* shows: DB-14, TEST-8 */
static void up_down_up_keeps_the_data(void **state)
{
    struct db_fixture *f = *state;
    status_is(f, all, (struct db_migrate_status){.known = 5, .pending = 3}, "");
    assert_int_equal(must_up(f, two), 2);
    db_fixture_script(f, "INSERT INTO people VALUES (1, 'Ada', 36), (2, 'Bo', 7);"
                         "INSERT INTO pets VALUES (1, 1), (2, 2)");
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 2, .pending = 1}, "");

    assert_int_equal(must_up(f, all), 1);
    assert_int_equal(must_up(f, all), 0);
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 5}, "");
    /* The rebuild dropped a table that others point to: none of their rows may go with it. */
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM pets"), 2);
    assert_int_equal(db_fixture_number(f, "SELECT sum(age) FROM people"), 43);

    assert_int_equal(must_down(f, all, 1), 1);
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 2, .pending = 1}, "");
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM people"), 2);
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM pets"), 2);

    assert_int_equal(must_up(f, all), 1);
    assert_int_equal(db_fixture_number(f, "SELECT sum(age) FROM people"), 43);
    assert_int_equal(must_down(f, all, 99), 3);
    status_is(f, all, (struct db_migrate_status){.known = 5, .pending = 3}, "");
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM sqlite_schema WHERE name IN "
                                          "('people', 'pets', 'words')"),
                     0);
}

static void foreign_keys_hold_again_afterwards(void **state)
{
    struct db_fixture *f = *state;
    static const struct db_stmt orphan = DB_PLATFORM_SQL("INSERT INTO pets VALUES (9, 99)");
    assert_int_equal(must_up(f, all), 3);
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(db_exec(tx, &orphan, DB_NO_ARGS, NULL), ERR_INVALID);
    db_tx_close(&tx);
}

/* shows: DB-15 */
static void a_failure_midway_leaves_the_old_state(void **state)
{
    struct db_fixture *f = *state;
    const struct db_migration broken[] = {
        mine[0],
        {2, "broken", "CREATE TABLE half (id INTEGER); INSERT INTO nowhere VALUES (1);", "x"},
        {},
    };
    const struct db_migration orphans[] = {
        mine[0],
        {2, "orphans", "INSERT INTO pets VALUES (1, 77)", "DELETE FROM pets"},
        {},
    };
    int n;
    char why[CX_DETAIL];
    assert_int_equal(up(f, (struct migration_list){broken, 2}, &n, why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why, "0002_broken"));
    assert_non_null(strstr(why, "nowhere"));
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 1, .pending = 2}, "");
    assert_int_equal(up(f, (struct migration_list){orphans, 2}, &n, why), ERR_UNAVAILABLE);
    assert_non_null(strstr(why, "parents"));
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 1, .pending = 2}, "");
    assert_int_equal(must_up(f, all), 2);
}

/* shows: DB-16 */
static void an_edited_one_is_noticed(void **state)
{
    struct db_fixture *f = *state;
    struct db_migration edited[] = {mine[0], mine[1], mine[2], {}};
    const struct migration_list list = {edited, 3};
    int n;
    char why[CX_DETAIL];
    assert_int_equal(must_up(f, two), 2);
    edited[1].up = "ALTER TABLE people ADD COLUMN age TEXT;";
    status_is(f, list,
              (struct db_migrate_status){.known = 5, .applied = 2, .pending = 1, .edited = 1}, "");
    assert_int_equal(up(f, list, &n, why), ERR_CONFLICT);
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    assert_int_equal(migrate_down(&cx, list, 1, &n), ERR_CONFLICT);
    /* Another way back is no other migration. */
    edited[1].up = mine[1].up;
    edited[1].down = "ALTER TABLE people DROP COLUMN age; -- as before";
    assert_int_equal(must_up(f, list), 1);
}

static void a_newer_one_is_noticed_and_can_be_taken_back(void **state)
{
    struct db_fixture *f = *state;
    int n;
    assert_int_equal(must_up(f, all), 3);
    status_is(f, two, (struct db_migrate_status){.known = 2, .applied = 5, .unknown = 1}, "");
    assert_int_equal(up(f, two, &n, NULL), ERR_CONFLICT);
    assert_int_equal(must_down(f, two, 1), 1);
    status_is(f, two, (struct db_migrate_status){.known = 2, .applied = 2}, "");
}

/* shows: DB-17 */
static void drift_has_names(void **state)
{
    struct db_fixture *f = *state;
    assert_int_equal(must_up(f, all), 3);
    db_fixture_script(f, "ALTER TABLE people DROP COLUMN age; CREATE TABLE extra (id INTEGER);"
                         "DROP INDEX people_name");
    status_is(f, all, (struct db_migrate_status){.known = 5, .applied = 5},
              "column extra.id is not of the migrations\n"
              "column people.age is missing\n"
              "index people_name is missing\n"
              "table extra is not of the migrations\n"
              "table people differs");
}

static void status_changes_nothing(void **state)
{
    struct db_fixture *f = *state;
    status_is(f, all, (struct db_migrate_status){.known = 5, .pending = 3}, "");
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM sqlite_schema"), 0);
}

static void only_the_platform_migrates(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(*state, 1);
    int n;
    assert_int_equal(migrate_up(&cx, all, &n), ERR_UNAVAILABLE);
    status_is(*state, all, (struct db_migrate_status){.known = 5, .pending = 3}, "");
}

static struct str schema_of(struct cx *cx)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    SCOPED(buf_fini) struct buf out = buf_make(MB);
    struct db_rows r;
    assert_int_equal(db_begin_read(cx, &tx), ERR_OK);
    assert_int_equal(tx->db->driver->schema(tx, &r), ERR_OK);
    for (size_t i = 0; i < r.count; i++) {
        buf_fmt(&out, STR_FMT " " STR_FMT " " STR_FMT "\n", STR_ARG(db_text(&r, i, SCHEMA_KIND)),
                STR_ARG(db_text(&r, i, SCHEMA_NAME)), STR_ARG(db_text(&r, i, SCHEMA_TEXT)));
    }
    return str_dup(cx->arena, buf_view(&out));
}

/* The program's own: all up, each back by one and up again, all down, all up. */
/* shows: DB-14, TEST-8 */
static void those_of_the_program_go_both_ways(void **state)
{
    struct db_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    size_t count;
    int n;
    struct db_migrate_status status;
    (void)db_migrations(&count);
    const struct str empty = schema_of(&cx);
    assert_int_equal(db_migrate_up(&cx, &n), ERR_OK);
    assert_int_equal(n, count);
    const struct str full = schema_of(&cx);
    for (int back = 1; back <= (int)count; back++) {
        assert_int_equal(db_migrate_down(&cx, back, &n), ERR_OK);
        assert_int_equal(n, back);
        assert_int_equal(db_migrate_status(&cx, &status), ERR_OK);
        assert_string_equal(status.drift.n ? status.drift.p : "", "");
        assert_int_equal(status.pending, back);
        if (back == (int)count) {
            assert_true(str_eq(schema_of(&cx), empty));
        }
        assert_int_equal(db_migrate_up(&cx, &n), ERR_OK);
        assert_int_equal(n, back);
        assert_true(str_eq(schema_of(&cx), full));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(up_down_up_keeps_the_data, setup, teardown),
        cmocka_unit_test_setup_teardown(foreign_keys_hold_again_afterwards, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_midway_leaves_the_old_state, setup, teardown),
        cmocka_unit_test_setup_teardown(an_edited_one_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_one_is_noticed_and_can_be_taken_back, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(drift_has_names, setup, teardown),
        cmocka_unit_test_setup_teardown(status_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(only_the_platform_migrates, setup, teardown),
        cmocka_unit_test_setup_teardown(those_of_the_program_go_both_ways, setup, teardown),
    };
    return cmocka_run_group_tests_name("migrate", tests, NULL, NULL);
}
