#include "domain/ledger/job.h"

#include "base/clock.h"
#include "base/conf.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

static const struct uuid lane_a = {{0xa}};
static const struct uuid lane_b = {{0xb}};

static struct job_id add_due(int tenant, const char *kind, struct uuid lane, int64_t due_us)
{
    const struct job_spec spec = {
        .kind = kind, .lane = lane, .payload = STR("{}"), .due_us = due_us};
    struct job_id id;
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.request_id = STR("req-1");
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, job_add(tx, &spec, &id));
    want(&cx, ERR_OK, db_commit(tx));
    return id;
}

static struct job_id add(int tenant, struct uuid lane)
{
    return add_due(tenant, "turn", lane, 0);
}

/* Claims at now + later_us; the result is in keep's arena. */
static size_t claim(struct cx *keep, size_t max, int64_t later_us, struct job **ret)
{
    size_t n;
    keep->now_us = clock_wall_us() + later_us;
    want(keep, ERR_OK, job_claim(keep, STR("owner"), max, ret, &n));
    return n;
}

static enum err done(const struct job *job)
{
    SCOPED(cx_end) struct cx cx = room_cx(uuid_eq(job->tenant.v, room.tenant[0].v) ? 0 : 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&cx, &tx));
    TRY(job_done(tx, job));
    return db_commit(tx);
}

static enum err retry(const struct job *job, int64_t min_pause_us, bool *ret_dead)
{
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&cx, &tx));
    TRY(job_retry(tx, job, "CODE: words", min_pause_us, ret_dead));
    return db_commit(tx);
}

static enum err release(const struct job *job)
{
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&cx, &tx));
    TRY(job_release(tx, job));
    return db_commit(tx);
}

static void count_note(void *arg, const struct db_note *n)
{
    *(int *)arg += n->kind == NOTE_JOB;
}

static void add_quietly(struct uuid lane)
{
    const struct job_spec spec = {
        .kind = "turn", .lane = lane, .payload = STR("{}"), .quiet = true};
    struct job_id id;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, job_add(tx, &spec, &id));
    want(&cx, ERR_OK, db_commit(tx));
}

static void workers_are_woken_for_what_they_can_take(void **state)
{
    (void)state;
    static int notes;
    struct job *jobs;
    SCOPED(cx_end) struct cx keep = room_platform();
    notes = 0;
    db_listen(room.f.db, count_note, &notes);
    (void)add(0, lane_a);
    assert_int_equal(notes, 1);
    assert_int_equal(claim(&keep, 10, 0, &jobs), 1);
    assert_int_equal(done(&jobs[0]), ERR_OK);
    assert_int_equal(notes, 1); /* the lane is free, and nobody waits for it */
    (void)add(0, lane_a);
    assert_int_equal(claim(&keep, 10, 0, &jobs), 1);
    add_quietly(lane_a);
    assert_int_equal(notes, 2);
    assert_int_equal(done(&jobs[0]), ERR_OK);
    assert_int_equal(notes, 3); /* now it can be taken */
    db_listen(room.f.db, NULL, NULL);
}

static void adding_finds_the_pending_one(void **state)
{
    (void)state;
    const struct job_id one = add(0, lane_a);
    assert_true(uuid_eq(one.v, add(0, lane_a).v));
    assert_false(uuid_eq(one.v, add(0, lane_b).v));
    assert_false(uuid_eq(one.v, add(1, lane_a).v));
    assert_false(uuid_eq(one.v, add_due(0, "other", lane_a, 0).v));
    assert_int_equal(room_number("SELECT count(*) FROM jobs"), 4);
}

static void a_claimed_job_is_whole(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    const struct job_id id = add(1, lane_a);
    assert_int_equal(claim(&cx, 10, 0, &jobs), 1);
    assert_true(uuid_eq(jobs[0].id.v, id.v));
    assert_true(uuid_eq(jobs[0].tenant.v, room.tenant[1].v));
    assert_true(uuid_eq(jobs[0].lane, lane_a));
    assert_true(str_is(jobs[0].kind, "turn"));
    assert_true(str_is(jobs[0].payload, "{}"));
    assert_true(str_is(jobs[0].request_id, "req-1"));
    assert_int_equal(jobs[0].attempt, 1);
    assert_int_equal(jobs[0].failures, 0);
    assert_int_equal(claim(&cx, 10, 0, &jobs), 0);
}

