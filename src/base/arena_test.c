#include "base/arena.h"

#include "base/buf.h"
#include "base/death_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static void memory_is_zeroed_aligned_and_stays(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    unsigned char *kept[2000];
    for (size_t i = 0; i < COUNT(kept); i++) {
        kept[i] = arena_alloc(a, i);
        assert_int_equal((uintptr_t)kept[i] % 16, 0);
        for (size_t at = 0; at < i; at++) {
            assert_int_equal(kept[i][at], 0);
        }
        memset(kept[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT(kept); i++) {
        for (size_t at = 0; at < i; at++) {
            assert_int_equal(kept[i][at], i & 0xff);
        }
    }
    arena_free(&a);
    assert_null(a);
    arena_free(&a);
}

static void after_a_reset_memory_is_zeroed_again(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 100; i++) {
            unsigned char *p = arena_alloc(a, 300);
            for (size_t at = 0; at < 300; at++) {
                assert_int_equal(p[at], 0);
            }
            memset(p, 0xff, 300);
        }
        assert_true(arena_used(a) >= 30000);
        arena_reset(a);
        assert_int_equal(arena_used(a), 0);
    }
    arena_reset(a);
    arena_free(&a);
}

static void great_allocations_are_served_and_given_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int round = 0; round < 3; round++) {
        char *p = arena_alloc(a, 8 * MB);
        p[0] = p[8 * MB - 1] = 'x';
        arena_reset(a);
    }
    const char *p = arena_alloc(a, 8 * MB);
    assert_int_equal(p[0] | p[8 * MB - 1], 0);
    arena_free(&a);
}

static void copies_are_terminated(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_string_equal(arena_dup(a, "abcdef", 3), "abc");
    assert_string_equal(arena_dup(a, NULL, 0), "");
    assert_non_null(arena_alloc(a, 0));
    arena_free(&a);
}

struct note {
    struct buf *log;
    struct arena *arena;
    char name;
};

static void write_note(void *arg)
{
    const struct note *n = arg;
    buf_char(n->log, n->name);
    if (n->name == 'x') {
        struct note *late = arena_one(n->arena, struct note);
        *late = (struct note){n->log, n->arena, 'y'};
        arena_defer(n->arena, write_note, late);
    }
}

static void clean_ups_run_newest_first_once_and_before_memory_goes(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf log = buf_make(100);
    struct arena *a = arena_new();
    for (char c = 'a'; c <= 'd'; c++) {
        struct note *n = arena_one(a, struct note);
        *n = (struct note){&log, a, c == 'b' ? 'x' : c};
        arena_defer(a, write_note, n);
        (void)arena_alloc(a, 5000); /* so that the notes lie in several blocks */
    }
    arena_reset(a);
    assert_true(str_is(buf_view(&log), "dcxya")); /* one that was added while they ran is run too */
    arena_reset(a);
    assert_int_equal(log.n, 5);
    struct note *n = arena_one(a, struct note);
    *n = (struct note){&log, a, 'z'};
    arena_defer(a, write_note, n);
    arena_free(&a);
    assert_true(str_is(buf_view(&log), "dcxyaz"));
}

static void ask_for_too_much(void *arg)
{
    (void)arena_alloc(arg, SIZE_MAX - 8);
}

static void an_absurd_size_is_a_bug(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    assert_true(dies(ask_for_too_much, a, "arena.c"));
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_stays),
        cmocka_unit_test(after_a_reset_memory_is_zeroed_again),
        cmocka_unit_test(great_allocations_are_served_and_given_back),
        cmocka_unit_test(copies_are_terminated),
        cmocka_unit_test(clean_ups_run_newest_first_once_and_before_memory_goes),
        cmocka_unit_test(an_absurd_size_is_a_bug),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
