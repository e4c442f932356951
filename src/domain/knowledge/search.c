/* Question → words with weights (question.c) → ranked candidates (rank.c) → the best of them read,
 * those of current versions kept, words that stand together rewarded, and a verdict on whether this
 * is enough to answer from. */
#include "domain/knowledge/search.h"

#include "base/conf.h"
#include "domain/knowledge/question.h"
#include "domain/knowledge/rank.h"

enum {
    REREAD = 24, /* passages whose order is looked at again with their words' places */
    TOP = 10,    /* places that must be right before */
    JUDGED = 3,  /* passages that tell whether the answer is known */
};

static const double together = 0.35; /* worth of two neighbours, of their weights */

static const struct db_stmt select_passage = DB_TENANT_SQL(
    "SELECT c.id, c.document_id, d.name, c.version, c.start_at, c.end_at, c.heading, c.language, "
    "c.text, c.body_terms FROM chunks c "
    "JOIN documents d ON d.tenant_id = $1 AND d.id = c.document_id "
    "WHERE c.tenant_id = $1 AND c.fts = $2 AND d.current = c.version AND d.deleted_us IS NULL");

struct found {
    struct ranked ranked;
    double score, coverage;
    struct str body_terms;
    bool is_read;
    struct passage passage;
};

static enum err read_passage(struct db_tx *tx, struct found *ret, bool *ret_is)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_passage, DB_ARGS(DB_INT(ret->ranked.key)), &rows));
    *ret_is = rows.count > 0;
    if (!*ret_is) {
        return ERR_OK; /* of a version that is not, or no longer, current */
    }
    ret->passage = (struct passage){
        .chunk = db_id(&rows, 0, 0),
        .document = {db_id(&rows, 0, 1)},
        .document_name = db_text(&rows, 0, 2),
        .version = db_int(&rows, 0, 3),
        .start = db_int(&rows, 0, 4),
        .end = db_int(&rows, 0, 5),
        .heading = db_text(&rows, 0, 6),
        .language = db_text(&rows, 0, 7),
        .text = db_text(&rows, 0, 8),
    };
    ret->body_terms = db_text(&rows, 0, 9);
    ret->is_read = true;
    return ERR_OK;
}

static bool is_alt(const struct question_word *w, struct str term)
{
    for (size_t i = 0; i < w->alt_count; i++) {
        if (str_eq(w->alts[i], term)) {
            return true;
        }
    }
    return false;
}

/* Whether two words of the question stand side by side in the passage, in their order. */
static bool stand_together(struct str terms, const struct question_word *a,
                           const struct question_word *b)
{
    bool before = false;
    struct str term;
    while (terms.n && str_split(&terms, ' ', &term)) {
        if (before && is_alt(b, term)) {
            return true;
        }
        before = is_alt(a, term);
    }
    return false;
}

/* The same, where the passage's words are held. */
static bool held_together(const struct postings *p, uint32_t passage, const struct question_word *a,
                          const struct question_word *b)
{
    const struct posting_passage *at = &p->passages[passage];
    const uint32_t *word = p->words + at->words + at->lens[0] + at->lens[1];
    bool before = false;
    for (uint32_t i = 0; i < at->lens[POSTING_FIELDS - 1]; i++) {
        const struct str term = p->terms[word[i]].text;
        if (before && is_alt(b, term)) {
            return true;
        }
        before = is_alt(a, term);
    }
    return false;
}

static bool are_together(const struct question *q, const struct found *f, size_t word)
{
    const struct question_word *a = &q->words[word];
    const struct question_word *b = &q->words[word + 1];
    return q->held ? held_together(q->held, f->ranked.passage, a, b)
                   : stand_together(f->body_terms, a, b);
}

static void reward_neighbours(const struct question *q, struct found *f)
{
    for (size_t i = 0; i + 1 < q->count; i++) {
        const struct question_word *a = &q->words[i];
        const struct question_word *b = &q->words[i + 1];
        const uint64_t both = UINT64_C(3) << i;
        if ((f->ranked.has & both) == both && b->position - a->position <= 2 &&
            are_together(q, f, i)) {
            f->score += together * (a->weight + b->weight) / 2;
        }
    }
}

static double covered(const struct question *q, uint64_t has)
{
    double sum = 0;
    for (size_t i = 0; i < q->count; i++) {
        sum += has >> i & 1 ? q->words[i].weight * q->words[i].trust : 0;
    }
    return q->weight > 0 ? sum / q->weight : 0;
}

static void sort_found(struct found *f, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const struct found x = f[i];
        size_t at = i;
        while (at > 0 && f[at - 1].score < x.score) {
            f[at] = f[at - 1];
            at--;
        }
        f[at] = x;
    }
}

