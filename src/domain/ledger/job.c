/* Jobs: the statements behind the states and invariants of job.h.
 *
 * Invariants 1 and 2 are unique partial indexes (jobs_running, jobs_pending), the fence is
 * `state = 'running' AND attempt = …` in every statement that ends an attempt. A job that goes back
 * to pending may meet a pending one of its kind and lane: that one is removed first, under the same
 * fence. */
#include "domain/ledger/job.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/utf8.h"
#include "domain/ledger/event.h"

enum {
    WHY_BYTES = 500,
    SWEEP_ROWS = 500,
};

#define JOB_COLUMNS                                                                                \
    "tenant_id, id, kind, lane, payload, request_id, attempt, failures, why, due_us, created_us, " \
    "updated_us"

/* A pending one that is due as early, or has a pause to keep, is left as it is: no row comes back,
 * and nothing is written. */
static const struct db_stmt insert_job = DB_TENANT_SQL(
    "INSERT INTO jobs (tenant_id, id, kind, lane, payload, request_id, state, attempt, failures, "
    "due_us, why, created_us, updated_us) "
    "VALUES ($1, $2, $3, $4, $5, $6, 'pending', 0, 0, $7, '', $8, $8) "
    "ON CONFLICT (tenant_id, lane, kind) WHERE state = 'pending' "
    "DO UPDATE SET due_us = excluded.due_us "
    "WHERE jobs.failures = 0 AND excluded.due_us < jobs.due_us RETURNING id");
static const struct db_stmt select_pending =
    DB_TENANT_SQL("SELECT id FROM jobs WHERE tenant_id = $1 AND lane = $2 AND kind = $3 "
                  "AND state = 'pending'");
static const struct db_stmt claim_one = DB_TENANT_SQL(
    "UPDATE jobs SET state = 'running', attempt = attempt + 1, owner = $3, lease_us = $4, "
    "updated_us = $5 WHERE tenant_id = $1 AND id = $2 AND state = 'pending' AND due_us <= $5 "
    "AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant_id = $1 AND r.lane = jobs.lane "
    "AND r.state = 'running') RETURNING " JOB_COLUMNS);

/* Of one lane the one that is due first. */
#define CLAIMABLE                                                                                  \
    "SELECT j.tenant_id, j.id FROM jobs j WHERE j.state = 'pending' AND j.due_us <= $1 "           \
    "AND NOT EXISTS (SELECT 1 FROM jobs r WHERE r.tenant_id = j.tenant_id AND r.lane = j.lane "    \
    "AND r.state = 'running') "                                                                    \
    "AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.tenant_id = j.tenant_id AND p.lane = j.lane "    \
    "AND p.state = 'pending' AND (p.due_us, p.id) < (j.due_us, j.id)) "                            \
    "ORDER BY j.due_us, j.id LIMIT $4"
#define CLAIM(claimable)                                                                           \
    "UPDATE jobs SET state = 'running', attempt = attempt + 1, owner = $2, lease_us = $3, "        \
    "updated_us = $1 WHERE (tenant_id, id) IN (" claimable ") RETURNING " JOB_COLUMNS

static const struct db_stmt claim_due = {
    .sql = CLAIM(CLAIMABLE),
    .scope = DB_PLATFORM,
    .pg = CLAIM(CLAIMABLE " FOR UPDATE OF j SKIP LOCKED"),
};
static const struct db_stmt renew =
    DB_PLATFORM_SQL("UPDATE jobs SET lease_us = $4 WHERE tenant_id = $1 AND id = $2 "
                    "AND state = 'running' AND attempt = $3");
static const struct db_stmt delete_done =
    DB_TENANT_SQL("DELETE FROM jobs WHERE tenant_id = $1 AND id = $2 AND state = 'running' "
                  "AND attempt = $3");
static const struct db_stmt select_waiting = DB_TENANT_SQL(
    "SELECT 1 FROM jobs WHERE tenant_id = $1 AND lane = $2 AND state = 'pending' LIMIT 1");
