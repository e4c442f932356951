/* The answerer that needs no model and no network: it quotes the sentences of the passages that
 * cover the question best, each with the marker that models are told to use, [n: "exact words"], or
 * answers nothing, which the assistant takes for "I do not know".
 *
 * A word of the question weighs by how rare it is among the sentences, so that what every sentence
 * says decides nothing; one that no sentence has weighs most and is missed. A word counts whole in
 * the sentence itself, and less in the line that leads to it or in the headings above, or when it
 * is another word for the same. The question may have lines before its last one (earlier questions
 * of the conversation); their words count half.
 *
 * Among sentences that cover the same, those are preferred that have the kind of figure that is
 * asked for, whose section is about what is asked, and whose name (the first cell of a row, what an
 * item has before its colon) is asked for. A heading or a question is answered by what follows it,
 * a lead-in by its list; a row or item whose own words add nothing to the headings stands for all
 * its neighbours. */
#include <math.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ext/llm.h"
#include "ext/llm_figure.h"
#include "ext/llm_lexicon.h"
#include "ext/llm_sentence.h"
#include "ext/llm_words.h"

enum {
    MAX_CHOSEN = 3,
    MAX_SHOWN = 600,   /* bytes of the answer without its markers */
    MAX_GOES_ON = 250, /* up to which a sentence brings the next one that goes back to it */
    MAX_ITEMS = 10,    /* of a list or table that is quoted whole */
    MAX_TERMS = 64,
};

static const double enough_share = 0.45;     /* of the question, for a first sentence */
static const double more_share = 0.18;       /* that a further one must add */
static const double elsewhere_share = 0.5;   /* from which on the question is not answered here */
static const double more_figure_share = 0.1; /* when it has a figure that is still asked for */
static const double figure_bonus = 0.3;
static const double section_bonus = 0.2;
static const double rival_share = 0.9;
static const double rivalled_share = 0.5; /* of what is told, when another place tells as much */
static const double title_bonus = 0.1;
static const double name_bonus = 0.15;
static const double same_share = 0.9;  /* of a word, for another word for the same */
static const double form_share = 0.92; /* for another form */
static const double heading_share = 0.75;
static const double above_share = 0.5;      /* of what is told, when only the headings say so */
static const double no_figure_share = 0.75; /* and when the figure is not there */
static const double filler_share = 0.2;     /* and for numbers, which texts give ranges of */

struct term {
    struct str words[LLM_SYNONYMS + 1]; /* as it was asked, then others for the same */
    size_t count;
    double weight;
};

struct unit {
    size_t passage;         /* which one */
    struct str raw;         /* as it stands in the passage */
    struct llm_words words; /* its own */
    struct llm_words lead_words, heading_words;
    struct llm_words title_words;   /* of the first heading above */
    struct llm_words section_words; /* of the last */
    struct llm_words name_words;    /* of the first cell, or of what stands before a colon */
    enum llm_sentence_kind kind;
    ptrdiff_t lead; /* the unit that leads to it, or -1 */
    bool head;      /* the head of a table */
    unsigned figures;
};

struct extractive {
    struct arena *arena;
    const struct llm_request *rq;
    struct str question; /* in the words of the lexicon */
    struct unit *units;
    size_t unit_count;
    struct term terms[MAX_TERMS];
    size_t term_count;
    double total;
    bool covered[MAX_TERMS];
    struct llm_words figure_words; /* that headings have above such figures */
    unsigned asked;                /* figures */
    unsigned figures;              /* that are asked for and not told yet */
    bool *taken;
    size_t shown;
    double *told;  /* by passage: most of the question that a sentence said of it covers */
    bool rivalled; /* the first that was said */
    bool listing;  /* several items of one list are said */
    void (*piece)(void *arg, struct str text);
    void *arg;
    struct buf *out;
    const struct cancel *cancel;
};

static bool leads(enum llm_sentence_kind kind)
{
    return kind == LLM_LEAD || kind == LLM_ASKED || kind == LLM_HEADING;
}

static bool is_item(const struct unit *u)
{
    return u->kind == LLM_ITEM || u->kind == LLM_ROW;
}

/* What stands above a sentence and belongs to it: the lead-in of a list, the head of a table, a
 * heading or a question just before. */
