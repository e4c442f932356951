/* The dispatcher claims, the pool's threads run and settle, the clock thread renews leases.
 *
 * States of a run: listed [job claimed, run_new or worker_run_here] → run and settled [run_job] →
 * gone [unlist].
 * Invariants:
 * 1. A lease is renewed only while its run is listed: a claimed job that nobody runs comes free
 * when its lease ends.
 * 2. The handler's result decides what becomes of the job, but the database has the last word:
 * every end is fenced by the attempt, and ERR_CONFLICT there means that the job is another's.
 * 3. Each attempt writes exactly one log line, "job".
 * 4. lock is never held while the database works. */
#include "jobs/worker.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/pool.h"
#include "domain/ledger/event.h"

#include <pthread.h>

enum {
    CLAIM_MAX = 50, /* one claim costs a commit, so it takes several */
    RERUNS = 3,
    SETTLE_TRIES = 3,
    STACK_BYTES = 512 * 1024,
};

#define BEAT_US  SECOND_US       /* the dispatcher goes round at least as often */
#define ALIVE_US (5 * SECOND_US) /* and is missed after so long */

/* One attempt at a job. */
struct run {
    struct run *next;
    struct run *prev;
    struct worker *worker;
    struct arena *arena; /* of what job points to; NULL: the caller's */
    struct job job;
    struct cancel *cancel;
};

struct worker {
    struct db *db;
    const struct job_kind *kinds;
    void *user;
    struct pool *pool;
    char owner[UUID_TEXT + 1];
    pthread_t dispatcher;
    pthread_t clock;
    bool dispatches;
    bool has_clock;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake; /* for the dispatcher: something may be due, a thread came free, the end */
    pthread_cond_t tick; /* for the clock thread: the end */
    pthread_cond_t idle; /* for worker_stop: a run has ended */
    struct run *runs;    /* all listed ones */
    int in_pool;
    bool woken;
    bool stopping;  /* claims no more */
    bool cancelled; /* the drain's time is up: what still comes is given back */
    bool ended;     /* the clock thread leaves */
    int64_t beat_us;
};

static const char *const no_outcome = "";

static void cond_init(pthread_cond_t *c)
{
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(c, &attr);
    (void)pthread_condattr_destroy(&attr);
}

static void enter(struct worker *w)
{
    (void)pthread_mutex_lock(&w->lock);
}

static void leave(struct worker *w)
{
    (void)pthread_mutex_unlock(&w->lock);
}

/* Under the lock; false when the time came first. */
static bool wait_until(struct worker *w, pthread_cond_t *c, int64_t until_mono_us)
{
    const struct timespec t = {.tv_sec = until_mono_us / SECOND_US,
                               .tv_nsec = until_mono_us % SECOND_US * 1000};
    return pthread_cond_timedwait(c, &w->lock, &t) == 0;
}

static const struct job_kind *kind_of(const struct worker *w, struct str name)
{
    for (const struct job_kind *k = w->kinds; k->name; k++) {
        if (str_is(name, k->name)) {
            return k;
        }
    }
    return NULL;
}

/* Labels of metrics come from the program, never from a row. */
static const char *label_of(const struct job_kind *kind)
{
    return kind ? kind->name : "other";
}

/* --- the list of runs --- */

static void list_run(struct worker *w, struct run *r)
{
    r->worker = w;
    r->cancel = cancel_new();
    enter(w);
    r->next = w->runs;
    if (r->next) {
        r->next->prev = r;
    }
    w->runs = r;
    const bool cancelled = w->cancelled;
    leave(w);
    if (cancelled) {
        cancel_now(r->cancel);
    }
}

static void unlist_run(struct run *r)
{
    struct worker *w = r->worker;
    enter(w);
    if (r->next) {
        r->next->prev = r->prev;
    }
    if (r->prev) {
        r->prev->next = r->next;
    } else {
        w->runs = r->next;
    }
    (void)pthread_cond_broadcast(&w->idle);
    leave(w);
    cancel_free(&r->cancel);
}

/* --- running and settling --- */

static void begin_cx(struct worker *w, const struct job *job, struct cx *cx)
{
    cx_begin(cx, w->db);
    cx->request_id = str_dup(cx->arena, job->request_id);
    cx_for_tenant(cx, job->tenant);
}

/* A lost lease counts as a failure without a word from the handler; a job that loses its worker
 * again and again is not run any more. */
