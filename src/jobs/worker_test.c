#include "jobs/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metric.h"
#include "domain/ledger/room_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

/* What the handlers do is told by the job's payload; what they did is counted here. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int runs;
    int dones;
    int deaths;
    int cancels;
    bool gate_open; /* "wait" jobs end */
    char request_id[64];
    struct tenant_id tenant;
} seen = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void count(int *n)
{
    (void)pthread_mutex_lock(&seen.lock);
    (*n)++;
    (void)pthread_cond_broadcast(&seen.changed);
    (void)pthread_mutex_unlock(&seen.lock);
}

/* Waits until *n reached the number. A test that waits in vain is ended by the test runner. */
static void await(const int *n, int number)
{
    (void)pthread_mutex_lock(&seen.lock);
    while (*n < number) {
        (void)pthread_cond_wait(&seen.changed, &seen.lock);
    }
    (void)pthread_mutex_unlock(&seen.lock);
}

static void open_gate(void *arg)
{
    (void)arg;
    (void)pthread_mutex_lock(&seen.lock);
    seen.gate_open = true;
    (void)pthread_cond_broadcast(&seen.changed);
    (void)pthread_mutex_unlock(&seen.lock);
}

static enum err finish(struct cx *cx, const struct job *job)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(event_add(tx, EVENT_TURN_COMPLETED, job->lane, STR("{}")));
    TRY(event_flush(tx, NULL));
    const enum err e = job_done(tx, job);
    if (e == ERR_CONFLICT) {
        return ERR_OK;
    }
    TRY(e);
    TRY(db_commit(tx));
    count(&seen.dones);
    return ERR_OK;
}

/* Ends when the gate opens or the job is cancelled. */
static enum err wait_for_gate(struct cx *cx, const struct job *job)
{
    cancel_on(cx->cancel, open_gate, NULL);
    (void)pthread_mutex_lock(&seen.lock);
    while (!seen.gate_open) {
        (void)pthread_cond_wait(&seen.changed, &seen.lock);
    }
    (void)pthread_mutex_unlock(&seen.lock);
    cancel_off(cx->cancel);
    if (cancel_is(cx->cancel)) {
        count(&seen.cancels);
        return cx_check(cx);
    }
    return finish(cx, job);
}

static enum err run(struct cx *cx, void *user, const struct job *job)
{
    assert_ptr_equal(user, &seen);
    (void)pthread_mutex_lock(&seen.lock);
    (void)snprintf(seen.request_id, sizeof(seen.request_id), STR_FMT, STR_ARG(cx->request_id));
    seen.tenant = cx->tenant;
    (void)pthread_mutex_unlock(&seen.lock);
    count(&seen.runs);
    if (str_is(job->payload, "\"fail\"")) {
        return cx_fail(cx, CODE_EXTERNAL_SERVICE_ERROR, "the model is gone");
    }
    if (str_is(job->payload, "\"again\"") && seen.runs < 3) {
        return cx_fail(cx, CODE_RERUN, "the batch died");
    }
    if (str_is(job->payload, "\"wait\"") && job->attempt == 1) {
        return wait_for_gate(cx, job);
    }
    return finish(cx, job);
}

static enum err dead(struct db_tx *tx, void *user, const struct job *job)
{
    (void)user;
    TRY(event_add(tx, EVENT_TURN_FAILED, job->lane, STR("{}")));
    count(&seen.deaths);
    return ERR_OK;
}

static const struct job_kind kinds[] = {
    {.name = "turn", .run = run, .dead = dead, .timeout_us = MINUTE_US},
    {},
};

static struct worker *worker;
static FILE *log_file;

static void hear(void *arg, const struct db_note *note)
{
    (void)arg;
    if (note->kind == NOTE_JOB) {
        worker_wake(worker);
    }
}

static int setup(void **state)
{
    conf.job_lease_ms = 15000;
    conf.job_backoff_ms = 1;
    conf.job_max_attempts = 3;
    seen.runs = seen.dones = seen.deaths = seen.cancels = 0;
    seen.gate_open = false;
    log_file = tmpfile();
    must(log_file);
    log_set_fd(fileno(log_file));
    return room_setup(state);
}

static void start(void)
{
    worker = worker_new(room.f.db, kinds, &seen);
    db_listen(room.f.db, hear, NULL);
    worker_start(worker);
}

