/* The answerer that needs no model and no network: it quotes the sentences of the passages that
 * cover the question best, each with the marker that models are told to use, [n: "exact words"], or
 * answers nothing, which the assistant takes for "I do not know".
 *
 * A word of the question weighs by how rare it is among the sentences, so that what every sentence
 * says decides nothing; it counts whole in the sentence itself, and less in the line that leads to
 * it or in the headings above. The question may have lines before its last one (earlier questions
 * of the conversation); their words count half. A sentence is chosen while it covers words that
 * those before it did not; where the question asks for a figure, one that has figures is preferred.
 * A heading or a question is answered by what follows it; an item or a row brings the line that
 * leads to it. */
#include <math.h>

#include "base/buf.h"
#include "base/clock.h"
#include "ext/llm.h"
#include "ext/llm_sentence.h"
#include "ext/llm_words.h"

enum {
    MAX_CHOSEN = 3,
    MAX_SHOWN = 600, /* bytes of the answer without its markers */
    MAX_ITEMS = 4,   /* of a list that is quoted after its lead-in */
    MAX_TERMS = 64,
};

static const double enough_share = 0.3; /* of the question, for a first sentence */
static const double more_share = 0.15;  /* that a further one must add */
static const double figure_bonus = 0.15;

/* What a question can ask for beside words. */
enum figure { FIGURE_NONE, FIGURE_ANY, FIGURE_MONEY, FIGURE_TIME };

struct term {
    struct str word;
    double weight;
};

struct unit {
    size_t passage, at;     /* which sentence of which passage */
    struct str raw;         /* as it stands in the passage */
    struct llm_words words; /* its own */
    struct llm_words lead_words, heading_words;
    enum llm_sentence_kind kind;
    ptrdiff_t lead;  /* the unit that leads to it, or -1 */
    bool has_figure; /* of the kind that is asked for */
};

struct extractive {
    struct arena *arena;
    const struct llm_request *rq;
    struct unit *units;
    size_t unit_count;
    struct term terms[MAX_TERMS];
    size_t term_count;
    double total;
    bool covered[MAX_TERMS];
    enum figure figure;
    bool *taken;
    size_t shown;
    bool listing; /* several items of one list are said */
    void (*piece)(void *arg, struct str text);
    void *arg;
    struct buf *out;
};

static bool leads(enum llm_sentence_kind kind)
{
    return kind == LLM_LEAD || kind == LLM_ASKED || kind == LLM_HEADING;
}

/* What stands above a sentence and belongs to it: the lead-in of a list, the head of a table, a
 * heading or a question just before. */
static ptrdiff_t lead_of(const struct unit *units, size_t at, size_t first)
{
    const struct unit *u = &units[at];
    ptrdiff_t i = (ptrdiff_t)at - 1;
    while (i >= (ptrdiff_t)first && (u->kind == LLM_ITEM || u->kind == LLM_ROW) &&
           units[i].kind == u->kind) {
        i--;
    }
    if (u->kind == LLM_ROW && i + 1 < (ptrdiff_t)at) {
        return i + 1; /* the table's head */
    }
    return i >= (ptrdiff_t)first && leads(units[i].kind) ? i : -1;
}

static bool has_any(struct str folded, const char *const *parts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (str_find(folded, str_of(parts[i]), 0) >= 0) {
            return true;
        }
    }
    return false;
}

/* What kind of figure answers the question, if one does. Cues are parts of folded questions. */
static enum figure figure_asked(struct str folded)
{
    static const char *const money[] = {
        " how much ", " price",  " cost",  " fee ",     " was kostet", " preis",  " wie teuer ",
        " precio",    " cuesta", " prix ", " coute",    " prezzo ",    " costa ", " preco",
        " custa",     " prijs",  " cena ", " kosztuje", " cijena ",    " kosta "};
    static const char *const time[] = {" how long ",    " wie lange ",        " cuanto tiempo ",
                                       " cuanto tarda", " combien de temps ", " quanto tempo ",
                                       " hoe lang ",    " jak dlugo ",        " koliko dugo "};
    static const char *const any[] = {" how many ",
                                      " how old ",
                                      " how far ",
                                      " what time ",
                                      " when ",
                                      " phone",
                                      " wie viel",
                                      " wieviel",
                                      " wann ",
                                      " cuanto",
                                      " cuando ",
                                      " combien ",
                                      " quand ",
                                      " quanto ",
                                      " quando ",
                                      " quanti ",
                                      " hoeveel ",
                                      " wanneer ",
                                      " ile ",
                                      " kiedy ",
                                      " koliko ",
                                      " kada ",
                                      " \xD9\x83\xD9\x85 ",
                                      " \xD9\x85\xD8\xAA\xD9\x8A "};
    if (has_any(folded, time, COUNT(time))) {
        return FIGURE_TIME;
    }
    if (has_any(folded, money, COUNT(money))) {
        return FIGURE_MONEY;
    }
    return has_any(folded, any, COUNT(any)) ? FIGURE_ANY : FIGURE_NONE;
}