static ptrdiff_t lead_of(const struct unit *units, size_t at, size_t first)
{
    const struct unit *u = &units[at];
    ptrdiff_t i = (ptrdiff_t)at - 1;
    while (i >= (ptrdiff_t)first && is_item(u) && units[i].kind == u->kind) {
        i--;
    }
    if (u->kind == LLM_ROW && i + 1 < (ptrdiff_t)at) {
        return i + 1; /* the table's head */
    }
    return i >= (ptrdiff_t)first && leads(units[i].kind) ? i : -1;
}

static struct llm_words words_of(const struct extractive *x, struct str text)
{
    return llm_words_of(x->arena, llm_fold(x->arena, text));
}

static bool has_exactly(const struct llm_words *words, struct str word)
{
    for (size_t i = 0; i < words->count; i++) {
        if (str_eq(words->items[i], word)) {
            return true;
        }
    }
    return false;
}

/* How well the words have the term. */
static double share_in(const struct llm_words *words, const struct term *t)
{
    if (llm_has_word(words, t->words[0])) {
        return has_exactly(words, t->words[0]) ? 1.0 : form_share;
    }
    for (size_t i = 1; i < t->count; i++) {
        if (llm_has_word(words, t->words[i])) {
            return same_share;
        }
    }
    return 0;
}

static bool is_number(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return s.n > 0 && s.n < 10;
}

/* Whether the number lies between two that stand together: 175 in "170 to 180 cm". */
static bool in_range(const struct llm_words *words, struct str number)
{
    int64_t n;
    int64_t low = -1;
    size_t low_at = 0;
    if (!is_number(number) || !str_to_i64(number, 0, INT32_MAX, &n)) {
        return false;
    }
    for (size_t i = 0; i < words->count; i++) {
        int64_t v;
        if (!is_number(words->items[i]) || !str_to_i64(words->items[i], 0, INT32_MAX, &v)) {
            continue;
        }
        if (low >= 0 && i - low_at <= 2 && low <= n && n <= v && v <= 3 * low) {
            return true;
        }
        low = v;
        low_at = i;
    }
    return false;
}

/* How well the unit has the term: itself, by what leads to it, or by the headings above. */
static double share_of(const struct unit *u, const struct term *t)
{
    double share = share_in(&u->words, t);
    if (!(share > 0)) {
        share = 0.95 * share_in(&u->lead_words, t);
    }
    if (!(share > 0) && in_range(&u->words, t->words[0])) {
        return same_share;
    }
    return share > 0 ? share : heading_share * share_in(&u->heading_words, t);
}

/* The first heading of a path. */
static struct str title_of(struct str heading)
{
    const ptrdiff_t end = str_find(heading, STR("\xE2\x80\xBA"), 0);
    return end < 0 ? heading : str_sub(heading, 0, (size_t)end);
}

/* The last heading of a path. */
static struct str section_of(struct str heading)
{
    ptrdiff_t last = 0;
    const struct str mark = STR("\xE2\x80\xBA");
    for (ptrdiff_t at = 0; (at = str_find(heading, mark, (size_t)at)) >= 0; at++) {
        last = at + (ptrdiff_t)mark.n;
    }
    return str_sub(heading, (size_t)last, heading.n);
}

static struct str name_of(const struct unit *u)
{
    const ptrdiff_t end = str_find_char(u->raw, u->kind == LLM_ROW ? '|' : ':', 1);
    return is_item(u) && end > 0 ? str_sub(u->raw, 0, (size_t)end) : (struct str){"", 0};
}

/* What all sentences of a passage share. */
struct above {
    struct llm_words heading, section, title;
};

static struct llm_words content_of(const struct extractive *x, struct str text)
{
    return llm_content_words(x->arena, llm_fold(x->arena, text));
}

/* Reads the unit at, the last so far; first is the first of its passage. */
static void read_unit(struct extractive *x, size_t at, size_t first, struct above *above)
{
    struct unit *u = &x->units[at];
    const struct llm_passage *p = &x->rq->passages[u->passage];
    u->lead = lead_of(x->units, at, first);
    const bool led = u->lead >= 0 && x->units[u->lead].kind != LLM_HEADING;
    u->words = words_of(x, u->raw);
    u->figures = llm_figures_in(u->raw, llm_fold(x->arena, u->raw));
    u->lead_words = words_of(x, led ? x->units[u->lead].raw : (struct str){"", 0});
    if (u->kind == LLM_HEADING) {
        above->heading = words_of(
            x, str_fmt(x->arena, STR_FMT " " STR_FMT, STR_ARG(p->heading), STR_ARG(u->raw)));
    }
    u->heading_words = above->heading;
    u->title_words = above->title;
    u->section_words = above->section;
    u->name_words = words_of(x, name_of(u));
}

