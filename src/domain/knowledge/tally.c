#include "domain/knowledge/tally.h"

#include "base/mem.h"

void tally_init(struct tally *t, struct arena *a)
{
    *t = (struct tally){.arena = a, .slots = mem_alloc(TALLY_SLOTS, sizeof(*t->slots))};
}

void tally_fini(struct tally *t)
{
    mem_free(t->slots);
    *t = (struct tally){};
}

static void count_term(struct tally *t, struct str text)
{
    struct tally_term **slot = &t->slots[str_hash(text) % TALLY_SLOTS];
    struct tally_term *term = *slot;
    while (term && !str_eq(term->text, text)) {
        term = term->in_slot;
    }
    if (!term) {
        term = arena_one(t->arena, struct tally_term);
        *term = (struct tally_term){.text = text, .next = t->terms, .in_slot = *slot};
        *slot = term;
        t->terms = term;
    }
    term->df += term->last == t->chunks ? 0 : 1;
    term->last = t->chunks;
}

static int64_t count_terms(struct tally *t, struct str terms)
{
    int64_t n = 0;
    struct str term;
    while (terms.n && str_split(&terms, ' ', &term)) {
        count_term(t, term);
        n++;
    }
    return n;
}

void tally_chunk(struct tally *t, struct str title, struct str heading, struct str body)
{
    t->chunks++;
    t->title_len += count_terms(t, title);
    t->heading_len += count_terms(t, heading);
    t->body_len += count_terms(t, body);
}
