#include "ext/llm_lexicon.h"

#include "base/buf.h"
#include "ext/llm_words.h"

#include <pthread.h>

enum { GAP_WORDS = 3, MAX_WORDS = 400, MAX_ENTRIES = 1024 };

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
    if (!str_starts(have, row)) {
        return false;
    }
    const struct str ending = str_sub(have, row.n, have.n);
    for (size_t i = 0; row.n > 2 && i < COUNT(endings); i++) {
        if (str_is(ending, endings[i])) {
            return true;
        }
    }
    return ending.n == 0;
}

/* The words of the rows of same_rows and filler_rows, by their first byte: those that begin with c
 * stand from first[c] on, in the order of the rows. */
struct entry {
    struct str word;
    const char *row;
};

struct shelf {
    struct entry *entries;
    size_t first[257];
};

static struct shelf same_shelf;
static struct shelf filler_shelf;
static pthread_once_t shelves_once = PTHREAD_ONCE_INIT;

/* Counts the words when there is no room for them yet, else places them. */
static void shelve_row(struct shelf *s, const char *row, size_t *places)
{
    struct str rest = str_of(row);
    struct str word;
    while (str_split(&rest, ' ', &word)) {
        if (!word.n) {
            continue;
        }
        const unsigned char c = (unsigned char)word.p[0];
        if (s->entries) {
            s->entries[places[c]] = (struct entry){word, row};
        }
        places[c]++;
    }
}

static void shelve(struct shelf *s, const char *const *rows, size_t count, struct entry *room,
                   size_t max)
{
    size_t places[256] = {};
    for (size_t i = 0; i < count; i++) {
        shelve_row(s, rows[i], places);
    }
    for (size_t c = 0; c < 256; c++) {
        s->first[c + 1] = s->first[c] + places[c];
        places[c] = s->first[c];
    }
    must(s->first[256] <= max);
    s->entries = room;
    for (size_t i = 0; i < count; i++) {
        shelve_row(s, rows[i], places);
    }
}

static void make_shelves(void)
{
    static struct entry same_room[MAX_ENTRIES];
    static struct entry filler_room[MAX_ENTRIES];
    shelve(&same_shelf, same_rows, COUNT(same_rows), same_room, MAX_ENTRIES);
    shelve(&filler_shelf, filler_rows, COUNT(filler_rows), filler_room, MAX_ENTRIES);
}

/* The entry from *at on that is the word; NULL when there is none left. *at 0: from the start. */
static const struct entry *next_entry(const struct shelf *s, struct str word, size_t *at)
{
    (void)pthread_once(&shelves_once, make_shelves);
    const unsigned char c = word.n ? (unsigned char)word.p[0] : 0;
    for (size_t i = *at > s->first[c] ? *at : s->first[c]; i < s->first[c + 1]; i++) {
        if (is_word(word, s->entries[i].word)) {
            *at = i + 1;
            return &s->entries[i];
        }
    }
    return NULL;
}

size_t llm_synonyms(struct str word, struct str ret[LLM_SYNONYMS])
{
    size_t n = 0;
    size_t at = 0;
    const char *last = NULL;
    const struct entry *e;
    while (n < LLM_SYNONYMS && (e = next_entry(&same_shelf, word, &at))) {
        struct str rest = str_of(e->row);
        struct str part;
        while (e->row != last && n < LLM_SYNONYMS && str_split(&rest, ' ', &part)) {
            if (part.n && !is_word(word, part)) {
                ret[n++] = part;
            }
        }
        last = e->row;
    }
    return n;
}

bool llm_is_filler(struct str word)
{
    size_t at = 0;
    return next_entry(&filler_shelf, word, &at) != NULL;
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
