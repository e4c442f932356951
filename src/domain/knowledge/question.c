/* A word of a question becomes a term of the texts in these ways, the first that the tenant's texts
 * know counting: as it is, stemmed as each language of the texts would stem it; joined with its
 * neighbours, where a part number was typed with blanks; taken apart, where it was typed as one;
 * as the beginning of a word, at the end of a short question; as a word that differs by a slip of
 * the finger; and by other words for the same thing. A word that no way finds keeps the weight of
 * the rarest: it is what the texts do not speak of. */
#include "domain/knowledge/question.h"

#include "domain/account/tenant.h"
#include "domain/knowledge/language.h"
#include "domain/knowledge/near.h"
#include "domain/knowledge/posting_cache.h"
#include "ext/llm_lexicon.h"

#include <math.h>

enum {
    MAX_TOKENS = 400,
    SHORT_QUESTION = 3, /* content words up to which the last may be unfinished */
    MIN_PREFIX = 3,
    MIN_WORD = 6,   /* letters of a word in which a slip is forgiven */
    MIN_SLIP = 5,   /* and of its term */
    MIN_SLIPS = 9,  /* of a term in which two are */
    JOIN_PIECE = 6, /* bytes of a piece of a part number typed with blanks */
    NEAR_ROWS = 4000,
};

static const double slip_trust = 0.8;
static const double part_weight = 2; /* who types a part number asks about that part */
static const double filler_weight = 0.2;
static const double number_weight = 0.5; /* texts give ranges where questions give numbers */

static const struct db_stmt select_totals =
    DB_TENANT_SQL("SELECT language, chunks, title_len, heading_len, body_len FROM text_totals "
                  "WHERE tenant_id = $1 AND chunks > 0 ORDER BY chunks DESC, language");
static const struct db_stmt select_df =
    DB_TENANT_SQL("SELECT df FROM term_df WHERE tenant_id = $1 AND term = $2");
static const struct db_stmt select_range =
    DB_TENANT_SQL("SELECT term, df FROM term_df WHERE tenant_id = $1 AND term >= $2 AND term < $3 "
                  "ORDER BY term LIMIT $4");

struct reader {
    struct db_tx *tx;
    struct arena *arena;
    struct question *q;
    struct str languages[QUESTION_LANGUAGES];
    size_t language_count;
    struct query_word *words[QUESTION_LANGUAGES + 1]; /* the question's own language first */
    size_t token_count;
};

static enum err df_of(struct reader *r, struct str term, int64_t *ret)
{
    struct db_rows rows;
    if (r->q->held) {
        const struct posting_term *t = postings_find(r->q->held, term);
        *ret = t ? t->count : 0;
        return ERR_OK;
    }
    TRY(db_query(r->tx, &select_df, DB_ARGS(DB_TEXT(term)), &rows));
    *ret = rows.count ? db_int(&rows, 0, 0) : 0;
    return ERR_OK;
}

static enum err read_totals(struct reader *r)
{
    struct question *q = r->q;
    struct db_rows rows;
    TRY(db_query(r->tx, &select_totals, DB_NO_ARGS, &rows));
    double sums[3] = {};
    for (size_t i = 0; i < rows.count; i++) {
        if (r->language_count < QUESTION_LANGUAGES) {
            r->languages[r->language_count++] = db_text(&rows, i, 0);
        }
        q->chunks += db_int(&rows, i, 1);
        for (size_t k = 0; k < 3; k++) {
            sums[k] += (double)db_int(&rows, i, 2 + k);
        }
    }
    const double n = q->chunks ? (double)q->chunks : 1;
    q->title_len = sums[0] / n;
    q->heading_len = sums[1] / n;
    q->body_len = sums[2] / n;
    const int64_t words = (int64_t)(sums[0] + sums[1] + sums[2]);
    return posting_cache_get(r->tx, postings_estimate(q->chunks, words), &q->held);
}

static enum err read_language(struct reader *r, const struct search_query *query)
{
    struct tenant tenant;
    TRY(tenant_get(r->tx, &tenant));
    r->q->slot = tenant.slot;
    struct str language = language_code(r->arena, query->language);
    if (!language.n) {
        language = language_guess(query->text);
    }
    if (!language.n) {
        language = language_code(r->arena, tenant.language);
    }
    r->q->language = language;
    return ERR_OK;
}

