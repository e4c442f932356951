/* A tenant's passages held in memory as lists of which word stands where: the same as the text
 * index and the statistics in the database at one moment, so that a question asked again and again
 * of the same passages is answered without reading them from the database.
 *
 * Never changes once it is read; counted, and shared by threads. */
#ifndef DOMAIN_KNOWLEDGE_POSTING_H
#define DOMAIN_KNOWLEDGE_POSTING_H

#include "db/db.h"

enum { POSTING_FIELDS = 3 }; /* title, heading, body: the columns of the text index */

struct posting {
    uint32_t passage; /* an index of passages */
    uint16_t hits[POSTING_FIELDS];
};

struct posting_term {
    struct str text;
    uint32_t first; /* of lists */
    uint32_t count; /* the passages that have it */
};

struct posting_passage {
    int64_t key;                   /* chunks.fts */
    uint32_t lens[POSTING_FIELDS]; /* in words */
    uint32_t words;                /* where its own begin, field after field */
    bool shown;                    /* of a version that is current */
};

struct postings {
    int64_t bytes;
    struct posting_passage *passages; /* by key */
    size_t passage_count;
    struct posting_term *terms; /* in no order */
    size_t term_count;
    struct posting *lists; /* each by passage */
    uint32_t *words;       /* of all passages: indexes of terms, in the order of the text */
    uint32_t *slots;       /* of a hash table: 1 + an index of terms; 0: empty */
    size_t slot_count;     /* a power of two */
    struct arena *texts;
    int refs; /* posting_cache.c's own */
};

/* Reads all of the tenant. The caller frees. */
enum err postings_read(struct db_tx *tx, struct postings **ret);
void postings_free(struct postings *p);

/* What postings_read would take, about, for so many passages of so many words together; bytes. */
int64_t postings_estimate(int64_t passages, int64_t words);

/* NULL: no passage has the term. */
const struct posting_term *postings_find(const struct postings *p, struct str term);

/* The postings of one term from a passage on; *at is where the last look ended, 0 at first, and
 * passage never less than before. NULL when the term stands in none of them. */
const struct posting *postings_seek(const struct postings *p, const struct posting_term *t,
                                    uint32_t passage, uint32_t *at);

#endif
