#include "ext/llm_lexicon.h"

#include "base/buf.h"
#include "ext/llm_words.h"

enum { PHRASE_WORDS = 8, GAP_WORDS = 3, MAX_WORDS = 400 };

static const char *const same_rows[] = {
#define SAME(words) words,
#define FILLER(words)
#define PHRASE(from, to)
#define BACK(words)
#define UNIT(names)
#include "ext/llm_lexicon_table.h"
#undef SAME
#undef FILLER
#undef PHRASE
#undef BACK
#undef UNIT
};

static const char *const filler_rows[] = {
#define SAME(words)
#define FILLER(words) words,
#define PHRASE(from, to)
#define BACK(words)
#define UNIT(names)
#include "ext/llm_lexicon_table.h"
#undef SAME
#undef FILLER
#undef PHRASE
#undef BACK
#undef UNIT
};

static const struct phrase {
    const char *from, *to;
} phrases[] = {
#define SAME(words)
#define FILLER(words)
#define PHRASE(from, to) {from, to},
#define BACK(words)
#define UNIT(names)
#include "ext/llm_lexicon_table.h"
#undef SAME
#undef FILLER
#undef PHRASE
#undef BACK
#undef UNIT
};

static const char *const back_rows[] = {
#define SAME(words)
#define FILLER(words)
#define PHRASE(from, to)
#define BACK(words) words,
#define UNIT(names)
#include "ext/llm_lexicon_table.h"
#undef SAME
#undef FILLER
#undef PHRASE
#undef BACK
#undef UNIT
};

static const char units[] =
#define SAME(words)
#define FILLER(words)
#define PHRASE(from, to)
#define BACK(words)
#define UNIT(names) " " names " "
#include "ext/llm_lexicon_table.h"
#undef SAME
#undef FILLER
#undef PHRASE
#undef BACK
#undef UNIT
    ;

/* The same word, or with an ending of English: the other languages' rows have the forms they need.
 */
static bool is_word(struct str have, struct str row)
{
    static const char *const endings[] = {"", "s", "es", "ed", "ing"};
    for (size_t i = 0; row.n > 2 && i < COUNT(endings); i++) {
        if (str_starts(have, row) && str_is(str_sub(have, row.n, have.n), endings[i])) {
            return true;
        }
    }
    return str_eq(have, row);
}

static bool row_has(const char *row, struct str word)
{
    struct str rest = str_of(row);
    struct str part;
    while (str_split(&rest, ' ', &part)) {
        if (part.n && word.n && part.p[0] == word.p[0] && is_word(word, part)) {
            return true;
        }
    }
    return false;
}

size_t llm_synonyms(struct str word, struct str ret[LLM_SYNONYMS])
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT(same_rows); i++) {
        struct str rest = str_of(same_rows[i]);
        struct str part;
        while (row_has(same_rows[i], word) && n < LLM_SYNONYMS && str_split(&rest, ' ', &part)) {
            if (part.n && !is_word(word, part)) {
                ret[n++] = part;
            }
        }
    }
    return n;
}

bool llm_is_filler(struct str word)
{
    for (size_t i = 0; i < COUNT(filler_rows); i++) {
        if (row_has(filler_rows[i], word)) {
            return true;
        }
    }
    return false;
}

bool llm_goes_back(struct str folded)
{
    for (size_t i = 0; i < COUNT(back_rows); i++) {
        struct str rest = str_of(back_rows[i]);
        struct str words;
        while (str_split(&rest, '|', &words)) {
            if (str_starts(str_sub(folded, 1, folded.n), words)) {
                return true;
            }
        }
    }
    return false;
}

bool llm_is_joined(struct str folded, struct str language)
{
    static const struct {
        const char *language, *word;
    } rows[] = {{"en", " and "}, {"de", " und "},     {"fr", " et "}, {"es", " y "},
                {"it", " e "},   {"pt", " e "},       {"nl", " en "}, {"pl", " i "},
                {"hr", " i "},   {"ar", " \xD9\x88 "}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_starts(language, str_of(rows[i].language)) &&
            str_find(folded, str_of(rows[i].word), 0) >= 0) {
            return true;
        }
    }
    return false;
}

/* A word of the question: where it stands, and how it compares. */
struct spot {
    size_t start, end;
    struct str folded;
};