static void one_of_a_lane_runs_at_a_time(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    struct job *more;
    (void)add(0, lane_a);
    (void)add_due(0, "other", lane_a, 0);
    (void)add(0, lane_b);
    (void)add(1, lane_a);
    assert_int_equal(claim(&cx, 10, 0, &jobs), 3);
    assert_true(jobs[0].due_us <= jobs[1].due_us && jobs[1].due_us <= jobs[2].due_us);
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 10, 0, &more), 0);
    assert_int_equal(done(&jobs[0]), ERR_OK);
    assert_int_equal(claim(&cx, 10, 0, &more), 1);
    assert_true(str_is(more[0].kind, "other"));
    /* Raw SQL cannot make a second running one either. */
    assert_int_equal(room_sql("UPDATE jobs SET state = 'running', owner = 'x', lease_us = 1 "
                              "WHERE state = 'pending'"),
                     ERR_CONFLICT);
}

static void claims_take_the_oldest_first_and_no_more_than_asked(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    const int64_t now = clock_wall_us();
    struct job *jobs;
    for (uint8_t i = 0; i < 6; i++) {
        (void)add_due(0, "turn", (struct uuid){{i, 1}}, now - 1000 - (i * 7 % 6));
    }
    (void)add_due(0, "turn", lane_a, now + 10 * SECOND_US);
    int64_t last = 0;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(claim(&cx, 2, 0, &jobs), 2);
        assert_true(last <= jobs[0].due_us && jobs[0].due_us <= jobs[1].due_us);
        last = jobs[1].due_us;
    }
    assert_int_equal(claim(&cx, 2, 0, &jobs), 0);
    int64_t due;
    want(&cx, ERR_OK, job_next_due(&cx, &due));
    assert_int_equal(due, now + 10 * SECOND_US);
    assert_int_equal(claim(&cx, 2, 11 * SECOND_US, &jobs), 1);
    want(&cx, ERR_OK, job_next_due(&cx, &due));
    assert_true(due == INT64_MAX);
}

struct race {
    atomic_int claimed;
    atomic_int done;
};

static void race_for_jobs(void *arg, int i)
{
    struct race *r = arg;
    (void)i;
    for (int idle = 0; idle < 3;) {
        SCOPED(cx_end) struct cx cx = room_platform();
        struct job *jobs;
        const size_t n = claim(&cx, 5, 0, &jobs);
        idle = n ? 0 : idle + 1;
        atomic_fetch_add(&r->claimed, (int)n);
        for (size_t k = 0; k < n; k++) {
            atomic_fetch_add(&r->done, done(&jobs[k]) == ERR_OK ? 1 : 0);
        }
    }
}

/* shows: EVT-4 */
static void many_workers_share_without_doubling(void **state)
{
    (void)state;
    struct race r = {};
    for (uint8_t i = 0; i < 100; i++) {
        (void)add(i % 2, (struct uuid){{i, 2}});
    }
    room_threads(8, race_for_jobs, &r);
    assert_int_equal(r.claimed, 100);
    assert_int_equal(r.done, 100);
    assert_int_equal(room_number("SELECT count(*) FROM jobs"), 0);
}

static void the_fence_holds(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(cx_end) struct cx late = room_platform();
    struct job *jobs;
    struct job *again;
    int64_t freed;
    bool dead;
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    want(&late, ERR_OK, job_free_leases(&late, false, &freed));
    assert_int_equal(freed, 0);
    late.now_us += conf.job_lease_ms * MS_US + SECOND_US;
    want(&late, ERR_OK, job_free_leases(&late, false, &freed));
    assert_int_equal(freed, 1);
    /* Free, but not yet another's: the old attempt has it no more either. */
    assert_int_equal(done(&jobs[0]), ERR_CONFLICT);
    assert_int_equal(claim(&late, 1, conf.job_lease_ms * MS_US * 2, &again), 1);
    assert_int_equal(again[0].attempt, 2);
    assert_int_equal(again[0].failures, 1);
    assert_int_equal(done(&jobs[0]), ERR_CONFLICT);
    assert_int_equal(retry(&jobs[0], 0, &dead), ERR_CONFLICT);
    assert_int_equal(release(&jobs[0]), ERR_CONFLICT);
    assert_int_equal(done(&again[0]), ERR_OK);
    assert_int_equal(done(&again[0]), ERR_CONFLICT);
}

/* What a stale attempt wrote in the transaction that it could not end is not there. */
static void a_stale_attempt_commits_nothing(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    int64_t freed;
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    want(&cx, ERR_OK, job_free_leases(&cx, true, &freed));
    assert_int_equal(freed, 1);
    {
        SCOPED(cx_end) struct cx work = room_cx(0);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&work, ERR_OK, db_begin_write(&work, &tx));
        want(&work, ERR_OK, event_add(tx, EVENT_TURN_COMPLETED, lane_a, STR("{}")));
        want(&work, ERR_OK, event_flush(tx, NULL));
        want(&work, ERR_CONFLICT, job_done(tx, &jobs[0]));
    }
    assert_int_equal(room_number("SELECT count(*) FROM events"), 0);
}

