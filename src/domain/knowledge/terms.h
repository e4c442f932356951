/* From text to search terms. What is stored for a passage is its search text: terms separated by
 * single spaces, folded (fold.h), without stop words, stemmed by language; the index takes them as
 * they are. A question is cut the same way, but its words stay apart, with the ways each may stand
 * in a text.
 *
 * A part number is stored whole, up to each of its joints, and in its pieces: "KL-2047-B" as
 * kl2047b kl2047 kl 2047 b; a decimal as 49_90 and 49; "e-mail" as email and mail. Pure; one thread
 * for each struct terms. */
#ifndef DOMAIN_KNOWLEDGE_TERMS_H
#define DOMAIN_KNOWLEDGE_TERMS_H

#include "base/buf.h"
#include "domain/knowledge/tokens.h"

struct terms;

/* Terms of one language (ISO 639-1; an unknown one is not stemmed). The caller frees. */
struct terms *terms_new(struct str language);
/* *t may be NULL and is NULL afterwards. */
void terms_free(struct terms **t);

/* Adds the search text of text to out, with a space before it if out has anything. Returns the
 * number of terms added. */
size_t terms_index(struct terms *t, struct str text, struct buf *out);

enum { TERM_ALTS = 4 };

/* A word of a question. */
struct query_word {
    enum token_kind kind;
    bool stop;
    struct str alts[TERM_ALTS]; /* terms of which each is the word; at least one unless stop */
    size_t alt_count;
    struct str pieces[TOKEN_PIECES]; /* of a part number: its terms one by one */
    size_t piece_count;
    struct str surface; /* folded, not stemmed: for finding near misses */
    size_t start, end;  /* bytes in the question */
};

/* The words of a question, in order, as this language has them. Result in the arena. */
void terms_query(struct terms *t, struct arena *a, struct str text, struct query_word **ret,
                 size_t *ret_count);

/* The term of one surface form (folded, not stemmed), in the arena. */
struct str terms_stem(struct terms *t, struct arena *a, struct str surface);

#endif
