#include "net/timers.h"

#include <setjmp.h>

#include <cmocka.h>

static void run_out_in_order(void **state)
{
    (void)state;
    struct timers t = {};
    struct timer a = {};
    struct timer b = {};
    struct timer c = {};
    timers_init(&t);
    t.span_us[TIMER_HEAD] = 100;
    t.span_us[TIMER_IDLE] = 10;
    assert_true(timers_next_us(&t) == INT64_MAX);
    assert_null(timers_due(&t, INT64_MAX));
    timer_set(&t, &a, TIMER_HEAD, 0);
    timer_set(&t, &b, TIMER_IDLE, 50);
    timer_set(&t, &c, TIMER_IDLE, 55);
    assert_true(timers_next_us(&t) == 60);
    assert_null(timers_due(&t, 59));
    assert_ptr_equal(timers_due(&t, 60), &b);
    assert_int_equal(b.class, TIMER_IDLE);
    assert_null(timers_due(&t, 60));
    timer_set(&t, &c, TIMER_HEAD, 70); /* moved to another list */
    assert_true(timers_next_us(&t) == 100);
    timer_set(&t, &a, TIMER_NONE, 80);
    timer_set(&t, &a, TIMER_NONE, 80);
    assert_true(timers_next_us(&t) == 170);
    assert_ptr_equal(timers_due(&t, 1000), &c);
    assert_null(timers_due(&t, 1000));
}

/* With spans of their own they may be set in any order. */
static void run_out_in_order_of_their_own_spans(void **state)
{
    (void)state;
    static const int64_t spans[] = {50, 20, 90, 20, 70, 10};
    struct timers t = {};
    struct timer timers[COUNT(spans)] = {};
    int64_t last = 0;
    timers_init(&t);
    for (size_t i = 0; i < COUNT(spans); i++) {
        timer_set_in(&t, &timers[i], TIMER_PING, (int64_t)i, spans[i]);
    }
    assert_true(timers_next_us(&t) == 15);
    for (size_t i = 0; i < COUNT(spans); i++) {
        const struct timer *due = timers_due(&t, 1000);
        assert_true(due->at_us >= last);
        last = due->at_us;
    }
    assert_true(last == 92);
    assert_null(timers_due(&t, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(run_out_in_order),
        cmocka_unit_test(run_out_in_order_of_their_own_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
