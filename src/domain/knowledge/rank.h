/* Candidates from the text index, scored by BM25 on the tenant's own statistics. */
#ifndef DOMAIN_KNOWLEDGE_RANK_H
#define DOMAIN_KNOWLEDGE_RANK_H

#include "domain/knowledge/question.h"

enum { RANK_KEEP = 64 }; /* best candidates that are read and shown from */

struct ranked {
    int64_t key;      /* chunks.fts */
    uint32_t passage; /* of the postings, where they are held */
    double score;
    uint64_t has; /* bit i: the passage has word i of the question */
};

struct ranking {
    struct ranked best[RANK_KEEP]; /* best first; equal scores by key */
    size_t count;
    size_t candidates; /* that were scored */
};

/* Finds the best passages for the question: at least the first top are those that scoring every
 * passage would give, unless limit, the number of passages that may be looked at, is reached
 * before, or what is left to ask for are words that most of many hundred passages have. top
 * SIZE_MAX looks at all that have any of the words. */
enum err rank(struct db_tx *tx, const struct question *q, size_t top, size_t limit,
              struct ranking *ret);

#endif
