#include "base/jw.h"

#include "base/json.h"

#include <math.h>
#include <setjmp.h>

#include <cmocka.h>

/* Writes one value of each kind. */
static void write_kind(struct buf *b, int kind)
{
    static const struct uuid id = {{1}};
    switch (kind) {
    case 0:
        jw_str(b, STR("x"));
        break;
    case 1:
        jw_i64(b, -1);
        break;
    case 2:
        jw_f64(b, 0.5);
        break;
    case 3:
        jw_bool(b, true);
        break;
    case 4:
        jw_null(b);
        break;
    case 5:
        jw_raw(b, STR(" [1] \n"));
        break;
    case 6:
        jw_id(b, id);
        break;
    case 7:
        jw_time(b, 0);
        break;
    case 8:
        jw_open(b, '{');
        jw_close(b, '}');
        break;
    default:
        jw_open(b, '[');
        jw_close(b, ']');
    }
}

enum { KINDS = 10 };

/* Each kind before and after each other kind, in an array and as members. */
static void commas_stand_in_every_position(void **state)
{
    (void)state;
    for (int first = 0; first < KINDS; first++) {
        for (int second = 0; second < KINDS; second++) {
            SCOPED(cx_end) struct cx cx;
            SCOPED(buf_fini) struct buf b = buf_make(KB);
            json_t *v = NULL;
            cx_begin(&cx, NULL);
            jw_open(&b, '{');
            jw_key(&b, "a");
            write_kind(&b, first);
            jw_key(&b, "b");
            write_kind(&b, second);
            jw_key(&b, "c");
            jw_open(&b, '[');
            write_kind(&b, first);
            write_kind(&b, second);
            jw_close(&b, ']');
            jw_close(&b, '}');
            if (json_parse(&cx, buf_view(&b), &v) || json_object_size(v) != 3 ||
                json_array_size(json_object_get(v, "c")) != 2) {
                fail_msg("%s", b.p);
            }
        }
    }
}

static void members(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    struct uuid id;
    assert_true(uuid_parse(STR("0123abcd-4567-89ab-cdef-fedcba987654"), &id));
    jw_open(&b, '{');
    jw_member_str(&b, "s", STR("x"));
    jw_member_i64(&b, "i", INT64_MIN);
    jw_member_f64(&b, "f", 0.25);
    jw_member_bool(&b, "b", false);
    jw_member_id(&b, "id", id);
    jw_member_time(&b, "t", 0);
    jw_member_raw(&b, "r", STR("{\"x\":1}"));
    jw_close(&b, '}');
    assert_string_equal(b.p, "{\"s\":\"x\",\"i\":-9223372036854775808,\"f\":0.25,\"b\":false,"
                             "\"id\":\"0123abcd-4567-89ab-cdef-fedcba987654\","
                             "\"t\":\"1970-01-01T00:00:00.000Z\",\"r\":{\"x\":1}}");
}

static void escapes(void **state)
{
    (void)state;
    static const struct {
        struct str in;
        const char *out;
    } rows[] = {
        {{NULL, 0}, "\"\""},
        {STR("\"\\/"), "\"\\\"\\\\/\""},
        {STR("\n\r\t\b\f"), "\"\\n\\r\\t\\u0008\\u000c\""},
        {STR("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\\u007f\""},
        {STR("</script>&"), "\"\\u003c/script\\u003e\\u0026\""},
        {STR("\xc3\xa4\xf0\x9f\x98\x80"), "\"\xc3\xa4\xf0\x9f\x98\x80\""},
        {STR("ok\xff\xc3"), "\"ok\\ufffd\\ufffd\""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf b = buf_make(KB);
        jw_str(&b, rows[i].in);
        assert_string_equal(b.p, rows[i].out);
    }
}

/* What is written is what is read back. */
static void every_byte_comes_back(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    SCOPED(buf_fini) struct buf b = buf_make(4 * KB);
    char all[127];
    json_t *v = NULL;
    cx_begin(&cx, NULL);
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (char)(i + 1);
    }
    jw_str(&b, (struct str){all, sizeof(all)});
    assert_int_equal(json_parse(&cx, buf_view(&b), &v), ERR_OK);
    assert_int_equal(json_string_length(v), sizeof(all));
    assert_memory_equal(json_string_value(v), all, sizeof(all));
}

static void numbers(void **state)
{
    (void)state;
    static const struct {
        double in;
        const char *out;
    } rows[] = {
        {0, "0"},
        {1, "1"},
        {-1.5, "-1.5"},
        {0.1, "0.1"},
        {1e20, "1e+20"},
        {1e-7, "1e-07"},
        {0.30000000000000004, "0.3"},
        {(double)INFINITY, "null"},
        {-(double)INFINITY, "null"},
        {(double)NAN, "null"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf b = buf_make(KB);
        jw_f64(&b, rows[i].in);
        assert_string_equal(b.p, rows[i].out);
    }
}

static void what_does_not_fit_is_told(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(10);
    jw_open(&b, '[');
    for (int i = 0; i < 10; i++) {
        jw_str(&b, STR("abc"));
    }
    jw_close(&b, ']');
    assert_true(b.full);
    assert_true(b.n <= 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_stand_in_every_position),
        cmocka_unit_test(members),
        cmocka_unit_test(escapes),
        cmocka_unit_test(every_byte_comes_back),
        cmocka_unit_test(numbers),
        cmocka_unit_test(what_does_not_fit_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
