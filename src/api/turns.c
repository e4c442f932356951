/* The flight record of one answer, and its replay. */
#include "api/views.h"
#include "domain/conversation/visitor_thread.h"

struct turn_view {
    struct answer_view answer;
    struct str policyHash, templateHash, promptHash, requestId, failure;
    int64_t composeVersion, searchMs, providerMs, firstTokenMs, createdAt;
};

static const struct field turn_fields[] = {
    FIELD_OBJ(struct turn_view, answer, .required = true, .fields = answer_fields),
    FIELD_STR(struct turn_view, policyHash, .required = true),
    FIELD_STR(struct turn_view, templateHash, .required = true),
    FIELD_STR(struct turn_view, promptHash, .required = true),
    FIELD_INT(struct turn_view, composeVersion, .required = true),
    FIELD_INT(struct turn_view, searchMs, .required = true),
    FIELD_INT(struct turn_view, providerMs, .required = true),
    FIELD_INT(struct turn_view, firstTokenMs, .required = true),
    FIELD_STR(struct turn_view, failure, .omit_empty = true,
              .doc = "Why the search or the model failed, when one did."),
    FIELD_STR(struct turn_view, requestId),
    FIELD_TIME(struct turn_view, createdAt, .required = true),
    FIELD_END,
};

static enum err turn_get_one(struct req *r)
{
    struct turn t;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(turn_get(tx, (struct turn_id){req_id(r, 0)}, &t));
    TRY(db_commit(tx));
    const struct turn_view v = {
        .answer = answer_view(r->cx.arena, &t, t.message),
        .policyHash = t.policy_hash,
        .templateHash = t.template_hash,
        .promptHash = t.prompt_hash,
        .requestId = t.request_id,
        .failure = t.failure,
        .composeVersion = t.compose_version,
        .searchMs = t.search_us / 1000,
        .providerMs = t.provider_us / 1000,
        .firstTokenMs = t.first_token_us / 1000,
        .createdAt = t.created_us,
    };
    return req_reply(r, 200, &v);
}

struct opened_view {
    struct uuid documentId;
    struct str documentName, heading, before, quote, after;
    int64_t version;
};

static const struct field opened_fields[] = {
    FIELD_ID(struct opened_view, documentId, .required = true),
    FIELD_STR(struct opened_view, documentName, .required = true),
    FIELD_INT(struct opened_view, version, .required = true),
    FIELD_STR(struct opened_view, heading, .required = true,
              .doc = "Above the quote; may be empty."),
    FIELD_STR(struct opened_view, before, .required = true, .doc = "What stands before the quote."),
    FIELD_STR(struct opened_view, quote, .required = true),
    FIELD_STR(struct opened_view, after, .required = true),
    FIELD_END,
};

/* A visitor's own turns are those of its own conversations. */
static enum err find_turn(struct req *r, struct db_tx *tx, struct turn_id id, struct turn *ret)
{
    const struct visitor v = auth_visitor(&r->who);
    struct conversation c;
    TRY(turn_get(tx, id, ret));
    if (r->who.kind != PRINCIPAL_VISITOR) {
        return ERR_OK;
    }
    TRY(conversation_get(tx, ret->conversation, &c));
    return visitor_owns(&v, &c) ? ERR_OK
                                : cx_fail(&r->cx, CODE_TURN_NOT_FOUND, "there is no such turn");
}

static enum err citation_get(struct req *r)
{
    struct turn_id id;
    struct turn t;
    struct opened o;
    int64_t n = 0;
    if (!uuid_parse(r->hit.params[0], &id.v)) {
        return cx_fail_field(&r->cx, "id", "must be an id");
    }
    (void)str_to_i64(r->hit.params[1], 1, INT32_MAX, &n);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(find_turn(r, tx, id, &t));
    TRY(turn_citation(tx, &t, n, &o));
    TRY(db_commit(tx));
    const struct opened_view v = {
        .documentId = o.citation.document.v,
        .documentName = o.citation.document_name,
        .version = o.citation.version,
        .heading = o.heading,
        .before = o.excerpt.before,
        .quote = o.excerpt.quote,
        .after = o.excerpt.after,
    };
    return req_reply(r, 200, &v);
}

struct replay_view {
    bool same;
    struct str why, prompt, rebuilt, rawOutput;
};

static const struct field replay_fields[] = {
    FIELD_BOOL(struct replay_view, same, .required = true,
               .doc = "Whether the prompt was rebuilt byte for byte."),
    FIELD_STR(struct replay_view, why, .omit_empty = true),
    FIELD_STR(struct replay_view, prompt, .required = true),
    FIELD_STR(struct replay_view, rebuilt, .omit_empty = true, .doc = "Only when it differs."),
    FIELD_STR(struct replay_view, rawOutput, .required = true),
    FIELD_END,
};

static enum err replay_post(struct req *r)
{
    struct replay p;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(turn_replay(tx, (struct turn_id){req_id(r, 0)}, &p));
    TRY(db_commit(tx));
    const struct replay_view v = {p.same, p.why, p.prompt, p.same ? (struct str){} : p.rebuilt,
                                  p.raw_output};
    return req_reply(r, 200, &v);
}

const struct route turn_routes[] = {
    {METHOD_GET, "/api/v1/turns/:id", .who = WHO_AGENT, .scope = "conversations:read",
     .rate = RATE_READ, ROUTE_REPLY(struct turn_view, turn_fields), .handler = turn_get_one,
     .summary = "Read how an answer came about"},
    {METHOD_GET, "/api/v1/turns/:id/citations/:n", .who = WHO_VISITOR,
     .scope = "conversations:read", .rate = RATE_READ, .cors = true, .params_text = true,
     ROUTE_REPLY(struct opened_view, opened_fields), .handler = citation_get,
     .summary = "Open a citation: its quote, and what stands around it; a visitor its own"},
    {METHOD_POST, "/api/v1/turns/:id/replay", .who = WHO_ADMIN, .scope = "conversations:read",
     .rate = RATE_WRITE, ROUTE_REPLY(struct replay_view, replay_fields), .handler = replay_post,
     .summary = "Rebuild a turn's prompt and compare it byte for byte"},
    ROUTE_END,
};
