/* Conversations and their messages, as agents and programs see them. */
#include "api/views.h"
#include "domain/conversation/delivery.h"
#include "domain/ledger/event.h"
#include "domain/ledger/idempotency.h"

struct conversation_view {
    struct uuid id, contactId, assigneeId;
    struct str channelType, externalId, contactName, status, language, subject, priority;
    int64_t snoozedUntil, waitingSince, lastMessageAt, createdAt, updatedAt, closedAt;
};

static const struct field conversation_fields[] = {
    FIELD_ID(struct conversation_view, id, .required = true),
    FIELD_STR(struct conversation_view, channelType, .required = true, .one_of = CHANNEL_TYPES),
    FIELD_STR(struct conversation_view, externalId, .required = true),
    FIELD_STR(struct conversation_view, status, .required = true, .one_of = CONVERSATION_STATES),
    FIELD_ID(struct conversation_view, contactId, .required = true),
    FIELD_STR(struct conversation_view, contactName),
    FIELD_ID(struct conversation_view, assigneeId),
    FIELD_STR(struct conversation_view, language),
    FIELD_STR(struct conversation_view, subject),
    FIELD_STR(struct conversation_view, priority, .required = true,
              .one_of = "low|normal|high|urgent"),
    FIELD_TIME(struct conversation_view, snoozedUntil),
    FIELD_TIME(struct conversation_view, waitingSince),
    FIELD_TIME(struct conversation_view, lastMessageAt),
    FIELD_TIME(struct conversation_view, createdAt, .required = true),
    FIELD_TIME(struct conversation_view, updatedAt, .required = true),
    FIELD_TIME(struct conversation_view, closedAt),
    FIELD_END,
};

static struct conversation_view view(const struct conversation *c)
{
    return (struct conversation_view){
        .id = c->id.v,
        .contactId = c->contact.v,
        .assigneeId = c->assignee,
        .channelType = c->channel_type,
        .externalId = c->external_id,
        .contactName = c->contact_name,
        .status = c->status,
        .language = c->language,
        .subject = c->subject,
        .priority = c->priority,
        .snoozedUntil = c->snoozed_until_us,
        .waitingSince = c->waiting_since_us,
        .lastMessageAt = c->last_message_us,
        .createdAt = c->created_us,
        .updatedAt = c->updated_us,
        .closedAt = c->closed_us,
    };
}

static enum err reply_one(struct req *r, int status, const struct conversation *c)
{
    const struct conversation_view v = view(c);
    return req_reply(r, status, &v);
}

struct list_query {
    struct str status, channel, q;
};

static const struct field list_fields[] = {
    FIELD_STR(struct list_query, status, .one_of = CONVERSATION_STATES),
    FIELD_STR(struct list_query, channel, .one_of = CHANNEL_TYPES),
    FIELD_STR(struct list_query, q, .max = 200,
              .doc = "Words in the contact's name or the subject."),
    FIELD_END,
};

