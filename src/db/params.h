/* Parameters by position: SQLite takes $1 for a name whose number is the order of appearance, so
 * texts are rewritten to ?1 before they are prepared. Pure; any thread. */
#ifndef DB_PARAMS_H
#define DB_PARAMS_H

#include "base/str.h"

/* A copy of sql in the arena in which each $n outside of quotes and comments is ?n. *ret_max (may
 * be NULL) is the highest n, 0 without any. */
struct str params_rewrite(struct arena *a, struct str sql, int *ret_max);

/* The length of the token of SQL that starts at s (which is not empty): white space and comments, a
 * quoted text, a name or number, a $n, or else one sign. Texts and comments without an end reach to
 * the end of s. */
size_t sql_token(struct str s);

/* Whether such a token is white space or a comment. */
bool sql_is_blank(struct str token);

/* A quoted name without its quotes; any other token as it is. */
struct str sql_unquoted(struct str token);

/* Whether two texts say the same: blanks and the quotes of names do not count. */
bool sql_same(struct str a, struct str b);

#endif
