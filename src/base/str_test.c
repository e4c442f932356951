#include "base/str.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

static const struct str none = {NULL, 0};

static void equality_and_order(void **state)
{
    (void)state;
    assert_true(str_eq(none, STR("")));
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_false(str_is(STR("abc"), "ab"));
    assert_true(str_is(none, NULL));
    assert_true(str_eq_nocase(STR("Content-LENGTH"), STR("content-length")));
    assert_false(str_eq_nocase(STR("[x"), STR("{x"))); /* 0x20 apart, but no letters */
    assert_false(str_eq_nocase(STR("abc"), STR("ab")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0);
    assert_true(str_cmp(STR("b"), STR("ab")) > 0);
    assert_true(str_cmp(STR("\x80"), STR("a")) > 0);
    assert_int_equal(str_cmp(none, STR("")), 0);
    assert_true(str_starts(STR("abc"), STR("ab")));
    assert_true(str_starts(none, none));
    assert_false(str_starts(STR("a"), STR("ab")));
    assert_true(str_ends(STR("abc"), STR("bc")));
    assert_true(str_ends(none, none));
    assert_false(str_ends(STR("c"), STR("bc")));
}

static void finding(void **state)
{
    (void)state;
    const struct str s = STR("abcabc");
    assert_int_equal(str_find(s, STR("bc"), 0), 1);
    assert_int_equal(str_find(s, STR("bc"), 2), 4);
    assert_int_equal(str_find(s, STR("bc"), 5), -1);
    assert_int_equal(str_find(s, STR("x"), 0), -1);
    assert_int_equal(str_find(s, STR(""), 6), 6);
    assert_int_equal(str_find(s, STR("a"), 7), -1);
    assert_int_equal(str_find(none, STR("a"), 0), -1);
    assert_int_equal(str_find(none, none, 0), 0);
    assert_int_equal(str_find_char(s, 'c', 0), 2);
    assert_int_equal(str_find_char(s, 'c', 3), 5);
    assert_int_equal(str_find_char(s, 'c', 6), -1);
    assert_int_equal(str_find_char(none, 'c', 0), -1);
    assert_int_equal(str_find_char(STR("a\0b"), '\0', 0), 1);
}

static void cutting(void **state)
{
    (void)state;
    assert_true(str_is(str_sub(STR("abc"), 1, 1), "b"));
    assert_true(str_is(str_sub(STR("abc"), 1, SIZE_MAX), "bc"));
    assert_true(str_is(str_sub(STR("abc"), 3, 1), ""));
    assert_true(str_is(str_sub(STR("abc"), SIZE_MAX, SIZE_MAX), ""));
    assert_true(str_is(str_sub(none, 0, 1), ""));
    assert_true(str_is(str_trim(STR(" \t\r\n\v\fa b \n")), "a b"));
    assert_true(str_is(str_trim(STR(" \n ")), ""));
    assert_true(str_is(str_trim(none), ""));
}

static void splitting(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        const char *parts; /* joined by '|', each closed by one */
    } rows[] = {
        {{NULL, 0}, ""},        {STR(""), "|"},           {STR(","), "||"},
        {STR("a"), "a|"},       {STR("a,"), "a||"},       {STR(",a"), "|a|"},
        {STR("a,,b"), "a||b|"}, {STR("a,b,c"), "a|b|c|"}, {STR(",,,"), "||||"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct str rest = rows[i].text;
        struct str part;
        struct str got = STR("");
        while (str_split(&rest, ',', &part)) {
            got = str_fmt(a, STR_FMT STR_FMT "|", STR_ARG(got), STR_ARG(part));
        }
        assert_string_equal(got.p, rows[i].parts);
        assert_null(rest.p);
        assert_false(str_split(&rest, ',', &part));
        arena_free(&a);
    }
}

static void whole_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } rows[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"007", true, 7},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"99999999999999999999999999", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"+1", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1.0", false, 0},
        {"0x1", false, 0},
        {"1e3", false, 0},
        {"\xd9\xa1", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t v = 42;
        const bool ok = str_to_i64(str_of(rows[i].text), INT64_MIN, INT64_MAX, &v);
        if (ok != rows[i].ok || v != (ok ? rows[i].value : 42)) {
            fail_msg("'%s'", rows[i].text);
        }
    }
    int64_t v = 0;
    assert_true(str_to_i64(STR("5"), 5, 5, &v));
    assert_false(str_to_i64(STR("4"), 5, 9, &v));
    assert_false(str_to_i64(STR("10"), 5, 9, &v));
    assert_false(str_to_i64(STR("1\0"), 0, 9, &v));
    assert_false(str_to_i64(none, 0, 9, &v));
}

static void fractions(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        double value;
    } rows[] = {
        {"0.5", true, 0.5},
        {"-1.25e2", true, -125},
        {"1", true, 1},
        {"1e400", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {".", false, 0},
        {".5", false, 0},
        {"nan", false, 0},
        {"inf", false, 0},
        {"-inf", false, 0},
        {"0x1p3", false, 0},
        {"1,5", false, 0},
        {" 1", false, 0},
        {"1 ", false, 0},
        {"1e", false, 0},
        {"--1", false, 0},
        {"1.2.3", false, 0},
        {"+1", false, 0},
        {"1111111111111111111111111111111111111111111111111111111111111111", false, 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        double v = 42;
        const bool ok = str_to_f64(str_of(rows[i].text), -1e300, 1e300, &v);
        if (ok != rows[i].ok || fabs(v - (ok ? rows[i].value : 42)) > 0) {
            fail_msg("'%s'", rows[i].text);
        }
    }
    double v = 0;
    assert_false(str_to_f64(STR("1.1"), 0, 1, &v));
    assert_false(str_to_f64(none, 0, 1, &v));
}

static void hexadecimal(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    unsigned char b[4] = {0x00, 0x9f, 0xaF, 0xff};
    unsigned char back[4] = {1, 1, 1, 1};
    assert_string_equal(str_hex(a, b, 4).p, "009fafff");
    assert_true(str_unhex(STR("009FaFff"), back, 4));
    assert_memory_equal(b, back, 4);
    assert_true(str_unhex(none, back, 0));
    assert_false(str_unhex(STR("009faff"), back, 4));
    assert_false(str_unhex(STR("009fafff00"), back, 4));
    assert_false(str_unhex(STR("009fafgf"), back, 4));
    assert_false(str_unhex(STR("0x9fafff"), back, 4));
    arena_free(&a);
}

static void making(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(str_fmt(a, "%d-%s", 7, "x").p, "7-x");
    assert_int_equal(str_fmt(a, "%0*d", 5000, 1).n, 5000);
    assert_string_equal(str_lower(a, STR("ABCxyz[\xc3\x84")).p, "abcxyz[\xc3\x84");
    assert_string_equal(str_dup(a, str_sub(STR("abcdef"), 1, 2)).p, "bc");
    assert_string_equal(str_dup(a, none).p, "");
    assert_true(str_hash(STR("")) == 14695981039346656037ULL);
    assert_true(str_hash(STR("a")) == 0xaf63dc4c8601ec8cULL);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality_and_order),
        cmocka_unit_test(finding),
        cmocka_unit_test(cutting),
        cmocka_unit_test(splitting),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(fractions),
        cmocka_unit_test(hexadecimal),
        cmocka_unit_test(making),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
