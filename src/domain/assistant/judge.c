#include "domain/assistant/judge.h"

#include "domain/assistant/cite.h"
#include "domain/assistant/texts.h"
#include "ext/llm_words.h"

enum { SIGNALS_MAX = 6 };

struct judging {
    struct arena *arena;
    const struct judge_in *in;
    struct judgement *out;
    struct str folded;        /* the answer */
    struct llm_words content; /* of the answer */
    struct cited cited;
    bool small_talk; /* the question asks for nothing that documents could tell */
};

static void signal(struct judging *j, const char *name, double value, double weight)
{
    value = value < 0 ? 0 : value > 1 ? 1 : value;
    j->out->signals[j->out->signal_count++] = (struct signal_value){str_of(name), value, weight};
}

const char *judge_level(double confidence)
{
    if (confidence >= 0.8) {
        return "high";
    }
    if (confidence >= 0.6) {
        return "medium";
    }
    return confidence >= 0.4 ? "low" : "very_low";
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

static bool in_passages(const struct llm_words *words, size_t count, struct str w)
{
    for (size_t i = 0; i < count; i++) {
        if (llm_has_word(&words[i], w)) {
            return true;
        }
    }
    return false;
}

/* A figure that no passage has weighs as much as four words. */
static double grounding(struct judging *j)
{
    const struct judge_in *in = j->in;
    struct llm_words *words = arena_many(j->arena, struct llm_words, in->passage_count + 2);
    for (size_t i = 0; i < in->passage_count; i++) {
        words[i] = llm_words_of(j->arena, llm_fold(j->arena, in->passages[i].text));
    }
    words[in->passage_count] = llm_words_of(j->arena, llm_fold(j->arena, in->question));
    double all = 0;
    double found = 0;
    for (size_t i = 0; i < j->content.count; i++) {
        const struct str w = j->content.items[i];
        const double weight = has_digit(w) ? 4 : 1;
        all += weight;
        found += in_passages(words, in->passage_count + 1, w) ? weight : 0;
    }
    return all > 0 ? found / all : 0;
}

/* Doubt is only heard in the answer's own language, and not in what it quotes. */
static double hedging(const struct judging *j)
{
    const int n = phrases_in(j->folded, j->in->language, PHRASES_HEDGES);
    return 1.0 - (double)(n < 3 ? n : 3) / 3.0;
}

static double quality(const struct judging *j)
{
    const bool whole = str_is(j->in->finish_reason, "stop");
    const size_t said = llm_words_of(j->arena, j->folded).count;
    const size_t asked = llm_words_of(j->arena, llm_fold(j->arena, j->in->question)).count;
    double q = whole ? 1.0 : 0.4;
    if (asked > 10 && said < 4) {
        q -= 0.4;
    }
    return said > 400 ? q - 0.3 : q;
}

static void weigh(struct judging *j)
{
    const struct judge_in *in = j->in;
    if (!j->small_talk) {
        signal(j, "retrieval", 0.85 * in->coverage + 0.15 * in->margin, 0.20);
        signal(j, "citations", j->cited.sentence_share * (1 - in->missed), 0.40);
        signal(j, "grounding", in->passage_count ? grounding(j) : 0, 0.10);
    }
    signal(j, "hedging", hedging(j), 0.10);
    signal(j, "quality", quality(j), 0.10);
    signal(j, "provider", in->stood_in ? 0.3 : 1.0, 0.10);
    double sum = 0;
    double weights = 0;
    for (size_t i = 0; i < j->out->signal_count; i++) {
        sum += j->out->signals[i].value * j->out->signals[i].weight;
        weights += j->out->signals[i].weight;
    }
    j->out->confidence = sum / weights;
    j->out->level = judge_level(j->out->confidence);
}

static void decide(struct judgement *out, const char *action, const char *reason)
{
    out->action = action;
    out->reason = reason;
}

static void decide_by_confidence(const struct policy *p, struct judgement *out)
{
    if (out->confidence < p->handover_below) {
        decide(out, "handover", "low_confidence");
    } else if (out->confidence < p->review_below) {
        decide(out, "review", "low_confidence");
    } else if (out->confidence < p->disclaimer_below) {
        decide(out, "disclaimer", "low_confidence");
    } else {
        decide(out, "answer", "");
    }
}

static void decide_action(struct judging *j)
{
    const struct judge_in *in = j->in;
    if (in->says_handover) {
        decide(j->out, "handover", "asked_by_model");
    } else if (j->out->unknown && in->unknown_in_row + 1 >= in->policy->unknown_handover_after) {
        decide(j->out, "handover", "unknown_in_row");
    } else if (j->out->unknown) {
        decide(j->out, "disclaimer", "unknown");
    } else {
        decide_by_confidence(in->policy, j->out);
    }
}

struct judgement judge(struct arena *a, const struct judge_in *in)
{
    struct judgement out = {.signals = arena_many(a, struct signal_value, SIGNALS_MAX)};
    struct judging j = {.arena = a, .in = in, .out = &out};
    const struct str asked = llm_fold(a, in->question);
    j.folded = llm_fold(a, in->answer);
    j.content = llm_content_words(a, j.folded);
    j.small_talk = !llm_content_words(a, asked).count || phrase_is(asked, PHRASES_GREETINGS) ||
                   phrase_is(asked, PHRASES_THANKS);
    j.cited = cite(a, in);
    out.unknown = !in->says_handover &&
                  (in->says_unknown || !str_trim(in->answer).n ||
                   (!j.cited.count && phrases_in(j.folded, STR(""), PHRASES_UNKNOWN) > 0));
    if (!out.unknown && !in->says_handover) {
        out.citations = j.cited.items;
        out.citation_count = j.cited.count;
        out.context_used = j.cited.count > 0;
    }
    if (out.unknown) {
        j.cited.sentence_share = 0;
    }
    weigh(&j);
    decide_action(&j);
    return out;
}