static bool is_poison(const struct job *job)
{
    return job->failures >= 2 * conf.job_max_attempts;
}

static enum err attempt(struct run *r, const struct job_kind *kind, struct cx *cx)
{
    if (!kind) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "there is no such kind of job");
    }
    if (is_poison(&r->job)) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "the job lost its worker too often");
    }
    enum err e = kind->run(cx, r->worker->user, &r->job);
    for (int i = 0; e == ERR_RERUN && i < RERUNS; i++) {
        cx_again(cx);
        e = kind->run(cx, r->worker->user, &r->job);
    }
    return e;
}

static enum err give_back(struct cx *cx, const struct job *job)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(job_release(tx, job));
    return db_commit(tx);
}

static enum err fail_job(struct cx *cx, const struct run *r, const struct job_kind *kind,
                         const char *why, bool *ret_dead)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(job_retry(tx, &r->job, why, 0, ret_dead));
    if (*ret_dead && kind && kind->dead) {
        TRY(kind->dead(tx, r->worker->user, &r->job));
    }
    return event_commit(tx);
}

/* In a unit of work of its own: the job's may be out of time, or cancelled. */
static const char *settle_once(struct run *r, const struct job_kind *kind, bool failed,
                               const char *why)
{
    struct cx cx;
    bool dead = false;
    begin_cx(r->worker, &r->job, &cx);
    const enum err e = failed ? fail_job(&cx, r, kind, why, &dead) : give_back(&cx, &r->job);
    cx_end(&cx);
    if (e) {
        return e == ERR_CONFLICT ? "lost" : no_outcome;
    }
    return !failed ? "released" : dead ? "dead" : "retry";
}

/* What came of the attempt, as a word. When nothing can be written, the lease will end by itself.
 */
static const char *settle(struct run *r, const struct job_kind *kind, struct cx *cx, enum err e)
{
    if (!e) {
        return "done";
    }
    const enum code code = code_info(cx->code)->class == e ? cx->code : code_of_class(e);
    const struct str why = str_fmt(cx->arena, "%s: %s", code_info(code)->name, cx->detail);
    const bool failed = e != ERR_CANCELLED;
    const char *outcome = no_outcome;
    for (int i = 0; i < SETTLE_TRIES && outcome == no_outcome; i++) {
        outcome = settle_once(r, kind, failed, why.p);
    }
    return outcome == no_outcome ? "unsettled" : outcome;
}

static enum log_level level_of(const char *outcome)
{
    if (strcmp(outcome, "dead") == 0 || strcmp(outcome, "unsettled") == 0) {
        return LOG_ERROR;
    }
    return strcmp(outcome, "retry") == 0 ? LOG_WARN : LOG_INFO;
}

static void report(const struct run *r, const char *label, const struct cx *cx, const char *outcome,
                   int64_t us)
{
    const bool failed = strcmp(outcome, "done") != 0;
    metric_add(METRIC_JOBS, outcome, 1);
    metric_seen(METRIC_JOB_DURATION, label, (double)us / (double)SECOND_US);
    const struct log_field fields[] = {
        LOG_STR("kind", r->job.kind),
        LOG_ID("jobId", r->job.id.v),
        LOG_ID("lane", r->job.lane),
        LOG_I64("attempt", r->job.attempt),
        LOG_F64("ms", (double)us / (double)MS_US),
        LOG_CSTR("outcome", outcome),
        LOG_CSTR("code", code_info(cx->code)->name),
        LOG_CSTR("detail", cx->detail),
    };
    log_fields(cx, level_of(outcome), "job", fields, COUNT(fields) - (failed ? 0 : 2));
}

static void run_job(struct run *r)
{
    struct worker *w = r->worker;
    const struct job_kind *kind = kind_of(w, r->job.kind);
    const int64_t began_us = clock_mono_us();
    struct cx cx;
    begin_cx(w, &r->job, &cx);
    cx.deadline_us = kind ? began_us + kind->timeout_us : 0;
    cx.cancel = r->cancel;
    metric_seen(METRIC_JOB_WAIT, label_of(kind),
                (double)max_i64(0, cx.now_us - r->job.due_us) / (double)SECOND_US);
    const enum err e = attempt(r, kind, &cx);
    must(!cx.in_tx);
    const char *outcome = settle(r, kind, &cx, e);
    report(r, label_of(kind), &cx, outcome, clock_mono_us() - began_us);
    cx_end(&cx);
}

