#include "base/json.h"

#include "base/utf8.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

static struct cx cx;

static int begin(void **state)
{
    (void)state;
    cx_begin(&cx, NULL);
    return 0;
}

static int end(void **state)
{
    (void)state;
    cx_end(&cx);
    return 0;
}

static void any_value_is_taken(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "{}",
        "[]",
        "null",
        "true",
        "1",
        "-1.5e3",
        "\"x\"",
        " { \"a\" : [ 1 , 2 ] } \n",
        "\"\\ud83d\\ude00\"",
        "{\"\":1}",
        "9223372036854775807",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *v = NULL;
        if (json_parse(&cx, str_of(rows[i]), &v) || !v) {
            fail_msg("%s: %s", rows[i], cx.detail);
        }
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct str rows[] = {
        {NULL, 0},
        STR(""),
        STR(" "),
        STR("{"),
        STR("{}}"),
        STR("{} {}"),
        STR("[1,]"),
        STR("{\"a\":1,}"),
        STR("{'a':1}"),
        STR("{a:1}"),
        STR("{\"a\":1,\"a\":2}"),
        STR("{\"a\":1,\"\\u0061\":2}"),
        STR("{\"x\":{\"b\":1,\"b\":1}}"),
        STR("\"a\0b\""),
        STR("{\"a\\u0000\":1}"),
        STR("\"\\u0000\""),
        STR("{}\0"),
        STR("\"\xff\""),
        STR("\"\xed\xa0\x80\""),
        STR("\"\xc0\x80\""),
        STR("\xef\xbb\xbf{}"),
        STR("\"\\ud800\""),
        STR("\"\\udc00\\ud800\""),
        STR("\"a\nb\""),
        STR("\"\\x\""),
        STR("01"),
        STR("+1"),
        STR(".5"),
        STR("1."),
        STR("1e999"),
        STR("9223372036854775808"),
        STR("NaN"),
        STR("Infinity"),
        STR("nul"),
        STR("// x\n1"),
        STR("]]]]"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        json_t *v = NULL;
        if (json_parse(&cx, rows[i], &v) != ERR_INVALID || cx.code != CODE_MALFORMED_JSON || v) {
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(rows[i]));
        }
        assert_true(utf8_valid(str_of(cx.detail)));
    }
}

static struct str nested(int depth, const char *open, const char *close)
{
    struct str s = STR("1");
    for (int i = 0; i < depth; i++) {
        s = str_fmt(cx.arena, "%s%s%s", open, s.p, close);
    }
    return s;
}

/* shows: RATE-8 */
static void depth_is_bounded(void **state)
{
    (void)state;
    json_t *v = NULL;
    assert_int_equal(json_parse(&cx, nested(JSON_MAX_DEPTH, "[", "]"), &v), ERR_OK);
    assert_int_equal(json_parse(&cx, nested(JSON_MAX_DEPTH, "{\"a\":", "}"), &v), ERR_OK);
    assert_int_equal(json_parse(&cx, nested(JSON_MAX_DEPTH + 1, "[", "]"), &v), ERR_INVALID);
    assert_non_null(strstr(cx.detail, "nested"));
    char *many = arena_alloc(cx.arena, MB);
    memset(many, '[', MB);
    assert_int_equal(json_parse(&cx, (struct str){many, MB}, &v), ERR_INVALID);
    assert_true(json_depth_ok(STR("[\"[[[[\\\"[[[[\"]"), 1)); /* not in strings */
    assert_false(json_depth_ok(STR("[\"\\\\\",[]]"), 1));
    assert_true(json_depth_ok(STR("[],[],{}"), 1));
    assert_true(json_depth_ok(STR("\"\\"), 0));
}

static void members_and_fallbacks(void **state)
{
    (void)state;
    json_t *o = NULL;
    assert_int_equal(
        json_parse(&cx, STR("{\"s\":\"x\",\"i\":7,\"f\":1.5,\"b\":false,\"n\":null}"), &o), ERR_OK);
    assert_true(str_is(json_get_str(o, "s"), "x"));
    assert_true(str_is(json_get_str(o, "i"), ""));
    assert_true(str_is(json_get_str(o, "absent"), ""));
    assert_int_equal(json_get_i64(o, "i", 1), 7);
    assert_int_equal(json_get_i64(o, "f", 1), 1);
    assert_int_equal(json_get_i64(o, "n", 1), 1);
    assert_true(fabs(json_get_f64(o, "f", 0) - 1.5) < 1e-9);
    assert_true(fabs(json_get_f64(o, "i", 0) - 7) < 1e-9);
    assert_true(fabs(json_get_f64(o, "s", 3) - 3) < 1e-9);
    assert_false(json_get_bool(o, "b", true));
    assert_true(json_get_bool(o, "i", true));
    assert_true(str_is(json_get_str(NULL, "s"), ""));
}

static void text_is_compact_and_sorted(void **state)
{
    (void)state;
    json_t *o = NULL;
    assert_int_equal(json_parse(&cx, STR(" { \"b\" : [ 1, \"\xc3\xa4\" ], \"a\" : null } "), &o),
                     ERR_OK);
    assert_string_equal(json_text(cx.arena, o).p, "{\"a\":null,\"b\":[1,\"\xc3\xa4\"]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_value_is_taken, begin, end),
        cmocka_unit_test_setup_teardown(refused, begin, end),
        cmocka_unit_test_setup_teardown(depth_is_bounded, begin, end),
        cmocka_unit_test_setup_teardown(members_and_fallbacks, begin, end),
        cmocka_unit_test_setup_teardown(text_is_compact_and_sorted, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
