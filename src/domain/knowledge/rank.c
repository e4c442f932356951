/* The index, or the postings where they are held, is asked word by word, the rarest first, for the
 * passages that have the word, and tells for each how often every word of the question stands in
 * each column. A passage that has none of the words asked for so far has only commoner ones, and
 * these are worth no more than so much: as soon as that cannot reach the places at the top, the
 * rest need not be looked at. Where a word stands in more passages than may still be looked at,
 * those are looked at that have another of the remaining words too.
 *
 * BM25 over fields: occurrences in title, heading and body are added up, each weighed and set
 * against the field's length, before they saturate. A passage that has much of the question stands
 * above one that has a little of it often. */
#include "domain/knowledge/rank.h"

#include "db/text_stats.h"

static const double k1 = 1.2;
static const double cover_share =
    0.4; /* of a score that depends on how much of the question it has */

enum {
    FIELDS = 3,
    COMMON = 256, /* passages that are looked at for a word that stands in most of them */
};

static const double field_weight[FIELDS] = {1.2, 1.6, 1.0};
static const double field_b[FIELDS] = {0.3, 0.4, 0.75};

static const struct db_stmt select_candidates =
    DB_TENANT_SQL("SELECT rowid, mc_stats(chunks_fts, $6, $7) FROM chunks_fts "
                  "WHERE chunks_fts MATCH $2 AND rowid BETWEEN $3 AND $4 LIMIT $5");

struct order {
    size_t words[QUESTION_WORDS]; /* those that are in the texts, rarest first */
    size_t count;
};

static void sort_words(const struct question *q, struct order *o)
{
    for (size_t i = 0; i < q->count; i++) {
        if (!q->words[i].alt_count) {
            continue;
        }
        size_t at = o->count++;
        while (at > 0 && q->words[o->words[at - 1]].df > q->words[i].df) {
            o->words[at] = o->words[at - 1];
            at--;
        }
        o->words[at] = i;
    }
}

static void put_any(struct buf *b, const struct question *q, const struct order *o, size_t from,
                    size_t to)
{
    buf_char(b, '(');
    for (size_t i = from; i < to; i++) {
        const struct question_word *w = &q->words[o->words[i]];
        for (size_t j = 0; j < w->alt_count; j++) {
            buf_cstr(b, i == from && j == 0 ? "\"" : " OR \"");
            buf_str(b, w->alts[j]);
            buf_char(b, '"');
        }
    }
    buf_char(b, ')');
}

static int phrases(const struct question *q, const struct order *o, size_t from, size_t to)
{
    int n = 0;
    for (size_t i = from; i < to; i++) {
        n += (int)q->words[o->words[i]].alt_count;
    }
    return n;
}

/* What is asked at one step. */
struct asked {
    struct str match;
    int first, count; /* of its phrases: those of the words from step on, in their order */
};

/* Passages with the word at step and none of those before. All words from step on stand in it, so
 * that their phrases can be read: those that need not be there beside one that must. */
static struct asked ask(struct arena *a, const struct question *q, const struct order *o,
                        size_t step, bool with_another)
{
    struct asked r = {.count = phrases(q, o, step, o->count)};
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    buf_char(&b, '(');
    put_any(&b, q, o, step, step + 1);
    if (step + 1 < o->count) {
        buf_cstr(&b, " AND ");
        put_any(&b, q, o, with_another ? step + 1 : step, o->count);
        r.first = with_another ? 0 : phrases(q, o, step, step + 1);
    }
    buf_char(&b, ')');
    if (step > 0) {
        buf_cstr(&b, " NOT ");
        put_any(&b, q, o, 0, step);
    }
    r.match = str_dup(a, buf_view(&b));
    return r;
}

/* What so many occurrences in a field of so many words are worth. */
static double field_part(const struct question *q, int field, int hits, int len)
{
    const double lens[FIELDS] = {q->title_len, q->heading_len, q->body_len};
    const double average = lens[field] > 0 ? lens[field] : 1;
    const double b = field_b[field];
    return hits ? field_weight[field] * hits / (1 - b + b * len / average) : 0;
}

