#include "api/views.h"

const struct field message_fields[] = {
    FIELD_ID(struct message_view, id, .required = true),
    FIELD_ID(struct message_view, conversationId, .required = true),
    FIELD_STR(struct message_view, direction, .required = true, .one_of = "inbound|outbound"),
    FIELD_STR(struct message_view, type, .required = true, .one_of = MESSAGE_TYPES),
    FIELD_STR(struct message_view, sender, .required = true, .one_of = MESSAGE_SENDERS),
    FIELD_STR(struct message_view, content, .required = true),
    FIELD_JSON(struct message_view, metadata,
               .doc = "Of the assistant's replies: action, citations (n, documentId, documentName, "
                      "version, start, end, quote), stopped. Of a client's: clientMessageId."),
    FIELD_STR(struct message_view, status, .required = true),
    FIELD_ID(struct message_view, turnId, .doc = "The turn that made this reply."),
    FIELD_TIME(struct message_view, createdAt, .required = true),
    FIELD_END,
};

struct message_view message_view(const struct message *m)
{
    return (struct message_view){
        .id = m->id.v,
        .conversationId = m->conversation.v,
        .turnId = m->turn,
        .direction = m->direction,
        .type = m->type,
        .sender = m->sender,
        .content = m->content,
        .metadata = m->metadata,
        .status = m->status,
        .createdAt = m->created_us,
    };
}

const struct field citation_fields[] = {
    FIELD_ID(struct citation_view, documentId, .required = true),
    FIELD_STR(struct citation_view, documentName, .required = true),
    FIELD_INT(struct citation_view, version, .required = true),
    FIELD_INT(struct citation_view, start, .required = true,
              .doc = "First byte in the stored text."),
    FIELD_INT(struct citation_view, end, .required = true, .doc = "Byte behind the last."),
    FIELD_STR(struct citation_view, quote, .required = true, .doc = "Exactly those bytes."),
    FIELD_END,
};

const struct field source_fields[] = {
    FIELD_ID(struct source_view, documentId, .required = true),
    FIELD_ID(struct source_view, chunkId, .required = true),
    FIELD_STR(struct source_view, documentName, .required = true),
    FIELD_NUM(struct source_view, score, .required = true),
    FIELD_END,
};

static const struct field signal_fields[] = {
    FIELD_STR(struct signal_view, name, .required = true),
    FIELD_NUM(struct signal_view, value, .required = true),
    FIELD_NUM(struct signal_view, weight, .required = true),
    FIELD_END,
};

const struct field confidence_fields[] = {
    FIELD_NUM(struct confidence_view, score, .required = true),
    FIELD_STR(struct confidence_view, level, .required = true,
              .one_of = "high|medium|low|very_low"),
    FIELD_LIST(struct confidence_view, signals, .required = true, .fields = signal_fields,
               .item_size = sizeof(struct signal_view)),
    FIELD_END,
};

const struct field usage_fields[] = {
    FIELD_STR(struct usage_view, provider, .required = true),
    FIELD_STR(struct usage_view, model, .required = true),
    FIELD_INT(struct usage_view, promptTokens, .required = true,
              .doc = "-1: the provider did not say."),
    FIELD_INT(struct usage_view, completionTokens, .required = true),
    FIELD_NUM(struct usage_view, costUsd, .required = true),
    FIELD_INT(struct usage_view, latencyMs, .required = true),
    FIELD_END,
};

const struct field answer_fields[] = {
    FIELD_ID(struct answer_view, conversationId, .required = true),
    FIELD_ID(struct answer_view, messageId, .required = true),
    FIELD_ID(struct answer_view, turnId,
             .doc = "null: the turn has not ended; the answer comes by events."),
    FIELD_ID(struct answer_view, replyMessageId),
    FIELD_STR(struct answer_view, reply, .doc = "null when the assistant stays silent."),
    FIELD_STR(struct answer_view, action, .one_of = "answer|disclaimer|review|handover"),
    FIELD_STR(struct answer_view, silence, .omit_empty = true, .doc = "Why there is no reply."),
    FIELD_LIST(struct answer_view, citations, .required = true, .fields = citation_fields,
               .item_size = sizeof(struct citation_view)),
    FIELD_LIST(struct answer_view, sources, .required = true, .fields = source_fields,
               .item_size = sizeof(struct source_view)),
    FIELD_BOOL(struct answer_view, contextUsed, .required = true),
    FIELD_OBJ(struct answer_view, confidence, .required = true, .fields = confidence_fields),
    FIELD_OBJ(struct answer_view, usage, .required = true, .fields = usage_fields),
    FIELD_END,
};

static struct list citations(struct arena *a, const struct turn *t)
{
    struct citation_view *v = arena_many(a, struct citation_view, t->citation_count);
    for (size_t i = 0; i < t->citation_count; i++) {
        const struct citation *c = &t->citations[i];
        v[i] = (struct citation_view){c->document.v, c->document_name, c->quote,
                                      c->version,    c->start,         c->end};
    }
    return (struct list){v, t->citation_count};
}

static struct list sources(struct arena *a, const struct turn *t)
{
    struct source_view *v = arena_many(a, struct source_view, t->source_count);
    for (size_t i = 0; i < t->source_count; i++) {
        const struct source *s = &t->sources[i];
        v[i] = (struct source_view){s->document.v, s->chunk, s->document_name, s->score};
    }
    return (struct list){v, t->source_count};
}

static struct list signals(struct arena *a, const struct turn *t)
{
    struct signal_view *v = arena_many(a, struct signal_view, t->signal_count);
    for (size_t i = 0; i < t->signal_count; i++) {
        v[i] = (struct signal_view){t->signals[i].name, t->signals[i].value, t->signals[i].weight};
    }
    return (struct list){v, t->signal_count};
}

struct answer_view answer_view(struct arena *a, const struct turn *t, struct message_id message)
{
    const bool silent = uuid_is_nil(t->reply_message.v);
    return (struct answer_view){
        .conversationId = t->conversation.v,
        .messageId = message.v,
        .turnId = t->id.v,
        .replyMessageId = t->reply_message.v,
        .reply = silent ? (struct str){} : t->reply,
        .action = t->action,
        .silence = t->silence,
        .citations = citations(a, t),
        .sources = sources(a, t),
        .contextUsed = t->context_used,
        .confidence = {t->confidence, t->level, signals(a, t)},
        .usage = {t->provider, t->model, t->prompt_tokens, t->completion_tokens,
                  t->latency_us / 1000, t->cost_usd},
    };
}
