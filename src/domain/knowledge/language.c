#include "domain/knowledge/language.h"

#include "base/utf8.h"
#include "domain/knowledge/fold.h"

#include <pthread.h>

static const struct {
    const char *language;
    const char *words;
    const char *question;
} lists[] = {
#define STOP(language, words, question) {language, words, question},
#include "domain/knowledge/stop_words_table.h"
#undef STOP
};

enum {
    SLOTS = 8192, /* a power of two, more than twice the words */
    READ = 16 * 1024,
};

struct slot {
    struct str word;
    uint8_t list;
    uint8_t kind;
};

static struct slot slots[SLOTS];
static pthread_once_t slots_once = PTHREAD_ONCE_INIT;

static size_t slot_of(struct str word, size_t list)
{
    return (str_hash(word) + list * 0x9e3779b97f4a7c15u) % SLOTS;
}

static void add_words(const char *words, size_t list, enum stop_kind kind)
{
    struct str rest = str_of(words);
    struct str word;
    while (str_split(&rest, ' ', &word)) {
        size_t i = slot_of(word, list);
        while (slots[i].word.n) {
            i = (i + 1) % SLOTS;
        }
        slots[i] = (struct slot){word, (uint8_t)list, (uint8_t)kind};
    }
}

static void fill_slots(void)
{
    for (size_t i = 0; i < COUNT(lists); i++) {
        add_words(lists[i].words, i, STOP_WORD);
        add_words(lists[i].question, i, STOP_QUESTION);
    }
}

static enum stop_kind look_up(size_t list, struct str word)
{
    size_t i = slot_of(word, list);
    while (slots[i].word.n) {
        if (slots[i].list == list && str_eq(slots[i].word, word)) {
            return (enum stop_kind)slots[i].kind;
        }
        i = (i + 1) % SLOTS;
    }
    return STOP_NONE;
}

enum stop_kind language_stop(struct str language, struct str word)
{
    (void)pthread_once(&slots_once, fill_slots);
    for (size_t i = 0; i < COUNT(lists); i++) {
        if (str_is(language, lists[i].language)) {
            return look_up(i, word);
        }
    }
    return STOP_NONE;
}

struct str language_code(struct arena *a, struct str tag)
{
    struct str code = {};
    if (!str_split(&tag, '-', &code) || code.n < 2 || code.n > 3) {
        return (struct str){};
    }
    return str_lower(a, code);
}

/* Letters that only a few of the languages use, as bits of the lists' order; and scripts. */
static const struct {
    uint32_t letter;
    const char *languages;
} letters[] = {
    {0xdf, "de"},  {0xe4, "de"},     {0xf6, "de"},    {0xfc, "de es"}, {0xf1, "es"},
    {0xbf, "es"},  {0xa1, "es"},     {0xe3, "pt"},    {0xf5, "pt"},    {0xe7, "fr pt"},
    {0x153, "fr"}, {0xea, "fr pt"},  {0xe8, "fr it"}, {0xf9, "fr it"}, {0xe0, "fr it pt"},
    {0xf2, "it"},  {0xec, "it"},     {0x142, "pl"},   {0x105, "pl"},   {0x119, "pl"},
    {0x17c, "pl"}, {0x15b, "pl"},    {0x10d, "hr"},   {0x161, "hr"},   {0x17e, "hr"},
    {0x111, "hr"}, {0x107, "hr pl"}, {0xeb, "nl fr"},
};

static const struct {
    uint32_t first, last;
    const char *language;
} scripts[] = {
    {0x0600, 0x06ff, "ar"}, {0x0400, 0x04ff, "ru"}, {0x0370, 0x03ff, "el"}, {0x0590, 0x05ff, "he"},
    {0x3040, 0x30ff, "ja"}, {0xac00, 0xd7af, "ko"}, {0x0e00, 0x0e7f, "th"}, {0x4e00, 0x9fff, "zh"},
};

struct scores {
    int words[COUNT(lists)];
    int signs[COUNT(scripts)];
    int latin;
};

static void score_sign(struct scores *s, uint32_t c)
{
    s->latin += (c | 0x20) >= 'a' && (c | 0x20) <= 'z' ? 1 : 0;
    for (size_t i = 0; c > 0x36f && i < COUNT(scripts); i++) {
        s->signs[i] += c >= scripts[i].first && c <= scripts[i].last ? 1 : 0;
    }
    for (size_t i = 0; c > 0x7f && c < 0x200 && i < COUNT(letters); i++) {
        for (size_t j = 0; letters[i].letter == c && j < COUNT(lists); j++) {
            s->words[j] += strstr(letters[i].languages, lists[j].language) ? 1 : 0;
        }
    }
}

static void score_word(struct scores *s, struct str word)
{
    char folded[FOLD_MAX];
    const struct str f = fold(word, true, folded);
    for (size_t i = 0; f.n && i < COUNT(lists); i++) {
        const enum stop_kind kind = look_up(i, f);
        s->words[i] += kind == STOP_WORD ? (f.n > 1 ? 3 : 1) : kind == STOP_QUESTION ? 2 : 0;
    }
}

static struct str by_script(const struct scores *s)
{
    size_t best = 0;
    for (size_t i = 1; i < COUNT(scripts); i++) {
        best = s->signs[i] > s->signs[best] ? i : best;
    }
    /* Japanese mixes in Chinese signs: any kana tells. */
    if (str_is(str_of(scripts[best].language), "zh") && s->signs[4] > 0) {
        best = 4;
    }
    return s->signs[best] * 2 > s->latin ? str_of(scripts[best].language) : (struct str){};
}

static struct str by_words(const struct scores *s)
{
    size_t best = 0;
    int second = 0;
    for (size_t i = 1; i < COUNT(lists); i++) {
        if (s->words[i] > s->words[best]) {
            second = s->words[best];
            best = i;
        } else if (s->words[i] > second) {
            second = s->words[i];
        }
    }
    return s->words[best] > second ? str_of(lists[best].language) : (struct str){};
}

struct str language_guess(struct str text)
{
    (void)pthread_once(&slots_once, fill_slots);
    text = utf8_prefix(text, READ);
    struct scores s = {};
    size_t from = 0;
    for (size_t at = 0; at < text.n;) {
        const size_t start = at;
        const uint32_t c = utf8_next(text, &at);
        score_sign(&s, c);
        if (!fold_is_letter(c)) {
            score_word(&s, str_sub(text, from, start - from));
            from = at;
        }
    }
    score_word(&s, str_sub(text, from, text.n));
    const struct str script = by_script(&s);
    return script.n ? script : by_words(&s);
}
