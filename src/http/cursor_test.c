#include "http/cursor.h"

#include <setjmp.h>

#include <cmocka.h>

static const uint8_t secret[CURSOR_SECRET] = {1, 2, 3};

static void comes_back_as_it_was(void **state)
{
    (void)state;
    static const int64_t times[] = {0, 1, -1, INT64_MAX, INT64_MIN, 1795132800000000};
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(times); i++) {
        struct cursor got;
        const struct cursor c = {times[i], uuid_new()};
        const struct str text = cursor_seal(a, secret, STR("t/rows"), c);
        assert_int_equal(text.n, 54);
        assert_true(cursor_open(a, secret, STR("t/rows"), text, &got));
        assert_true(got.sort_us == c.sort_us && uuid_eq(got.id, c.id));
    }
    arena_free(&a);
}

/* shows: API-11 */
static void is_sealed(void **state)
{
    (void)state;
    static const uint8_t other[CURSOR_SECRET] = {1, 2, 4};
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=+/. ";
    struct arena *a = arena_new();
    struct cursor got;
    const struct str text = cursor_seal(a, secret, STR("t/rows"), (struct cursor){77, uuid_new()});
    assert_false(cursor_open(a, other, STR("t/rows"), text, &got));
    assert_false(cursor_open(a, secret, STR("t/other"), text, &got));
    assert_false(cursor_open(a, secret, STR(""), text, &got));
    for (size_t n = 0; n < text.n; n++) {
        assert_false(cursor_open(a, secret, STR("t/rows"), str_sub(text, 0, n), &got));
        /* any other sign in any place */
        char *changed = arena_dup(a, text.p, text.n);
        for (size_t i = 0; i < sizeof(alphabet); i++) {
            changed[n] = alphabet[i];
            assert_int_equal(
                cursor_open(a, secret, STR("t/rows"), (struct str){changed, text.n}, &got),
                alphabet[i] == text.p[n]);
        }
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back_as_it_was),
        cmocka_unit_test(is_sealed),
    };
    return cmocka_run_group_tests_name("cursors", tests, NULL, NULL);
}
