/* Recurring jobs: what is due runs on one thread of its own, once for each due time however many
 * processes share the database. When each ran last and what came of it is kept in cron_runs. */
#ifndef JOBS_CRON_H
#define JOBS_CRON_H

#include "base/cx.h"

struct cron_job {
    const char *name; /* a literal, 1-64 signs */
    int64_t period_us;
    /* A short piece of work in transactions of its own; cx is of the platform. *ret_count says how
     * much there was to do. */
    enum err (*run)(struct cx *cx, void *user, int64_t *ret_count);
    bool local; /* concerns this process alone: runs in each, and is not kept in cron_runs */
};

/* The jobs of the rooms below; ends with a row without name. */
extern const struct cron_job cron_rows[];

/* The latest time at which any of them began, in any process; 0: never. cx of the platform, own
 * transaction. */
enum err cron_last_us(struct cx *cx, int64_t *ret_us);

struct cron;

/* jobs ends with a row without name and outlives the cron. The caller frees it. */
struct cron *cron_new(struct db *db, const struct cron_job *jobs, void *user);
void cron_start(struct cron *c);

/* Waits for what is running. Harmless when it was not started. */
void cron_stop(struct cron *c);

/* Stops; *c may be NULL and is NULL afterwards. */
void cron_free(struct cron **c);

#endif
