/* The passages that can be searched, and the statistics of their terms.
 *
 * Invariants, true at every commit: term_df holds, for each term of the tenant, in how many of its
 * rows of chunks it stands (in whatever column); text_totals holds their number and lengths by
 * language; the text index holds the same rows. Rows of a version that is not current count too:
 * the statistics weigh terms, and what may be shown is decided when a hit is read. */
#ifndef DOMAIN_KNOWLEDGE_INDEX_H
#define DOMAIN_KNOWLEDGE_INDEX_H

#include "domain/knowledge/chunker.h"
#include "domain/knowledge/document.h"
#include "domain/knowledge/terms.h"

enum { INDEX_STEP = 24 }; /* passages that one transaction writes or removes: well under 20 ms */

/* A version that is being written. */
struct index_version {
    struct document_id document;
    int64_t version;
    struct str title;    /* words for the title column */
    struct str language; /* of the whole document */
    struct str text;     /* the part of it that spans are counted in */
    size_t text_at;      /* where that part begins in the whole */
    size_t first;        /* position of the part's first passage */
    struct terms *terms;
};

/* Writes up to INDEX_STEP passages of the part, from the one numbered from on; *ret_terms says how
 * many terms their texts have. */
enum err index_write(struct db_tx *tx, const struct index_version *v,
                     const struct chunk_span *spans, size_t count, size_t from, int64_t *ret_terms);

/* Removes up to INDEX_STEP passages of a version; *ret_removed 0: there are none left. */
enum err index_remove(struct db_tx *tx, struct document_id document, int64_t version,
                      size_t *ret_removed);

#endif
