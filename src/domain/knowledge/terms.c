#include "domain/knowledge/terms.h"

#include "base/mem.h"
#include "domain/knowledge/fold.h"
#include "domain/knowledge/language.h"

#include <libstemmer.h>

struct terms {
    char language[8];
    struct sb_stemmer *stemmer; /* NULL: the language has none */
    bool cut;                   /* words are cut to their beginning instead */
};

/* Croatian is stemmed by the rules for Serbian, which know both. */
static const struct {
    const char *language, *algorithm;
} algorithms[] = {
    {"ar", "arabic"},  {"ca", "catalan"},   {"da", "danish"},     {"de", "german"},
    {"el", "greek"},   {"en", "english"},   {"es", "spanish"},    {"fi", "finnish"},
    {"fr", "french"},  {"hr", "serbian"},   {"hu", "hungarian"},  {"it", "italian"},
    {"nl", "dutch"},   {"no", "norwegian"}, {"pt", "portuguese"}, {"ro", "romanian"},
    {"ru", "russian"}, {"sr", "serbian"},   {"sv", "swedish"},    {"tr", "turkish"},
};

enum { CUT_SIGNS = 6 }; /* Polish has no stemmer: its words keep this many letters */

struct terms *terms_new(struct str language)
{
    struct terms *t = mem_new(struct terms);
    (void)snprintf(t->language, sizeof(t->language), STR_FMT, STR_ARG(language));
    t->cut = str_is(language, "pl");
    for (size_t i = 0; i < COUNT(algorithms); i++) {
        if (str_is(language, algorithms[i].language)) {
            t->stemmer = sb_stemmer_new(algorithms[i].algorithm, "UTF_8");
        }
    }
    return t;
}

void terms_free(struct terms **t)
{
    if (*t) {
        sb_stemmer_delete((*t)->stemmer);
        mem_free(*t);
        *t = NULL;
    }
}

static struct str cut(struct str s)
{
    size_t signs = 0;
    for (size_t i = 0; i < s.n; i++) {
        signs += ((unsigned char)s.p[i] & 0xc0) != 0x80 ? 1 : 0;
        if (signs > CUT_SIGNS) {
            return str_sub(s, 0, i);
        }
    }
    return s;
}

/* A term of one word: folded with its accents, which stemmers go by, stemmed, and then stripped. */
static struct str stem(struct terms *t, struct str word, char ret[FOLD_MAX])
{
    char buf[FOLD_MAX];
    struct str s = fold(word, false, buf);
    if (t->stemmer && s.n) {
        const sb_symbol *p = sb_stemmer_stem(t->stemmer, (const sb_symbol *)s.p, (int)s.n);
        s = (struct str){(const char *)p, (size_t)sb_stemmer_length(t->stemmer)};
    }
    s = fold(s, true, ret);
    return t->cut ? cut(s) : s;
}

static struct str stripped_zeros(struct str digits)
{
    while (digits.n > 1 && digits.p[0] == '0') {
        digits = str_sub(digits, 1, digits.n);
    }
    return digits;
}

/* Pieces from the first up to count, as one term. */
static struct str joined(const struct token *k, size_t count, const char *between,
                         char ret[FOLD_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++) {
        char buf[FOLD_MAX];
        const struct str piece = fold(k->pieces[i], true, buf);
        if (n + piece.n + 2 > FOLD_MAX) {
            return (struct str){};
        }
        if (i && *between) {
            ret[n++] = *between;
        }
        for (size_t j = 0; j < piece.n; j++) {
            ret[n++] = piece.p[j];
        }
    }
    return (struct str){ret, n};
}

/* Receives the terms of a token, the whole one first. */
struct sink {
    void (*put)(struct sink *s, struct str term);
};

static bool is_thousands(const struct token *k)
{
    return k->count > 2 || (k->count == 2 && k->pieces[1].n == 3 && k->pieces[0].n <= 3);
}

static void put_number(const struct token *k, struct sink *s)
{
    char buf[FOLD_MAX];
    if (k->count == 1) {
        s->put(s, stripped_zeros(fold(k->pieces[0], true, buf)));
    } else if (is_thousands(k)) {
        s->put(s, joined(k, k->count, "", buf));
    } else {
        s->put(s, stripped_zeros(joined(k, k->count, "_", buf)));
        s->put(s, stripped_zeros(fold(k->pieces[0], true, buf)));
    }
}

static void put_joints(const struct token *k, struct sink *s)
{
    char buf[FOLD_MAX];
    for (size_t n = k->count; n >= 2; n--) {
        s->put(s, joined(k, n, "", buf));
    }
}

static void put_pieces(const struct token *k, struct sink *s)
{
    char buf[FOLD_MAX];
    for (size_t i = 0; i < k->count; i++) {
        s->put(s, fold(k->pieces[i], true, buf));
    }
}