static void add_passage(struct extractive *x, size_t number)
{
    const struct llm_passage *p = &x->rq->passages[number];
    struct above above = {
        .heading = words_of(x, p->heading),
        .section = content_of(x, section_of(p->path)),
        .title = content_of(x, title_of(p->path)),
    };
    size_t count = 0;
    const struct llm_sentence *s = llm_sentences(x->arena, p->text, &count);
    struct unit *units = arena_many(x->arena, struct unit, x->unit_count + count + 1);
    if (x->unit_count) {
        memcpy(units, x->units, x->unit_count * sizeof(*units));
    }
    const size_t first = x->unit_count;
    x->units = units;
    for (size_t i = 0; i < count; i++) {
        struct unit *u = &units[x->unit_count++];
        const bool last = i + 1 == count;
        *u = (struct unit){.passage = number, .kind = s[i].kind};
        u->raw = str_sub(p->text, s[i].start, s[i].end - s[i].start);
        if (u->kind == LLM_HEADING && last) {
            u->kind = LLM_PROSE; /* nothing follows that it could be the heading of */
        }
        read_unit(x, first + i, first, &above);
        u->head = u->kind == LLM_ROW && (u->lead < 0 || units[u->lead].kind != LLM_ROW) && !last &&
                  s[i + 1].kind == LLM_ROW;
    }
}

/* Logarithmic rarity; most for a word that no sentence has. */
static double rarity(const struct extractive *x, const struct term *t, bool *ret_is)
{
    size_t has = 0;
    for (size_t i = 0; i < x->unit_count; i++) {
        has += share_of(&x->units[i], t) > 0;
    }
    *ret_is = has > 0;
    return log(1.0 + (double)x->unit_count / (has ? (double)has : 0.7));
}

static void add_term(struct extractive *x, struct str word, double factor)
{
    struct term t = {.words = {word}};
    t.count = 1 + llm_synonyms(word, t.words + 1);
    bool is;
    t.weight = factor * rarity(x, &t, &is);
    const bool filler = llm_is_filler(word);
    if (!is && (filler || factor < 1)) {
        return; /* it says nothing, or belongs to what was asked before */
    }
    const bool told_by_figure = llm_has_word(&x->figure_words, word);
    t.weight *= filler || told_by_figure || is_number(word) ? filler_share : 1;
    x->terms[x->term_count++] = t;
    x->total += t.weight;
}

static void add_terms(struct extractive *x, struct str line, double factor)
{
    const struct llm_words w = llm_content_words(x->arena, llm_fold(x->arena, line));
    for (size_t i = 0; i < w.count && x->term_count < MAX_TERMS; i++) {
        add_term(x, w.items[i], factor);
    }
}

static void read_question(struct extractive *x)
{
    const struct str q = x->question;
    size_t last = q.n;
    while (last > 0 && q.p[last - 1] != '\n') {
        last--;
    }
    add_terms(x, str_sub(q, last, q.n), 1.0);
    struct str rest = str_sub(q, 0, last);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        add_terms(x, line, 0.5);
    }
}

/* What the unit adds to what is covered, in shares of the question; long sentences and later
 * passages stand back a little when they add the same. */
static double gain(const struct extractive *x, const struct unit *u)
{
    double sum = 0;
    for (size_t i = 0; i < x->term_count; i++) {
        sum += x->covered[i] ? 0 : x->terms[i].weight * share_of(u, &x->terms[i]);
    }
    const double share = sum / x->total;
    const double length = (double)u->words.count / 180.0;
    return share * (1.0 - 0.015 * (double)u->passage) - (length < 0.2 ? length : 0.2);
}

/* The share of the words that the question has. */
static double asked_share(const struct extractive *x, const struct llm_words *words)
{
    size_t n = 0;
    for (size_t i = 0; i < words->count; i++) {
        const struct llm_words one = {&words->items[i], 1};
        bool is = false;
        for (size_t k = 0; k < x->term_count && !is; k++) {
            is = share_in(&one, &x->terms[k]) > 0;
        }
        is = is || llm_has_word(&x->figure_words, words->items[i]);
        n += is;
    }
    return words->count ? (double)n / (double)words->count : 0;
}

