/* What a visitor of a tenant's page may see of its own, and tickets for realtime connections. */
#include "api/views.h"
#include "base/clock.h"
#include "domain/conversation/visitor_thread.h"

struct own_conversation_view {
    struct uuid id;
    struct str name, status;
    int64_t lastMessageAt, createdAt;
};

static const struct field own_conversation_fields[] = {
    FIELD_ID(struct own_conversation_view, id, .required = true),
    FIELD_STR(struct own_conversation_view, name, .required = true,
              .doc = "What the page calls it; main when it said nothing."),
    FIELD_STR(struct own_conversation_view, status, .required = true,
              .one_of = CONVERSATION_STATES),
    FIELD_TIME(struct own_conversation_view, lastMessageAt, .required = true),
    FIELD_TIME(struct own_conversation_view, createdAt, .required = true),
    FIELD_END,
};

static enum err conversations_get(struct req *r)
{
    const struct visitor v = auth_visitor(&r->who);
    struct visitor_page page = {.limit = (size_t)r->limit + 1};
    struct conversation *rows = NULL;
    size_t n = 0;
    TRY(req_cursor(r, &page.has_before, &page.before_us, &page.before_id));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(visitor_conversations(tx, &v, &page, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].last_message_us, rows[n - 1].id.v);
    }
    struct own_conversation_view *views = arena_many(r->cx.arena, struct own_conversation_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = (struct own_conversation_view){
            .id = rows[i].id.v,
            .name = visitor_conversation_name(&rows[i]),
            .status = rows[i].status,
            .lastMessageAt = rows[i].last_message_us,
            .createdAt = rows[i].created_us,
        };
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

static enum err messages_get(struct req *r)
{
    const struct visitor v = auth_visitor(&r->who);
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
    TRY(visitor_conversation_get(tx, &v, id, &c));
    TRY(message_list(tx, id, before, (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].created_us, rows[n - 1].id.v);
    }
    struct message_view *views = arena_many(r->cx.arena, struct message_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = message_view(&rows[i]);
        TRY(visitor_metadata(&r->cx, rows[i].metadata, &views[i].metadata));
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

/* --- tickets --- */

struct ticket_view {
    struct str ticket;
    int64_t expiresIn;
};

static const struct field ticket_fields[] = {
    FIELD_STR(struct ticket_view, ticket, .required = true),
    FIELD_INT(struct ticket_view, expiresIn, .required = true, .doc = "Seconds."),
    FIELD_END,
};

static enum err ticket_post(struct req *r)
{
    const struct ticket t = auth_ticket(&r->who);
    int64_t expires_us = 0;
    const struct str text = ticket_make(&r->cx, app_of(r)->assistant.keys, &t, &expires_us);
    const struct ticket_view v = {text, (expires_us - r->cx.now_us) / SECOND_US};
    return req_reply(r, 201, &v);
}

const struct route visitor_routes[] = {
    {METHOD_GET, "/api/v1/public/conversations", .who = WHO_VISITOR, .visitors_only = true,
     .scope = "chat", .rate = RATE_READ, .cors = true,
     ROUTE_REPLY(struct own_conversation_view, own_conversation_fields), .is_list = true,
     .handler = conversations_get, .summary = "List a visitor's own conversations, newest first"},
    {METHOD_GET, "/api/v1/public/conversations/:id/messages", .who = WHO_VISITOR,
     .visitors_only = true, .scope = "chat", .rate = RATE_READ, .cors = true,
     ROUTE_REPLY(struct message_view, message_fields), .is_list = true, .handler = messages_get,
     .summary = "List the messages of a visitor's own conversation, newest first"},
    {METHOD_POST, "/api/v1/realtime/ticket", .who = WHO_VISITOR, .scope = "events:read",
     .cors = true, .rate = RATE_WRITE, ROUTE_REPLY(struct ticket_view, ticket_fields),
     .status = 201, .handler = ticket_post,
     .summary = "Get a ticket that opens one realtime connection, once"},
    ROUTE_END,
};
