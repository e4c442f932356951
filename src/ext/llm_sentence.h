/* Sentences of a passage: prose split at sentence ends, list items, table rows and headings by
 * line. Pure; any thread. */
#ifndef EXT_LLM_SENTENCE_H
#define EXT_LLM_SENTENCE_H

#include "base/str.h"

enum llm_sentence_kind {
    LLM_PROSE,
    LLM_LEAD,    /* prose that ends with ':' and leads to what follows */
    LLM_ASKED,   /* a question: what follows answers it */
    LLM_HEADING, /* a line alone that does not end like a sentence */
    LLM_ITEM,    /* of a list */
    LLM_ROW,     /* of a table */
};

struct llm_sentence {
    size_t start, end; /* bytes of the text, without white space at both ends */
    enum llm_sentence_kind kind;
};

/* All of them in order; they do not overlap. In the arena. text must be UTF-8. */
struct llm_sentence *llm_sentences(struct arena *a, struct str text, size_t *ret_count);

/* How a sentence is shown to a person: line breaks as blanks, without the signs of lists, headings,
 * tables and emphasis. In the arena. */
struct str llm_sentence_show(struct arena *a, struct str sentence);

#endif
