/* The words of a question as a tenant's texts may have them, with the weight of each: what search
 * looks for. */
#ifndef DOMAIN_KNOWLEDGE_QUESTION_H
#define DOMAIN_KNOWLEDGE_QUESTION_H

#include "domain/knowledge/posting.h"
#include "domain/knowledge/search.h"
#include "domain/knowledge/terms.h"

enum {
    QUESTION_WORDS = 32,    /* content words that count; what a long question has beyond is left */
    QUESTION_ALTS = 8,      /* terms that one word may stand as */
    QUESTION_LANGUAGES = 4, /* of a tenant's texts, those with most passages */
};

struct question_word {
    struct str alts[QUESTION_ALTS]; /* terms; each is the word, or near enough */
    size_t alt_count;
    int64_t df;         /* passages that have it, about */
    double weight;      /* its idf: what its presence is worth */
    double trust;       /* 1; less when the alts are guesses at a misspelt word */
    bool required;      /* part numbers: without it nothing is known */
    bool number;        /* digits alone */
    bool filler;        /* names nothing in particular ("order", "shop"): counts less */
    size_t position;    /* among all words of the question: neighbours stand together */
    struct str surface; /* folded */
};

struct question {
    struct str language; /* of the question */
    struct question_word words[QUESTION_WORDS];
    size_t count;
    double weight; /* of all words */
    /* of the tenant's texts */
    const struct postings *held; /* NULL: they are to be read from the database */
    int64_t slot;
    int64_t chunks;
    double title_len, heading_len, body_len; /* on average, in terms */
};

/* Reads the question against the tenant's statistics. */
enum err question_read(struct db_tx *tx, const struct search_query *query, struct question *ret);

#endif
