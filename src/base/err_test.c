#include "base/err.h"

#include "base/death_fixture.h"
#include "base/mem.h"

#include <setjmp.h>

#include <cmocka.h>

/* The sanitizers too shall say no as the system does. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
__attribute__((visibility("default"))) const char *__tsan_default_options(void);

const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void every_code_has_a_row_of_sense(void **state)
{
    (void)state;
    for (int i = 0; i < CODE_COUNT; i++) {
        const struct code_info *info = code_info((enum code)i);
        assert_true(info->class != ERR_OK);
        assert_in_range(info->http_status, 400, 599);
        assert_true(strlen(info->doc) > 10 && info->doc[strlen(info->doc) - 1] == '.');
        assert_int_equal(strspn(info->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"), strlen(info->name));
        /* Who may try again is told by 4xx only where time heals it. */
        assert_true(!info->retryable || info->http_status >= 499 || info->http_status == 408 ||
                    info->http_status == 409 || info->http_status == 429);
        for (int other = 0; other < i; other++) {
            assert_string_not_equal(info->name, code_info((enum code)other)->name);
        }
    }
}

static void every_class_has_a_code_and_a_name(void **state)
{
    (void)state;
    for (int i = ERR_INVALID; i <= ERR_INTERNAL; i++) {
        const enum err e = (enum err)i;
        assert_int_equal(code_info(code_of_class(e))->class, e);
        assert_string_not_equal(err_name(e), "unknown");
        for (int other = ERR_OK; other < i; other++) {
            assert_string_not_equal(err_name(e), err_name((enum err)other));
        }
    }
}

static enum err twice(int *runs, enum err first)
{
    ++*runs;
    TRY(first);
    ++*runs;
    return ERR_OK;
}

static void try_leaves_at_the_first_failure(void **state)
{
    (void)state;
    int runs = 0;
    assert_int_equal(twice(&runs, ERR_LIMIT), ERR_LIMIT);
    assert_int_equal(runs, 1);
    assert_int_equal(twice(&runs, ERR_OK), ERR_OK);
    assert_int_equal(runs, 3);
}

static void break_a_promise(void *arg)
{
    must(arg != NULL);
}

static void ask_beyond(void *arg)
{
    (void)arg;
    (void)code_info(CODE_COUNT);
}

static void ask_for_all(void *arg)
{
    (void)arg;
    (void)mem_alloc(SIZE_MAX / 4, 8); /* more than a size can say */
}

static void a_broken_promise_ends_the_process(void **state)
{
    (void)state;
    assert_true(dies(break_a_promise, NULL, "arg != NULL does not hold"));
    assert_true(dies(ask_beyond, NULL, "err.c"));
    assert_false(dies(break_a_promise, state, ""));
}

static void out_of_memory_ends_the_process(void **state)
{
    (void)state;
    assert_true(dies(ask_for_all, NULL, "out of memory"));
}

static void memory_is_zeroed_copied_and_wiped(void **state)
{
    (void)state;
    char *p = mem_alloc(10, 10);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(p[i], 0);
    }
    p = mem_realloc(p, 1000);
    memset(p, 'x', 1000);
    mem_wipe(p, 999);
    assert_int_equal(p[0] | p[998], 0);
    assert_int_equal(p[999], 'x');
    mem_wipe(NULL, 0);
    mem_free(p);
    mem_free(NULL);
    p = mem_dup("abc", 2);
    assert_string_equal(p, "ab");
    mem_free(p);
    mem_free(mem_alloc(0, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_a_row_of_sense),
        cmocka_unit_test(every_class_has_a_code_and_a_name),
        cmocka_unit_test(try_leaves_at_the_first_failure),
        cmocka_unit_test(a_broken_promise_ends_the_process),
        cmocka_unit_test(out_of_memory_ends_the_process),
        cmocka_unit_test(memory_is_zeroed_copied_and_wiped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
