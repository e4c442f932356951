/* The flight record of one answer, and its replay. */
#include "api/views.h"

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
    {METHOD_POST, "/api/v1/turns/:id/replay", .who = WHO_ADMIN, .scope = "conversations:read",
     .rate = RATE_WRITE, ROUTE_REPLY(struct replay_view, replay_fields), .handler = replay_post,
     .summary = "Rebuild a turn's prompt and compare it byte for byte"},
    ROUTE_END,
};