static const struct db_stmt delete_newcomer = DB_TENANT_SQL(
    "DELETE FROM jobs WHERE tenant_id = $1 AND lane = $2 AND kind = $3 AND state = 'pending' "
    "AND EXISTS (SELECT 1 FROM jobs r WHERE r.tenant_id = $1 AND r.id = $4 "
    "AND r.state = 'running' AND r.attempt = $5)");
static const struct db_stmt give_back = DB_TENANT_SQL(
    "UPDATE jobs SET state = 'pending', owner = NULL, lease_us = NULL, due_us = $4, failures = $5, "
    "why = $6, updated_us = $7 "
    "WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND attempt = $3");
static const struct db_stmt bury = DB_TENANT_SQL(
    "UPDATE jobs SET state = 'dead', owner = NULL, lease_us = NULL, failures = $4, why = $5, "
    "updated_us = $6 WHERE tenant_id = $1 AND id = $2 AND state = 'running' AND attempt = $3");
static const struct db_stmt count_ended =
    DB_PLATFORM_SQL("SELECT count(*) FROM jobs WHERE state = 'running' AND lease_us < $1");
static const struct db_stmt delete_newcomers = DB_PLATFORM_SQL(
    "DELETE FROM jobs WHERE (tenant_id, id) IN (SELECT p.tenant_id, p.id FROM jobs r "
    "CROSS JOIN jobs p WHERE r.state = 'running' AND r.lease_us < $1 "
    "AND p.tenant_id = r.tenant_id AND p.lane = r.lane AND p.kind = r.kind "
    "AND p.state = 'pending')");
static const struct db_stmt free_leases = DB_PLATFORM_SQL(
    "UPDATE jobs SET state = 'pending', owner = NULL, lease_us = NULL, failures = failures + 1, "
    "why = 'the worker was lost', due_us = $2, updated_us = $2 "
    "WHERE state = 'running' AND lease_us < $1");
static const struct db_stmt shift_due = DB_PLATFORM_SQL(
    "UPDATE jobs SET due_us = CASE WHEN due_us + $1 > $2 THEN due_us + $1 ELSE $2 END "
    "WHERE state = 'pending' AND due_us > $2");
static const struct db_stmt shift_leases =
    DB_PLATFORM_SQL("UPDATE jobs SET lease_us = lease_us + $1 WHERE state = 'running'");
static const struct db_stmt select_due =
    DB_PLATFORM_SQL("SELECT min(due_us) FROM jobs WHERE state = 'pending'");
static const struct db_stmt select_dead =
    DB_PLATFORM_SQL("SELECT " JOB_COLUMNS " FROM jobs WHERE state = 'dead' "
                    "ORDER BY updated_us DESC, id DESC LIMIT $1");
static const struct db_stmt revive =
    DB_PLATFORM_SQL("UPDATE jobs SET state = 'pending', failures = 0, due_us = $2, updated_us = $2 "
                    "WHERE id = $1 AND state = 'dead' RETURNING tenant_id");
static const struct db_stmt count_all =
    DB_PLATFORM_SQL("SELECT (SELECT count(*) FROM jobs WHERE state = 'pending'), "
                    "(SELECT count(*) FROM jobs WHERE state = 'running'), "
                    "(SELECT count(*) FROM jobs WHERE state = 'dead')");
static const struct db_stmt delete_dead =
    DB_PLATFORM_SQL("DELETE FROM jobs WHERE (tenant_id, id) IN (SELECT tenant_id, id FROM jobs "
                    "WHERE state = 'dead' AND updated_us < $1 ORDER BY updated_us, id LIMIT $2)");