static void cut_in(struct reader *r, struct str text, struct str language, size_t at)
{
    struct terms *t = terms_new(language);
    terms_query(t, r->arena, text, &r->words[at], &r->token_count);
    terms_free(&t);
}

static void add_alt(struct question_word *w, struct str term)
{
    for (size_t i = 0; i < w->alt_count; i++) {
        if (str_eq(w->alts[i], term)) {
            return;
        }
    }
    if (term.n && w->alt_count < QUESTION_ALTS) {
        w->alts[w->alt_count++] = term;
    }
}

/* Adds a term that the texts know to the word. */
static enum err try_alt(struct reader *r, struct question_word *w, struct str term)
{
    int64_t df;
    TRY(df_of(r, term, &df));
    if (df) {
        add_alt(w, term);
        w->df += df;
    }
    return ERR_OK;
}

static enum err try_new_alt(struct reader *r, struct question_word *w, struct str term)
{
    for (size_t a = 0; a < w->alt_count; a++) {
        if (str_eq(w->alts[a], term)) {
            return ERR_OK;
        }
    }
    return w->alt_count < QUESTION_ALTS ? try_alt(r, w, term) : ERR_OK;
}

/* Whether no language of the texts keeps the word: then its absence says nothing. */
static bool kept_by_texts(const struct reader *r, size_t token)
{
    for (size_t i = 0; i < r->language_count; i++) {
        if (!r->words[i + 1][token].stop) {
            return true;
        }
    }
    return r->language_count == 0;
}

/* "KL 2047 B", or "kl-2047 b": two or three short neighbours, one of them with digits, that the
 * texts have as one. *ret_used is the number of tokens, 0 for none. */
static enum err try_joined(struct reader *r, size_t token, struct question_word *w,
                           size_t *ret_used)
{
    *ret_used = 0;
    char joined[3 * JOIN_PIECE + 64];
    size_t n = 0;
    bool digits = false;
    bool letters = false;
    for (size_t i = 0; i < 3 && token + i < r->token_count; i++) {
        const struct query_word *k = &r->words[0][token + i];
        const struct str s = k->kind == TOKEN_PART && k->alt_count ? k->alts[0] : k->surface;
        const bool kind = k->kind == TOKEN_NUMBER || k->kind == TOKEN_PART || k->kind == TOKEN_WORD;
        if (!kind || !s.n || s.n > JOIN_PIECE + 10 || n + s.n > sizeof(joined)) {
            break;
        }
        digits |= k->kind != TOKEN_WORD;
        letters |= k->kind != TOKEN_NUMBER;
        memcpy(joined + n, s.p, s.n);
        n += s.n;
        if (i > 0 && digits && letters) {
            const struct str term = str_dup(r->arena, (struct str){joined, n});
            const int64_t before = w->df;
            TRY(try_alt(r, w, term));
            *ret_used = w->df > before ? i + 1 : *ret_used;
        }
    }
    return ERR_OK;
}

static enum err try_as_it_is(struct reader *r, size_t token, struct question_word *w)
{
    for (size_t i = 0; i <= r->language_count; i++) {
        const struct query_word *k = &r->words[i][token];
        for (size_t j = 0; j < k->alt_count; j++) {
            TRY(try_new_alt(r, w, k->alts[j]));
        }
    }
    return ERR_OK;
}

/* Other words for it, which count as it does. */
static enum err try_synonyms(struct reader *r, struct str word, struct question_word *w)
{
    struct str same[LLM_SYNONYMS];
    const size_t n = llm_synonyms(word, same);
    for (size_t i = 0; i < r->language_count && n; i++) {
        struct terms *t = terms_new(r->languages[i]);
        enum err e = ERR_OK;
        for (size_t k = 0; k < n && !e; k++) {
            e = try_new_alt(r, w, terms_stem(t, r->arena, same[k]));
        }
        terms_free(&t);
        TRY(e);
    }
    return ERR_OK;
}

/* The text that sorts behind all that begin with s. */
static struct str behind(struct arena *a, struct str s)
{
    return str_fmt(a, STR_FMT "\xf4\x8f\xbf\xbf", STR_ARG(s));
}

