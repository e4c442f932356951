#include "domain/assistant/turn.h"

#include "base/clock.h"
#include "base/conf.h"
#include "domain/assistant/turn_work.h"

static void begin(struct work *w)
{
    static const struct str none = {"", 0};
    w->began_us = clock_mono_us();
    w->raw = none;
    w->turn = (struct turn){
        .id = {uuid_new()},
        .conversation = {w->job->lane},
        .reply = none,
        .silence = none,
        .reason = none,
        .provider = none,
        .model = none,
        .prompt_tokens = -1,
        .completion_tokens = -1,
        .failure = none,
        .template_hash = none,
        .prompt_hash = none,
        .compose_version = COMPOSE_VERSION,
        .request_id = w->cx->request_id,
        .created_us = w->cx->now_us,
    };
    w->answer.request_id = w->answer.finish_reason = none;
}

static enum err load(struct work *w)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(w->cx, &tx));
    TRY(turn_load(tx, w));
    return db_commit(tx);
}

static void gate(struct work *w)
{
    const struct gate_in in = {
        .tenant_status = w->tenant.status,
        .policy = &w->policy,
        .conversation_status = w->conversation.status,
        .text = w->text,
        .has_other = w->has_other,
        .reason = &w->turn.reason,
    };
    w->verdict = assistant_gate(w->cx->arena, &in);
    w->turn.policy_hash = w->policy.hash;
    if (w->verdict == GATE_SILENT) {
        w->turn.silence = w->turn.reason;
        w->turn.reason = (struct str){"", 0};
    }
}

static enum err find_answer(struct work *w)
{
    TRY(turn_retrieve(w));
    turn_compose(w);
    return turn_answer(w);
}

static enum err think(struct work *w)
{
    gate(w);
    if (w->verdict == GATE_ANSWER) {
        turn_asking_begin(w);
        const enum err e = find_answer(w);
        w->turn.stopped = turn_asking_end(w) && !e;
        TRY(e);
    }
    turn_decide(w);
    return ERR_OK;
}

/* What the caller sees of the sources is what the record says. */
static void add_sources(struct work *w)
{
    struct turn *t = &w->turn;
    t->sources = arena_many(w->cx->arena, struct source, w->found.count + 1);
    for (size_t i = 0; t->prompt_hash.n && i < w->found.count; i++) {
        const struct passage *p = &w->found.passages[i];
        t->sources[t->source_count++] =
            (struct source){p->document, p->chunk, p->document_name, p->score};
    }
}

static enum err run(struct work *w, bool *ret_committed)
{
    TRY(load(w));
    if (w->fresh_count) {
        if (w->sink) {
            w->sink->started(w->sink->arg, w->turn.id);
        }
        TRY(think(w));
        add_sources(w);
    }
    return turn_commit(w, ret_committed);
}

static void limit_time(const struct work *w)
{
    const int64_t until_us = w->began_us + conf.turn_timeout_ms * MS_US;
    if (!w->cx->deadline_us || until_us < w->cx->deadline_us) {
        w->cx->deadline_us = until_us;
    }
}

enum err turn_run(struct cx *cx, const struct assistant *as, const struct job *job,
                  const struct turn_sink *sink, struct turn *ret, bool *ret_committed)
{
    struct work w = {.cx = cx, .as = as, .job = job, .sink = sink};
    *ret_committed = false;
    begin(&w);
    limit_time(&w);
    const enum err e = run(&w, ret_committed);
    if (e) {
        turn_withdraw(&w);
    }
    if (w.filtering) {
        markers_fini(&w.filter);
    }
    *ret = w.turn;
    return e;
}

enum err turn_dead(struct db_tx *tx, const struct job *job)
{
    static const struct assistant nobody = {};
    struct work w = {.cx = db_tx_cx(tx), .as = &nobody, .job = job};
    begin(&w);
    TRY(turn_load(tx, &w));
    if (!w.fresh_count) {
        return ERR_OK;
    }
    w.turn.policy_hash = w.policy.hash;
    w.turn.action = STR("handover");
    w.turn.failure = str_fmt(w.cx->arena, "the last attempt failed: " STR_FMT, STR_ARG(job->why));
    if (str_is(w.conversation.status, "assigned_human")) {
        w.turn.silence = STR("failed");
    } else {
        w.turn.reason = STR("failed");
        w.turn.reply = turn_text(&w, TEXT_GET_BACK);
    }
    return turn_store(tx, &w, &w.conversation, EVENT_TURN_FAILED);
}