static void stop(int64_t grace_us)
{
    worker_stop(worker, clock_mono_us() + grace_us);
    db_listen(room.f.db, NULL, NULL);
    worker_free(&worker);
}

static int teardown(void **state)
{
    log_set_fd(STDERR_FILENO);
    (void)fclose(log_file);
    return room_teardown(state);
}

/* Lines of the log that hold the words. */
static int logged(const char *words)
{
    char line[2048];
    int n = 0;
    rewind(log_file);
    while (fgets(line, sizeof(line), log_file)) {
        n += strstr(line, words) ? 1 : 0;
    }
    return n;
}

static struct job_id add(const char *kind, const char *payload, uint8_t lane)
{
    const struct job_spec spec = {.kind = kind, .lane = {{lane}}, .payload = str_of(payload)};
    struct job_id id;
    SCOPED(cx_end) struct cx cx = room_cx(lane % 2);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.request_id = STR("req-7");
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, job_add(tx, &spec, &id));
    want(&cx, ERR_OK, db_commit(tx));
    return id;
}

/* shows: EVT-4 */
static void jobs_are_done_once_and_told_once(void **state)
{
    (void)state;
    start();
    for (uint8_t i = 0; i < 40; i++) {
        (void)add("turn", "{}", i);
    }
    await(&seen.dones, 40);
    assert_true(worker_alive(worker));
    stop(MINUTE_US);
    assert_int_equal(seen.runs, 40);
    assert_string_equal(seen.request_id, "req-7");
    assert_int_equal(room_number("SELECT count(*) FROM jobs"), 0);
    assert_int_equal(room_number("SELECT count(*) FROM events"), 40);
    assert_int_equal(logged("\"outcome\":\"done\""), 40);
    assert_int_equal(logged("req-7"), 40);
    assert_int_equal(logged("\"event\":\"job\""), 40);
}

static void a_job_is_of_its_tenant(void **state)
{
    (void)state;
    start();
    (void)add("turn", "{}", 1);
    await(&seen.dones, 1);
    assert_true(uuid_eq(seen.tenant.v, room.tenant[1].v));
    (void)add("turn", "{}", 2);
    await(&seen.dones, 2);
    assert_true(uuid_eq(seen.tenant.v, room.tenant[0].v));
    stop(MINUTE_US);
}

/* shows: EVT-4 */
static void failures_end_in_a_death_that_is_told(void **state)
{
    (void)state;
    start();
    (void)add("turn", "\"fail\"", 1);
    await(&seen.deaths, 1);
    stop(MINUTE_US);
    assert_int_equal(seen.runs, 3);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'dead' AND failures = 3 "
                                 "AND why = 'EXTERNAL_SERVICE_ERROR: the model is gone'"),
                     1);
    assert_int_equal(room_number("SELECT count(*) FROM events WHERE type = 'turn.failed'"), 1);
    assert_int_equal(logged("\"outcome\":\"retry\""), 2);
    assert_int_equal(logged("\"outcome\":\"dead\""), 1);
    assert_int_equal(logged("the model is gone"), 3);
}

static void a_lost_transaction_is_run_again_at_once(void **state)
{
    (void)state;
    start();
    (void)add("turn", "\"again\"", 1);
    await(&seen.dones, 1);
    stop(MINUTE_US);
    assert_int_equal(seen.runs, 3);
    assert_int_equal(logged("\"outcome\":"), 1);
    assert_int_equal(logged("\"attempt\":1"), 1);
}

static void an_unknown_kind_is_put_aside(void **state)
{
    (void)state;
    const double before = metric_value(METRIC_JOBS, "dead");
    start();
    (void)add("nonsense", "{}", 1);
    while (metric_value(METRIC_JOBS, "dead") == before) {
        (void)sched_yield();
    }
    stop(MINUTE_US);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'dead'"), 1);
}

static void a_job_that_kills_its_worker_is_put_aside(void **state)
{
    (void)state;
    (void)add("turn", "{}", 1);
    assert_int_equal(room_sql("UPDATE jobs SET failures = 6"), ERR_OK);
    start();
    await(&seen.deaths, 1);
    stop(MINUTE_US);
    assert_int_equal(seen.runs, 0);
}