static enum err try_prefix(struct reader *r, struct question_word *w)
{
    enum { BEST = 3 };
    if (w->surface.n < MIN_PREFIX) {
        return ERR_OK;
    }
    struct db_rows rows;
    TRY(db_query(r->tx, &select_range,
                 DB_ARGS(DB_TEXT(w->surface), DB_TEXT(behind(r->arena, w->surface)), DB_INT(BEST)),
                 &rows));
    for (size_t i = 0; i < rows.count; i++) {
        add_alt(w, db_text(&rows, i, 0));
        w->df += db_int(&rows, i, 1);
    }
    return ERR_OK;
}

struct near_best {
    struct str term;
    int64_t df;
    int slips;
};

static enum err look_near(struct reader *r, const struct query_word *k, struct str prefix,
                          int slips, struct near_best *best)
{
    const struct str word = k->alts[0];
    struct db_rows rows;
    TRY(db_query(r->tx, &select_range,
                 DB_ARGS(DB_TEXT(prefix), DB_TEXT(behind(r->arena, prefix)), DB_INT(NEAR_ROWS)),
                 &rows));
    for (size_t i = 0; i < rows.count; i++) {
        const struct str term = db_text(&rows, i, 0);
        const int64_t df = db_int(&rows, i, 1);
        const int n = near_slips(word, term, slips);
        const bool longer = str_starts(term, word); /* "weigh", "weight" */
        if (n <= slips && (k->surface.n >= MIN_WORD || longer) &&
            (n < best->slips || (n == best->slips && df > best->df))) {
            *best = (struct near_best){term, df, n};
        }
    }
    return ERR_OK;
}

/* The word with the letter at i swapped with the next, or left out. */
static struct str repaired(struct arena *a, struct str word, size_t i, bool swap)
{
    char *p = arena_dup(a, word.p, word.n);
    if (swap) {
        p[i] = word.p[i + 1];
        p[i + 1] = word.p[i];
        return (struct str){p, word.n};
    }
    memmove(p + i, p + i + 1, word.n - i - 1);
    return (struct str){p, word.n - 1};
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

/* A slip near a word's ending hides the ending from the stemmer, so the word is mended before it is
 * stemmed: "returend", "openning". */
static enum err try_mended(struct reader *r, const struct query_word *k, struct terms *t,
                           struct question_word *w)
{
    struct near_best best = {};
    for (size_t i = 0; i + 1 < 2 * k->surface.n; i++) {
        const bool swap = i + 1 < k->surface.n;
        const struct str word =
            repaired(r->arena, k->surface, swap ? i : i + 1 - k->surface.n, swap);
        const struct str term = terms_stem(t, r->arena, word);
        int64_t df;
        TRY(df_of(r, term, &df));
        if (df > best.df) {
            best = (struct near_best){.term = term, .df = df};
        }
    }
    if (best.df) {
        add_alt(w, best.term);
        w->df = best.df;
        w->trust = slip_trust;
    }
    return ERR_OK;
}

/* Among the terms that begin with the same two letters, or with these the other way round. */
static enum err try_slips(struct reader *r, size_t token, struct question_word *w)
{
    const struct query_word *k = &r->words[r->language_count ? 1 : 0][token];
    if (k->kind != TOKEN_WORD || !k->alt_count || k->surface.n < MIN_SLIP) {
        return ERR_OK;
    }
    const struct str word = k->alts[0];
    if (k->surface.n >= MIN_WORD && is_ascii(k->surface)) {
        struct terms *t = terms_new(r->language_count ? r->languages[0] : r->q->language);
        const enum err e = try_mended(r, k, t, w);
        terms_free(&t);
        if (e || w->df) {
            return e;
        }
    }
    const int slips = word.n >= MIN_SLIPS ? 2 : 1;
    struct near_best best = {.slips = slips + 1};
    if (word.n < MIN_SLIP || !is_ascii(str_sub(word, 0, 2))) {
        return ERR_OK;
    }
    const char swapped[2] = {word.p[1], word.p[0]};
    TRY(look_near(r, k, str_sub(word, 0, 2), slips, &best));
    TRY(look_near(r, k, (struct str){swapped, 2}, slips, &best));
    if (best.term.n) {
        add_alt(w, best.term);
        w->df = best.df;
        w->trust = slip_trust;
    }
    return ERR_OK;
}

static double idf(const struct question *q, int64_t df)
{
    const double n = (double)q->chunks;
    const double d = (double)min_i64(df, q->chunks);
    return log(1 + (n - d + 0.5) / (d + 0.5));
}

static void keep(struct reader *r, struct question_word *w)
{
    struct question *q = r->q;
    if (q->count == QUESTION_WORDS) {
        return;
    }
    w->df = min_i64(w->df, q->chunks);
    w->weight = idf(q, w->df) * (w->required ? part_weight
                                 : w->number ? number_weight
                                 : w->filler ? filler_weight
                                             : 1);
    q->weight += w->weight;
    q->words[q->count++] = *w;
}

/* A part number that no text has whole: its pieces, all of which must be there. */
static enum err keep_pieces(struct reader *r, size_t token)
{
    const struct query_word *k = &r->words[0][token];
    for (size_t i = 0; i < k->piece_count; i++) {
        struct question_word w = {
            .trust = 1, .position = token, .surface = k->pieces[i], .required = true};
        TRY(try_alt(r, &w, k->pieces[i]));
        keep(r, &w);
    }
    return ERR_OK;
}

static enum err read_token(struct reader *r, size_t token, bool last, size_t *ret_used)
{
    const struct query_word *k = &r->words[0][token];
    struct question_word w = {.trust = 1, .position = token, .surface = k->surface};
    TRY(try_joined(r, token, &w, ret_used));
    if (*ret_used) {
        w.required = true;
        keep(r, &w);
        return ERR_OK;
    }
    *ret_used = 1;
    if (k->stop || !kept_by_texts(r, token)) {
        return ERR_OK;
    }
    w.number = k->kind == TOKEN_NUMBER;
    w.required = k->kind == TOKEN_PART;
    TRY(try_as_it_is(r, token, &w));
    TRY(try_synonyms(r, k->kind == TOKEN_COMPOUND && k->alt_count ? k->alts[0] : k->surface, &w));
    w.filler = k->kind == TOKEN_WORD && llm_is_filler(k->surface);
    if (!w.df && w.filler) {
        return ERR_OK; /* "item", "thing": the texts name it themselves */
    }
    if (!w.df && k->kind == TOKEN_PART && k->piece_count > 1) {
        return keep_pieces(r, token);
    }
    if (!w.df && last) {
        TRY(try_prefix(r, &w));
    }
    if (!w.df) {
        TRY(try_slips(r, token, &w));
    }
    keep(r, &w);
    return ERR_OK;
}

static bool is_short(const struct reader *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->token_count; i++) {
        n += r->words[0][i].stop ? 0 : 1;
    }
    return n <= SHORT_QUESTION;
}

