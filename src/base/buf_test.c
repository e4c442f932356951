#include "base/buf.h"

#include "base/death_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static void it_holds_exactly_its_maximum(void **state)
{
    (void)state;
    for (size_t max = 0; max < 600; max += 37) {
        SCOPED(buf_fini) struct buf b = buf_make(max);
        for (size_t i = 0; i < max; i++) {
            buf_char(&b, 'x');
        }
        assert_false(b.full);
        assert_int_equal(b.n, max);
        buf_char(&b, 'y');
        assert_true(b.full);
        assert_int_equal(b.n, max);
    }
}

static void what_does_not_fit_is_left_out_wholly_and_for_good(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(5);
    buf_cstr(&b, "abc");
    buf_cstr(&b, "def");
    assert_true(b.full);
    buf_char(&b, 'x'); /* would fit, but is not wanted any more */
    buf_fmt(&b, "%d", 1);
    assert_null(buf_room(&b, 1));
    assert_true(str_is(buf_view(&b), "abc"));
    buf_reset(&b);
    assert_false(b.full);
    buf_cstr(&b, "defgh");
    assert_true(str_is(buf_view(&b), "defgh"));
    assert_false(b.full);
}

static void every_way_of_appending(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(10000);
    assert_true(str_is(buf_view(&b), ""));
    buf_add(&b, "a\0b", 3);
    buf_str(&b, (struct str){NULL, 0});
    buf_str(&b, STR("cd"));
    buf_fmt(&b, "[%05d%s]", 42, "");
    assert_true(str_eq(buf_view(&b), STR("a\0bcd[00042]")));
    assert_int_equal(b.p[b.n], '\0');
    buf_fmt(&b, "%0*d", 5000, 7);
    assert_int_equal(b.n, 5012);
    assert_int_equal(b.p[5011], '7');
    assert_int_equal(b.p[b.n], '\0');
}

static void numbers_and_formats_at_the_edge_of_room(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(300);
    buf_u64(&b, 0);
    buf_char(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    assert_string_equal(b.p, "0 18446744073709551615");
    /* through the end of the first memory, which holds 256 bytes and the NUL is one of them */
    for (int width = 232; width < 236; width++) {
        b.n = 22;
        buf_fmt(&b, "%0*d", width, 7);
        assert_int_equal(b.n, 22 + width);
        assert_int_equal(strlen(b.p), b.n);
    }
    b.n = 22;
    buf_fmt(&b, "%0*d", 279, 7);
    assert_true(b.full);
    assert_int_equal(b.n, 22);
    assert_string_equal(b.p, "0 18446744073709551615");
}

static void room_is_written_from_outside(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1000);
    buf_cstr(&b, "x");
    char *p = buf_room(&b, 999);
    assert_non_null(p);
    memset(p, 'y', 999);
    buf_wrote(&b, 2);
    assert_true(str_is(buf_view(&b), "xyy"));
    assert_int_equal(b.p[3], '\0');
    assert_null(buf_room(&b, 998));
    assert_true(b.full);
}

static void dropping_moves_the_rest_up(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(10);
    buf_drop(&b, 0);
    buf_cstr(&b, "0123456789");
    buf_drop(&b, 4);
    assert_true(str_is(buf_view(&b), "456789"));
    buf_cstr(&b, "abcd");
    assert_false(b.full);
    buf_drop(&b, 10);
    assert_true(str_is(buf_view(&b), ""));
}

static void drop_too_much(void *arg)
{
    buf_drop(arg, 4);
}

static void write_too_much(void *arg)
{
    (void)buf_room(arg, 10);
    buf_wrote(arg, 10000);
}

static void bugs_are_caught(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(100);
    buf_cstr(&b, "abc");
    assert_true(dies(drop_too_much, &b, "n <= b->n"));
    assert_true(dies(write_too_much, &b, "buf.c"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_exactly_its_maximum),
        cmocka_unit_test(what_does_not_fit_is_left_out_wholly_and_for_good),
        cmocka_unit_test(every_way_of_appending),
        cmocka_unit_test(numbers_and_formats_at_the_edge_of_room),
        cmocka_unit_test(room_is_written_from_outside),
        cmocka_unit_test(dropping_moves_the_rest_up),
        cmocka_unit_test(bugs_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