/* The words of "e-mail" that can stand alone. */
static void put_words(struct terms *t, const struct token *k, struct sink *s)
{
    char buf[FOLD_MAX];
    for (size_t i = 0; i < k->count; i++) {
        if (k->pieces[i].n > 2) {
            s->put(s, stem(t, k->pieces[i], buf));
        }
    }
}

static bool is_stop(const struct terms *t, struct str word, bool question)
{
    char buf[FOLD_MAX];
    const struct str f = fold(word, true, buf);
    const bool letter = f.n == 1 && !fold_is_digit((unsigned char)f.p[0]);
    const enum stop_kind kind = language_stop(str_of(t->language), f);
    return !f.n || letter || kind == STOP_WORD || (question && kind == STOP_QUESTION);
}

static void put_token(struct terms *t, const struct token *k, struct sink *s)
{
    char buf[FOLD_MAX];
    switch (k->kind) {
    case TOKEN_WORD:
        if (!is_stop(t, k->pieces[0], false)) {
            s->put(s, stem(t, k->pieces[0], buf));
        }
        break;
    case TOKEN_COMPOUND:
        s->put(s, joined(k, k->count, "", buf));
        put_words(t, k, s);
        break;
    case TOKEN_NUMBER:
        put_number(k, s);
        break;
    case TOKEN_PART:
        put_joints(k, s);
        put_pieces(k, s);
        break;
    case TOKEN_SIGNS:
        s->put(s, fold(k->pieces[0], true, buf));
        break;
    }
}

struct text_sink {
    struct sink sink;
    struct buf *out;
    size_t count;
};

static void put_text(struct sink *s, struct str term)
{
    struct text_sink *text = container_of(s, struct text_sink, sink);
    if (!term.n) {
        return;
    }
    if (text->out->n) {
        buf_char(text->out, ' ');
    }
    buf_str(text->out, term);
    text->count++;
}

size_t terms_index(struct terms *t, struct str text, struct buf *out)
{
    struct text_sink s = {.sink.put = put_text, .out = out};
    struct token k;
    bool after_number = false;
    for (size_t at = 0; token_next(text, &at, &k);) {
        if (after_number && k.kind == TOKEN_WORD && k.end - k.start == 1) {
            char buf[FOLD_MAX];
            s.sink.put(&s.sink, fold(k.pieces[0], true, buf)); /* "KL 2047 B" */
        } else {
            put_token(t, &k, &s.sink);
        }
        after_number = k.kind == TOKEN_NUMBER;
    }
    return s.count;
}

struct word_sink {
    struct sink sink;
    struct arena *arena;
    struct str *list;
    size_t *count;
    size_t max;
};

static void put_word(struct sink *s, struct str term)
{
    struct word_sink *w = container_of(s, struct word_sink, sink);
    if (term.n && *w->count < w->max) {
        w->list[(*w->count)++] = str_dup(w->arena, term);
    }
}

static void read_word(struct terms *t, struct arena *a, const struct token *k,
                      struct query_word *ret)
{
    char buf[FOLD_MAX];
    *ret = (struct query_word){.kind = k->kind, .start = k->start, .end = k->end};
    struct word_sink alts = {{put_word}, a, ret->alts, &ret->alt_count, TERM_ALTS};
    struct word_sink pieces = {{put_word}, a, ret->pieces, &ret->piece_count, TOKEN_PIECES};
    if (k->kind == TOKEN_WORD && is_stop(t, k->pieces[0], true)) {
        ret->stop = true;
        return;
    }
    if (k->kind == TOKEN_PART) {
        put_word(&alts.sink, joined(k, k->count, "", buf));
        put_pieces(k, &pieces.sink);
    } else {
        alts.max = k->kind == TOKEN_NUMBER ? 1 : TERM_ALTS;
        put_token(t, k, &alts.sink);
    }
    ret->surface = str_dup(a, fold(k->pieces[0], true, buf));
    ret->stop = !ret->alt_count;
}

void terms_query(struct terms *t, struct arena *a, struct str text, struct query_word **ret,
                 size_t *ret_count)
{
    struct token k;
    size_t n = 0;
    for (size_t at = 0; token_next(text, &at, &k);) {
        n++;
    }
    *ret = arena_many(a, struct query_word, n + 1);
    *ret_count = 0;
    for (size_t at = 0; token_next(text, &at, &k);) {
        read_word(t, a, &k, &(*ret)[(*ret_count)++]);
    }
}

struct str terms_stem(struct terms *t, struct arena *a, struct str surface)
{
    char buf[FOLD_MAX];
    return str_dup(a, stem(t, surface, buf));
}
