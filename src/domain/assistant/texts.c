#include "domain/assistant/texts.h"

#include "ext/llm_words.h"

#include <pthread.h>

enum { MAX_PHRASES = 2048 };

const char *text_key_name(enum text_key key)
{
    static const char *const names[TEXT_KEY_COUNT] = {
        [TEXT_HANDOVER] = "handover",     [TEXT_UNKNOWN] = "unknown",
        [TEXT_DISCLAIMER] = "disclaimer", [TEXT_GET_BACK] = "get_back",
        [TEXT_ATTACHMENT] = "attachment", [TEXT_GREETING] = "greeting",
        [TEXT_THANKS] = "thanks",
    };
    return names[key];
}

const char *phrase_list_name(enum phrase_list list)
{
    static const char *const names[PHRASES_COUNT] = {
        [PHRASES_HEDGES] = "hedges",
        [PHRASES_PERSON] = "person",
        [PHRASES_PERSON_ALONE] = "person_alone",
        [PHRASES_UNKNOWN] = "unknown",
        [PHRASES_STARTERS] = "starters",
        [PHRASES_PRONOUNS] = "pronouns",
        [PHRASES_GREETINGS] = "greetings",
        [PHRASES_THANKS] = "thanks",
    };
    return names[list];
}

/* "de-AT" asks for rows of "de". */
static bool speaks(struct str language, const char *row)
{
    return str_eq_nocase(str_sub(language, 0, 2), (struct str){row, 2}) &&
           (language.n == 2 || language.p[2] == '-' || language.p[2] == '_');
}

static struct str find_text(struct str language, const char *key)
{
    for (const struct i18n_row *r = i18n_texts; r->language; r++) {
        if (speaks(language, r->language) && strcmp(r->key, key) == 0) {
            return str_of(r->text);
        }
    }
    return (struct str){"", 0};
}

struct str text_of(struct str language, enum text_key key)
{
    const struct str s = find_text(language, text_key_name(key));
    return s.n ? s : find_text(STR("en"), text_key_name(key));
}

/* The rows of i18n_phrases by their list, for they are asked for several times in each turn. */
struct phrase {
    const char *language;
    struct str text;
};

static struct phrase phrases[MAX_PHRASES];
static size_t phrases_from[PHRASES_COUNT + 1]; /* where a list begins; the next begins at its end */
static pthread_once_t phrases_once = PTHREAD_ONCE_INIT;

static void sort_phrases(void)
{
    size_t n = 0;
    for (int list = 0; list < PHRASES_COUNT; list++) {
        phrases_from[list] = n;
        for (const struct i18n_row *r = i18n_phrases; r->language; r++) {
            if (strcmp(r->key, phrase_list_name((enum phrase_list)list)) == 0) {
                must(n < MAX_PHRASES);
                phrases[n++] = (struct phrase){r->language, str_of(r->text)};
            }
        }
    }
    phrases_from[PHRASES_COUNT] = n;
}

/* The next phrase of the list from *at on; NULL at its end. *at is 0 at first. An empty language
 * asks for all. */
static const struct phrase *next_phrase(enum phrase_list list, struct str language, size_t *at)
{
    (void)pthread_once(&phrases_once, sort_phrases);
    for (size_t i = phrases_from[list] + *at; i < phrases_from[list + 1]; i++) {
        if (!language.n || speaks(language, phrases[i].language)) {
            *at = i + 1 - phrases_from[list];
            return &phrases[i];
        }
    }
    return NULL;
}

int phrases_in(struct str folded, struct str language, enum phrase_list list)
{
    int n = 0;
    size_t at = 0;
    const struct phrase *p;
    while ((p = next_phrase(list, language, &at))) {
        n += llm_has_phrase(folded, p->text);
    }
    return n;
}

bool phrase_is(struct str folded, enum phrase_list list)
{
    size_t at = 0;
    const struct phrase *p;
    while ((p = next_phrase(list, STR(""), &at))) {
        if (str_eq(folded, p->text)) {
            return true;
        }
    }
    return false;
}

bool phrase_begins(struct str folded, struct str language, enum phrase_list list)
{
    size_t at = 0;
    const struct phrase *p;
    while (language.n && (p = next_phrase(list, language, &at))) {
        if (str_starts(folded, p->text)) {
            return true;
        }
    }
    return false;
}
