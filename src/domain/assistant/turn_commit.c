#include "base/clock.h"
#include "base/jw.h"
#include "base/metric.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/turn_work.h"
#include "domain/conversation/delivery.h"
#include "domain/conversation/inbox.h"

enum { COMMIT_TRIES = 3, PAYLOAD_MAX = 4096 };

static enum err send_reply(struct db_tx *tx, struct work *w, struct conversation *c)
{
    struct message m = {
        .id = {uuid_new()},
        .conversation = c->id,
        .sender = STR("assistant"),
        .type = STR("text"),
        .content = w->turn.reply,
        .metadata = turn_metadata(db_tx_cx(tx)->arena, &w->turn),
        .turn = w->turn.id.v,
    };
    TRY(delivery_send(tx, c, &m));
    w->turn.reply_message = m.id;
    return ERR_OK;
}

/* Ids and states, no text. */
static struct str event_payload(const struct work *w)
{
    const struct turn *t = &w->turn;
    SCOPED(buf_fini) struct buf b = buf_make(PAYLOAD_MAX);
    jw_open(&b, '{');
    jw_member_id(&b, "turnId", t->id.v);
    jw_member_id(&b, "conversationId", t->conversation.v);
    jw_member_id(&b, "messageId", t->message.v);
    if (!uuid_is_nil(t->reply_message.v)) {
        jw_member_id(&b, "replyMessageId", t->reply_message.v);
    }
    jw_member_str(&b, "action", t->action);
    jw_member_str(&b, "reason", t->reason);
    jw_member_str(&b, "silence", t->silence);
    jw_member_bool(&b, "stopped", t->stopped);
    jw_member_bool(&b, "contextUsed", t->context_used);
    jw_member_f64(&b, "confidence", t->confidence);
    jw_close(&b, '}');
    return str_dup(w->cx->arena, buf_view(&b));
}

static enum err keep_texts(struct db_tx *tx, const struct work *w)
{
    if (!w->has_policy_text) {
        TRY(policy_text_keep(tx, w->policy.hash, policy_text(w->cx->arena, &w->policy)));
    }
    return w->has_template_text || !w->turn.prompt_hash.n
               ? ERR_OK
               : policy_text_keep(tx, w->template_hash, w->template);
}

static enum err note_in_conversation(struct db_tx *tx, struct work *w, struct conversation *c)
{
    const bool hands_over = str_is(w->turn.action, "handover") && !w->turn.silence.n;
    if (w->is_judged && !w->turn.silence.n && !w->turn.stopped) {
        TRY(conversation_note_unknown(tx, c, !w->judged.unknown));
    }
    return hands_over ? conversation_handover(tx, c, w->turn.reason) : ERR_OK;
}

enum err turn_store(struct db_tx *tx, struct work *w, struct conversation *c, enum event_type event)
{
    w->turn.reply_message = (struct message_id){};
    if (!w->turn.silence.n) {
        TRY(send_reply(tx, w, c));
    }
    TRY(keep_texts(tx, w));
    TRY(turn_insert(tx, w));
    TRY(event_add(tx, event, c->id.v, event_payload(w)));
    TRY(note_in_conversation(tx, w, c));
    if (w->more) {
        const struct job_spec rest = {.kind = JOB_TURN, .lane = c->id.v, .payload = STR("{}")};
        struct job_id id;
        TRY(job_add(tx, &rest, &id));
    }
    return ERR_OK;
}

/* A person may have taken over while the model was thinking. */
static void fall_silent(struct work *w, const char *why)
{
    turn_withdraw(w);
    w->turn.reply = (struct str){"", 0};
    w->turn.silence = str_of(why);
    w->turn.action = STR("handover");
    w->turn.reason = (struct str){"", 0};
    w->turn.citation_count = 0;
    w->turn.context_used = false;
}

static enum err commit_once(struct work *w, bool *ret_fenced)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct conversation c;
    TRY(db_begin_write(w->cx, &tx));
    const enum err done = job_done(tx, w->job);
    *ret_fenced = done == ERR_CONFLICT;
    TRY(done);
    if (w->fresh_count) {
        TRY(conversation_get(tx, w->conversation.id, &c));
        if (!w->turn.silence.n && str_is(c.status, "assigned_human")) {
            fall_silent(w, "assigned_human");
        }
        TRY(turn_store(tx, w, &c, EVENT_TURN_COMPLETED));
    }
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

static void count(const struct work *w)
{
    metric_add(METRIC_CHAT_REQUESTS, w->turn.silence.n ? "silent" : w->turn.action.p, 1);
    metric_seen(METRIC_CHAT_DURATION, NULL, (double)w->turn.latency_us / (double)SECOND_US);
    metric_add(METRIC_RAG_CONTEXT_USED, w->turn.context_used ? "true" : "false", 1);
}

enum err turn_commit(struct work *w, bool *ret_committed)
{
    enum err e = ERR_RERUN;
    bool fenced = false;
    w->turn.latency_us = clock_mono_us() - w->began_us;
    if (w->fresh_count && w->sink && w->sink->settled) {
        w->sink->settled(w->sink->arg, w->turn.id);
    }
    for (int i = 0; i < COMMIT_TRIES && e == ERR_RERUN; i++) {
        e = commit_once(w, &fenced);
    }
    *ret_committed = !e && w->fresh_count > 0;
    if (fenced) {
        turn_withdraw(w);
        return ERR_OK;
    }
    if (*ret_committed) {
        count(w);
    }
    return e;
}
