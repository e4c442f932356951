/* Opening, the lock file, and the pool of readers. */
#include "db/sqlite.h"

#include "base/clock.h"
#include "db/db_fixture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct db_fixture *f = malloc(sizeof(*f));
    db_fixture_init(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    db_fixture_fini(*state);
    free(*state);
    return 0;
}

static enum err try_open(const struct db_options *o, struct buf *why)
{
    struct db *db = NULL;
    buf_reset(why);
    const enum err e = db_open(o, &db, why);
    db_close(&db);
    return e;
}

static bool says(const struct buf *why, const char *part)
{
    return str_find(buf_view(why), str_of(part), 0) >= 0;
}

static int64_t pragma(struct conn *c, const char *sql)
{
    sqlite3_stmt *st = NULL;
    assert_int_equal(sqlite3_prepare_v2(c->sq, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const int64_t v = sqlite3_column_int64(st, 0);
    (void)sqlite3_finalize(st);
    return v;
}

static void a_second_server_is_kept_out(void **state)
{
    struct db_fixture *f = *state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "(pid %d)", (int)getpid());
    f->options.lock_path = f->lock_path;
    db_fixture_open(f);
    assert_int_equal(try_open(&f->options, &why), ERR_CONFLICT);
    assert_true(says(&why, "in use by another metachat"));
    assert_true(says(&why, pid));
    assert_true(says(&why, "stop it first"));

    struct db_options reading = {.path = f->path, .read_only = true};
    assert_int_equal(try_open(&reading, &why), ERR_OK);

    const struct db_sqlite *s = container_of(f->db, struct db_sqlite, db);
    assert_true(fcntl(s->lock_fd, F_GETFD) & FD_CLOEXEC);
    db_close(&f->db);
    assert_int_equal(try_open(&f->options, &why), ERR_OK);
}

static enum err write_one(struct db_fixture *f)
{
    static const struct db_stmt insert = DB_PLATFORM_SQL("INSERT INTO t VALUES (1)");
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&cx, &tx));
    TRY(db_exec(tx, &insert, DB_NO_ARGS, NULL));
    return db_commit(tx);
}

static void nothing_is_written_into_files_that_are_gone(void **state)
{
    struct db_fixture *f = *state;
    char elsewhere[120];
    char wal[120];
    struct db_health h;
    (void)snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", f->path);
    (void)snprintf(wal, sizeof(wal), "%s-wal", f->path);
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER)");
    const char *const files[] = {f->path, wal};
    for (size_t i = 0; i < COUNT(files); i++) {
        assert_int_equal(rename(files[i], elsewhere), 0);
        assert_int_equal(write_one(f), ERR_UNAVAILABLE);
        db_health(f->db, &h);
        assert_false(h.writable);
        assert_non_null(h.trouble);
        assert_int_equal(rename(elsewhere, files[i]), 0);
        assert_int_equal(write_one(f), ERR_OK);
        db_health(f->db, &h);
        assert_true(h.writable && !h.trouble);
    }
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM t"), 2);
}

static void a_lock_file_that_is_gone_is_taken_anew(void **state)
{
    struct db_fixture *f = *state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    struct db_health h;
    int fd = -1;
    f->options.lock_path = f->lock_path;
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER)");
    assert_int_equal(unlink(f->lock_path), 0);
    assert_int_equal(write_one(f), ERR_OK);
    assert_int_equal(try_open(&f->options, &why), ERR_CONFLICT);

    assert_int_equal(unlink(f->lock_path), 0);
    assert_int_equal(lock_take(f->lock_path, &fd, &why), ERR_OK); /* another comes first */
    assert_int_equal(write_one(f), ERR_UNAVAILABLE);
    db_health(f->db, &h);
    assert_string_equal(h.trouble, "another metachat has taken the data folder");
    (void)close(fd);
    assert_int_equal(write_one(f), ERR_OK);
}

