/* Citations of an answer: what its markers point to, as far as it is really there. Pure but for the
 * arena; any thread. */
#ifndef DOMAIN_ASSISTANT_CITE_H
#define DOMAIN_ASSISTANT_CITE_H

#include "domain/assistant/judge.h"

struct cited {
    struct citation *items; /* each place once, in the order of the answer */
    size_t count;
    double sentence_share; /* of the answer's sentences with content, those with a citation */
};

/* A quote is looked for in the passage that is named, then in the others; a marker without a quote
 * cites the sentence of its passage that shares most with the claim before it, if that is at least
 * half of the claim's content words. What is not found is dropped. */
struct cited cite(struct arena *a, const struct judge_in *in);

#endif