/* tf: of the words from step on, in their order. */
static void score(const struct question *q, const struct order *o, size_t step,
                  const double tf[QUESTION_WORDS], struct ranked *r)
{
    double covered = 0;
    for (size_t i = step; i < o->count; i++) {
        const struct question_word *w = &q->words[o->words[i]];
        if (tf[i] > 0) {
            r->score += w->weight * w->trust * tf[i] * (k1 + 1) / (tf[i] + k1);
            r->has |= UINT64_C(1) << o->words[i];
            covered += w->weight * w->trust;
        }
    }
    r->score *= 1 - cover_share + cover_share * covered / q->weight;
}

static bool is_better(const struct ranked *a, const struct ranked *b)
{
    return a->score > b->score || (a->score >= b->score && a->key < b->key);
}

static void insert(struct ranking *ranking, const struct ranked *r)
{
    if (ranking->count == RANK_KEEP && !is_better(r, &ranking->best[RANK_KEEP - 1])) {
        return;
    }
    size_t at = ranking->count < RANK_KEEP ? ranking->count++ : RANK_KEEP - 1;
    while (at > 0 && is_better(r, &ranking->best[at - 1])) {
        ranking->best[at] = ranking->best[at - 1];
        at--;
    }
    ranking->best[at] = *r;
}

/* The most that a passage without the words before step can have. */
static double bound(const struct question *q, const struct order *o, size_t step)
{
    double weight = 0;
    for (size_t i = step; i < o->count; i++) {
        weight += q->words[o->words[i]].weight * q->words[o->words[i]].trust;
    }
    return weight * (k1 + 1) * (1 - cover_share + cover_share * weight / q->weight);
}

struct look {
    struct cx *cx;
    const struct question *q;
    const struct order *o;
    size_t step;
    struct ranking *ranking;
};

static enum err on_candidate(void *arg, const struct db_rows *row)
{
    const struct look *l = arg;
    struct text_stats s;
    if (!text_stats_read(db_text(row, 0, 1), &s)) {
        return cx_fail(l->cx, CODE_INTERNAL_ERROR, "the text index gave no statistics");
    }
    double tf[QUESTION_WORDS] = {};
    int phrase = 0;
    for (size_t i = l->step; i < l->o->count; i++) {
        for (size_t n = l->q->words[l->o->words[i]].alt_count; n; n--, phrase++) {
            for (int f = 0; f < FIELDS; f++) {
                tf[i] +=
                    field_part(l->q, f, text_stats_hits(&s, phrase, f), text_stats_tokens(&s, f));
            }
        }
    }
    struct ranked r = {.key = db_int(row, 0, 0)};
    score(l->q, l->o, l->step, tf, &r);
    insert(l->ranking, &r);
    l->ranking->candidates++;
    return ERR_OK;
}

/* A place in each list of postings of the words of the question, in their order. */
struct cursors {
    const struct posting_term *terms[QUESTION_WORDS][QUESTION_ALTS]; /* NULL: no passage has it */
    uint32_t at[QUESTION_WORDS][QUESTION_ALTS];
};

static void open_cursors(const struct question *q, const struct order *o, struct cursors *ret)
{
    for (size_t i = 0; i < o->count; i++) {
        const struct question_word *w = &q->words[o->words[i]];
        for (size_t j = 0; j < w->alt_count; j++) {
            ret->terms[i][j] = postings_find(q->held, w->alts[j]);
            ret->at[i][j] = 0;
        }
    }
}

