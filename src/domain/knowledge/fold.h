/* Words without case, width, accents and ligatures, so that they compare equal however they are
 * typed. Pure; any thread. */
#ifndef DOMAIN_KNOWLEDGE_FOLD_H
#define DOMAIN_KNOWLEDGE_FOLD_H

#include "base/str.h"

enum { FOLD_MAX = 96 }; /* bytes of a folded word; longer words have no place in an index */

/* Folds one word (letters, digits and marks) into buf: NFKC, case, and without accents if asked (a
 * stemmer wants to see them). A view of buf; empty for an empty word or one that does not fit. */
struct str fold(struct str word, bool strip, char buf[FOLD_MAX]);

bool fold_is_letter(uint32_t c); /* letter or mark */
bool fold_is_digit(uint32_t c);

/* Scripts that write words without spaces between. */
bool fold_is_unspaced(uint32_t c);

#endif