static bool has_digit(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] >= '0' && s.p[i] <= '9') {
            return true;
        }
    }
    return false;
}

static bool has_figure(struct str s, struct str folded, enum figure f)
{
    static const char *const money[] = {"$",   "\xC2\xA3", "\xE2\x82\xAC", "EUR", "USD",
                                        "GBP", "CHF",      "z\xC5\x82",    "kn"};
    static const char *const time[] = {
        " minute", " hour",   " day",   " week",  " month",    " year",    " stunde",
        " tag",    " woche",  " monat", " jahr",  " jour",     " semaine", " mois ",
        " dia",    " semana", " ano",   " giorn", " settiman", " mes",     " uur ",
        " dag",    " dni",    " tyg",   " dan",   " tjed",     " working "};
    switch (f) {
    case FIGURE_NONE:
        return false;
    case FIGURE_MONEY:
        return has_digit(s) && has_any(s, money, COUNT(money));
    case FIGURE_TIME:
        return has_digit(s) && has_any(folded, time, COUNT(time));
    case FIGURE_ANY:
        return has_digit(s);
    }
    return false;
}

static struct llm_words words_of(const struct extractive *x, struct str text)
{
    return llm_words_of(x->arena, llm_fold(x->arena, text));
}

/* How well the unit has the word: itself, by what leads to it, or by the headings above. */
static double has_word(const struct unit *u, struct str word)
{
    if (llm_has_word(&u->words, word)) {
        return 1.0;
    }
    if (llm_has_word(&u->lead_words, word)) {
        return 0.95;
    }
    return llm_has_word(&u->heading_words, word) ? 0.85 : 0;
}

static void add_passage(struct extractive *x, size_t number)
{
    const struct str text = x->rq->passages[number].text;
    const struct llm_words heading = words_of(x, x->rq->passages[number].heading);
    size_t count = 0;
    const struct llm_sentence *s = llm_sentences(x->arena, text, &count);
    struct unit *units = arena_many(x->arena, struct unit, x->unit_count + count + 1);
    if (x->unit_count) {
        memcpy(units, x->units, x->unit_count * sizeof(*units));
    }
    const size_t first = x->unit_count;
    x->units = units;
    for (size_t i = 0; i < count; i++) {
        struct unit *u = &units[x->unit_count++];
        *u = (struct unit){.passage = number, .at = i, .kind = s[i].kind};
        u->raw = str_sub(text, s[i].start, s[i].end - s[i].start);
        u->lead = lead_of(units, first + i, first);
        const struct str lead = u->lead < 0 ? (struct str){"", 0} : units[u->lead].raw;
        u->words = words_of(x, u->raw);
        u->has_figure = has_figure(u->raw, llm_fold(x->arena, u->raw), x->figure);
        u->lead_words = words_of(x, lead);
        u->heading_words = heading;
    }
}

/* Logarithmic rarity; 0 for a word that no sentence has. */
static double rarity(const struct extractive *x, struct str word)
{
    size_t has = 0;
    for (size_t i = 0; i < x->unit_count; i++) {
        has += has_word(&x->units[i], word) > 0;
    }
    return has ? log(1.0 + (double)x->unit_count / (double)has) : 0;
}

static void add_terms(struct extractive *x, struct str line, double factor)
{
    const struct llm_words w = llm_content_words(x->arena, llm_fold(x->arena, line));
    for (size_t i = 0; i < w.count && x->term_count < MAX_TERMS; i++) {
        const double weight = factor * rarity(x, w.items[i]);
        if (weight > 0) {
            x->terms[x->term_count++] = (struct term){w.items[i], weight};
            x->total += weight;
        }
    }
}

static void read_question(struct extractive *x)
{
    const struct str q = str_trim(x->rq->question);
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
        sum += x->covered[i] ? 0 : x->terms[i].weight * has_word(u, x->terms[i].word);
    }
    const double share = sum / x->total;
    const double length = (double)u->words.count / 150.0;
    return share * (1.0 - 0.02 * (double)u->passage) - (length < 0.2 ? length : 0.2);
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

