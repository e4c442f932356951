/* What customers' words mean to a shop, in the house's languages: other words for the same thing,
 * turns of phrase that stand for one word, and nouns that name nothing in particular. The words are
 * rows of llm_lexicon_table.h. Used where questions are read: by search and by the extractive
 * answerer. Pure; any thread. */
#ifndef EXT_LLM_LEXICON_H
#define EXT_LLM_LEXICON_H

#include "base/str.h"

enum { LLM_SYNONYMS = 6 };

/* Other words for a folded word (or a plain plural of one), static; returns how many. */
size_t llm_synonyms(struct str word, struct str ret[LLM_SYNONYMS]);

/* Whether the folded word is a noun like "item" or "thing", which a text that does not have it may
 * well speak of under its own name. */
bool llm_is_filler(struct str word);

/* Whether the folded sentence begins with words that go back to the one before it ("After that").
 */
bool llm_goes_back(struct str folded);

/* Whether the folded question has a word of its language that joins two questions ("and"). */
bool llm_is_joined(struct str folded, struct str language);

/* The question with turns of phrase replaced: "where are you" becomes "address", "send it back"
 * becomes "return it", "185cm" becomes "185 cm"; everything else stays as it is. In the arena, or
 * the question itself. */
struct str llm_reword(struct arena *a, struct str question);

#endif
