#include "db/params.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct {
    const char *from;
    const char *to;
    int max;
} rows[] = {
    {"", "", 0},
    {"SELECT 1", "SELECT 1", 0},
    {"SELECT $2, $1", "SELECT ?2, ?1", 2},
    {"SELECT $12 || $3", "SELECT ?12 || ?3", 12},
    {"$1", "?1", 1},
    {"a=$1", "a=?1", 1},
    {"a$1 = $2", "a$1 = ?2", 2},
    {"SELECT '$1', $2", "SELECT '$1', ?2", 2},
    {"SELECT 'it''s $1', $2", "SELECT 'it''s $1', ?2", 2},
    {"SELECT \"$1\", `$2`, [$3], $4", "SELECT \"$1\", `$2`, [$3], ?4", 4},
    {"SELECT 1 -- $1 '\n, $2", "SELECT 1 -- $1 '\n, ?2", 2},
    {"SELECT 1 /* $1 ' */, $2", "SELECT 1 /* $1 ' */, ?2", 2},
    {"SELECT 1 /*/ $1 */, $2", "SELECT 1 /*/ $1 */, ?2", 2},
    {"SELECT 1 - $1 / $2", "SELECT 1 - ?1 / ?2", 2},
    {"SELECT $, $x, $0", "SELECT $, $x, $0", 0},
    {"SELECT '$1", "SELECT '$1", 0},
    {"SELECT /* $1", "SELECT /* $1", 0},
    {"SELECT -- $1", "SELECT -- $1", 0},
    {"SELECT $99999999999", "SELECT $99999999999", 0},
    {"SELECT '\xc3\xa4', $1", "SELECT '\xc3\xa4', ?1", 1},
};

static void parameters_go_by_position(void **state)
{
    (void)state;
    SCOPED(arena_free) struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        int max = -1;
        const struct str got = params_rewrite(a, str_of(rows[i].from), &max);
        assert_string_equal(got.p, rows[i].to);
        assert_int_equal(got.n, strlen(rows[i].to));
        assert_int_equal(max, rows[i].max);
    }
}

static void tokens_cover_any_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str s = str_of(rows[i].from);
        while (s.n) {
            const size_t n = sql_token(s);
            assert_in_range(n, 1, s.n);
            s = str_sub(s, n, s.n);
        }
    }
    assert_int_equal(sql_token(STR("-- a\nb")), 5);
    assert_int_equal(sql_token(STR("  \t\nb")), 4);
    assert_int_equal(sql_token(STR("'a''b'")), 3);
    assert_int_equal(sql_token(STR("name1 x")), 5);
    assert_true(sql_is_blank(STR("/* */")));
    assert_true(sql_is_blank(STR("-- ")));
    assert_true(sql_is_blank(STR("\n")));
    assert_false(sql_is_blank(STR("-")));
    assert_false(sql_is_blank(STR("'")));
}

static void texts_are_the_same_but_for_blanks_and_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } pairs[] = {
        {"", "", true},
        {"a", "", false},
        {"", "a", false},
        {"CREATE TABLE \"t\"(a)", "CREATE TABLE t (\n a -- why\n )", true},
        {"CREATE TABLE t (a)", "CREATE TABLE t (b)", false},
        {"CREATE TABLE t (a)", "CREATE TABLE t (a, b)", false},
        {"x = 'a b'", "x = 'a  b'", false},
        {"x = 'a'", "x = a", false},
    };
    for (size_t i = 0; i < COUNT(pairs); i++) {
        assert_int_equal(sql_same(str_of(pairs[i].a), str_of(pairs[i].b)), pairs[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_go_by_position),
        cmocka_unit_test(tokens_cover_any_text),
        cmocka_unit_test(texts_are_the_same_but_for_blanks_and_quotes),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