/* Whether it is of a current version; read on the way, where nothing is held. */
static enum err look_if_shown(struct db_tx *tx, const struct question *q, struct found *f,
                              bool *ret_is)
{
    if (q->held) {
        *ret_is = q->held->passages[f->ranked.passage].shown;
        return ERR_OK;
    }
    return read_passage(tx, f, ret_is);
}

static enum err read_best(struct db_tx *tx, const struct question *q, const struct ranking *ranking,
                          struct found *ret, size_t *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < ranking->count && *ret_count < REREAD; i++) {
        bool is;
        struct found *f = &ret[*ret_count];
        *f = (struct found){.ranked = ranking->best[i], .score = ranking->best[i].score};
        TRY(look_if_shown(tx, q, f, &is));
        if (is) {
            f->coverage = covered(q, f->ranked.has);
            reward_neighbours(q, f);
            ++*ret_count;
        }
    }
    sort_found(ret, *ret_count);
    return ERR_OK;
}

/* The words of one part number, as bits: all its pieces, where no text has it whole. */
static uint64_t part_words(const struct question *q, size_t first)
{
    uint64_t bits = 0;
    for (size_t i = first; i < q->count; i++) {
        if (q->words[i].required && q->words[i].position == q->words[first].position) {
            bits |= UINT64_C(1) << i;
        }
    }
    return bits;
}

/* Every part number of the question is in one of the passages, with all its pieces. */
static bool has_parts(const struct question *q, const struct found *f, size_t n)
{
    for (size_t i = 0; i < q->count; i++) {
        const uint64_t part = q->words[i].required ? part_words(q, i) : 0;
        bool is = !part;
        for (size_t k = 0; k < n && !is; k++) {
            is = (f[k].ranked.has & part) == part;
        }
        if (!is) {
            return false;
        }
    }
    return true;
}

static void judge(const struct question *q, const struct found *f, size_t n,
                  struct search_result *ret)
{
    uint64_t has = 0;
    double best = 0;
    for (size_t i = 0; i < n; i++) {
        has |= f[i].ranked.has;
        best = f[i].coverage > best ? f[i].coverage : best;
    }
    ret->coverage = covered(q, has);
    ret->margin = n == 0 ? 0 : n == 1 ? 1 : 1 - f[1].score / f[0].score;
    /* One passage must carry most of what all of them cover: words scattered over a shop's pages
     * are no answer. */
    ret->known = n > 0 && q->count > 0 && has_parts(q, f, n) &&
                 (ret->coverage + best) / 2 >= conf.search_min_coverage;
}

static struct passage copy(struct arena *a, const struct found *f)
{
    const struct passage *p = &f->passage;
    struct passage r = *p;
    r.score = f->score;
    r.coverage = f->coverage;
    r.document_name = str_dup(a, p->document_name);
    r.heading = str_dup(a, p->heading);
    r.language = str_dup(a, p->language);
    r.text = str_dup(a, p->text);
    return r;
}

/* keep is the arena of what the caller gets. */
static enum err find(struct db_tx *tx, const struct search_query *query, struct arena *keep,
                     struct search_result *ret)
{
    struct question q;
    TRY(question_read(tx, query, &q));
    struct ranking ranking;
    const size_t top = query->limit > TOP ? query->limit : TOP;
    TRY(rank(tx, &q, top, (size_t)conf.search_candidates, &ranking));
    struct arena *a = db_tx_cx(tx)->arena;
    struct found *found = arena_many(a, struct found, REREAD);
    size_t n;
    TRY(read_best(tx, &q, &ranking, found, &n));
    n = n < query->limit ? n : query->limit;
    *ret = (struct search_result){.passages = arena_many(keep, struct passage, n + 1),
                                  .count = n,
                                  .candidates = ranking.candidates,
                                  .language = str_dup(keep, q.language)};
    for (size_t i = 0; i < n; i++) {
        bool is = found[i].is_read;
        if (!is) {
            TRY(read_passage(tx, &found[i], &is));
        }
        if (!is) {
            return cx_fail(db_tx_cx(tx), CODE_INTERNAL_ERROR,
                           "a passage that is held is not there");
        }
        ret->passages[i] = copy(keep, &found[i]);
    }
    judge(&q, found, n < JUDGED ? n : JUDGED, ret);
    return ERR_OK;
}

/* What the search reads on its way is many times what it finds, and goes when it is done. */
enum err search_text(struct db_tx *tx, const struct search_query *query, struct search_result *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct arena *keep = cx->arena;
    SCOPED(arena_free) struct arena *scratch = arena_new();
    cx->arena = scratch;
    const enum err e = find(tx, query, keep, ret);
    cx->arena = keep;
    return e;
}
