/* The parts of the health: what is looked at, and the words for the operator. */
#ifndef MAIN_HEALTH_H
#define MAIN_HEALTH_H

#include "db/blob.h"
#include "db/db.h"
#include "jobs/worker.h"

#include "http/req.h"

#include <pthread.h>

/* What is looked at; outlives the server that asks. */
struct health {
    struct db *db;
    struct blob_store *blobs;
    struct worker *worker; /* NULL: no jobs in this process */

    /* What the last look at the schema found; health_add makes it ready. */
    pthread_mutex_t schema_lock_;
    bool schema_broken_; /* it was right at the start, else nobody serves */
    int64_t schema_again_us_;
    char schema_words_[128];
};

/* Gives every part to the server. */
void health_add(struct http_server *server, struct health *h);

#endif
