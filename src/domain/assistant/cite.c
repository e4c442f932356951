#include "domain/assistant/cite.h"

#include "domain/assistant/quote.h"
#include "ext/llm_sentence.h"
#include "ext/llm_words.h"

enum { MIN_SHARED = 2 }; /* content words that a citation without a quote must share */

static const double min_share = 0.5;

struct citer {
    struct arena *arena;
    const struct judge_in *in;
    const struct llm_sentence *sentences; /* of the answer */
    size_t sentence_count;
    bool *backed; /* sentences that a citation stands behind */
    struct cited out;
};

/* Markers stand behind the claim: the last sentence that begins before. */
static ptrdiff_t claim_of(const struct citer *c, size_t at)
{
    ptrdiff_t found = -1;
    for (size_t i = 0; i < c->sentence_count && c->sentences[i].start < at; i++) {
        found = (ptrdiff_t)i;
    }
    return found;
}

static struct str sentence_text(struct str text, const struct llm_sentence *s)
{
    return str_sub(text, s->start, s->end - s->start);
}

static void add(struct citer *c, const struct passage *p, struct quote_place at, ptrdiff_t claim)
{
    const int64_t start = p->start + (int64_t)at.start;
    const int64_t end = p->start + (int64_t)at.end;
    if (claim >= 0) {
        c->backed[claim] = true;
    }
    for (size_t i = 0; i < c->out.count; i++) {
        const struct citation *have = &c->out.items[i];
        if (uuid_eq(have->document.v, p->document.v) && have->version == p->version &&
            have->start <= start && have->end >= end) {
            return;
        }
    }
    c->out.items[c->out.count++] = (struct citation){
        .document = p->document,
        .document_name = p->document_name,
        .version = p->version,
        .start = start,
        .end = end,
        .quote = str_sub(p->text, at.start, at.end - at.start),
    };
}

static bool cite_quote(struct citer *c, const struct marker *m, ptrdiff_t claim)
{
    const struct judge_in *in = c->in;
    const size_t named = (size_t)m->number - 1;
    struct quote_place at;
    if (named < in->passage_count &&
        quote_find(c->arena, in->passages[named].text, m->quote, &at)) {
        add(c, &in->passages[named], at, claim);
        return true;
    }
    for (size_t i = 0; i < in->passage_count; i++) {
        if (i != named && quote_find(c->arena, in->passages[i].text, m->quote, &at)) {
            add(c, &in->passages[i], at, claim);
            return true;
        }
    }
    return false;
}

static size_t shared(const struct llm_words *words, const struct llm_words *claim)
{
    size_t n = 0;
    for (size_t i = 0; i < claim->count; i++) {
        n += llm_has_word(words, claim->items[i]);
    }
    return n;
}

static void cite_claim(struct citer *c, const struct marker *m, ptrdiff_t claim)
{
    const size_t named = (size_t)m->number - 1;
    if (claim < 0 || named >= c->in->passage_count) {
        return;
    }
    const struct passage *p = &c->in->passages[named];
    const struct str said = sentence_text(c->in->answer, &c->sentences[claim]);
    const struct llm_words words = llm_content_words(c->arena, llm_fold(c->arena, said));
    size_t count = 0;
    size_t best = 0;
    struct quote_place place = {};
    const struct llm_sentence *s = llm_sentences(c->arena, p->text, &count);
    for (size_t i = 0; i < count; i++) {
        const struct str folded = llm_fold(c->arena, sentence_text(p->text, &s[i]));
        const struct llm_words have = llm_words_of(c->arena, folded);
        const size_t n = shared(&have, &words);
        if (n > best) {
            best = n;
            place = (struct quote_place){s[i].start, s[i].end};
        }
    }
    if (best >= MIN_SHARED && (double)best >= min_share * (double)words.count) {
        add(c, p, place, claim);
    }
}

/* Only sentences that say something need a citation. */
static double backed_share(const struct citer *c)
{
    double all = 0;
    double backed = 0;
    for (size_t i = 0; i < c->sentence_count; i++) {
        const struct str s = sentence_text(c->in->answer, &c->sentences[i]);
        const bool says = c->sentences[i].kind != LLM_LEAD && c->sentences[i].kind != LLM_ASKED &&
                          llm_content_words(c->arena, llm_fold(c->arena, s)).count >= 2;
        all += says || c->backed[i];
        backed += c->backed[i];
    }
    return all > 0 ? backed / all : 0;
}

struct cited cite(struct arena *a, const struct judge_in *in)
{
    struct citer c = {.arena = a, .in = in};
    c.sentences = llm_sentences(a, in->answer, &c.sentence_count);
    c.backed = arena_many(a, bool, c.sentence_count + 1);
    c.out.items = arena_many(a, struct citation, in->marker_count + 1);
    for (size_t i = 0; i < in->marker_count; i++) {
        const struct marker *m = &in->markers[i];
        const ptrdiff_t claim = claim_of(&c, m->at);
        if (m->quote.n) {
            (void)cite_quote(&c, m, claim);
        } else {
            cite_claim(&c, m, claim);
        }
    }
    c.out.sentence_share = backed_share(&c);
    return c.out;
}
