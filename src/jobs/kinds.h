/* The kinds of jobs that there are, and what they need. */
#ifndef JOBS_KINDS_H
#define JOBS_KINDS_H

#include "db/blob.h"
#include "jobs/live.h"
#include "jobs/worker.h"

struct job_env {
    const struct assistant *assistant;
    struct blob_store *blobs;
    struct live *live;
    /* Told what every turn says while it runs, whoever reads along; on the turn's thread, must not
     * block. NULL: nobody. */
    void (*say)(void *arg, const struct live_word *word);
    void *say_arg;
};

/* Ends with a row without a name; user of the worker is a struct job_env. */
extern const struct job_kind job_kinds[];

#endif