void worker_run_here(struct worker *w, const struct job *job)
{
    struct run r = {.job = *job};
    list_run(w, &r);
    run_job(&r);
    unlist_run(&r);
}

void worker_give_back(struct worker *w, const struct job *job)
{
    struct run r = {.worker = w, .job = *job};
    (void)settle_once(&r, NULL, false, "");
}

/* --- the pool --- */

static struct run *run_new(const struct job *job)
{
    struct run *r = mem_new(struct run);
    r->arena = arena_new();
    r->job = job_copy(r->arena, job);
    return r;
}

static void end_run(struct run *r)
{
    struct worker *w = r->worker;
    unlist_run(r);
    arena_free(&r->arena);
    mem_free(r);
    enter(w);
    w->in_pool--;
    w->woken = true;
    (void)pthread_cond_signal(&w->wake);
    leave(w);
}

static void run_in_pool(void *arg)
{
    struct run *r = arg;
    run_job(r);
    end_run(r);
}

static void submit(struct worker *w, const struct job *job)
{
    struct run *r = run_new(job);
    list_run(w, r);
    enter(w);
    w->in_pool++;
    leave(w);
    if (!pool_submit(w->pool, run_in_pool, r)) {
        /* The system gives no thread: give it back rather than let the lease run out. */
        (void)settle_once(r, NULL, false, "");
        end_run(r);
    }
}

/* --- the dispatcher --- */

/* Claims what is due, up to max, and hands it on. Looking comes before claiming, for a claim is a
 * write. *ret_next is when to look again without being woken. */
static void claim(struct worker *w, size_t max, int64_t *ret_next_mono_us)
{
    struct cx cx;
    struct job *jobs = NULL;
    size_t count = 0;
    int64_t due_us = INT64_MAX;
    cx_begin(&cx, w->db);
    cx_for_platform(&cx);
    enum err e = job_next_due(&cx, &due_us);
    if (!e && due_us <= cx.now_us && !clock_look()) {
        e = job_claim(&cx, worker_owner(w), max, &jobs, &count);
    }
    if (e && e != ERR_RERUN) {
        log_failure(&cx, "job_claim", e);
    }
    for (size_t i = 0; i < count; i++) {
        submit(w, &jobs[i]);
    }
    const int64_t poll_us = min_i64(conf.job_poll_ms * MS_US, BEAT_US);
    const int64_t wait_us = !e && count == max         ? 0
                            : e || due_us <= cx.now_us ? poll_us
                                                       : min_i64(poll_us, due_us - cx.now_us);
    *ret_next_mono_us = clock_mono_us() + wait_us;
    cx_end(&cx);
}

static void *dispatch(void *arg)
{
    struct worker *w = arg;
    int64_t next_us = 0;
    enter(w);
    while (!w->stopping) {
        const int64_t now_us = clock_mono_us();
        const int free = (int)conf.job_threads - w->in_pool;
        w->beat_us = now_us;
        if (free > 0 && (w->woken || now_us >= next_us)) {
            w->woken = false;
            leave(w);
            claim(w, (size_t)min_i64(free, CLAIM_MAX), &next_us);
            enter(w);
        } else {
            (void)wait_until(w, &w->wake, free > 0 ? next_us : now_us + BEAT_US);
        }
    }
    leave(w);
    return NULL;
}

/* --- leases --- */

static size_t copy_runs(struct worker *w, struct arena *a, struct job **ret)
{
    size_t n = 0;
    enter(w);
    for (const struct run *r = w->runs; r; r = r->next) {
        n++;
    }
    struct job *jobs = arena_many(a, struct job, n);
    n = 0;
    for (const struct run *r = w->runs; r; r = r->next) {
        jobs[n++] =
            (struct job){.id = r->job.id, .tenant = r->job.tenant, .attempt = r->job.attempt};
    }
    leave(w);
    *ret = jobs;
    return n;
}

/* A run that is still listed and whose lease is gone: it may have ended by itself just now, and
 * then the cancel reaches nobody. */
static void lose(struct worker *w, const struct job *job)
{
    enter(w);
    for (struct run *r = w->runs; r; r = r->next) {
        if (uuid_eq(r->job.id.v, job->id.v) && r->job.attempt == job->attempt) {
            cancel_now(r->cancel);
        }
    }
    leave(w);
}