/* Whether the words have a term that the headings above the unit do not have. */
static bool adds(const struct extractive *x, const struct unit *u, const struct llm_words *words)
{
    for (size_t i = 0; i < x->term_count; i++) {
        const struct term *t = &x->terms[i];
        if (!x->covered[i] && share_in(words, t) > 0 && !(share_in(&u->lead_words, t) > 0) &&
            !(share_in(&u->heading_words, t) > 0)) {
            return true;
        }
    }
    return false;
}

static double bonus(const struct extractive *x, const struct unit *u)
{
    const bool told = u->figures & x->figures;
    double b = title_bonus * asked_share(x, &u->title_words);
    b += section_bonus * asked_share(x, &u->section_words) + (told ? figure_bonus : 0);
    if (adds(x, u, &u->name_words)) {
        b += told ? name_bonus : x->figures ? 0 : name_bonus / 3;
    }
    return b;
}

/* "Product: Grinder – Price: £45" from the head of the table and the row. */
static struct str show_row(struct arena *a, struct str head, struct str row)
{
    SCOPED(buf_fini) struct buf b = buf_make(head.n + row.n * 4 + 64);
    struct str names = head;
    struct str values = row;
    struct str name;
    struct str value;
    while (str_split(&names, '|', &name) && str_split(&values, '|', &value)) {
        name = str_trim(name);
        value = str_trim(value);
        if (value.n) {
            buf_cstr(&b, b.n ? " \xE2\x80\x93 " : "");
            buf_fmt(&b, name.n ? STR_FMT ": " : STR_FMT, STR_ARG(name));
            buf_str(&b, value);
        }
    }
    return str_dup(a, buf_view(&b));
}

static struct str shown(const struct extractive *x, const struct unit *u)
{
    if (u->kind == LLM_ROW && u->lead >= 0 && x->units[u->lead].kind == LLM_ROW) {
        return show_row(x->arena, x->units[u->lead].raw, u->raw);
    }
    return llm_sentence_show(x->arena, u->raw);
}

/* Brackets of the document's own become parentheses: "[1]" in it is a footnote, no marker of ours.
 */
static void add_text(struct buf *b, struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        buf_char(b, c == '[' ? '(' : c == ']' ? ')' : c);
    }
}

/* The exact words, on one line; no further than to where they would end the marker themselves: a
 * quotation mark (or any sign beyond ASCII, as most of those are) and a bracket behind it. */
static void add_quote(struct buf *b, struct str raw)
{
    char last = 'x';
    for (size_t i = 0; i < raw.n; i++) {
        const char c = raw.p[i] == '\n' ? ' ' : raw.p[i];
        if (c == ']' && (last == '"' || last == '\'' || (unsigned char)last >= 0x80)) {
            break;
        }
        last = c == ' ' || c == '\t' ? last : c;
        buf_char(b, c);
    }
}

/* One sentence with its marker. */
static void say(struct extractive *x, size_t at, bool own_line)
{
    const struct unit *u = &x->units[at];
    const struct str text = shown(x, u);
    SCOPED(buf_fini) struct buf b = buf_make(2 * u->raw.n + 2 * text.n + 256);
    if (x->out->n) {
        buf_cstr(&b, own_line ? "\n" : " ");
    }
    buf_cstr(&b, own_line && (x->listing || x->out->n) ? "- " : "");
    add_text(&b, text);
    buf_fmt(&b, " [%d: \"", x->rq->passages[u->passage].number);
    add_quote(&b, u->raw);
    buf_cstr(&b, "\"]");
    x->shown += text.n;
    x->taken[at] = true;
    buf_str(x->out, buf_view(&b));
    x->piece(x->arg, buf_view(&b));
}

static void cover(struct extractive *x, const struct unit *u)
{
    double told = 0;
    for (size_t i = 0; i < x->term_count; i++) {
        const double share = share_of(u, &x->terms[i]);
        const bool above = share <= heading_share && !(u->figures & x->asked);
        x->covered[i] |= share > 0;
        told += (above ? above_share : share) * (share > 0) * x->terms[i].weight / x->total;
    }
    told *= x->asked && !(u->figures & x->asked) ? no_figure_share : 1;
    if (told > x->told[u->passage]) {
        x->told[u->passage] = told;
    }
    x->figures &= ~u->figures;
}

