/* The workers: claim due jobs, run them, settle them. One dispatcher thread claims (woken by the
 * database's notes, or by the clock), a pool of threads runs. A job's lease is renewed while it
 * runs; a job that fails is given back with a pause, and put aside as dead after its last attempt.
 */
#ifndef JOBS_WORKER_H
#define JOBS_WORKER_H

#include "domain/ledger/job.h"

/* What a kind of job needs. The handler commits its own work and ends the job in the same
 * transaction (job_done); it returns ERR_OK then, or when it was fenced off. Any error gives the
 * job back: ERR_RERUN at once, others with a pause. cx is of the job's tenant, with the job's
 * request id, deadline and a cancel that the drain and a lost lease set. */
struct job_kind {
    const char *name; /* a literal */
    enum err (*run)(struct cx *cx, void *user, const struct job *job);
    /* After the last attempt, in the transaction that marks it dead: tells those who wait. May be
     * NULL. */
    enum err (*dead)(struct db_tx *tx, void *user, const struct job *job);
    int64_t timeout_us; /* deadline of one attempt */
};

struct worker;

/* kinds ends with a row without name. The caller frees. From now on worker_run_here may be called.
 */
struct worker *worker_new(struct db *db, const struct job_kind *kinds, void *user);
/* Begins to claim what is due. */
void worker_start(struct worker *w);

/* Something may be due. Only sets a flag: may be called under the writer's lock. */
void worker_wake(struct worker *w);

/* Takes no more, lets running jobs finish until the monotonic time, then cancels them and gives
 * them back. */
void worker_stop(struct worker *w, int64_t until_mono_us);
/* Stops; *w may be NULL and is NULL afterwards. */
void worker_free(struct worker **w);

/* Runs one claimed job on the calling thread with renewal of its lease and settling, as the pool
 * would. */
void worker_run_here(struct worker *w, const struct job *job);

/* Gives a claimed job that cannot be run here back, so that a worker takes it. Blocks on the
 * database. */
void worker_give_back(struct worker *w, const struct job *job);

/* Text that names this process as an owner of leases; one for each start. */
struct str worker_owner(const struct worker *w);

/* Heartbeat for health: whether the dispatcher went round within the last 5 s. */
bool worker_alive(struct worker *w);

#endif
