#include "base/cx.h"

#include "base/clock.h"
#include "base/death_fixture.h"
#include "base/utf8.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

static void a_failure_has_class_code_and_words(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    assert_int_equal(cx_fail(&cx, CODE_CONFLICT, "it is %s", "closed"), ERR_CONFLICT);
    assert_int_equal(cx.code, CODE_CONFLICT);
    assert_string_equal(cx.detail, "it is closed");
    assert_int_equal(cx_fail(&cx, CODE_DATABASE_ERROR, "again: %s", cx.detail), ERR_UNAVAILABLE);
    assert_string_equal(cx.detail, "again: it is closed");
}

/* At every length around the bound, a sign of four bytes at the end is whole or not there. */
static void long_words_are_cut_between_signs(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    for (int pad = CX_DETAIL - 10; pad < CX_DETAIL + 2; pad++) {
        (void)cx_fail(&cx, CODE_CONFLICT, "%0*d\xf0\x9f\x98\x80\xc3\xa4", pad, 1);
        assert_true(utf8_valid(str_of(cx.detail)));
        assert_true(strlen(cx.detail) >= CX_DETAIL - 4 || strlen(cx.detail) == (size_t)pad + 6);
    }
}

static void field_errors_are_kept_to_a_bound(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    char name[16];
    cx_begin(&cx, NULL);
    for (int i = 0; i < CX_FIELDS + 5; i++) {
        (void)snprintf(name, sizeof(name), "f%d", i);
        assert_int_equal(cx_fail_field(&cx, name, "is %d too long", i), ERR_INVALID);
    }
    assert_int_equal(cx.field_count, CX_FIELDS);
    assert_true(str_is(cx.fields[0].field, "f0"));
    assert_true(str_is(cx.fields[0].message, "is 0 too long"));
    assert_true(str_is(cx.fields[CX_FIELDS - 1].field, "f15"));
    assert_int_equal(cx.code, CODE_VALIDATION_ERROR);
    assert_string_equal(cx.detail, "f20: is 20 too long");
}

static void running_again_keeps_the_purpose_only(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    const struct tenant_id tenant = {uuid_new()};
    cx_begin(&cx, NULL);
    assert_int_equal(cx.who, SCOPE_NONE);
    cx_for_tenant(&cx, tenant);
    cx.request_id = str_dup(cx.arena, STR("req-1"));
    cx.deadline_us = 77;
    (void)cx_fail_field(&cx, "a", "b");
    (void)arena_alloc(cx.arena, 100000);
    cx_again(&cx);
    assert_true(str_is(cx.request_id, "req-1"));
    assert_int_equal(cx.who, SCOPE_TENANT);
    assert_true(uuid_eq(cx.tenant.v, tenant.v));
    assert_int_equal(cx.deadline_us, 77);
    assert_int_equal(cx.field_count, 0);
    assert_string_equal(cx.detail, "");
    assert_true(arena_used(cx.arena) < 1000);
    cx_for_platform(&cx);
    assert_int_equal(cx.who, SCOPE_PLATFORM);
    assert_true(uuid_is_nil(cx.tenant.v));
}

static void deadline_and_cancellation_are_seen(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    assert_int_equal(cx_check(&cx), ERR_OK);
    assert_true(cx_left_us(&cx) == INT64_MAX);
    cx.deadline_us = clock_mono_us() + HOUR_US;
    assert_int_equal(cx_check(&cx), ERR_OK);
    assert_true(cx_left_us(&cx) > HOUR_US - MINUTE_US && cx_left_us(&cx) <= HOUR_US);
    cx.deadline_us = clock_mono_us() - 1;
    assert_int_equal(cx_left_us(&cx), 0);
    assert_int_equal(cx_check(&cx), ERR_TIMEOUT);
    assert_int_equal(cx.code, CODE_DEADLINE_EXCEEDED);
    cx.cancel = cancel_new();
    assert_int_equal(cx_check(&cx), ERR_TIMEOUT);
    cancel_now(cx.cancel);
    assert_int_equal(cx_check(&cx), ERR_CANCELLED);
    cancel_free(&cx.cancel);
    assert_null(cx.cancel);
}