/* The first passage from this one on that has the word; UINT32_MAX: none. */
static uint32_t next_passage(const struct question *q, const struct order *o, size_t word,
                             struct cursors *c, uint32_t from)
{
    uint32_t first = UINT32_MAX;
    for (size_t j = 0; j < q->words[o->words[word]].alt_count; j++) {
        const struct posting_term *t = c->terms[word][j];
        if (t) {
            (void)postings_seek(q->held, t, from, &c->at[word][j]);
        }
        if (t && c->at[word][j] < t->count) {
            const uint32_t passage = q->held->lists[t->first + c->at[word][j]].passage;
            first = passage < first ? passage : first;
        }
    }
    return first;
}

static double word_tf(const struct question *q, const struct order *o, size_t word,
                      struct cursors *c, uint32_t passage)
{
    double tf = 0;
    for (size_t j = 0; j < q->words[o->words[word]].alt_count; j++) {
        const struct posting_term *t = c->terms[word][j];
        const struct posting *p = t ? postings_seek(q->held, t, passage, &c->at[word][j]) : NULL;
        for (int f = 0; f < FIELDS && p; f++) {
            tf += field_part(q, f, p->hits[f], (int)q->held->passages[passage].lens[f]);
        }
    }
    return tf;
}

/* As look_at, where the postings are held: the same passages in the same order. */
static void look_at_held(const struct question *q, const struct order *o, size_t step, size_t room,
                         bool with_another, struct ranking *ret)
{
    struct cursors c;
    size_t seen = 0;
    open_cursors(q, o, &c);
    uint32_t at = next_passage(q, o, step, &c, 0);
    for (; at != UINT32_MAX && seen < room; at = next_passage(q, o, step, &c, at + 1)) {
        double tf[QUESTION_WORDS] = {};
        bool before = false;
        bool another = false;
        for (size_t i = 0; i < step && !before; i++) {
            before = word_tf(q, o, i, &c, at) > 0;
        }
        for (size_t i = step; i < o->count && !before; i++) {
            tf[i] = word_tf(q, o, i, &c, at);
            another |= i > step && tf[i] > 0;
        }
        if (!before && (another || !with_another)) {
            struct ranked r = {.key = q->held->passages[at].key, .passage = at};
            score(q, o, step, tf, &r);
            insert(ret, &r);
            seen++;
        }
    }
    ret->candidates += seen;
}

/* How many passages may be looked at for a word. One that most passages have tells them apart by
 * next to nothing: any few hundred of them will do, best those that have another word too. */
static size_t room_for(const struct question *q, const struct question_word *w, size_t left)
{
    return w->df > q->chunks / 2 && left > COMMON ? COMMON : left;
}

static enum err look_at(struct db_tx *tx, const struct question *q, const struct order *o,
                        size_t step, size_t room, struct ranking *ret)
{
    struct cx *cx = db_tx_cx(tx);
    const bool with_another = q->words[o->words[step]].df > (int64_t)room && step + 1 < o->count;
    if (q->held) {
        look_at_held(q, o, step, room, with_another, ret);
        return ERR_OK;
    }
    const struct asked asked = ask(cx->arena, q, o, step, with_another);
    struct look look = {cx, q, o, step, ret};
    const struct db_reader reader = {on_candidate, &look};
    return db_each(tx, &select_candidates,
                   DB_ARGS(DB_TEXT(asked.match), DB_INT(q->slot << 32),
                           DB_INT((q->slot << 32) + UINT32_MAX), DB_INT((int64_t)room),
                           DB_INT(asked.first), DB_INT(asked.count)),
                   &reader);
}

enum err rank(struct db_tx *tx, const struct question *q, size_t top, size_t limit,
              struct ranking *ret)
{
    struct order o = {};
    sort_words(q, &o);
    ret->count = 0;
    ret->candidates = 0;
    for (size_t step = 0; step < o.count && ret->candidates < limit; step++) {
        if (ret->count >= top && bound(q, &o, step) < ret->best[top - 1].score) {
            break;
        }
        const size_t left = limit - ret->candidates;
        const size_t room = top == SIZE_MAX ? left : room_for(q, &q->words[o.words[step]], left);
        TRY(look_at(tx, q, &o, step, room, ret));
    }
    return ERR_OK;
}