static void a_renewed_lease_holds(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(cx_end) struct cx later = room_platform();
    struct job *jobs;
    bool held[2];
    int64_t freed;
    (void)add(0, lane_a);
    (void)add(0, lane_b);
    assert_int_equal(claim(&cx, 2, 0, &jobs), 2);
    assert_int_equal(done(&jobs[1]), ERR_OK);
    later.now_us = cx.now_us + conf.job_lease_ms * MS_US - SECOND_US;
    want(&later, ERR_OK, job_renew(&later, jobs, 2, held));
    assert_true(held[0]);
    assert_false(held[1]);
    later.now_us += 2 * SECOND_US;
    want(&later, ERR_OK, job_free_leases(&later, false, &freed));
    assert_int_equal(freed, 0);
}

/* shows: EVT-4 */
static void failures_pause_and_end_in_death(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    bool dead = false;
    int64_t shift = 0;
    int64_t pending;
    int64_t running;
    int64_t count;
    (void)add(0, lane_a);
    for (int64_t i = 1; i <= conf.job_max_attempts; i++) {
        assert_int_equal(claim(&cx, 1, shift, &jobs), 1);
        assert_int_equal(jobs[0].attempt, i);
        assert_int_equal(jobs[0].failures, i - 1);
        assert_int_equal(jobs[0].why.n == 0, i == 1);
        const int64_t before = clock_wall_us();
        assert_int_equal(retry(&jobs[0], 0, &dead), ERR_OK);
        assert_int_equal(dead, i == conf.job_max_attempts);
        const int64_t base = conf.job_backoff_ms * MS_US << (i - 1);
        const int64_t due = room_number("SELECT max(due_us) FROM jobs");
        assert_true(dead || due >= before + base / 2);
        assert_true(dead || due <= clock_wall_us() + base);
        shift = conf.job_backoff_max_ms * MS_US;
    }
    assert_int_equal(claim(&cx, 1, shift, &jobs), 0);
    want(&cx, ERR_OK, job_count(&cx, &pending, &running, &count));
    assert_int_equal(pending, 0);
    assert_int_equal(running, 0);
    assert_int_equal(count, 1);
}

static void the_caller_may_ask_for_a_longer_pause(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    bool dead;
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    assert_int_equal(retry(&jobs[0], MINUTE_US, &dead), ERR_OK);
    assert_int_equal(claim(&cx, 1, 59 * SECOND_US, &jobs), 0);
    /* A new request does not shorten the pause. */
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 59 * SECOND_US, &jobs), 0);
    assert_int_equal(claim(&cx, 1, 62 * SECOND_US, &jobs), 1);
}

/* A job that came while another of its lane ran stands back when that one returns. */
static void a_returning_job_takes_the_place(void **state)
{
    (void)state;
    enum { RETRY, RELEASE, LEASE, WAYS };
    for (int way = 0; way < WAYS; way++) {
        SCOPED(cx_end) struct cx cx = room_platform();
        struct job *jobs;
        struct job *again;
        bool dead;
        int64_t freed;
        const struct uuid lane = {{0xc, (uint8_t)way}};
        const struct job_id first = add(0, lane);
        assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
        const struct job_id second = add(0, lane);
        assert_false(uuid_eq(first.v, second.v));
        if (way == LEASE) {
            want(&cx, ERR_OK, job_free_leases(&cx, true, &freed));
        } else {
            assert_int_equal(way == RETRY ? retry(&jobs[0], 0, &dead) : release(&jobs[0]), ERR_OK);
        }
        assert_int_equal(room_number("SELECT count(*) FROM jobs"), 1);
        assert_int_equal(claim(&cx, 1, MINUTE_US, &again), 1);
        assert_true(uuid_eq(again[0].id.v, first.v));
        assert_int_equal(again[0].attempt, 2);
        assert_int_equal(again[0].failures, way == RELEASE ? 0 : 1);
        assert_int_equal(done(&again[0]), ERR_OK);
    }
}

static void the_dead_come_back(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    struct job *list;
    size_t n;
    bool dead = false;
    const struct job_id id = add(0, lane_a);
    while (!dead) {
        assert_int_equal(claim(&cx, 1, conf.job_backoff_max_ms * MS_US, &jobs), 1);
        assert_int_equal(retry(&jobs[0], 0, &dead), ERR_OK);
    }
    want(&cx, ERR_OK, job_list_dead(&cx, 10, &list, &n));
    assert_int_equal(n, 1);
    assert_true(uuid_eq(list[0].id.v, id.v));
    assert_true(str_is(list[0].why, "CODE: words"));
    want(&cx, ERR_NOT_FOUND, job_revive(&cx, (struct job_id){lane_a}));
    (void)add(0, lane_a);
    want(&cx, ERR_CONFLICT, job_revive(&cx, id));
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    assert_int_equal(done(&jobs[0]), ERR_OK);
    want(&cx, ERR_OK, job_revive(&cx, id));
    assert_int_equal(claim(&cx, 1, SECOND_US, &jobs), 1);
    assert_true(uuid_eq(jobs[0].id.v, id.v));
    assert_int_equal(jobs[0].failures, 0);
    want(&cx, ERR_NOT_FOUND, job_revive(&cx, id));
}

