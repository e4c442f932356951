#include "jobs/kinds.h"

#include "base/clock.h"
#include "base/log.h"
#include "domain/knowledge/document.h"
#include "jobs/speaker.h"

static void tell_turn(struct cx *cx, const struct turn *t)
{
    log_ev(cx, t->failure.n ? LOG_WARN : LOG_INFO, "turn",
           LOG_ID("conversationId", t->conversation.v), LOG_ID("messageId", t->message.v),
           LOG_ID("turnId", t->id.v), LOG_STR("action", t->action), LOG_STR("silence", t->silence),
           LOG_STR("failure", t->failure), LOG_STR("provider", t->provider),
           LOG_I64("ms", t->latency_us / 1000), LOG_I64("searchMs", t->search_us / 1000),
           LOG_I64("providerMs", t->provider_us / 1000), LOG_I64("promptTokens", t->prompt_tokens),
           LOG_I64("completionTokens", t->completion_tokens),
           LOG_BOOL("contextUsed", t->context_used), LOG_BOOL("stopped", t->stopped),
           LOG_F64("confidence", t->confidence));
}

static enum err run_turn(struct cx *cx, void *user, const struct job *job)
{
    const struct job_env *env = user;
    struct turn turn = {};
    bool committed = false;
    struct speaker speaker;
    speaker_begin(&speaker, env, job, live_find(env->live, job->id));
    const enum err e = turn_run(cx, env->assistant, job, &speaker.sink, &turn, &committed);
    if (committed) {
        tell_turn(cx, &turn);
    }
    speaker_end(&speaker, &turn, committed);
    return e;
}

static enum err dead_turn(struct db_tx *tx, void *user, const struct job *job)
{
    (void)user;
    return turn_dead(tx, job);
}

static enum err run_process(struct cx *cx, void *user, const struct job *job)
{
    const struct job_env *env = user;
    return document_process(cx, env->blobs, job);
}

static enum err dead_process(struct db_tx *tx, void *user, const struct job *job)
{
    (void)user;
    return document_process_dead(tx, job);
}

static enum err run_purge(struct cx *cx, void *user, const struct job *job)
{
    const struct job_env *env = user;
    return document_purge(cx, env->blobs, job);
}

const struct job_kind job_kinds[] = {
    /* a turn keeps METACHAT_TURN_TIMEOUT_MS itself */
    {.name = "turn", .run = run_turn, .dead = dead_turn, .timeout_us = 15 * MINUTE_US},
    {.name = "document.process", .run = run_process, .dead = dead_process, .timeout_us = HOUR_US},
    {.name = "document.purge", .run = run_purge, .timeout_us = HOUR_US},
    {},
};