static enum err conversations_get(struct req *r)
{
    const struct list_query *q = r->query;
    struct conversation_filter f = {
        .status = q->status, .channel = q->channel, .q = q->q, .limit = (size_t)r->limit + 1};
    struct conversation *rows = NULL;
    size_t n = 0;
    TRY(req_cursor(r, &f.has_before, &f.before_us, &f.before_id));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(conversation_list(tx, &f, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].last_message_us, rows[n - 1].id.v);
    }
    struct conversation_view *views = arena_many(r->cx.arena, struct conversation_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = view(&rows[i]);
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct contact_body {
    struct str externalId, name, email, phone, language;
};

static const struct field contact_fields[] = {
    FIELD_STR(struct contact_body, externalId, .max = 255),
    FIELD_STR(struct contact_body, name, .max = 200),
    FIELD_STR(struct contact_body, email, .max = 254),
    FIELD_STR(struct contact_body, phone, .max = 40),
    FIELD_STR(struct contact_body, language, .max = 2),
    FIELD_END,
};

struct open_body {
    struct str channelType, externalId;
    struct contact_body contact;
};

static const struct field open_fields[] = {
    FIELD_STR(struct open_body, channelType, .required = true, .one_of = CHANNEL_TYPES),
    FIELD_STR(struct open_body, externalId, .required = true, .min = 1, .max = 255,
              .doc = "The channel's id of the conversation; the same again finds the same one."),
    FIELD_OBJ(struct open_body, contact, .fields = contact_fields),
    FIELD_END,
};

static enum err conversation_post(struct req *r)
{
    const struct open_body *in = r->body;
    const struct contact_in contact = {
        .external_id = in->contact.externalId,
        .name = in->contact.name,
        .email = in->contact.email,
        .phone = in->contact.phone,
        .language = in->contact.language,
    };
    const struct idempotency idem = req_idempotency(r);
    struct conversation c;
    bool made = false;
    bool seen = false;
    struct uuid first;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(idempotency_find(tx, &idem, &seen, &first));
    if (seen) {
        TRY(conversation_get(tx, (struct conversation_id){first}, &c));
        TRY(db_commit(tx));
        return reply_one(r, 201, &c);
    }
    TRY(conversation_open(tx, in->channelType, in->externalId, &contact, &c, &made));
    TRY(idempotency_store(tx, &idem, c.id.v));
    TRY(event_flush(tx, NULL));
    TRY(db_commit(tx));
    return reply_one(r, made ? 201 : 200, &c);
}

static enum err conversation_get_one(struct req *r)
{
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(conversation_get(tx, (struct conversation_id){req_id(r, 0)}, &c));
    TRY(db_commit(tx));
    return reply_one(r, 200, &c);
}

struct patch_body {
    struct str status, subject, priority, language;
    struct uuid assigneeId;
    int64_t snoozedUntil;
    bool has_status, has_subject, has_priority, has_language, has_assignee, has_snoozed;
};

static const struct field patch_fields[] = {
    FIELD_STR(struct patch_body, status, .one_of = CONVERSATION_STATES,
              FIELD_HAS(struct patch_body, has_status)),
    FIELD_STR(struct patch_body, subject, .max = 200, FIELD_HAS(struct patch_body, has_subject)),
    FIELD_STR(struct patch_body, priority, .one_of = "low|normal|high|urgent",
              FIELD_HAS(struct patch_body, has_priority)),
    FIELD_STR(struct patch_body, language, .max = 2, FIELD_HAS(struct patch_body, has_language)),
    FIELD_ID(struct patch_body, assigneeId, FIELD_HAS(struct patch_body, has_assignee)),
    FIELD_TIME(struct patch_body, snoozedUntil, FIELD_HAS(struct patch_body, has_snoozed)),
    FIELD_END,
};

static enum err conversation_patch(struct req *r)
{
    const struct patch_body *in = r->body;
    const struct conversation_change change = {
        .status = in->status,
        .subject = in->subject,
        .priority = in->priority,
        .language = in->language,
        .assignee = in->assigneeId,
        .snoozed_until_us = in->snoozedUntil,
        .has_status = in->has_status,
        .has_subject = in->has_subject,
        .has_priority = in->has_priority,
        .has_language = in->has_language,
        .has_assignee = in->has_assignee,
        .has_snoozed = in->has_snoozed,
    };
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(conversation_update(tx, (struct conversation_id){req_id(r, 0)}, &change, &c));
    TRY(event_flush(tx, NULL));
    TRY(db_commit(tx));
    return reply_one(r, 200, &c);
}

static enum err messages_get(struct req *r)
{
    const struct conversation_id id = {req_id(r, 0)};
    struct conversation c;
    struct message_id before = {};
    struct message *rows = NULL;
    size_t n = 0;
    bool has = false;
    int64_t sort = 0;
    TRY(req_cursor(r, &has, &sort, &before.v));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(conversation_get(tx, id, &c));
    TRY(message_list(tx, id, before, (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].created_us, rows[n - 1].id.v);
    }
    struct message_view *views = arena_many(r->cx.arena, struct message_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = message_view(&rows[i]);
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct message_body {
    struct str content;
};

static const struct field message_body_fields[] = {
    FIELD_STR(struct message_body, content, .required = true, .min = 1, .max = 20000),
    FIELD_END,
};

static enum err message_post(struct req *r)
{
    const struct message_body *in = r->body;
    const struct idempotency idem = req_idempotency(r);
    struct conversation c;
    bool seen = false;
    struct uuid first;
    struct message m = {.direction = STR("outbound"),
                        .type = STR("text"),
                        .sender = STR("agent"),
                        .content = in->content};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(conversation_get(tx, (struct conversation_id){req_id(r, 0)}, &c));
    TRY(idempotency_find(tx, &idem, &seen, &first));
    if (seen) {
        TRY(message_get(tx, (struct message_id){first}, &m));
    } else {
        TRY(delivery_send(tx, &c, &m));
        TRY(idempotency_store(tx, &idem, m.id.v));
        TRY(event_flush(tx, NULL));
    }
    TRY(db_commit(tx));
    const struct message_view v = message_view(&m);
    return req_reply(r, 201, &v);
}

static enum err message_get_one(struct req *r)
{
    struct message m;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(message_get(tx, (struct message_id){req_id(r, 0)}, &m));
    TRY(db_commit(tx));
    const struct message_view v = message_view(&m);
    return req_reply(r, 200, &v);
}

const struct route conversation_routes[] = {
    {METHOD_GET, "/api/v1/conversations", .who = WHO_AGENT, .scope = "conversations:read",
     .rate = RATE_READ, ROUTE_QUERY(struct list_query, list_fields),
     ROUTE_REPLY(struct conversation_view, conversation_fields), .is_list = true,
     .handler = conversations_get, .summary = "List conversations, newest message first"},
    {METHOD_POST, "/api/v1/conversations", .who = WHO_AGENT, .scope = "conversations:write",
     .rate = RATE_WRITE, ROUTE_BODY(struct open_body, open_fields),
     ROUTE_REPLY(struct conversation_view, conversation_fields), .status = 201, .may_find = true,
     .creates = true, .handler = conversation_post,
     .summary = "Open a conversation, or find the one with this external id"},
    {METHOD_GET, "/api/v1/conversations/:id", .who = WHO_AGENT, .scope = "conversations:read",
     .rate = RATE_READ, ROUTE_REPLY(struct conversation_view, conversation_fields),
     .handler = conversation_get_one, .summary = "Read a conversation"},
    {METHOD_PATCH, "/api/v1/conversations/:id", .who = WHO_AGENT, .scope = "conversations:write",
     .rate = RATE_WRITE, ROUTE_BODY(struct patch_body, patch_fields),
     ROUTE_REPLY(struct conversation_view, conversation_fields), .handler = conversation_patch,
     .summary = "Change status, assignee, subject, priority, language or snooze"},
    {METHOD_GET, "/api/v1/conversations/:id/messages", .who = WHO_AGENT,
     .scope = "conversations:read", .rate = RATE_READ,
     ROUTE_REPLY(struct message_view, message_fields), .is_list = true, .handler = messages_get,
     .summary = "List the messages of a conversation, newest first"},
    {METHOD_POST, "/api/v1/conversations/:id/messages", .who = WHO_AGENT,
     .scope = "conversations:write", .rate = RATE_WRITE,
     ROUTE_BODY(struct message_body, message_body_fields),
     ROUTE_REPLY(struct message_view, message_fields), .status = 201, .creates = true,
     .handler = message_post, .summary = "Write to the customer as a person"},
    {METHOD_GET, "/api/v1/messages/:id", .who = WHO_AGENT, .scope = "conversations:read",
     .rate = RATE_READ, ROUTE_REPLY(struct message_view, message_fields),
     .handler = message_get_one, .summary = "Read a message and its delivery state"},
    ROUTE_END,
};