static void the_dead_are_kept_for_a_while(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    bool dead = false;
    int64_t removed;
    (void)add(0, lane_a);
    while (!dead) {
        assert_int_equal(claim(&cx, 1, conf.job_backoff_max_ms * MS_US, &jobs), 1);
        assert_int_equal(retry(&jobs[0], 0, &dead), ERR_OK);
    }
    (void)add(0, lane_b);
    want(&cx, ERR_OK, job_sweep(&cx, &removed));
    assert_int_equal(removed, 0);
    cx.now_us = clock_wall_us() + conf.job_keep_hours * HOUR_US + SECOND_US;
    want(&cx, ERR_OK, job_sweep(&cx, &removed));
    assert_int_equal(removed, 1);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'pending'"), 1);
}

static void an_added_job_can_be_claimed_at_once(void **state)
{
    (void)state;
    const struct job_spec spec = {.kind = "turn", .lane = lane_a, .payload = STR("{}")};
    for (int round = 0; round < 2; round++) {
        SCOPED(cx_end) struct cx cx = room_cx(0);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        struct job_id id;
        struct job job;
        bool claimed;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, job_add(tx, &spec, &id));
        want(&cx, ERR_OK, job_claim_added(tx, id, STR("me"), &claimed, &job));
        /* The second finds its lane taken by the first. */
        assert_int_equal(claimed, round == 0);
        assert_true(!claimed || (job.attempt == 1 && uuid_eq(job.id.v, id.v)));
        want(&cx, ERR_OK, db_commit(tx));
    }
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE owner = 'me'"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'pending'"), 1);
}

static void another_tenant_ends_nothing(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    struct job foreign = jobs[0];
    foreign.tenant = room.tenant[1];
    assert_int_equal(done(&foreign), ERR_CONFLICT);
    assert_int_equal(done(&jobs[0]), ERR_OK);
}

static void a_jump_of_the_clock_moves_what_waits_and_what_runs(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    struct job *jobs;
    int64_t moved;
    const int64_t hour_us = clock_wall_us() + HOUR_US;
    (void)add(0, lane_a);
    assert_int_equal(claim(&cx, 1, 0, &jobs), 1);
    (void)add_due(0, "later", lane_b, hour_us);
    (void)add_due(0, "waiting", lane_b, 1);
    const int64_t lease_us = room_number("SELECT lease_us FROM jobs WHERE state = 'running'");
    for (int64_t step_us = DAY_US; step_us != 0; step_us = step_us > 0 ? -DAY_US : 0) {
        cx.now_us = clock_wall_us() + max_i64(0, step_us); /* as it is after the jump */
        want(&cx, ERR_OK, job_shift(&cx, step_us, &moved));
        assert_int_equal(moved, 1);
        assert_int_equal(room_number("SELECT due_us FROM jobs WHERE kind = 'later'"),
                         hour_us + max_i64(0, step_us));
        assert_int_equal(room_number("SELECT lease_us FROM jobs WHERE state = 'running'"),
                         lease_us + max_i64(0, step_us));
        assert_int_equal(room_number("SELECT due_us FROM jobs WHERE kind = 'waiting'"), 1);
    }
    /* Back by more than there was: now, and not before. */
    want(&cx, ERR_OK, job_shift(&cx, -100 * 365 * DAY_US, &moved));
    assert_int_equal(room_number("SELECT due_us FROM jobs WHERE kind = 'later'"), cx.now_us);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(adding_finds_the_pending_one),
        TEST(workers_are_woken_for_what_they_can_take),
        TEST(a_claimed_job_is_whole),
        TEST(one_of_a_lane_runs_at_a_time),
        TEST(claims_take_the_oldest_first_and_no_more_than_asked),
        TEST(many_workers_share_without_doubling),
        TEST(the_fence_holds),
        TEST(a_stale_attempt_commits_nothing),
        TEST(a_renewed_lease_holds),
        TEST(failures_pause_and_end_in_death),
        TEST(the_caller_may_ask_for_a_longer_pause),
        TEST(a_returning_job_takes_the_place),
        TEST(the_dead_come_back),
        TEST(the_dead_are_kept_for_a_while),
        TEST(an_added_job_can_be_claimed_at_once),
        TEST(another_tenant_ends_nothing),
        TEST(a_jump_of_the_clock_moves_what_waits_and_what_runs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
