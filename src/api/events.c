/* The tenant's event log: a list, or followed as server-sent events. */
#include "api/app.h"
#include "base/jw.h"
#include "domain/ledger/event.h"

struct events_query {
    int64_t since;
    struct str type;
};

static const struct field query_fields[] = {
    FIELD_INT(struct events_query, since, .min = 0, .max = 9007199254740991.0,
              .doc = "Number of the last event seen; 0: from the oldest kept."),
    FIELD_STR(struct events_query, type, .max = 64),
    FIELD_END,
};

struct event_view {
    int64_t seq, createdAt;
    struct str type, data;
    struct uuid conversationId;
};

static const struct field event_fields[] = {
    FIELD_INT(struct event_view, seq, .required = true),
    FIELD_STR(struct event_view, type, .required = true),
    FIELD_ID(struct event_view, conversationId),
    FIELD_JSON(struct event_view, data),
    FIELD_TIME(struct event_view, createdAt, .required = true),
    FIELD_END,
};

static enum err list(struct req *r, int64_t since, struct str type)
{
    struct event *rows = NULL;
    size_t n = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(event_list(tx, since, type, (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].seq, (struct uuid){});
    }
    struct event_view *views = arena_many(r->cx.arena, struct event_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = (struct event_view){rows[i].seq, rows[i].created_us, rows[i].type,
                                       rows[i].payload, rows[i].conversation};
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

static enum err follow(struct req *r, int64_t since, struct str type)
{
    struct net_stream_ops ops;
    struct net_ref ref;
    struct hub_sse *s = hub_sse_new(app_of(r)->hub, r->cx.tenant, since, type, &ops);
    const enum err e = req_sse_detach(r, &ops, &ref);
    if (e) {
        hub_sse_free(&s);
        return e;
    }
    hub_sse_follow(s, ref);
    return ERR_OK;
}

static enum err events_get(struct req *r)
{
    const struct events_query *q = r->query;
    int64_t since = q->since;
    enum event_type known;
    if (q->type.n && !event_parse(q->type, &known)) {
        return cx_fail_field(&r->cx, "type", "there is no such event type");
    }
    if (r->wants_stream) {
        /* A browser's EventSource says where it was by this header when it comes back. */
        (void)str_to_i64(net_req_header(r->net, "last-event-id"), 0, INT64_MAX, &since);
        return follow(r, since, q->type);
    }
    bool has = false;
    struct uuid none;
    TRY(req_cursor(r, &has, &since, &none));
    return list(r, has ? since : q->since, q->type);
}

const struct route event_routes[] = {
    {METHOD_GET, "/api/v1/events", .who = WHO_AGENT, .scope = "events:read", .rate = RATE_READ,
     ROUTE_QUERY(struct events_query, query_fields), ROUTE_REPLY(struct event_view, event_fields),
     .is_list = true, .streams = true, .handler = events_get,
     .summary = "Read the event log, or follow it (Accept: text/event-stream)"},
    ROUTE_END,
};