static void settings_are_those_of_the_design(void **state)
{
    struct db_fixture *f = *state;
    db_fixture_open(f);
    assert_int_equal(db_fixture_number(f, "SELECT 1"), 1);
    struct db_sqlite *s = container_of(f->db, struct db_sqlite, db);
    struct conn *w = s->write_conn;
    struct conn *r = s->readers.idle;
    assert_int_equal(pragma(w, "PRAGMA synchronous"), 2);
    assert_int_equal(pragma(w, "PRAGMA foreign_keys"), 1);
    assert_int_equal(pragma(w, "PRAGMA wal_autocheckpoint"), 4000);
    assert_int_equal(pragma(w, "PRAGMA cache_size"), -65536);
    assert_int_equal(pragma(w, "PRAGMA trusted_schema"), 0);
    assert_int_equal(pragma(r, "PRAGMA query_only"), 1);
    assert_int_equal(pragma(r, "PRAGMA cache_size"), -2048);
    assert_int_equal(sqlite3_db_readonly(r->sq, "main"), 1);
    int on = 0;
    assert_int_equal(sqlite3_db_config(r->sq, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, -1, &on), 0);
    assert_int_equal(on, 1);
    assert_int_equal(sqlite3_db_config(w->sq, SQLITE_DBCONFIG_DEFENSIVE, -1, &on), 0);
    assert_int_equal(on, 1);
    struct stat st;
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(db_can(f->db, DB_HAS_FTS5));
    assert_false(db_can(f->db, DB_CAN_SKIP_LOCKED));
    assert_false(db_can(f->db, DB_HAS_ROW_SECURITY));
}

static void what_cannot_be_opened_is_said(void **state)
{
    struct db_fixture *f = *state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    struct db_options o = {.path = "/proc/none/db"};
    assert_int_equal(try_open(&o, &why), ERR_UNAVAILABLE);
    assert_true(says(&why, "/proc/none/db"));

    o.lock_path = "/proc/none/lock";
    assert_int_equal(try_open(&o, &why), ERR_UNAVAILABLE);
    assert_true(says(&why, "/proc/none/lock"));

    o = (struct db_options){.path = f->path, .read_only = true};
    assert_int_equal(try_open(&o, &why), ERR_UNAVAILABLE);
    assert_true(says(&why, f->path));

    const int fd = open(f->path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "this is no database, but a text of some length", 46), 46);
    (void)close(fd);
    o = (struct db_options){.path = f->path};
    assert_int_equal(try_open(&o, &why), ERR_UNAVAILABLE);
    assert_true(says(&why, "not a database"));
}

static void reading_only_writes_nothing(void **state)
{
    struct db_fixture *f = *state;
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER)");
    db_close(&f->db);
    f->options.read_only = true;
    db_fixture_open(f);
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM t"), 0);
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    struct db_tx *tx = NULL;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_UNAVAILABLE);
    assert_null(tx);
    struct db_health h;
    db_health(f->db, &h);
    assert_false(h.writable);
}

static void what_was_written_survives_closing(void **state)
{
    struct db_fixture *f = *state;
    struct stat st;
    char wal[100];
    (void)snprintf(wal, sizeof(wal), "%s-wal", f->path);
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)");
    struct db_health h;
    db_health(f->db, &h);
    assert_true(h.writable);
    assert_true(h.wal_bytes > 0);
    db_close(&f->db);
    assert_int_equal(stat(wal, &st), -1);
    db_fixture_open(f);
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM t"), 1);
}

