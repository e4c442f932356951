#include "net/pace.h"

#include <setjmp.h>

#include <cmocka.h>

enum { RATE = 1000 };

static const int64_t grace = 10 * SECOND_US;
static const int64_t pause_us = 30 * SECOND_US;

/* When somebody who sends so much so often is given up; 0: not within an hour. */
static int64_t ends_at(size_t bytes, int64_t every_us, int64_t rate)
{
    struct pace p;
    pace_begin(&p, 0, grace);
    for (int64_t now = every_us; now < 3600 * SECOND_US; now += every_us) {
        if (now >= p.until_us) {
            return p.until_us;
        }
        pace_moved(&p, now, bytes, rate, pause_us);
    }
    return 0;
}

static void ends_what_is_below_the_rate(void **state)
{
    (void)state;
    assert_int_equal(ends_at(0, SECOND_US, RATE), grace);
    assert_int_equal(ends_at(RATE, SECOND_US, RATE), 0);
    assert_int_equal(ends_at(RATE * 5, 5 * SECOND_US, RATE), 0);
    assert_in_range(ends_at(1, SECOND_US, RATE), grace, grace + SECOND_US);
    assert_in_range(ends_at(RATE / 2, SECOND_US, RATE), grace, 2 * grace);
    assert_int_equal(ends_at(1, 9 * SECOND_US, 0), 0);
}

/* What was sent fast buys a pause, and no more than one. */
static void allows_a_pause_but_no_store_of_time(void **state)
{
    (void)state;
    struct pace p;
    pace_begin(&p, 0, grace);
    pace_moved(&p, SECOND_US, (size_t)100 * 1024 * 1024, RATE, pause_us);
    assert_int_equal(p.until_us, SECOND_US + pause_us);
    pace_moved(&p, 20 * SECOND_US, SIZE_MAX / 4, RATE, pause_us);
    assert_int_equal(p.until_us, 50 * SECOND_US);
    pace_moved(&p, 49 * SECOND_US, 1, RATE, pause_us);
    assert_int_equal(p.until_us, 50 * SECOND_US + 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_what_is_below_the_rate),
        cmocka_unit_test(allows_a_pause_but_no_store_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
