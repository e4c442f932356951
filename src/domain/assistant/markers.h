/* Markers: how a model says where a claim comes from. [1: "exact words"] behind the claim cites
 * passage 1; [1] and [1, 2] cite without words; [unknown] says that the passages do not tell;
 * [handover] that a person should take over. This filter takes them out of a streamed answer, which
 * comes in pieces cut anywhere, and remembers them; what is not a marker passes unchanged.
 *
 * Invariants:
 * 1. How the answer was cut into pieces changes nothing.
 * 2. Only what may still become a marker is held back, with the blanks before it.
 * 3. No byte of a marker passes, also not of one that the end cuts off. */
#ifndef DOMAIN_ASSISTANT_MARKERS_H
#define DOMAIN_ASSISTANT_MARKERS_H

#include "base/buf.h"

enum {
    MARKERS_MAX = 64,        /* that are remembered; more are taken out all the same */
    MARKER_QUOTE_MAX = 2000, /* bytes; longer is text again, without its opening */
    MARKER_NUMBERS = 8,      /* in one pair of brackets */
};

struct marker {
    int number;       /* of the passage, from 1 */
    struct str quote; /* empty: none; lives as long as the filter's arena */
    size_t at;        /* byte of the visible text behind which it stood */
};

struct marker_filter {
    struct arena *arena;
    struct buf visible; /* all that passed */
    struct buf held;    /* a marker that is not ended yet, with the blanks before it */
    size_t blanks;      /* of held: its first bytes */
    size_t looked;      /* of held: those that were looked at; all of them between two calls */
    bool joined;        /* a marker with blanks before it was taken out just now */
    struct marker items[MARKERS_MAX];
    size_t count;
    bool unknown, handover;
};

/* max: bytes of visible text that are kept. The arena must outlive the filter. */
struct marker_filter markers_make(struct arena *a, size_t max);
void markers_fini(struct marker_filter *f);

/* Takes a piece; what may be shown now is appended to visible and returned: valid until the next
 * call. */
struct str markers_feed(struct marker_filter *f, struct str piece);

/* The answer has ended: the rest that turned out to be text. */
struct str markers_end(struct marker_filter *f);

#endif
