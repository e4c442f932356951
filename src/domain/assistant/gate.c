#include "domain/assistant/gate.h"

#include "domain/assistant/texts.h"
#include "ext/llm_words.h"

/* The tenant's own words, apart by '|'. */
static bool has_own_word(struct arena *a, struct str folded, struct str words)
{
    struct str word;
    while (str_split(&words, '|', &word)) {
        if (llm_has_phrase(folded, llm_fold(a, word))) {
            return true;
        }
    }
    return false;
}

static bool wants_person(struct arena *a, const struct gate_in *in, struct str folded)
{
    return phrases_in(folded, STR(""), PHRASES_PERSON) > 0 ||
           phrase_is(folded, PHRASES_PERSON_ALONE) ||
           (in->policy->handover_words.n && has_own_word(a, folded, in->policy->handover_words));
}

static enum gate_verdict silent(const struct gate_in *in, const char *reason)
{
    *in->reason = str_of(reason);
    return GATE_SILENT;
}

enum gate_verdict assistant_gate(struct arena *a, const struct gate_in *in)
{
    if (!str_is(in->tenant_status, "active")) {
        return silent(in, "suspended");
    }
    if (str_is(in->conversation_status, "assigned_human")) {
        return silent(in, "assigned_human");
    }
    if (!in->policy->enabled) {
        return silent(in, "disabled");
    }
    if (!str_trim(in->text).n) {
        return in->has_other ? GATE_ATTACHMENT : silent(in, "empty");
    }
    const struct str folded = llm_fold(a, in->text);
    if (wants_person(a, in, folded)) {
        *in->reason = STR("asked_for_person");
        return GATE_HANDOVER;
    }
    if (!str_is(in->policy->provider, "extractive")) {
        return GATE_ANSWER;
    }
    if (phrase_is(folded, PHRASES_GREETINGS)) {
        return GATE_GREETING;
    }
    return phrase_is(folded, PHRASES_THANKS) ? GATE_THANKS : GATE_ANSWER;
}
