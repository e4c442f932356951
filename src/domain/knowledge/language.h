/* Which language a text is in, by the words that every text of a language has, and by script. Knows
 * the house's ten languages (en de fr es it pt nl pl hr ar) and tells a few more by their script
 * alone. Pure; any thread. */
#ifndef DOMAIN_KNOWLEDGE_LANGUAGE_H
#define DOMAIN_KNOWLEDGE_LANGUAGE_H

#include "base/str.h"

/* ISO 639-1 code, static storage; empty when nothing tells. Reads the first 16 KB. */
struct str language_guess(struct str text);

/* The code without region, lower case: "de" of "de-AT"; empty for what is no code. In the arena. */
struct str language_code(struct arena *a, struct str tag);

enum stop_kind {
    STOP_NONE,
    STOP_WORD,     /* in texts and questions */
    STOP_QUESTION, /* a word that questions are framed with ("please", "much") */
};

/* Whether a folded word (see terms.h) says nothing about a subject, in that language. */
enum stop_kind language_stop(struct str language, struct str word);

#endif