static struct job read_job(const struct db_rows *rows, size_t i)
{
    return (struct job){
        .tenant = {db_id(rows, i, 0)},
        .id = {db_id(rows, i, 1)},
        .kind = db_text(rows, i, 2),
        .lane = db_id(rows, i, 3),
        .payload = db_text(rows, i, 4),
        .request_id = db_text(rows, i, 5),
        .attempt = db_int(rows, i, 6),
        .failures = db_int(rows, i, 7),
        .why = db_text(rows, i, 8),
        .due_us = db_int(rows, i, 9),
        .created_us = db_int(rows, i, 10),
        .updated_us = db_int(rows, i, 11),
    };
}

static void read_jobs(struct cx *cx, const struct db_rows *rows, struct job **ret,
                      size_t *ret_count)
{
    struct job *list = arena_many(cx->arena, struct job, rows->count);
    for (size_t i = 0; i < rows->count; i++) {
        list[i] = read_job(rows, i);
    }
    *ret = list;
    *ret_count = rows->count;
}

static void note(struct db_tx *tx, struct tenant_id tenant, struct uuid lane)
{
    const uint64_t hash = str_hash((struct str){(const char *)lane.b, sizeof(lane.b)});
    db_note(tx, (struct db_note){.kind = NOTE_JOB, .tenant = tenant, .n = (int64_t)hash});
}

static enum err fenced_off(struct cx *cx, const struct job *job)
{
    return cx_fail(cx, CODE_CONFLICT, "attempt %" PRId64 " no longer has the job", job->attempt);
}

enum err job_add(struct db_tx *tx, const struct job_spec *spec, struct job_id *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    TRY(db_query(tx, &insert_job,
                 DB_ARGS(DB_ID(uuid_new()), DB_CSTR(spec->kind), DB_ID(spec->lane),
                         DB_TEXT(spec->payload), DB_TEXT(str_sub(cx->request_id, 0, 128)),
                         DB_INT(spec->due_us ? spec->due_us : cx->now_us), DB_INT(cx->now_us)),
                 &rows));
    if (!rows.count) {
        TRY(db_query(tx, &select_pending, DB_ARGS(DB_ID(spec->lane), DB_CSTR(spec->kind)), &rows));
    }
    if (!rows.count) {
        return cx_fail(cx, CODE_RERUN, "the pending job was claimed meanwhile");
    }
    ret->v = db_id(&rows, 0, 0);
    if (!spec->quiet) {
        note(tx, cx->tenant, spec->lane);
    }
    return ERR_OK;
}

enum err job_claim_added(struct db_tx *tx, struct job_id id, struct str owner, bool *ret_claimed,
                         struct job *ret_job)
{
    const int64_t now = db_tx_cx(tx)->now_us;
    struct db_rows rows;
    TRY(db_query(
        tx, &claim_one,
        DB_ARGS(DB_ID(id.v), DB_TEXT(owner), DB_INT(now + conf.job_lease_ms * MS_US), DB_INT(now)),
        &rows));
    *ret_claimed = rows.count == 1;
    if (rows.count) {
        *ret_job = read_job(&rows, 0);
    }
    return ERR_OK;
}

static int by_due(const void *a, const void *b)
{
    const struct job *x = a;
    const struct job *y = b;
    if (x->due_us != y->due_us) {
        return x->due_us < y->due_us ? -1 : 1;
    }
    return memcmp(x->id.v.b, y->id.v.b, sizeof(x->id.v.b));
}

enum err job_claim(struct cx *cx, struct str owner, size_t max, struct job **ret, size_t *ret_count)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_query(tx, &claim_due,
                 DB_ARGS(DB_INT(cx->now_us), DB_TEXT(owner),
                         DB_INT(cx->now_us + conf.job_lease_ms * MS_US), DB_INT((int64_t)max)),
                 &rows));
    TRY(db_commit(tx));
    read_jobs(cx, &rows, ret, ret_count);
    if (*ret_count) {
        qsort(*ret, *ret_count, sizeof(**ret), by_due);
    }
    return ERR_OK;
}

