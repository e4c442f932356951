/* What is to be done: durable work, claimed by workers.
 *
 * States: pending → running [job_claim, job_claim_added] → gone [job_done]; running → pending
 * [job_retry, job_release, job_free_leases]; running → dead [job_retry after the last attempt];
 * dead → pending [job_revive]. Invariants:
 * 1. Of one lane (a conversation, a document) at most one job runs at a time (a unique index holds
 * it).
 * 2. Of one kind and lane at most one job is pending: adding another finds the first, and a running
 * one that goes back to pending takes the place of one that came meanwhile. So jobs of one kind and
 * lane must stand for each other: what is to be done is read from the tables, not from the payload.
 * 3. A job ends only with the attempt number it was claimed with (the fence): a worker that was
 * slow, stopped or resumed can never end a job, or commit its work, after another has claimed it.
 */
#ifndef DOMAIN_LEDGER_JOB_H
#define DOMAIN_LEDGER_JOB_H

#include "db/db.h"

struct job_id {
    struct uuid v;
};

struct job {
    struct job_id id;
    struct tenant_id tenant;
    struct str kind; /* "turn", "document.process", … (jobs/kinds.c) */
    struct uuid lane;
    struct str payload;    /* JSON object */
    struct str request_id; /* of the request that caused it */
    int64_t attempt;       /* how often it was claimed, this time included: the fence */
    int64_t failures;      /* attempts that failed, or lost their worker, before this one */
    struct str why;        /* of the last failure; empty: none yet */
    int64_t due_us;
    int64_t created_us;
    int64_t updated_us;
};

/* With texts of its own, in the arena. */
struct job job_copy(struct arena *a, const struct job *job);

struct job_spec {
    const char *kind;
    struct uuid lane;
    struct str payload;
    int64_t due_us; /* 0: now */
    bool quiet;     /* whoever adds it claims it in the same transaction: no worker need look */
};

/* Adds a job to the transaction, or finds the pending one of the same kind and lane (whose id is
 * returned; it becomes due earlier if need be, but a pause after a failure stands). Leaves a
 * NOTE_JOB unless it is to be quiet. request_id comes from cx. */
enum err job_add(struct db_tx *tx, const struct job_spec *spec, struct job_id *ret);

/* In the same transaction: the job just added is claimed for this process if its lane is free;
 * *ret_claimed says so, and then *ret_job is as from job_claim. */
enum err job_claim_added(struct db_tx *tx, struct job_id id, struct str owner, bool *ret_claimed,
                         struct job *ret_job);

/* Claims up to max due jobs whose lanes are free, oldest first, one a lane, for conf.job_lease_ms.
 * cx is of the platform; it opens its own transaction. Results in cx's arena. */
enum err job_claim(struct cx *cx, struct str owner, size_t max, struct job **ret,
                   size_t *ret_count);

/* Renews the leases of these jobs; ret_held[i] tells whether jobs[i] is still this attempt's. cx of
 * the platform, own transaction. */
enum err job_renew(struct cx *cx, const struct job *jobs, size_t count, bool *ret_held);

/* Ends the job within the transaction that commits its work; ERR_CONFLICT when fenced off (roll
 * back then). */
enum err job_done(struct db_tx *tx, const struct job *job);

/* Gives a failed attempt back: pending again after a pause (doubling, with jitter; at least
 * min_pause_us), or dead after the last attempt. why is a short code and words without content, of
 * which 500 bytes are kept. ERR_CONFLICT when fenced off. */
enum err job_retry(struct db_tx *tx, const struct job *job, const char *why, int64_t min_pause_us,
                   bool *ret_dead);

/* Gives a claimed job back unharmed: pending now, no failure counted (drain). ERR_CONFLICT when
 * fenced off. */
enum err job_release(struct db_tx *tx, const struct job *job);

/* Start-up under the lock file, or the clock thread: frees leases (all, or those that have ended);
 * each counts as a failure, so that a job which takes its process down is put aside some day. cx of
 * the platform, own transactions. */
enum err job_free_leases(struct cx *cx, bool all, int64_t *ret_freed);

/* The clock jumped by step_us: what waits keeps its pause, and what runs its lease. For a process
 * that has the database to itself. cx of the platform, own transaction. */
enum err job_shift(struct cx *cx, int64_t step_us, int64_t *ret_moved);

/* When the next pending job is due (INT64_MAX: none). cx of the platform, own transaction. */
enum err job_next_due(struct cx *cx, int64_t *ret_due_us);

/* Dead ones, newest first, and back to pending. NOT_FOUND; CONFLICT when another of its kind and
 * lane is pending. cx of the platform, own transaction. */
enum err job_list_dead(struct cx *cx, size_t limit, struct job **ret, size_t *ret_count);
enum err job_revive(struct cx *cx, struct job_id id);

/* Removes dead ones after conf.job_keep_hours. cx of the platform, own transactions. */
enum err job_sweep(struct cx *cx, int64_t *ret_removed);

/* How many there are of each state. cx of the platform, own transaction. */
enum err job_count(struct cx *cx, int64_t *ret_pending, int64_t *ret_running, int64_t *ret_dead);

#endif
