#include "base/utf8.h"
#include "domain/assistant/turn_work.h"

enum { REPLY_MAX = 100000 };

struct str turn_text(const struct work *w, enum text_key key)
{
    const struct policy *p = &w->policy;
    if (key == TEXT_HANDOVER && p->handover_text.n) {
        return p->handover_text;
    }
    if (key == TEXT_UNKNOWN && p->unknown_text.n) {
        return p->unknown_text;
    }
    if (key == TEXT_DISCLAIMER && p->disclaimer_text.n) {
        return p->disclaimer_text;
    }
    return text_of(w->language, key);
}

static void say(struct work *w, enum text_key key, const char *action, const char *reason)
{
    w->turn.reply = turn_text(w, key);
    w->turn.action = str_of(action);
    w->turn.reason = str_of(reason);
}

/* Sentences of the house are sure of themselves. */
static void say_sure(struct work *w, enum text_key key, const char *action, const char *reason)
{
    say(w, key, action, reason);
    w->turn.confidence = 1.0;
    w->turn.level = str_of(judge_level(1.0));
}

static struct str joined(struct work *w, struct str a, enum text_key key)
{
    const struct str b = turn_text(w, key);
    return str_fmt(w->cx->arena, STR_FMT "\n\n" STR_FMT,
                   STR_ARG(utf8_prefix(a, REPLY_MAX - b.n - 2)), STR_ARG(b));
}

static void judge_answer(struct work *w)
{
    const struct judge_in in = {
        .policy = &w->policy,
        .answer = str_trim(buf_view(&w->filter.visible)),
        .markers = w->filter.items,
        .marker_count = w->filter.count,
        .says_unknown = w->filter.unknown,
        .says_handover = w->filter.handover,
        .passages = w->found.passages,
        .passage_count = w->found.count,
        .searched = w->searched,
        .coverage = w->found.coverage,
        .margin = w->found.margin,
        .missed = w->answer.missed,
        .question = w->question,
        .language = w->language,
        .finish_reason = w->answer.finish_reason,
        .stood_in = w->stood_in,
        .unknown_in_row = w->conversation.unknown_in_row,
    };
    w->judged = judge(w->cx->arena, &in);
    w->is_judged = true;
}

static void take_judgement(struct work *w)
{
    struct turn *t = &w->turn;
    const struct judgement *j = &w->judged;
    t->action = str_of(j->action);
    t->reason = str_of(j->reason);
    t->citations = j->citations;
    t->citation_count = j->citation_count;
    t->context_used = j->context_used;
    t->signals = j->signals;
    t->signal_count = j->signal_count;
    t->confidence = j->confidence;
    t->level = str_of(j->level);
}

/* A hand-over takes the draft back: its citations and all. */
static void hand_over(struct work *w)
{
    turn_withdraw(w);
    w->turn.reply = turn_text(w, TEXT_HANDOVER);
    w->turn.citations = NULL;
    w->turn.citation_count = 0;
    w->turn.context_used = false;
}

static bool nothing_came(const struct work *w)
{
    return w->turn.stopped && (w->gave_up || !str_trim(buf_view(&w->filter.visible)).n);
}

static void fall_silent(struct work *w)
{
    turn_withdraw(w);
    w->turn.action = STR("answer");
    w->turn.silence = STR("stopped");
    w->turn.reply = (struct str){"", 0};
}

/* What had come, and not a word more. That it is sure of little is no reason to call somebody: the
 * reader has cut it short. */
static void decide_stopped(struct work *w, struct str said)
{
    struct turn *t = &w->turn;
    if (str_is(t->action, "handover")) {
        t->action = STR("review");
    }
    t->reply = said;
}

static void decide_answer(struct work *w)
{
    struct turn *t = &w->turn;
    judge_answer(w);
    take_judgement(w);
    const struct str said =
        str_dup(w->cx->arena, utf8_prefix(str_trim(buf_view(&w->filter.visible)), REPLY_MAX));
    if (t->stopped && !w->filter.handover) {
        decide_stopped(w, said);
        return;
    }
    if (str_is(t->action, "handover")) {
        hand_over(w);
        return;
    }
    t->reply = said.n ? said : turn_text(w, TEXT_UNKNOWN);
    if (str_is(t->action, "disclaimer") && !w->judged.unknown) {
        t->reply = joined(w, said, TEXT_DISCLAIMER);
    }
    if (w->has_other) {
        t->reply = joined(w, t->reply, TEXT_ATTACHMENT);
    }
}

void turn_decide(struct work *w)
{
    struct turn *t = &w->turn;
    t->level = str_of(judge_level(0));
    switch (w->verdict) {
    case GATE_SILENT:
        t->action = STR("handover");
        t->reply = (struct str){"", 0};
        break;
    case GATE_HANDOVER:
        say_sure(w, TEXT_HANDOVER, "handover", "asked_for_person");
        break;
    case GATE_ATTACHMENT:
        say_sure(w, TEXT_ATTACHMENT, "answer", "");
        break;
    case GATE_GREETING:
        say_sure(w, TEXT_GREETING, "answer", "");
        break;
    case GATE_THANKS:
        say_sure(w, TEXT_THANKS, "answer", "");
        break;
    case GATE_ANSWER:
        if (nothing_came(w)) {
            fall_silent(w);
        } else if (w->gave_up) {
            say(w, TEXT_GET_BACK, "handover", "provider_failed");
        } else {
            decide_answer(w);
        }
        break;
    }
}
