/* Counts, over a few passages, in how many each term stands, and how long they are. Pure; one
 * thread. */
#ifndef DOMAIN_KNOWLEDGE_TALLY_H
#define DOMAIN_KNOWLEDGE_TALLY_H

#include "base/str.h"

struct tally_term {
    struct str text;
    int64_t df;
    int64_t last; /* the passage that counted it last */
    struct tally_term *next;
    struct tally_term *in_slot;
};

enum { TALLY_SLOTS = 4096 };

struct tally {
    struct arena *arena;
    struct tally_term **slots;
    struct tally_term *terms;                         /* all of them */
    int64_t chunks, title_len, heading_len, body_len; /* lengths in terms */
};

void tally_init(struct tally *t, struct arena *a);
void tally_fini(struct tally *t);

/* Adds a passage by its search texts, which must stay until the end. */
void tally_chunk(struct tally *t, struct str title, struct str heading, struct str body);

#endif
