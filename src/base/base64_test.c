#include "base/base64.h"

#include <setjmp.h>

#include <cmocka.h>

/* RFC 4648 section 10, and the two signs in which the alphabets differ. */
static void known_answers(void **state)
{
    (void)state;
    static const struct {
        struct str bytes;
        const char *url;
        const char *plain;
    } rows[] = {
        {STR(""), "", ""},
        {STR("f"), "Zg", "Zg"},
        {STR("fo"), "Zm8", "Zm8"},
        {STR("foo"), "Zm9v", "Zm9v"},
        {STR("foob"), "Zm9vYg", "Zm9vYg"},
        {STR("fooba"), "Zm9vYmE", "Zm9vYmE"},
        {STR("foobar"), "Zm9vYmFy", "Zm9vYmFy"},
        {STR("\xfb\xff\xbf"), "-_-_", "+/+/"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        char back[16];
        size_t n = 99;
        const struct str b = rows[i].bytes;
        assert_string_equal(base64_text(a, BASE64_URL, b.p, b.n).p, rows[i].url);
        assert_string_equal(base64_text(a, BASE64_PLAIN, b.p, b.n).p, rows[i].plain);
        assert_int_equal(base64_size(b.n), strlen(rows[i].url));
        assert_int_equal(base64_bytes(strlen(rows[i].url)), b.n);
        assert_true(base64_decode(BASE64_URL, str_of(rows[i].url), back, b.n, &n));
        assert_true(str_eq((struct str){back, n}, b));
        assert_true(base64_decode(BASE64_PLAIN, str_of(rows[i].plain), back, b.n, &n));
        assert_true(str_eq((struct str){back, n}, b));
        arena_free(&a);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct str rows[] = {
        STR("Z"),     STR("Zm9vY"),      STR("Zg=="),      STR("Zg="),     STR("Zm9v\n"),
        STR(" Zm9"),  STR("Zh"),         STR("Zm9"),       STR("Zm9v.Yg"), STR("+/+/"),
        STR("Zm\0v"), STR("Z\xc3\xa4g"), STR("Zm9vYmFyZ"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char out[16];
        size_t n = 42;
        if (base64_decode(BASE64_URL, rows[i], out, sizeof(out), &n) || n != 42) {
            fail_msg("row %zu: " STR_FMT, i, STR_ARG(rows[i]));
        }
    }
    char out[3];
    size_t n = 0;
    assert_false(base64_decode(BASE64_URL, STR("Zm9vYg"), out, sizeof(out), &n));
    assert_false(base64_decode(BASE64_PLAIN, STR("-_-_"), out, sizeof(out), &n));
    assert_true(base64_decode(BASE64_URL, (struct str){NULL, 0}, out, 0, &n));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
