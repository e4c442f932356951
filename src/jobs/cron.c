/* A job is claimed by moving its due time on in the same statement that asks for it: of several
 * processes one changes the row. A process that dies in the middle of a run leaves the next due
 * time behind, so the job runs again a period later. */
#include "jobs/cron.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "db/db.h"

#include <pthread.h>

enum { RESULT_BYTES = 200 };

#define TICK_US  SECOND_US
#define LIMIT_US (10 * MINUTE_US) /* deadline of one run */

static const struct db_stmt insert_run =
    DB_PLATFORM_SQL("INSERT INTO cron_runs (name, due_us, result, count) VALUES ($1, $2, '', 0) "
                    "ON CONFLICT (name) DO NOTHING");
static const struct db_stmt select_due =
    DB_PLATFORM_SQL("SELECT due_us FROM cron_runs WHERE name = $1");
static const struct db_stmt claim_run =
    DB_PLATFORM_SQL("UPDATE cron_runs SET due_us = $2, started_us = $3 "
                    "WHERE name = $1 AND (due_us <= $3 OR due_us > $4)");
static const struct db_stmt end_run =
    DB_PLATFORM_SQL("UPDATE cron_runs SET ended_us = $2, result = $3, count = $4 WHERE name = $1");

static const struct db_stmt select_last = DB_PLATFORM_SQL("SELECT max(started_us) FROM cron_runs");

struct cron {
    struct db *db;
    const struct cron_job *jobs;
    void *user;
    int64_t *next_us; /* of each job: not to be looked at before this monotonic time */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool started;
    bool stopping;
    struct cancel *cancel;
};

/* The job's row; made when it is missing. */
static enum err read_due(struct cx *cx, const struct cron_job *job, int64_t *ret_due_us)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &select_due, DB_ARGS(DB_CSTR(job->name)), &rows));
    TRY(db_commit(tx));
    *ret_due_us = rows.count ? db_int(&rows, 0, 0) : 0;
    return ERR_OK;
}

/* No job is ever put off so far: the clock was set back since. */
static int64_t too_far_us(const struct cx *cx, const struct cron_job *job)
{
    return cx->now_us + 2 * job->period_us;
}

static enum err claim(struct cx *cx, const struct cron_job *job, bool *ret_mine)
{
    int64_t changed;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &insert_run, DB_ARGS(DB_CSTR(job->name), DB_INT(cx->now_us)), NULL));
    TRY(db_exec(tx, &claim_run,
                DB_ARGS(DB_CSTR(job->name), DB_INT(cx->now_us + job->period_us), DB_INT(cx->now_us),
                        DB_INT(too_far_us(cx, job))),
                &changed));
    TRY(db_commit(tx));
    *ret_mine = changed == 1;
    return ERR_OK;
}

static enum err note_end(struct cx *cx, const struct cron_job *job, struct str result,
                         int64_t count)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(
        tx, &end_run,
        DB_ARGS(DB_CSTR(job->name), DB_INT(clock_wall_us()), DB_TEXT(result), DB_INT(count)),
        NULL));
    return db_commit(tx);
}

static enum err run_claimed(struct cron *c, const struct cron_job *job, struct cx *cx)
{
    int64_t count = 0;
    const enum err e = job->run(cx, c->user, &count);
    const struct str words = str_of(e ? cx->detail : "ok");
    const struct str result = str_dup(cx->arena, utf8_prefix(words, RESULT_BYTES));
    if (job->local) {
        return e;
    }
    const enum code code = cx->code;
    const enum err noted = note_end(cx, job, result, count);
    return e ? cx_fail(cx, code, "%s", result.p) : noted;
}

static enum err run_if_due(struct cron *c, const struct cron_job *job, struct cx *cx,
                           int64_t *next_us)
{
    bool mine = true;
    const int64_t from_us = clock_mono_us();
    *next_us = from_us + job->period_us;
    if (!job->local) {
        int64_t due_us;
        TRY(read_due(cx, job, &due_us));
        if (due_us > cx->now_us && due_us <= too_far_us(cx, job)) {
            *next_us = from_us + min_i64(due_us - cx->now_us, job->period_us);
            return ERR_OK;
        }
        TRY(claim(cx, job, &mine));
    }
    return mine ? run_claimed(c, job, cx) : ERR_OK;
}

static void look_at(struct cron *c, const struct cron_job *job, int64_t *next_us)
{
    struct cx cx;
    cx_begin(&cx, c->db);
    cx_for_platform(&cx);
    cx.deadline_us = clock_mono_us() + LIMIT_US;
    cx.cancel = c->cancel;
    if (clock_mono_us() >= *next_us) {
        const enum err e = run_if_due(c, job, &cx, next_us);
        if (e && e != ERR_CANCELLED) {
            log_ev(&cx, LOG_WARN, "cron", LOG_CSTR("name", job->name),
                   LOG_CSTR("code", code_info(cx.code)->name), LOG_CSTR("detail", cx.detail));
        }
    }
    cx_end(&cx);
}

enum err cron_last_us(struct cx *cx, int64_t *ret_us)
{
    struct db_rows rows;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &select_last, DB_NO_ARGS, &rows));
    *ret_us = db_int(&rows, 0, 0);
    return db_commit(tx);
}

static bool wait_tick(struct cron *c)
{
    const int64_t until = clock_mono_us() + TICK_US;
    const struct timespec t = {.tv_sec = until / SECOND_US, .tv_nsec = until % SECOND_US * 1000};
    (void)pthread_mutex_lock(&c->lock);
    while (!c->stopping && pthread_cond_timedwait(&c->wake, &c->lock, &t) == 0) {
    }
    const bool go_on = !c->stopping;
    (void)pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void *go_round(void *arg)
{
    struct cron *c = arg;
    do {
        for (size_t i = 0; c->jobs[i].name && !cancel_is(c->cancel); i++) {
            look_at(c, &c->jobs[i], &c->next_us[i]);
        }
    } while (wait_tick(c));
    return NULL;
}

struct cron *cron_new(struct db *db, const struct cron_job *jobs, void *user)
{
    struct cron *c = mem_new(struct cron);
    pthread_condattr_t attr;
    size_t n = 0;
    while (jobs[n].name) {
        n++;
    }
    c->db = db;
    c->jobs = jobs;
    c->user = user;
    c->next_us = mem_alloc(n + 1, sizeof(*c->next_us));
    c->cancel = cancel_new();
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&c->wake, &attr);
    (void)pthread_condattr_destroy(&attr);
    return c;
}

void cron_start(struct cron *c)
{
    must(!c->started);
    c->started = true;
    must(pthread_create(&c->thread, NULL, go_round, c) == 0);
}

void cron_stop(struct cron *c)
{
    if (!c->started) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->stopping = true;
    (void)pthread_cond_signal(&c->wake);
    (void)pthread_mutex_unlock(&c->lock);
    cancel_now(c->cancel);
    (void)pthread_join(c->thread, NULL);
    c->started = false;
}

void cron_free(struct cron **c)
{
    if (!*c) {
        return;
    }
    cron_stop(*c);
    cancel_free(&(*c)->cancel);
    (void)pthread_mutex_destroy(&(*c)->lock);
    (void)pthread_cond_destroy(&(*c)->wake);
    mem_free((*c)->next_us);
    mem_free(*c);
    *c = NULL;
}