static bool is_item(const struct unit *u)
{
    return u->kind == LLM_ITEM || u->kind == LLM_ROW;
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
    buf_str(&b, text);
    buf_fmt(&b, " [%d: \"", x->rq->passages[u->passage].number);
    for (size_t i = 0; i < u->raw.n; i++) {
        buf_char(&b, u->raw.p[i] == '\n' ? ' ' : u->raw.p[i]);
    }
    buf_cstr(&b, "\"]");
    x->shown += text.n;
    x->taken[at] = true;
    buf_str(x->out, buf_view(&b));
    x->piece(x->arg, buf_view(&b));
}

static void cover(struct extractive *x, const struct unit *u)
{
    for (size_t i = 0; i < x->term_count; i++) {
        x->covered[i] |= has_word(u, x->terms[i].word) > 0;
    }
}

/* The lead-in of a list, then the sentence itself. */
static void say_with_lead(struct extractive *x, size_t at)
{
    const struct unit *u = &x->units[at];
    const bool lead = u->lead >= 0 && x->units[u->lead].kind == LLM_LEAD && !x->taken[u->lead];
    if (lead) {
        say(x, (size_t)u->lead, false);
    }
    say(x, at, is_item(u));
    cover(x, u);
}

/* A lead-in or heading that was asked for brings the first of what it leads to. */
static void say_what_follows(struct extractive *x, size_t lead)
{
    size_t said = 0;
    x->listing = true;
    for (size_t i = lead + 1; i < x->unit_count && said < MAX_ITEMS; i++) {
        const struct unit *u = &x->units[i];
        if (u->lead != (ptrdiff_t)lead || u->passage != x->units[lead].passage) {
            break;
        }
        if (x->taken[i]) {
            continue;
        }
        if (said && x->shown + u->raw.n > MAX_SHOWN) {
            break;
        }
        say_with_lead(x, i);
        said++;
    }
}

static ptrdiff_t choose(const struct extractive *x, double *ret_gain)
{
    ptrdiff_t best = -1;
    double best_rank = 0;
    for (size_t i = 0; i < x->unit_count; i++) {
        const struct unit *u = &x->units[i];
        const double g = gain(x, u);
        const double rank = g + (u->has_figure ? figure_bonus : 0);
        if (!x->taken[i] && !leads(u->kind) && g > 0 && rank > best_rank) {
            best = (ptrdiff_t)i;
            best_rank = rank;
            *ret_gain = g;
        }
    }
    return best;
}

/* Whether all that the chosen one covers, its lead-in covers already: then the whole list is the
 * answer, and not one item of it. */
static bool lead_is_asked(const struct extractive *x, const struct unit *u)
{
    if (u->lead < 0 || !is_item(u) || x->units[u->lead].kind == LLM_ROW) {
        return false;
    }
    for (size_t i = 0; i < x->term_count; i++) {
        if (llm_has_word(&u->words, x->terms[i].word) &&
            !llm_has_word(&u->lead_words, x->terms[i].word)) {
            return false;
        }
    }
    return true;
}

static void choose_and_say(struct extractive *x)
{
    for (int n = 0; n < MAX_CHOSEN; n++) {
        double g = 0;
        const ptrdiff_t best = choose(x, &g);
        if (best < 0 || g < (n ? more_share : enough_share)) {
            return;
        }
        const struct unit *u = &x->units[best];
        if (n && x->shown + u->raw.n > MAX_SHOWN) {
            return;
        }
        if (lead_is_asked(x, u)) {
            say_what_follows(x, (size_t)u->lead);
        } else {
            say_with_lead(x, (size_t)best);
        }
    }
}

static enum err answer(struct cx *cx, struct net_client *net, const struct llm_request *rq,
                       void (*piece)(void *arg, struct str text), void *arg, struct llm_answer *ret)
{
    (void)net;
    const int64_t began = clock_mono_us();
    SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
    struct extractive x = {.arena = cx->arena, .rq = rq, .piece = piece, .arg = arg, .out = &out};
    *ret = (struct llm_answer){.finish_reason = STR("stop"), .model = STR("extractive")};
    ret->usage.attempts = 1;
    if (rq->known) {
        x.figure = figure_asked(llm_fold(cx->arena, rq->question));
        for (size_t i = 0; i < rq->passage_count; i++) {
            add_passage(&x, i);
        }
        x.taken = arena_many(cx->arena, bool, x.unit_count + 1);
        read_question(&x);
        if (x.total > 0) {
            choose_and_say(&x);
        }
    }
    ret->text = str_dup(cx->arena, buf_view(&out));
    ret->usage.total_us = clock_mono_us() - began;
    ret->usage.first_us = ret->usage.total_us;
    return ERR_OK;
}

const struct llm_provider llm_extractive = {.name = "extractive", .answer = answer};
