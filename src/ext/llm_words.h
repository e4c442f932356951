/* Words of a text in any language, made comparable: lower case, without marks, apart by single
 * blanks. Used by the extractive answerer and by those who judge answers. Pure; any thread. */
#ifndef EXT_LLM_WORDS_H
#define EXT_LLM_WORDS_H

#include "base/str.h"

/* The text folded (Unicode case folding and compatibility forms, marks taken off, everything but
 * letters and digits a blank, '.' ',' ':' kept between digits), with one blank before, between and
 * behind its words; " " when it has none. text must be UTF-8. In the arena. */
struct str llm_fold(struct arena *a, struct str text);

/* Whether the folded phrase (blanks around it) stands in the folded text as whole words. */
bool llm_has_phrase(struct str folded, struct str phrase);

struct llm_words {
    struct str *items; /* without blanks, in the arena, in the order of the text */
    size_t count;
};

/* All words of a folded text. */
struct llm_words llm_words_of(struct arena *a, struct str folded);

/* Only those that carry content: no words of the small closed classes (articles, pronouns,
 * prepositions, question words …) of the house's languages, each once. */
struct llm_words llm_content_words(struct arena *a, struct str folded);

/* Whether two folded words are forms of one: the same, alike in their beginning ("return",
 * "returns", "returned"), or long and one typing error apart ("puncture", "pucnture"). */
bool llm_same_word(struct str a, struct str b);

/* Whether one of the words is a form of w. */
bool llm_has_word(const struct llm_words *words, struct str w);

#endif
