/* The postings of the tenants that are asked most, within METACHAT_SEARCH_MEMORY. Any thread. */
#ifndef DOMAIN_KNOWLEDGE_POSTING_CACHE_H
#define DOMAIN_KNOWLEDGE_POSTING_CACHE_H

#include "domain/knowledge/posting.h"

/* The tenant's passages exactly as tx sees them; *ret NULL: they are not held, and the database is
 * to be asked. They are held from the second question on between two changes, unless estimate
 * (postings_estimate) says that they are too many; never for a transaction that may write, for what
 * that sees may come to nothing. Given back when the arena of the transaction's cx ends. */
enum err posting_cache_get(struct db_tx *tx, int64_t estimate, const struct postings **ret);

/* The tenant's passages, or which of them are shown, are changed by this transaction: to be told by
 * whoever does it. */
enum err posting_cache_changed(struct db_tx *tx);

#endif