enum err job_renew(struct cx *cx, const struct job *jobs, size_t count, bool *ret_held)
{
    const int64_t until_us = cx->now_us + conf.job_lease_ms * MS_US;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    for (size_t i = 0; i < count; i++) {
        int64_t changed;
        TRY(db_exec(tx, &renew,
                    DB_ARGS(DB_ID(jobs[i].tenant.v), DB_ID(jobs[i].id.v), DB_INT(jobs[i].attempt),
                            DB_INT(until_us)),
                    &changed));
        ret_held[i] = changed == 1;
    }
    return db_commit(tx);
}

enum err job_done(struct db_tx *tx, const struct job *job)
{
    int64_t changed;
    TRY(db_exec(tx, &delete_done, DB_ARGS(DB_ID(job->id.v), DB_INT(job->attempt)), &changed));
    if (!changed) {
        return fenced_off(db_tx_cx(tx), job);
    }
    struct db_rows waiting;
    TRY(db_query(tx, &select_waiting, DB_ARGS(DB_ID(job->lane)), &waiting));
    if (waiting.count) {
        note(tx, job->tenant, job->lane);
    }
    return ERR_OK;
}

struct job job_copy(struct arena *a, const struct job *job)
{
    struct job j = *job;
    j.kind = str_dup(a, job->kind);
    j.payload = str_dup(a, job->payload);
    j.request_id = str_dup(a, job->request_id);
    j.why = str_dup(a, job->why);
    return j;
}

static enum err to_pending(struct db_tx *tx, const struct job *job, int64_t due_us,
                           int64_t failures, struct str why)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t changed;
    TRY(db_exec(
        tx, &delete_newcomer,
        DB_ARGS(DB_ID(job->lane), DB_TEXT(job->kind), DB_ID(job->id.v), DB_INT(job->attempt)),
        NULL));
    TRY(db_exec(tx, &give_back,
                DB_ARGS(DB_ID(job->id.v), DB_INT(job->attempt), DB_INT(due_us), DB_INT(failures),
                        DB_TEXT(why), DB_INT(cx->now_us)),
                &changed));
    if (!changed) {
        return fenced_off(cx, job);
    }
    note(tx, job->tenant, job->lane);
    return ERR_OK;
}

static enum err to_dead(struct db_tx *tx, const struct job *job, struct str why)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t changed;
    TRY(db_exec(tx, &bury,
                DB_ARGS(DB_ID(job->id.v), DB_INT(job->attempt), DB_INT(job->failures + 1),
                        DB_TEXT(why), DB_INT(cx->now_us)),
                &changed));
    if (!changed) {
        return fenced_off(cx, job);
    }
    note(tx, job->tenant, job->lane);
    return ERR_OK;
}

/* Half of the pause is certain, half is luck: so many jobs that failed together come back apart. */
static int64_t pause_us(int64_t failures)
{
    int64_t us = conf.job_backoff_ms * MS_US;
    const int64_t longest = conf.job_backoff_max_ms * MS_US;
    for (int64_t i = 0; i < failures && us < longest; i++) {
        us *= 2;
    }
    us = min_i64(us, longest);
    return us / 2 + (int64_t)rand_below((uint64_t)(us - us / 2) + 1);
}

enum err job_retry(struct db_tx *tx, const struct job *job, const char *why, int64_t min_pause_us,
                   bool *ret_dead)
{
    const struct str words = utf8_prefix(str_of(why), WHY_BYTES);
    if (job->failures + 1 >= conf.job_max_attempts) {
        TRY(to_dead(tx, job, words));
        *ret_dead = true;
        return ERR_OK;
    }
    const int64_t due_us = db_tx_cx(tx)->now_us + max_i64(pause_us(job->failures), min_pause_us);
    TRY(to_pending(tx, job, due_us, job->failures + 1, words));
    *ret_dead = false;
    return ERR_OK;
}

enum err job_release(struct db_tx *tx, const struct job *job)
{
    return to_pending(tx, job, db_tx_cx(tx)->now_us, job->failures, job->why);
}