static void count_wake(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
}

static void a_wake_comes_once(void **state)
{
    (void)state;
    atomic_int wakes = 0;
    SCOPED(cancel_free) struct cancel *c = cancel_new();
    cancel_on(c, count_wake, &wakes);
    cancel_off(c);
    assert_int_equal(wakes, 0);
    cancel_on(c, count_wake, &wakes);
    cancel_now(c);
    cancel_now(c);
    assert_int_equal(wakes, 1);
    cancel_off(c);
    cancel_on(c, count_wake, &wakes); /* too late: at once */
    assert_int_equal(wakes, 2);
    cancel_off(c);
    cancel_now(NULL);
    cancel_on(NULL, count_wake, &wakes);
    cancel_off(NULL);
    assert_false(cancel_is(NULL));
    assert_int_equal(wakes, 2);
}

/* One thread works and listens, the other cancels at some moment: whoever looks after cancel_off
 * finds its object untouched, and a wake is never lost. */
struct race {
    struct cancel *cancel;
    pthread_barrier_t start;
};

static void *cancel_soon(void *arg)
{
    struct race *r = arg;
    (void)pthread_barrier_wait(&r->start);
    cancel_now(r->cancel);
    return NULL;
}

static void wake_and_cancel_race(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        struct race r = {.cancel = cancel_new()};
        pthread_t t;
        assert_int_equal(pthread_barrier_init(&r.start, NULL, 2), 0);
        assert_int_equal(pthread_create(&t, NULL, cancel_soon, &r), 0);
        (void)pthread_barrier_wait(&r.start);
        {
            atomic_int wakes = 0;
            cancel_on(r.cancel, count_wake, &wakes);
            const bool told = cancel_is(r.cancel);
            cancel_off(r.cancel);
            assert_in_range(atomic_load(&wakes), 0, 1);
            assert_true(!told || cancel_is(r.cancel));
            const int before = atomic_load(&wakes);
            assert_int_equal(pthread_join(t, NULL), 0);
            assert_int_equal(atomic_load(&wakes), before); /* none after cancel_off */
        }
        assert_true(cancel_is(r.cancel));
        atomic_int late = 0;
        cancel_on(r.cancel, count_wake, &late);
        assert_int_equal(atomic_load(&late), 1);
        cancel_off(r.cancel);
        cancel_free(&r.cancel);
        (void)pthread_barrier_destroy(&r.start);
    }
}

static void end_in_tx(void *arg)
{
    struct cx *cx = arg;
    cx->in_tx = true;
    cx_end(cx);
}

static void again_in_tx(void *arg)
{
    struct cx *cx = arg;
    cx->in_tx = true;
    cx_again(cx);
}

static void tenant_nil(void *arg)
{
    cx_for_tenant(arg, (struct tenant_id){});
}

static void listen_twice(void *arg)
{
    atomic_int wakes = 0;
    cancel_on(arg, count_wake, &wakes);
    cancel_on(arg, count_wake, &wakes);
}

static void bugs_are_caught(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    SCOPED(cancel_free) struct cancel *c = cancel_new();
    cx_begin(&cx, NULL);
    assert_true(dies(end_in_tx, &cx, "in_tx"));
    assert_true(dies(again_in_tx, &cx, "in_tx"));
    assert_true(dies(tenant_nil, &cx, "uuid_is_nil"));
    assert_true(dies(listen_twice, c, "c->wake"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failure_has_class_code_and_words),
        cmocka_unit_test(long_words_are_cut_between_signs),
        cmocka_unit_test(field_errors_are_kept_to_a_bound),
        cmocka_unit_test(running_again_keeps_the_purpose_only),
        cmocka_unit_test(deadline_and_cancellation_are_seen),
        cmocka_unit_test(a_wake_comes_once),
        cmocka_unit_test(wake_and_cancel_race),
        cmocka_unit_test(bugs_are_caught),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
