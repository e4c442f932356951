#include "base/extent.h"

#include <errno.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static int file_of(struct str s)
{
    const int fd = memfd_create("extent", MFD_CLOEXEC);
    assert_int_equal(write(fd, s.p, s.n), s.n);
    return fd;
}

static void ranges_are_cut(void **state)
{
    (void)state;
    const struct str text = STR("0123456789");
    const int fd = file_of(text);
    const struct extent all[] = {extent_of(text), extent_of_file(fd, 0, text.n)};
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(all); i++) {
        struct str got;
        const struct extent some = extent_sub(extent_sub(all[i], 2, 6), 1, 3);
        assert_true(extent_take(a, &some, &got) && str_is(got, "345"));
        const struct extent rest = extent_sub(all[i], 8, UINT64_MAX);
        assert_true(extent_take(a, &rest, &got) && str_is(got, "89"));
        const struct extent none = extent_sub(all[i], 11, 5);
        assert_true(extent_take(a, &none, &got) && got.n == 0);
    }
    const struct extent zeroed = {};
    struct str got;
    assert_true(extent_take(a, &zeroed, &got) && got.n == 0);
    arena_free(&a);
    (void)close(fd);
}

static void a_walk_sees_every_byte_once(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const size_t n = 2 * EXTENT_WINDOW + 3;
    char *p = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++) {
        p[i] = (char)(i % 251);
    }
    const int fd = file_of((struct str){p, n});
    const struct extent all[] = {extent_of((struct str){p, n}), extent_of_file(fd, 0, n)};
    for (size_t i = 0; i < COUNT(all); i++) {
        SCOPED(extent_walk_end) struct extent_walk w = {.rest = all[i]};
        struct str part;
        size_t at = 0;
        while (extent_next(&w, &part)) {
            assert_true(part.n <= EXTENT_WINDOW);
            assert_memory_equal(part.p, p + at, part.n);
            at += part.n;
        }
        assert_false(w.failed);
        assert_int_equal(at, n);
    }
    arena_free(&a);
    (void)close(fd);
}

static void a_file_that_is_shorter_fails(void **state)
{
    (void)state;
    const int fd = file_of(STR("short"));
    const struct extent e = extent_of_file(fd, 0, 6);
    struct arena *a = arena_new();
    struct str got;
    uint64_t at;
    errno = 0;
    assert_false(extent_take(a, &e, &got));
    assert_int_equal(errno, EIO);
    SCOPED(extent_walk_end) struct extent_walk w = {.rest = e};
    assert_false(extent_next(&w, &got));
    assert_true(w.failed);
    assert_false(extent_next(&w, &got));
    assert_int_equal(extent_find(&e, STR("x"), 0, 16, &at), EXTENT_FAILED);
    arena_free(&a);
    (void)close(fd);
}

static void a_text_is_found_across_windows(void **state)
{
    (void)state;
    const struct str text = STR("aaabaaabaabaaaabab");
    const int fd = file_of(text);
    const struct extent file = extent_of_file(fd, 0, text.n);
    const struct extent memory = extent_of(text);
    static const char *const needles[] = {"aab", "b", "aaaab", "bab", "abc"};
    for (size_t i = 0; i < COUNT(needles); i++) {
        const struct str needle = str_of(needles[i]);
        for (uint64_t from = 0; from <= text.n + 1; from++) {
            for (size_t window = needle.n + 1; window < 24; window++) {
                uint64_t want = 0;
                uint64_t at = 0;
                const enum extent_found found = extent_find(&memory, needle, from, window, &want);
                assert_int_equal(extent_find(&file, needle, from, window, &at), found);
                assert_true(found != EXTENT_FOUND || at == want);
            }
        }
    }
    (void)close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_are_cut),
        cmocka_unit_test(a_walk_sees_every_byte_once),
        cmocka_unit_test(a_file_that_is_shorter_fails),
        cmocka_unit_test(a_text_is_found_across_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
