#include "base/clock.h"
#include "base/conf.h"

#include "http/server.h"
#include "http/test_server.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

static atomic_bool held;
static atomic_int ran;
static atomic_int dropped_count;
static atomic_int refused;

static void count(void *arg, bool dropped)
{
    (void)arg;
    atomic_fetch_add(dropped ? &dropped_count : &ran, 1);
}

static void hold(void *arg, bool dropped)
{
    while (atomic_load(&held)) {
        (void)sched_yield();
    }
    count(arg, dropped);
}

static int waiting(void)
{
    int busy = 0;
    int n = 0;
    pool_load(test_server()->lanes[LANE_TURN], &busy, &n);
    return n;
}

/* Until the drain has dropped what waits. */
static void hold_until_dropped(void *arg, bool dropped)
{
    while (atomic_load(&held) || waiting()) {
        (void)sched_yield();
    }
    count(arg, dropped);
}

static int start(void **state)
{
    (void)state;
    conf.turn_threads = 1;
    conf.turn_queue = 2;
    atomic_store(&ran, 0);
    atomic_store(&dropped_count, 0);
    test_server_start();
    return 0;
}

static bool submit(void (*fn)(void *arg, bool dropped))
{
    return http_server_run_in(test_server(), LANE_TURN, fn, NULL);
}

/* One on the only thread, and as many as the queue takes behind it. */
static void fill(void (*first)(void *arg, bool dropped), void (*rest)(void *arg, bool dropped))
{
    assert_true(submit(first));
    int busy = 0;
    int n = 1;
    while (n) {
        pool_load(test_server()->lanes[LANE_TURN], &busy, &n);
    }
    assert_true(submit(rest) && submit(rest));
}

static void a_full_lane_says_so(void **state)
{
    (void)state;
    atomic_store(&held, true);
    fill(hold, count);
    assert_false(submit(count));
    atomic_store(&held, false);
    while (atomic_load(&ran) < 3) {
        (void)sched_yield();
    }
    assert_true(submit(count));
    test_server_stop();
    assert_int_equal(atomic_load(&ran), 4);
    assert_int_equal(atomic_load(&dropped_count), 0);
}

/* The lanes are gone by then. */
static void count_refused(void *arg, bool dropped)
{
    count(arg, dropped);
    atomic_fetch_add(&refused, !submit(count));
}

static void what_the_drain_drops_is_told(void **state)
{
    (void)state;
    atomic_store(&held, true);
    fill(hold_until_dropped, count_refused);
    http_server_stop(test_server(), clock_mono_us());
    atomic_store(&held, false);
    test_server_stop();
    assert_int_equal(atomic_load(&ran), 1);
    assert_int_equal(atomic_load(&dropped_count), 2);
    assert_int_equal(atomic_load(&refused), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_full_lane_says_so, start),
        cmocka_unit_test_setup(what_the_drain_drops_is_told, start),
    };
    return cmocka_run_group_tests_name("errand", tests, NULL, NULL);
}
