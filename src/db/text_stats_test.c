/* The decoder, and what the database really gives it. */
#include "db/text_stats.h"

#include "db/db_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct {
    const char *bytes;
    size_t n;
    bool ok;
    int phrases;
    int columns;
} rows[] = {
    {"", 0, false, 0, 0},
    {"\1\0\0\0", 4, false, 0, 0},
    {"\1\0\0\0\5\0\0", 7, false, 0, 0},
    {"\1\0\0\0\5\0\0\0\6\0\0\0", 12, true, 1, 1},
    {"\1\0\0\0\5\0\0\0\6\0\0\0\7\0\0\0", 16, false, 0, 0},
    {"\0\0\0\0\5\0\0\0\6\0\0\0", 12, true, 0, 2},
    {"\377\377\377\377\5\0\0\0", 8, false, 0, 0},
    {"\377\377\377\177\5\0\0\0", 8, false, 0, 0},
};

static void only_whole_blobs_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct text_stats s = {};
        assert_int_equal(text_stats_read((struct str){rows[i].bytes, rows[i].n}, &s), rows[i].ok);
        assert_int_equal(s.phrases, rows[i].phrases);
        assert_int_equal(s.columns, rows[i].columns);
    }
}

static void the_index_counts_what_is_there(void **state)
{
    (void)state;
    struct db_fixture f;
    db_fixture_init(&f);
    db_fixture_open(&f);
    db_fixture_script(&f, "CREATE VIRTUAL TABLE words USING fts5 (title, body);"
                          "INSERT INTO words (rowid, title, body) VALUES "
                          "(1, 'red shoe', 'a red red boot and a red shoe'), (2, 'hat', 'blue'),"
                          "(3, 'boot', 'red')");
    static const struct db_stmt find =
        DB_TENANT_SQL("SELECT rowid, mc_stats(words) FROM words WHERE words MATCH $2 AND rowid "
                      "BETWEEN $3 AND $4 ORDER BY rowid");
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&f, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    struct text_stats s;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(
        db_query(tx, &find,
                 DB_ARGS(DB_CSTR("\"red\" OR \"red shoe\" OR \"hat\""), DB_INT(1), DB_INT(2)), &r),
        ERR_OK);
    assert_int_equal(r.count, 2);
    assert_true(text_stats_read(db_text(&r, 0, 1), &s));
    assert_int_equal(s.phrases, 3);
    assert_int_equal(s.columns, 2);
    assert_int_equal(text_stats_hits(&s, 0, 0), 1);
    assert_int_equal(text_stats_hits(&s, 0, 1), 3);
    assert_int_equal(text_stats_hits(&s, 1, 0), 1);
    assert_int_equal(text_stats_hits(&s, 1, 1), 1);
    assert_int_equal(text_stats_hits(&s, 2, 0), 0);
    assert_int_equal(text_stats_tokens(&s, 0), 2);
    assert_int_equal(text_stats_tokens(&s, 1), 8);

    assert_true(text_stats_read(db_text(&r, 1, 1), &s));
    assert_int_equal(text_stats_hits(&s, 0, 1), 0);
    assert_int_equal(text_stats_hits(&s, 2, 0), 1);
    assert_int_equal(text_stats_tokens(&s, 1), 1);
    db_tx_close(&tx);
    db_fixture_fini(&f);
}

/* Keeps what the rows say, and refuses the one after stop. */
struct seen {
    struct cx *cx;
    int rows, stop;
    int hats; /* in titles: the only phrase that is told of */
};

static enum err on_row(void *arg, const struct db_rows *row)
{
    struct seen *seen = arg;
    struct text_stats s;
    if (seen->rows == seen->stop) {
        return cx_fail(seen->cx, CODE_CONFLICT, "enough");
    }
    assert_int_equal(row->count, 1);
    assert_true(text_stats_read(db_text(row, 0, 1), &s));
    assert_int_equal(s.phrases, 1);
    assert_int_equal(s.columns, 2);
    assert_int_equal(text_stats_tokens(&s, 0), db_int(row, 0, 0) == 1 ? 2 : 1);
    seen->hats += text_stats_hits(&s, 0, 0);
    seen->rows++;
    return ERR_OK;
}

static void some_phrases_are_told_of_row_by_row(void **state)
{
    (void)state;
    struct db_fixture f;
    db_fixture_init(&f);
    db_fixture_open(&f);
    db_fixture_script(&f, "CREATE VIRTUAL TABLE words USING fts5 (title, body);"
                          "INSERT INTO words (rowid, title, body) VALUES "
                          "(1, 'red shoe', 'a boot'), (2, 'hat', 'red'), (3, 'boot', 'red')");
    static const struct db_stmt find =
        DB_TENANT_SQL("SELECT rowid, mc_stats(words, $5, 1) FROM words WHERE words MATCH $2 AND "
                      "rowid BETWEEN $3 AND $4 ORDER BY rowid");
    SCOPED(cx_end) struct cx cx = db_fixture_tenant(&f, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    for (int stop = 2; stop <= 3; stop++) {
        struct seen seen = {.cx = &cx, .stop = stop};
        const struct db_reader reader = {on_row, &seen};
        assert_int_equal(
            db_each(tx, &find,
                    DB_ARGS(DB_CSTR("\"red\" OR \"hat\""), DB_INT(1), DB_INT(3), DB_INT(1)),
                    &reader),
            stop == 2 ? ERR_CONFLICT : ERR_OK);
        assert_int_equal(seen.rows, stop);
        assert_int_equal(seen.hats, 1);
    }
    db_tx_close(&tx);
    db_fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_whole_blobs_are_read),
        cmocka_unit_test(the_index_counts_what_is_there),
        cmocka_unit_test(some_phrases_are_told_of_row_by_row),
    };
    return cmocka_run_group_tests_name("text_stats", tests, NULL, NULL);
}
