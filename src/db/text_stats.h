/* What text search wants to know of a row that matched, so that its score can be worked out in C on
 * the tenant's own statistics: the index's own scores would mix all tenants.
 *
 * The SQLite driver registers mc_stats(table[, first, n]) on every connection: a function of FTS5
 * that gives, for the current row of a query with MATCH, a blob of 32-bit integers, low byte first:
 *     number of phrases that are told of: all of the query, or n of them from
 *     the one that is first (0: the first of the query)
 *     for each of them, for each column: how often it occurs there
 *     for each column: its length in tokens
 * The number of columns follows from the length. Pure; any thread. */
#ifndef DB_TEXT_STATS_H
#define DB_TEXT_STATS_H

#include "base/str.h"

struct text_stats {
    int phrases;
    int columns;
    const char *at; /* borrows from the blob */
};

/* False for a blob that mc_stats did not make. */
bool text_stats_read(struct str blob, struct text_stats *ret);

/* Occurrences of a phrase in a column; both below their counts. */
int text_stats_hits(const struct text_stats *s, int phrase, int column);

/* Tokens in a column. */
int text_stats_tokens(const struct text_stats *s, int column);

#endif
