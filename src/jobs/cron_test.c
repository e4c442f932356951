#include "jobs/cron.h"

#include "base/clock.h"
#include "domain/ledger/room_fixture.h"

#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

static atomic_int shared_runs;
static atomic_int local_runs;
static atomic_int failing_runs;

static enum err run_shared(struct cx *cx, void *user, int64_t *ret_count)
{
    assert_ptr_equal(user, &shared_runs);
    assert_int_equal(cx->who, SCOPE_PLATFORM);
    atomic_fetch_add(&shared_runs, 1);
    *ret_count = 7;
    return ERR_OK;
}

static enum err run_local(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)cx;
    (void)user;
    (void)ret_count;
    atomic_fetch_add(&local_runs, 1);
    return ERR_OK;
}

static enum err run_failing(struct cx *cx, void *user, int64_t *ret_count)
{
    (void)user;
    (void)ret_count;
    atomic_fetch_add(&failing_runs, 1);
    return cx_fail(cx, CODE_DATABASE_ERROR, "the disk is full");
}

static const struct cron_job rows[] = {
    {"shared", HOUR_US, run_shared, false},
    {"failing", HOUR_US, run_failing, false},
    {"local", HOUR_US, run_local, true},
    {},
};

static int setup(void **state)
{
    shared_runs = local_runs = failing_runs = 0;
    return room_setup(state);
}

static void run_round(int processes)
{
    enum { MAX = 3 };
    struct cron *crons[MAX];
    const int local = local_runs;
    for (int i = 0; i < processes; i++) {
        crons[i] = cron_new(room.f.db, rows, &shared_runs);
        cron_start(crons[i]);
    }
    /* The last row of each has run, so all have. */
    while (local_runs < local + processes) {
        (void)sched_yield();
    }
    for (int i = 0; i < processes; i++) {
        cron_stop(crons[i]);
        cron_free(&crons[i]);
    }
}

/* shows: EVT-8 */
static void one_of_many_runs_what_is_due(void **state)
{
    (void)state;
    run_round(3);
    assert_int_equal(shared_runs, 1);
    assert_int_equal(failing_runs, 1);
    assert_int_equal(local_runs, 3);
    assert_int_equal(room_number("SELECT count(*) FROM cron_runs WHERE name = 'shared' AND result "
                                 "= 'ok' AND count = 7 AND ended_us >= started_us"),
                     1);
    assert_int_equal(room_number("SELECT count(*) FROM cron_runs WHERE name = 'failing' AND result "
                                 "= 'the disk is full' AND count = 0"),
                     1);
    assert_int_equal(room_number("SELECT count(*) FROM cron_runs"), 2);
}

static void a_start_does_not_repeat_what_was_run(void **state)
{
    (void)state;
    run_round(1);
    run_round(1);
    assert_int_equal(shared_runs, 1);
    assert_int_equal(room_sql("UPDATE cron_runs SET due_us = 1 WHERE name = 'shared'"), ERR_OK);
    run_round(1);
    assert_int_equal(shared_runs, 2);
    assert_int_equal(failing_runs, 1);
    assert_int_equal(room_number("SELECT count(*) FROM cron_runs WHERE due_us > 1"), 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_of_many_runs_what_is_due),
        TEST(a_start_does_not_repeat_what_was_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