/* A query in a read of its own. */
static enum err read_rows(struct cx *cx, const struct db_stmt *stmt, const struct db_val *args,
                          size_t count, struct db_rows *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, stmt, args, count, ret));
    return db_commit(tx);
}

enum err job_free_leases(struct cx *cx, bool all, int64_t *ret_freed)
{
    const int64_t before_us = all ? INT64_MAX : cx->now_us;
    struct db_rows ended;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    /* Mostly there is none, and then nothing is written. */
    TRY(read_rows(cx, &count_ended, DB_ARGS(DB_INT(before_us)), &ended));
    *ret_freed = 0;
    if (db_int(&ended, 0, 0) == 0) {
        return ERR_OK;
    }
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &delete_newcomers, DB_ARGS(DB_INT(before_us)), NULL));
    TRY(db_exec(tx, &free_leases, DB_ARGS(DB_INT(before_us), DB_INT(cx->now_us)), ret_freed));
    note(tx, (struct tenant_id){}, (struct uuid){});
    return db_commit(tx);
}

enum err job_shift(struct cx *cx, int64_t step_us, int64_t *ret_moved)
{
    const int64_t was_us = min_i64(cx->now_us, cx->now_us - step_us);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &shift_due, DB_ARGS(DB_INT(step_us), DB_INT(was_us)), ret_moved));
    TRY(db_exec(tx, &shift_leases, DB_ARGS(DB_INT(step_us)), NULL));
    note(tx, (struct tenant_id){}, (struct uuid){});
    return db_commit(tx);
}

enum err job_next_due(struct cx *cx, int64_t *ret_due_us)
{
    struct db_rows rows;
    TRY(read_rows(cx, &select_due, DB_NO_ARGS, &rows));
    *ret_due_us = db_is_null(&rows, 0, 0) ? INT64_MAX : db_int(&rows, 0, 0);
    return ERR_OK;
}

enum err job_list_dead(struct cx *cx, size_t limit, struct job **ret, size_t *ret_count)
{
    struct db_rows rows;
    TRY(read_rows(cx, &select_dead, DB_ARGS(DB_INT((int64_t)limit)), &rows));
    read_jobs(cx, &rows, ret, ret_count);
    return ERR_OK;
}

enum err job_revive(struct cx *cx, struct job_id id)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    const enum err e = db_query(tx, &revive, DB_ARGS(DB_ID(id.v), DB_INT(cx->now_us)), &rows);
    if (e == ERR_CONFLICT) {
        return cx_fail(cx, CODE_CONFLICT, "another job of its kind and lane is pending");
    }
    TRY(e);
    if (!rows.count) {
        return cx_fail(cx, CODE_NOT_FOUND, "there is no such dead job");
    }
    note(tx, (struct tenant_id){db_id(&rows, 0, 0)}, id.v);
    return db_commit(tx);
}

enum err job_count(struct cx *cx, int64_t *ret_pending, int64_t *ret_running, int64_t *ret_dead)
{
    struct db_rows rows;
    TRY(read_rows(cx, &count_all, DB_NO_ARGS, &rows));
    *ret_pending = db_int(&rows, 0, 0);
    *ret_running = db_int(&rows, 0, 1);
    *ret_dead = db_int(&rows, 0, 2);
    return ERR_OK;
}

static enum err sweep_step(struct cx *cx, int64_t *ret_removed)
{
    const int64_t before_us = clock_before_us(cx->now_us, conf.job_keep_hours * HOUR_US);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &delete_dead, DB_ARGS(DB_INT(before_us), DB_INT(SWEEP_ROWS)), ret_removed));
    return db_commit(tx);
}

enum err job_sweep(struct cx *cx, int64_t *ret_removed)
{
    int64_t removed = 0;
    for (int64_t n = SWEEP_ROWS; n == SWEEP_ROWS; removed += n) {
        TRY(sweep_step(cx, &n));
    }
    *ret_removed = removed;
    return ERR_OK;
}