/* Whether the unit at is prose of u's passage that has not been said. */
static bool can_join(const struct extractive *x, const struct unit *u, size_t at)
{
    return at < x->unit_count && u->kind == LLM_PROSE && x->units[at].kind == LLM_PROSE &&
           x->units[at].passage == u->passage && !x->taken[at];
}

static bool goes_back(const struct extractive *x, const struct unit *u)
{
    return llm_goes_back(llm_fold(x->arena, u->raw));
}

/* The lead-in of a list, or the sentence that "after that" goes back to, then the sentence itself.
 */
static void say_with_lead(struct extractive *x, size_t at)
{
    const struct unit *u = &x->units[at];
    if (at > 0 && can_join(x, u, at - 1) && goes_back(x, u)) {
        say(x, at - 1, false);
    }
    const bool lead = u->lead >= 0 && x->units[u->lead].kind == LLM_LEAD && !x->taken[u->lead];
    if (lead) {
        say(x, (size_t)u->lead, false);
    }
    say(x, at, is_item(u));
    cover(x, u);
    if (can_join(x, u, at + 1) && x->shown + x->units[at + 1].raw.n <= MAX_GOES_ON &&
        goes_back(x, &x->units[at + 1])) {
        say(x, at + 1, false);
    }
}

/* Two lines of one list or table, or sentences below one heading. */
static bool are_neighbours(const struct unit *a, const struct unit *b)
{
    if (a->kind == LLM_PROSE) {
        return b->kind == LLM_PROSE && a->passage == b->passage;
    }
    return a->passage == b->passage && a->kind == b->kind && a->lead == b->lead && !b->head;
}

/* The whole list or table of the unit, or the first sentences of its section, but for lines without
 * the figure that is asked for. */
static void say_all(struct extractive *x, size_t at)
{
    const struct unit *like = &x->units[at];
    const unsigned figures = x->figures & like->figures;
    const size_t most = is_item(like) ? MAX_SHOWN : MAX_GOES_ON;
    size_t first = at;
    while (first > 0 && are_neighbours(like, &x->units[first - 1])) {
        first--;
    }
    x->listing = is_item(like);
    size_t said = 0;
    for (size_t i = first; i < x->unit_count && said < MAX_ITEMS; i++) {
        const struct unit *u = &x->units[i];
        if (!are_neighbours(like, u) || (said && x->shown + u->raw.n > most)) {
            break;
        }
        if (!x->taken[i] && (!figures || (u->figures & figures))) {
            say_with_lead(x, i);
            said++;
        }
    }
}

/* Whether a sentence of another passage answers nearly as well as the chosen one. */
static bool is_rivalled(const struct extractive *x, const struct unit *chosen)
{
    const double best = gain(x, chosen) + bonus(x, chosen);
    for (size_t i = 0; i < x->unit_count; i++) {
        const struct unit *u = &x->units[i];
        if (u->passage != chosen->passage && !leads(u->kind) && !u->head &&
            gain(x, u) + bonus(x, u) > rival_share * best) {
            return true;
        }
    }
    return false;
}

static ptrdiff_t choose(const struct extractive *x, double *ret_gain)
{
    ptrdiff_t best = -1;
    double best_rank = 0;
    for (size_t i = 0; i < x->unit_count; i++) {
        const struct unit *u = &x->units[i];
        const double g = gain(x, u);
        const double rank = g + bonus(x, u);
        if (!x->taken[i] && !leads(u->kind) && !u->head && g > 0 && rank > best_rank) {
            best = (ptrdiff_t)i;
            best_rank = rank;
            *ret_gain = g;
        }
    }
    return best;
}

static bool same_document(const struct extractive *x, const struct unit *a, const struct unit *b)
{
    const struct str name = x->rq->passages[a->passage].document;
    return a->passage == b->passage ||
           (name.n && str_eq(name, x->rq->passages[b->passage].document));
}

/* The share of the question's words that the unit's document does not have and others do. Counted,
 * not weighed: what was searched for is common in what was found. */