static void renew_all(struct worker *w)
{
    struct cx cx;
    struct job *jobs = NULL;
    cx_begin(&cx, w->db);
    cx_for_platform(&cx);
    const size_t n = copy_runs(w, cx.arena, &jobs);
    bool *held = arena_many(cx.arena, bool, n);
    const enum err e = n ? job_renew(&cx, jobs, n, held) : ERR_OK;
    if (e) {
        log_failure(&cx, "job_renew", e);
    }
    for (size_t i = 0; !e && i < n; i++) {
        if (!held[i]) {
            lose(w, &jobs[i]);
        }
    }
    cx_end(&cx);
}

static void *keep_leases(void *arg)
{
    struct worker *w = arg;
    enter(w);
    while (!w->ended) {
        if (!wait_until(w, &w->tick, clock_mono_us() + conf.job_lease_ms * MS_US / 3)) {
            leave(w);
            renew_all(w);
            enter(w);
        }
    }
    leave(w);
    return NULL;
}

/* --- life --- */

struct worker *worker_new(struct db *db, const struct job_kind *kinds, void *user)
{
    const struct pool_limits limits = {.name = "jobs",
                                       .max_threads = (int)conf.job_threads,
                                       .max_queue = (int)conf.job_threads,
                                       .stack_bytes = STACK_BYTES};
    struct worker *w = mem_new(struct worker);
    w->db = db;
    w->kinds = kinds;
    w->user = user;
    w->pool = pool_new(&limits);
    uuid_format(uuid_new(), w->owner);
    (void)pthread_mutex_init(&w->lock, NULL);
    cond_init(&w->wake);
    cond_init(&w->tick);
    cond_init(&w->idle);
    /* Also where nothing is dispatched, jobs are run by worker_run_here. */
    must(pthread_create(&w->clock, NULL, keep_leases, w) == 0);
    w->has_clock = true;
    return w;
}

void worker_start(struct worker *w)
{
    must(!w->dispatches);
    w->dispatches = true;
    w->beat_us = clock_mono_us();
    must(pthread_create(&w->dispatcher, NULL, dispatch, w) == 0);
}

void worker_wake(struct worker *w)
{
    enter(w);
    w->woken = true;
    (void)pthread_cond_signal(&w->wake);
    leave(w);
}

/* Under the lock, until no run is left or the time has come. */
static void wait_for_runs(struct worker *w, int64_t until_mono_us)
{
    bool in_time = true;
    while (w->runs && in_time) {
        in_time = wait_until(w, &w->idle, until_mono_us);
    }
}

static void cancel_runs(struct worker *w)
{
    w->cancelled = true;
    for (struct run *r = w->runs; r; r = r->next) {
        cancel_now(r->cancel);
    }
    while (w->runs) {
        (void)pthread_cond_wait(&w->idle, &w->lock);
    }
}

static void end_dispatcher(struct worker *w)
{
    enter(w);
    w->stopping = true;
    (void)pthread_cond_signal(&w->wake);
    leave(w);
    if (w->dispatches) {
        (void)pthread_join(w->dispatcher, NULL);
        w->dispatches = false;
    }
}

static void end_clock(struct worker *w)
{
    enter(w);
    w->ended = true;
    (void)pthread_cond_signal(&w->tick);
    leave(w);
    if (w->has_clock) {
        (void)pthread_join(w->clock, NULL);
        w->has_clock = false;
    }
}

void worker_stop(struct worker *w, int64_t until_mono_us)
{
    end_dispatcher(w);
    enter(w);
    wait_for_runs(w, until_mono_us);
    cancel_runs(w);
    leave(w);
    end_clock(w);
}

void worker_free(struct worker **w)
{
    if (!*w) {
        return;
    }
    worker_stop(*w, 0);
    pool_free(&(*w)->pool);
    (void)pthread_mutex_destroy(&(*w)->lock);
    (void)pthread_cond_destroy(&(*w)->wake);
    (void)pthread_cond_destroy(&(*w)->tick);
    (void)pthread_cond_destroy(&(*w)->idle);
    mem_free(*w);
    *w = NULL;
}

struct str worker_owner(const struct worker *w)
{
    return str_of(w->owner);
}

bool worker_alive(struct worker *w)
{
    enter(w);
    const bool alive = clock_mono_us() - w->beat_us < ALIVE_US;
    leave(w);
    return alive;
}
