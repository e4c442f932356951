/* Cuts an extracted text into passages. They cover the text but for white space, in order; each
 * begins and ends with a sign that is not white space, at a boundary of code points; none is longer
 * than 5/4 of the aim. A passage begins where a heading does, and holds no heading of level 1 to 3
 * behind its first words; below that, sections that fit together stay together. Longer sections are
 * cut between paragraphs, else lines, else sentences, else words, else signs. Pure; any thread. */
#ifndef DOMAIN_KNOWLEDGE_CHUNKER_H
#define DOMAIN_KNOWLEDGE_CHUNKER_H

#include "ext/extract.h"

struct chunk_span {
    size_t start, end;  /* bytes in the text */
    struct str heading; /* path of the headings above, "Returns › Refunds"; in the arena */
};

enum {
    CHUNK_LEVELS = 6,
    CHUNK_PATH = 500, /* bytes of a path, and of each heading in it */
};

/* The headings above the place that has been reached, by level - 1; empty: none. Zeroed: at the
 * start of a document. */
struct chunk_path {
    char words[CHUNK_LEVELS][CHUNK_PATH + 1];
};

/* Cuts one window of a document, at whose start path stands; afterwards it stands at its end. aim:
 * bytes, at least 16. Result in the arena; *ret_count may be 0 for a text of white space. */
void chunk_text(struct arena *a, const struct extracted *ex, size_t aim, struct chunk_path *path,
                struct chunk_span **ret, size_t *ret_count);

#endif