static double elsewhere(const struct extractive *x, const struct unit *chosen)
{
    double all = 0;
    double sum = 0;
    for (size_t i = 0; i < x->term_count; i++) {
        const struct term *t = &x->terms[i];
        double here = 0;
        double there = 0;
        for (size_t k = 0; k < x->unit_count; k++) {
            const double share = share_of(&x->units[k], t);
            double *best = same_document(x, &x->units[k], chosen) ? &here : &there;
            *best = share > *best ? share : *best;
        }
        const bool counts = !llm_is_filler(t->words[0]) && !is_number(t->words[0]) &&
                            !llm_has_word(&x->figure_words, t->words[0]);
        all += counts;
        sum += counts && !(here > 0) && there > 0;
    }
    return all > 0 ? sum / all : 0;
}

/* Whether another document has so much of what the unit's own does not have. */
static bool is_elsewhere(const struct extractive *x, const struct unit *chosen)
{
    return elsewhere(x, chosen) >= elsewhere_share;
}

/* Whether more than one thing is asked, which may be answered from two places. */
static bool asks_twice(const struct extractive *x)
{
    const struct str q = x->question;
    return str_find_char(q, '\n', 0) >= 0 || str_find_char(str_sub(q, 0, q.n - 1), '?', 0) >= 0 ||
           llm_is_joined(llm_fold(x->arena, q), x->rq->language);
}

static void choose_and_say(struct extractive *x)
{
    const bool twice = asks_twice(x);
    size_t passage = 0;
    for (int n = 0; n < MAX_CHOSEN && !cancel_is(x->cancel); n++) {
        double g = 0;
        const ptrdiff_t best = choose(x, &g);
        const struct unit *u = best < 0 ? NULL : &x->units[best];
        const double more = u && u->figures & x->figures ? more_figure_share : more_share;
        if (!u || g < (n ? more : enough_share) || (!n && !twice && is_elsewhere(x, u))) {
            return;
        }
        const bool beside = (!twice && u->passage != passage) ||
                            (!adds(x, u, &u->words) && asked_share(x, &u->section_words) < 0.5);
        passage = u->passage;
        x->rivalled |= !n && is_rivalled(x, u);
        if (n && (x->shown + u->raw.n > MAX_SHOWN || beside)) {
            return;
        }
        if (!adds(x, u, &u->words)) {
            say_all(x, (size_t)best);
        } else {
            say_with_lead(x, (size_t)best);
        }
    }
}

/* The share of the question that the best sentence of the answer does not have: words that are
 * scattered over several are no sign of an answer. */
static double missed(const struct extractive *x)
{
    double best = 0;
    for (size_t i = 0; i < x->rq->passage_count; i++) {
        best = x->told[i] > best ? x->told[i] : best;
    }
    best = best < 1 ? best : 1; /* a sum of shares is all but 1 when it is 1 */
    return 1 - best * (x->rivalled ? rivalled_share : 1);
}

static enum err answer(struct cx *cx, struct net_client *net, const struct llm_request *rq,
                       void (*piece)(void *arg, struct str text), void *arg, struct llm_answer *ret)
{
    (void)net;
    const int64_t began = clock_mono_us();
    SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
    struct extractive x = {.arena = cx->arena,
                           .rq = rq,
                           .piece = piece,
                           .arg = arg,
                           .out = &out,
                           .cancel = cx->cancel};
    *ret = (struct llm_answer){.finish_reason = STR("stop"), .model = STR("extractive")};
    ret->usage.attempts = 1;
    if (rq->known) {
        x.question = llm_reword(cx->arena, str_trim(rq->question));
        x.figures = llm_figures_asked(llm_fold(cx->arena, x.question));
        x.asked = x.figures;
        x.figure_words = words_of(&x, str_of(llm_figure_words(x.figures)));
        for (size_t i = 0; i < rq->passage_count; i++) {
            add_passage(&x, i);
        }
        x.told = arena_many(cx->arena, double, rq->passage_count + 1);
        x.taken = arena_many(cx->arena, bool, x.unit_count + 1);
        read_question(&x);
        if (x.total > 0) {
            choose_and_say(&x);
        }
        ret->missed = missed(&x);
    }
    ret->text = str_dup(cx->arena, buf_view(&out));
    ret->usage.total_us = clock_mono_us() - began;
    ret->usage.first_us = ret->usage.total_us;
    if (cancel_is(cx->cancel)) {
        ret->finish_reason = (struct str){"", 0};
        return cx_fail(cx, CODE_CANCELLED, "cancelled");
    }
    return ERR_OK;
}

const struct llm_provider llm_extractive = {.name = "extractive", .answer = answer};