/* A word that is said twice counts once. */
static void merge_repeated(struct question *q)
{
    size_t n = 0;
    for (size_t i = 0; i < q->count; i++) {
        bool again = false;
        for (size_t j = 0; j < n && !again; j++) {
            const struct question_word *a = &q->words[i];
            const struct question_word *b = &q->words[j];
            again = a->alt_count && b->alt_count ? str_eq(a->alts[0], b->alts[0])
                                                 : str_eq(a->surface, b->surface);
            again = again && a->alt_count == b->alt_count;
        }
        if (again) {
            q->weight -= q->words[i].weight;
        } else {
            q->words[n++] = q->words[i];
        }
    }
    q->count = n;
}

enum err question_read(struct db_tx *tx, const struct search_query *query, struct question *ret)
{
    *ret = (struct question){};
    struct reader r = {.tx = tx, .arena = db_tx_cx(tx)->arena, .q = ret};
    TRY(read_totals(&r));
    TRY(read_language(&r, query));
    const struct str text = llm_reword(r.arena, query->text);
    cut_in(&r, text, ret->language, 0);
    for (size_t i = 0; i < r.language_count; i++) {
        if (str_eq(r.languages[i], ret->language)) {
            r.words[i + 1] = r.words[0];
        } else {
            cut_in(&r, text, r.languages[i], i + 1);
        }
    }
    const bool brief = is_short(&r);
    const bool unfinished = text.n && text.p[text.n - 1] != '?';
    size_t used;
    for (size_t i = 0; i < r.token_count && i < MAX_TOKENS; i += used) {
        TRY(read_token(&r, i, brief && unfinished && i + 1 == r.token_count, &used));
    }
    merge_repeated(ret);
    return ERR_OK;
}
