#include "domain/knowledge/posting.h"

#include "base/mem.h"

enum { SLOTS_FIRST = 1024, BYTES_A_WORD = 20, BYTES_A_PASSAGE = 64 };

static const struct db_stmt select_all = DB_TENANT_SQL(
    "SELECT c.fts, CASE WHEN d.current = c.version AND d.deleted_us IS NULL THEN 1 ELSE 0 END, "
    "c.title_terms, c.heading_terms, c.body_terms FROM chunks c "
    "JOIN documents d ON d.tenant_id = $1 AND d.id = c.document_id WHERE c.tenant_id = $1");

/* While they are read: arrays that grow. */
struct reading {
    struct postings *p;
    size_t passage_room, term_room, word_room;
    size_t word_count;
};

/* Room for one more of an array. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room) {
        return items;
    }
    *room = *room ? *room * 2 : SLOTS_FIRST;
    return mem_realloc(items, *room * size);
}

/* The slot of the term, or the empty one where it belongs. */
static uint32_t *slot_of(const struct postings *p, struct str term)
{
    size_t i = str_hash(term) & (p->slot_count - 1);
    while (p->slots[i] && !str_eq(p->terms[p->slots[i] - 1].text, term)) {
        i = (i + 1) & (p->slot_count - 1);
    }
    return &p->slots[i];
}

static void grow_slots(struct postings *p)
{
    mem_free(p->slots);
    p->slot_count = p->slot_count ? p->slot_count * 2 : SLOTS_FIRST;
    p->slots = mem_alloc(p->slot_count, sizeof(*p->slots));
    for (size_t i = 0; i < p->term_count; i++) {
        *slot_of(p, p->terms[i].text) = (uint32_t)i + 1;
    }
}

static uint32_t number_of(struct reading *r, struct str term)
{
    struct postings *p = r->p;
    if (p->term_count * 2 >= p->slot_count) {
        grow_slots(p);
    }
    uint32_t *slot = slot_of(p, term);
    if (!*slot) {
        p->terms = grow(p->terms, p->term_count, &r->term_room, sizeof(*p->terms));
        p->terms[p->term_count++] = (struct posting_term){.text = str_dup(p->texts, term)};
        *slot = (uint32_t)p->term_count;
    }
    return *slot - 1;
}

static uint32_t add_words(struct reading *r, struct str terms)
{
    struct postings *p = r->p;
    uint32_t n = 0;
    struct str term;
    while (terms.n && str_split(&terms, ' ', &term)) {
        p->words = grow(p->words, r->word_count, &r->word_room, sizeof(*p->words));
        p->words[r->word_count++] = number_of(r, term);
        n++;
    }
    return n;
}

static enum err on_row(void *arg, const struct db_rows *row)
{
    struct reading *r = arg;
    struct postings *p = r->p;
    struct posting_passage one = {.key = db_int(row, 0, 0),
                                  .shown = db_int(row, 0, 1) != 0,
                                  .words = (uint32_t)r->word_count};
    for (size_t f = 0; f < POSTING_FIELDS; f++) {
        one.lens[f] = add_words(r, db_text(row, 0, 2 + f));
    }
    p->passages = grow(p->passages, p->passage_count, &r->passage_room, sizeof(*p->passages));
    p->passages[p->passage_count++] = one;
    return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
    const struct posting_passage *x = a;
    const struct posting_passage *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static void count_up(struct postings *p, uint32_t passage, size_t field, uint32_t word)
{
    struct posting_term *t = &p->terms[word];
    struct posting *last = &p->lists[t->first + t->count];
    if (!t->count || last[-1].passage != passage) {
        *last = (struct posting){.passage = passage};
        t->count++;
        last++;
    }
    if (last[-1].hits[field] < UINT16_MAX) {
        last[-1].hits[field]++;
    }
}

static void count_passage(struct postings *p, uint32_t passage)
{
    const uint32_t *word = p->words + p->passages[passage].words;
    for (size_t f = 0; f < POSTING_FIELDS; f++) {
        for (uint32_t n = p->passages[passage].lens[f]; n; n--) {
            count_up(p, passage, f, *word++);
        }
    }
}

/* A list has room for every occurrence of its word, of which a passage may have several. */
static void make_lists(struct postings *p, size_t words)
{
    for (size_t i = 0; i < words; i++) {
        p->terms[p->words[i]].count++;
    }
    uint32_t first = 0;
    for (size_t i = 0; i < p->term_count; i++) {
        p->terms[i].first = first;
        first += p->terms[i].count;
        p->terms[i].count = 0;
    }
    p->lists = mem_alloc(words + 1, sizeof(*p->lists));
    for (size_t i = 0; i < p->passage_count; i++) {
        count_passage(p, (uint32_t)i);
    }
}

int64_t postings_estimate(int64_t passages, int64_t words)
{
    return passages * BYTES_A_PASSAGE + words * BYTES_A_WORD;
}

void postings_free(struct postings *p)
{
    mem_free(p->passages);
    mem_free(p->terms);
    mem_free(p->lists);
    mem_free(p->words);
    mem_free(p->slots);
    arena_free(&p->texts);
    mem_free(p);
}

enum err postings_read(struct db_tx *tx, struct postings **ret)
{
    struct postings *p = mem_new(struct postings);
    struct reading r = {.p = p};
    const struct db_reader reader = {on_row, &r};
    p->texts = arena_new();
    grow_slots(p);
    const enum err e = db_each(tx, &select_all, DB_NO_ARGS, &reader);
    if (e) {
        postings_free(p);
        return e;
    }
    if (p->passage_count) {
        qsort(p->passages, p->passage_count, sizeof(*p->passages), by_key);
    }
    make_lists(p, r.word_count);
    p->bytes = (int64_t)(sizeof(*p) + r.passage_room * sizeof(*p->passages) +
                         r.term_room * sizeof(*p->terms) + r.word_room * sizeof(*p->words) +
                         r.word_count * sizeof(*p->lists) + p->slot_count * sizeof(*p->slots) +
                         arena_used(p->texts));
    *ret = p;
    return ERR_OK;
}

const struct posting_term *postings_find(const struct postings *p, struct str term)
{
    const uint32_t slot = *slot_of(p, term);
    return slot ? &p->terms[slot - 1] : NULL;
}

/* By steps that double, and then by halves between the last two: lists of common words are long. */
const struct posting *postings_seek(const struct postings *p, const struct posting_term *t,
                                    uint32_t passage, uint32_t *at)
{
    const struct posting *list = p->lists + t->first;
    uint32_t low = *at;
    uint32_t step = 1;
    while (low + step < t->count && list[low + step].passage <= passage) {
        low += step;
        step *= 2;
    }
    uint32_t high = low + step < t->count ? low + step : t->count;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (list[middle].passage < passage) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *at = low;
    return low < t->count && list[low].passage == passage ? &list[low] : NULL;
}
