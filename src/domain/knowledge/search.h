/* Retrieval: the passages of a tenant's current documents that answer a question. The text index
 * only selects candidates; scores are BM25 on the tenant's own statistics, so one tenant's
 * documents never move another's answers. Whether it knows enough is decided on the share of the
 * question's content words that the passages cover. */
#ifndef DOMAIN_KNOWLEDGE_SEARCH_H
#define DOMAIN_KNOWLEDGE_SEARCH_H

#include "domain/knowledge/document.h"

struct passage {
    struct uuid chunk;
    struct document_id document;
    struct str document_name;
    int64_t version;
    int64_t start, end; /* bytes in that version's text */
    struct str heading;
    struct str language;
    struct str text; /* the stored text of [start, end) */
    double score;    /* BM25; comparable within one result only */
    double
        coverage; /* share of the question's content words (by weight) that this passage has, 0-1 */
};

struct search_query {
    struct str text;     /* 1-2,000 characters */
    struct str language; /* of the question; empty: detected, else the tenant's */
    size_t limit;        /* 1-20 */
};

struct search_result {
    struct passage *passages; /* best first */
    size_t count;
    double coverage; /* of the question by all of them together, 0-1 */
    double margin;   /* how far the first stands above the rest, 0-1 */
    bool known; /* the mean of coverage and the best passage's own reaches conf.search_min_coverage,
                   there is a content word at all, and every part number of the question is there */
    size_t candidates;   /* that were scored */
    struct str language; /* as used */
};

/* Searches within a read (or write) transaction of the tenant. No hit is an empty result, not an
 * error. */
enum err search_text(struct db_tx *tx, const struct search_query *query, struct search_result *ret);

#endif