static void a_read_is_one_snapshot(void **state)
{
    static const struct db_stmt count = DB_PLATFORM_SQL("SELECT count(*) FROM t");
    struct db_fixture *f = *state;
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER)");
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &count, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(db_int(&r, 0, 0), 0);
    db_fixture_script(f, "INSERT INTO t VALUES (1)");
    assert_int_equal(db_fixture_number(f, count.sql), 1);
    assert_int_equal(db_query(tx, &count, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(db_int(&r, 0, 0), 0);
    assert_int_equal(db_commit(tx), ERR_OK);
    db_tx_close(&tx);
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &count, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(db_int(&r, 0, 0), 1);
}

/* shows: RES-1 */
static void readers_are_few(void **state)
{
    struct db_fixture *f = *state;
    struct db_health h;
    f->options.readers = 2;
    f->options.wait_us = MS_US;
    db_fixture_open(f);
    db_health(f->db, &h);
    assert_int_equal(h.readers, 0);
    SCOPED(cx_end) struct cx a = db_fixture_platform(f);
    SCOPED(cx_end) struct cx b = db_fixture_platform(f);
    SCOPED(cx_end) struct cx c = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *ta = NULL;
    SCOPED(db_tx_close) struct db_tx *tb = NULL;
    SCOPED(db_tx_close) struct db_tx *tc = NULL;
    assert_int_equal(db_begin_read(&a, &ta), ERR_OK);
    assert_int_equal(db_begin_read(&b, &tb), ERR_OK);
    assert_int_equal(db_begin_read(&c, &tc), ERR_UNAVAILABLE);
    assert_int_equal(c.code, CODE_DATABASE_ERROR);
    db_health(f->db, &h);
    assert_int_equal(h.readers, 2);
    assert_int_equal(h.readers_used, 2);
    db_tx_close(&ta);
    assert_int_equal(db_begin_read(&c, &tc), ERR_OK);
    db_tx_close(&tc);
    db_tx_close(&tb);
    db_health(f->db, &h);
    assert_int_equal(h.readers, 2);
    assert_int_equal(h.readers_used, 0);
}

static void a_reader_that_cannot_open_leaves_its_place(void **state)
{
    struct db_fixture *f = *state;
    struct db_health h;
    char away[100];
    (void)snprintf(away, sizeof(away), "%s.away", f->path);
    f->options.readers = 1;
    db_fixture_open(f);
    assert_int_equal(rename(f->path, away), 0);
    for (int i = 0; i < 2; i++) {
        SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
        struct db_tx *tx = NULL;
        assert_int_equal(db_begin_read(&cx, &tx), ERR_UNAVAILABLE);
        db_health(f->db, &h);
        assert_int_equal(h.readers + h.readers_used, 0);
    }
    assert_int_equal(rename(away, f->path), 0);
    assert_int_equal(db_fixture_number(f, "SELECT 1"), 1);
}

struct reader {
    struct db_fixture *f;
    pthread_t thread;
};

static void *read_many(void *arg)
{
    struct reader *r = arg;
    for (int i = 0; i < 50; i++) {
        must(db_fixture_number(r->f, "SELECT count(*) FROM t") == 0);
    }
    return NULL;
}

/* shows: RES-1 */
static void all_who_wait_get_a_reader(void **state)
{
    struct db_fixture *f = *state;
    struct reader readers[16];
    f->options.readers = 2;
    db_fixture_open(f);
    db_fixture_script(f, "CREATE TABLE t (n INTEGER)");
    for (size_t i = 0; i < COUNT(readers); i++) {
        readers[i].f = f;
        assert_int_equal(pthread_create(&readers[i].thread, NULL, read_many, &readers[i]), 0);
    }
    for (size_t i = 0; i < COUNT(readers); i++) {
        (void)pthread_join(readers[i].thread, NULL);
    }
    struct db_health h;
    db_health(f->db, &h);
    assert_in_range(h.readers, 1, 2);
    assert_int_equal(h.readers_used, 0);
}

static void an_old_library_is_refused(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    assert_int_equal(sqlite_check_version(3039004, "3.39.4", &why), ERR_UNAVAILABLE);
    assert_true(says(&why, "SQLite 3.39.4 is too old"));
    assert_int_equal(sqlite_check_version(3040000, "3.40.0", &why), ERR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_old_library_is_refused),
        cmocka_unit_test_setup_teardown(a_second_server_is_kept_out, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_written_into_files_that_are_gone, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_lock_file_that_is_gone_is_taken_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(settings_are_those_of_the_design, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_said, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_only_writes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_written_survives_closing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_read_is_one_snapshot, setup, teardown),
        cmocka_unit_test_setup_teardown(readers_are_few, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reader_that_cannot_open_leaves_its_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(all_who_wait_get_a_reader, setup, teardown),
    };
    return cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
}