static void *open_gate_soon(void *arg)
{
    open_gate(arg);
    return NULL;
}

/* shows: RES-10 */
static void the_drain_lets_finish(void **state)
{
    (void)state;
    start();
    (void)add("turn", "\"wait\"", 1);
    await(&seen.runs, 1);
    pthread_t opener;
    assert_int_equal(pthread_create(&opener, NULL, open_gate_soon, NULL), 0);
    stop(MINUTE_US);
    (void)pthread_join(opener, NULL);
    assert_int_equal(seen.dones, 1);
    assert_int_equal(seen.cancels, 0);
}

static void the_end_of_the_drain_gives_back(void **state)
{
    (void)state;
    start();
    (void)add("turn", "\"wait\"", 1);
    await(&seen.runs, 1);
    stop(0);
    assert_int_equal(seen.cancels, 1);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'pending' AND "
                                 "failures = 0 AND attempt = 1"),
                     1);
    assert_int_equal(logged("\"outcome\":\"released\""), 1);
    /* The next start takes it up. */
    seen.gate_open = true;
    start();
    await(&seen.dones, 1);
    stop(MINUTE_US);
}

static void a_lost_lease_cancels(void **state)
{
    (void)state;
    int64_t freed;
    conf.job_lease_ms = 60;
    start();
    (void)add("turn", "\"wait\"", 1);
    await(&seen.runs, 1);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, job_free_leases(&cx, true, &freed));
    assert_int_equal(freed, 1);
    await(&seen.cancels, 1);
    await(&seen.dones, 1);
    stop(MINUTE_US);
    assert_int_equal(logged("\"outcome\":\"lost\""), 1);
    assert_int_equal(logged("\"outcome\":\"done\""), 1);
    assert_int_equal(room_number("SELECT count(*) FROM events"), 1);
}

static void a_renewed_lease_is_kept(void **state)
{
    (void)state;
    int64_t freed = 0;
    conf.job_lease_ms = 300;
    start();
    (void)add("turn", "\"wait\"", 1);
    await(&seen.runs, 1);
    const int64_t until = clock_mono_us() + 3 * conf.job_lease_ms * MS_US;
    while (clock_mono_us() < until) {
        SCOPED(cx_end) struct cx cx = room_platform();
        want(&cx, ERR_OK, job_free_leases(&cx, false, &freed));
        assert_int_equal(freed, 0);
    }
    open_gate(NULL);
    await(&seen.dones, 1);
    stop(MINUTE_US);
}

static void a_claimed_job_runs_here(void **state)
{
    (void)state;
    struct job *jobs;
    size_t n;
    worker = worker_new(room.f.db, kinds, &seen);
    (void)add("turn", "{}", 1);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, job_claim(&cx, worker_owner(worker), 1, &jobs, &n));
    assert_int_equal(n, 1);
    worker_run_here(worker, &jobs[0]);
    assert_int_equal(seen.dones, 1);
    assert_false(worker_alive(worker));
    worker_free(&worker);
}

/* Nobody here can run it: a worker takes it at once, long before its lease ends. */
static void what_is_given_back_is_taken_at_once(void **state)
{
    (void)state;
    struct job *jobs;
    size_t n;
    conf.job_lease_ms = HOUR_US / MS_US;
    (void)add("turn", "{}", 1);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, job_claim(&cx, STR("somebody"), 1, &jobs, &n));
    assert_int_equal(n, 1);
    start();
    worker_give_back(worker, &jobs[0]);
    await(&seen.dones, 1);
    assert_int_equal(seen.deaths, 0);
    stop(MINUTE_US);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(jobs_are_done_once_and_told_once),
        TEST(a_job_is_of_its_tenant),
        TEST(failures_end_in_a_death_that_is_told),
        TEST(a_lost_transaction_is_run_again_at_once),
        TEST(an_unknown_kind_is_put_aside),
        TEST(a_job_that_kills_its_worker_is_put_aside),
        TEST(the_drain_lets_finish),
        TEST(the_end_of_the_drain_gives_back),
        TEST(a_lost_lease_cancels),
        TEST(a_renewed_lease_is_kept),
        TEST(a_claimed_job_runs_here),
        TEST(what_is_given_back_is_taken_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
