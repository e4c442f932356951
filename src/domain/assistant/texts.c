#include "domain/assistant/texts.h"

#include "ext/llm_words.h"

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
    const struct str two = str_sub(language, 0, 2);
    return str_eq_nocase(two, str_of(row)) &&
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

int phrases_in(struct str folded, struct str language, enum phrase_list list)
{
    int n = 0;
    for (const struct i18n_row *r = i18n_phrases; r->language; r++) {
        if ((!language.n || speaks(language, r->language)) &&
            strcmp(r->key, phrase_list_name(list)) == 0) {
            n += llm_has_phrase(folded, str_of(r->text));
        }
    }
    return n;
}

bool phrase_is(struct str folded, enum phrase_list list)
{
    for (const struct i18n_row *r = i18n_phrases; r->language; r++) {
        if (strcmp(r->key, phrase_list_name(list)) == 0 && str_is(folded, r->text)) {
            return true;
        }
    }
    return false;
}

bool phrase_begins(struct str folded, struct str language, enum phrase_list list)
{
    for (const struct i18n_row *r = i18n_phrases; r->language; r++) {
        if (speaks(language, r->language) && strcmp(r->key, phrase_list_name(list)) == 0 &&
            str_starts(folded, str_of(r->text))) {
            return true;
        }
    }
    return false;
}
