/* What the house says to customers, and the phrases it looks for in their words, in the languages
 * of i18n/. Constant; any thread. */
#ifndef DOMAIN_ASSISTANT_TEXTS_H
#define DOMAIN_ASSISTANT_TEXTS_H

#include "base/str.h"

#define TEXT_LANGUAGES "en|de|es|fr|hr|it|pt|nl|pl|ar"

/* Made from i18n/ at build time; the lists end with a row without language. In i18n_phrases text is
 * folded, with blanks around it (ext/llm_words.h). */
struct i18n_row {
    const char *language;
    const char *key;
    const char *text;
};
extern const struct i18n_row i18n_texts[];
extern const struct i18n_row i18n_phrases[];

enum text_key {
    TEXT_HANDOVER,   /* a person will answer */
    TEXT_UNKNOWN,    /* I do not know */
    TEXT_DISCLAIMER, /* behind a doubtful answer */
    TEXT_GET_BACK,   /* no answer now */
    TEXT_ATTACHMENT, /* cannot be read yet */
    TEXT_GREETING,
    TEXT_THANKS,
    TEXT_KEY_COUNT
};

enum phrase_list {
    PHRASES_HEDGES,
    PHRASES_PERSON,       /* wishes to talk to one */
    PHRASES_PERSON_ALONE, /* are the same wish when nothing else is said */
    PHRASES_UNKNOWN,      /* an answer that says it does not know */
    PHRASES_STARTERS,     /* begin a question that goes on from the one before */
    PHRASES_PRONOUNS,     /* stand for what was named before */
    PHRASES_GREETINGS,
    PHRASES_THANKS,
    PHRASES_COUNT
};

/* The name of a key or list in the files. */
const char *text_key_name(enum text_key key);
const char *phrase_list_name(enum phrase_list list);

/* In that language, or in English when the house does not speak it. language may be longer than two
 * letters ("de-AT"). */
struct str text_of(struct str language, enum text_key key);

/* How many different phrases of the list stand in the folded text. language empty: of all. */
int phrases_in(struct str folded, struct str language, enum phrase_list list);

/* Whether the folded text is one of the phrases and nothing else. */
bool phrase_is(struct str folded, enum phrase_list list);

/* Whether the folded text begins with one of the phrases of that language. */
bool phrase_begins(struct str folded, struct str language, enum phrase_list list);

#endif