static bool is_part(char c)
{
    return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static size_t find_spots(struct arena *a, struct str s, struct spot *ret)
{
    size_t n = 0;
    for (size_t at = 0; at < s.n && n < MAX_WORDS;) {
        size_t end = at;
        while (end < s.n && is_part(s.p[end])) {
            end++;
        }
        if (end > at) {
            const struct str word = str_trim(llm_fold(a, str_sub(s, at, end - at)));
            ret[n++] = (struct spot){at, end, word};
        }
        at = end > at ? end : at + 1;
    }
    return n;
}

/* Most phrases are out of the question by their first letter. */
static bool may_begin(const char *phrase, struct str word)
{
    return phrase[0] == '_' || phrase[0] == '.' || (word.n && phrase[0] == word.p[0]);
}

/* Words of the question that the phrase takes from first on, 0 when it does not fit; *ret_gap the
 * words among them that stay: *ret_kept from the one at *ret_gap on. */
static size_t fits(const char *phrase, const struct spot *spots, size_t count, size_t *ret_gap,
                   size_t *ret_kept)
{
    struct str rest = str_of(phrase);
    struct str part;
    size_t at = 0;
    *ret_kept = 0;
    while (str_split(&rest, ' ', &part)) {
        if (str_is(part, "_") || str_is(part, "...")) {
            const size_t most = part.n == 1 ? 1 : GAP_WORDS;
            const ptrdiff_t blank = str_find_char(rest, ' ', 0);
            const struct str next = blank < 0 ? rest : str_sub(rest, 0, (size_t)blank);
            size_t skip = 0;
            while (at + skip < count && skip < most && !str_eq(spots[at + skip].folded, next)) {
                skip++;
            }
            *ret_gap = at;
            *ret_kept = part.n == 1 ? 0 : skip;
            at += skip;
        } else if (at < count && str_eq(spots[at].folded, part)) {
            at++;
        } else {
            return 0;
        }
    }
    return at;
}

/* Where a unit that is written behind its number begins, or 0. */
static size_t unit_at(struct arena *a, struct str word)
{
    size_t n = 0;
    while (n < word.n && word.p[n] >= '0' && word.p[n] <= '9') {
        n++;
    }
    const struct str unit = llm_fold(a, str_sub(word, n, word.n));
    return n && n < word.n && str_find(str_of(units), unit, 0) >= 0 ? n : 0;
}

static void put(struct buf *b, struct str s)
{
    if (b->n && b->p[b->n - 1] != ' ' && s.n && s.p[0] != ' ') {
        buf_char(b, ' ');
    }
    buf_str(b, s);
}

struct str llm_reword(struct arena *a, struct str question)
{
    struct spot *spots = arena_many(a, struct spot, MAX_WORDS);
    const size_t count = find_spots(a, question, spots);
    SCOPED(buf_fini) struct buf b = buf_make(2 * question.n + 64 * KB);
    size_t done = 0;
    for (size_t i = 0; i < count;) {
        size_t used = 0;
        size_t gap = 0;
        size_t kept = 0;
        size_t k = 0;
        for (; k < COUNT(phrases) && !used; k++) {
            if (may_begin(phrases[k].from, spots[i].folded)) {
                used = fits(phrases[k].from, spots + i, count - i, &gap, &kept);
            }
        }
        if (used) {
            buf_str(&b, str_sub(question, done, spots[i].start - done));
            put(&b, str_of(phrases[k - 1].to));
            for (size_t g = i + gap; g < i + gap + kept; g++) {
                put(&b, str_sub(question, spots[g].start, spots[g].end - spots[g].start));
            }
            done = spots[i + used - 1].end;
        }
        const struct str word = str_sub(question, spots[i].start, spots[i].end - spots[i].start);
        const size_t unit = used ? 0 : unit_at(a, word);
        if (unit) {
            buf_str(&b, str_sub(question, done, spots[i].start + unit - done));
            buf_char(&b, ' ');
            done = spots[i].start + unit;
        }
        i += used ? used : 1;
    }
    if (!done) {
        return question;
    }
    buf_str(&b, str_sub(question, done, question.n - done));
    return str_dup(a, buf_view(&b));
}
