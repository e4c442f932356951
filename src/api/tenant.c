/* The caller's own tenant, and its assistant's policy. */
#include "domain/account/tenant.h"
#include "api/app.h"
#include "domain/assistant/policy.h"

struct tenant_view {
    struct uuid id;
    struct str name, status, language, timeZone;
    int64_t createdAt, updatedAt;
};

static const struct field tenant_fields[] = {
    FIELD_ID(struct tenant_view, id, .required = true),
    FIELD_STR(struct tenant_view, name, .required = true),
    FIELD_STR(struct tenant_view, status, .required = true, .one_of = "active|suspended"),
    FIELD_STR(struct tenant_view, language, .required = true),
    FIELD_STR(struct tenant_view, timeZone, .required = true),
    FIELD_TIME(struct tenant_view, createdAt, .required = true),
    FIELD_TIME(struct tenant_view, updatedAt, .required = true),
    FIELD_END,
};

static enum err reply_tenant(struct req *r, const struct tenant *t)
{
    const struct tenant_view v = {t->id.v,      t->name,       t->status,    t->language,
                                  t->time_zone, t->created_us, t->updated_us};
    return req_reply(r, 200, &v);
}

static enum err tenant_get_own(struct req *r)
{
    struct tenant t;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(tenant_get(tx, &t));
    TRY(db_commit(tx));
    return reply_tenant(r, &t);
}

struct tenant_body {
    struct str name, language, timeZone;
    bool has_name, has_language, has_time_zone;
};

static const struct field tenant_body_fields[] = {
    FIELD_STR(struct tenant_body, name, .min = 1, .max = 200,
              FIELD_HAS(struct tenant_body, has_name)),
    FIELD_STR(struct tenant_body, language, .min = 2, .max = 2,
              FIELD_HAS(struct tenant_body, has_language), .doc = "ISO 639-1."),
    FIELD_STR(struct tenant_body, timeZone, .min = 1, .max = 64,
              FIELD_HAS(struct tenant_body, has_time_zone), .doc = "IANA name."),
    FIELD_END,
};

static enum err tenant_patch(struct req *r)
{
    const struct tenant_body *in = r->body;
    const struct tenant_change change = {in->name,     in->language,     in->timeZone,
                                         in->has_name, in->has_language, in->has_time_zone};
    struct tenant t;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(tenant_update(tx, &change, &t));
    TRY(db_commit(tx));
    return reply_tenant(r, &t);
}

struct openai_view {
    struct str baseUrl, apiKey;
    bool has_baseUrl, has_apiKey;
};

static const struct field openai_in_fields[] = {
    FIELD_STR(struct openai_view, baseUrl, .max = 1000, FIELD_HAS(struct openai_view, has_baseUrl),
              .doc = "OpenAI-compatible endpoint; empty: the installation's."),
    FIELD_STR(struct openai_view, apiKey, .max = 500, FIELD_HAS(struct openai_view, has_apiKey),
              .doc = "Write-only; empty: the installation's."),
    FIELD_END,
};

struct openai_out_view {
    struct str baseUrl;
    bool apiKeySet;
};

static const struct field openai_out_fields[] = {
    FIELD_STR(struct openai_out_view, baseUrl),
    FIELD_BOOL(struct openai_out_view, apiKeySet, .required = true),
    FIELD_END,
};

/* In a request every member is optional: what is absent stays as it is. */
struct policy_view {
    bool enabled, retrieval;
    struct str name, instructions, tone, provider, model;
    struct str handoverWords, handoverText, unknownText, disclaimerText;
    int64_t topK, maxTokens, unknownHandoverAfter, version, createdAt;
    double temperature, reviewBelow, handoverBelow, disclaimerBelow;
    struct openai_view openai;
    struct openai_out_view openaiOut;
    bool has_enabled, has_retrieval, has_name, has_instructions, has_tone, has_provider, has_model;
    bool has_words, has_handover, has_unknown, has_disclaimer, has_top_k, has_max_tokens;
    bool has_unknown_after, has_temperature, has_review, has_handover_below, has_disclaimer_below;
};

#define HAS(member) FIELD_HAS(struct policy_view, member)
#define POLICY_FIELDS                                                                              \
    FIELD_BOOL(struct policy_view, enabled, HAS(has_enabled)),                                     \
        FIELD_BOOL(struct policy_view, retrieval, HAS(has_retrieval),                              \
                   .doc = "Answer from documents."),                                               \
        FIELD_STR(struct policy_view, name, .min = 1, .max = 80, HAS(has_name)),                   \
        FIELD_STR(struct policy_view, instructions, .max = 8000, HAS(has_instructions)),           \
        FIELD_STR(struct policy_view, tone, .one_of = "friendly|formal|concise", HAS(has_tone)),   \
        FIELD_STR(struct policy_view, provider, .one_of = "extractive|openai", HAS(has_provider)), \
        FIELD_STR(struct policy_view, model, .max = 255, HAS(has_model)),                          \
        FIELD_INT(struct policy_view, topK, .min = 1, .max = 20, HAS(has_top_k),                   \
                  .doc = "Passages in a prompt."),                                                 \
        FIELD_NUM(struct policy_view, temperature, .min = 0, .max = 2, HAS(has_temperature)),      \
        FIELD_INT(struct policy_view, maxTokens, .min = 16, .max = 16384, HAS(has_max_tokens)),    \
        FIELD_NUM(struct policy_view, reviewBelow, .min = 0, .max = 1, HAS(has_review),            \
                  .doc = "Confidence below which a person is asked to look."),                     \
        FIELD_NUM(struct policy_view, handoverBelow, .min = 0, .max = 1, HAS(has_handover_below),  \
                  .doc = "Confidence below which a person takes over."),                           \
        FIELD_NUM(struct policy_view, disclaimerBelow, .min = 0, .max = 1,                         \
                  HAS(has_disclaimer_below)),                                                      \
        FIELD_INT(struct policy_view, unknownHandoverAfter, .min = 1, .max = 100,                  \
                  HAS(has_unknown_after)),                                                         \
        FIELD_STR(struct policy_view, handoverWords, .max = 2000, HAS(has_words),                  \
                  .doc = "Words that ask for a person, apart by |."),                              \
        FIELD_STR(struct policy_view, handoverText, .max = 1000, HAS(has_handover)),               \
        FIELD_STR(struct policy_view, unknownText, .max = 1000, HAS(has_unknown)),                 \
        FIELD_STR(struct policy_view, disclaimerText, .max = 1000, HAS(has_disclaimer))

static const struct field policy_in_fields[] = {
    POLICY_FIELDS,
    FIELD_OBJ(struct policy_view, openai, .fields = openai_in_fields),
    FIELD_END,
};

static const struct field policy_out_fields[] = {
    POLICY_FIELDS,
    {.kind = FIELD_K_OBJ,
     .name = "openai",
     .offset = offsetof(struct policy_view, openaiOut),
     .required = true,
     .fields = openai_out_fields},
    FIELD_INT(struct policy_view, version, .required = true),
    FIELD_TIME(struct policy_view, createdAt),
    FIELD_END,
};

static enum err reply_policy(struct req *r, const struct policy *p)
{
    const struct policy_view v = {
        .enabled = p->enabled,
        .retrieval = p->retrieval,
        .name = p->name,
        .instructions = p->instructions,
        .tone = p->tone,
        .provider = p->provider,
        .model = p->model,
        .handoverWords = p->handover_words,
        .handoverText = p->handover_text,
        .unknownText = p->unknown_text,
        .disclaimerText = p->disclaimer_text,
        .topK = p->top_k,
        .maxTokens = p->max_tokens,
        .unknownHandoverAfter = p->unknown_handover_after,
        .version = p->version,
        .createdAt = p->created_us,
        .temperature = p->temperature,
        .reviewBelow = p->review_below,
        .handoverBelow = p->handover_below,
        .disclaimerBelow = p->disclaimer_below,
        .openaiOut = {p->base_url, p->has_api_key},
        .has_enabled = true,
        .has_retrieval = true,
        .has_name = true,
        .has_instructions = true,
        .has_tone = true,
        .has_provider = true,
        .has_model = true,
        .has_words = true,
        .has_handover = true,
        .has_unknown = true,
        .has_disclaimer = true,
        .has_top_k = true,
        .has_max_tokens = true,
        .has_unknown_after = true,
        .has_temperature = true,
        .has_review = true,
        .has_handover_below = true,
        .has_disclaimer_below = true,
    };
    return req_reply(r, 200, &v);
}

static enum err policy_get_own(struct req *r)
{
    struct policy p;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(policy_get(tx, &p));
    TRY(db_commit(tx));
    return reply_policy(r, &p);
}

static void set_str(bool has, struct str from, struct str *to)
{
    if (has) {
        *to = from;
    }
}

static void set_num(bool has, double from, double *to)
{
    if (has) {
        *to = from;
    }
}

static void set_int(bool has, int64_t from, int64_t *to)
{
    if (has) {
        *to = from;
    }
}

static void change_policy(const struct policy_view *in, struct policy *p)
{
    p->enabled = in->has_enabled ? in->enabled : p->enabled;
    p->retrieval = in->has_retrieval ? in->retrieval : p->retrieval;
    set_str(in->has_name, in->name, &p->name);
    set_str(in->has_instructions, in->instructions, &p->instructions);
    set_str(in->has_tone, in->tone, &p->tone);
    set_str(in->has_provider, in->provider, &p->provider);
    set_str(in->has_model, in->model, &p->model);
    set_str(in->has_words, in->handoverWords, &p->handover_words);
    set_str(in->has_handover, in->handoverText, &p->handover_text);
    set_str(in->has_unknown, in->unknownText, &p->unknown_text);
    set_str(in->has_disclaimer, in->disclaimerText, &p->disclaimer_text);
    set_int(in->has_top_k, in->topK, &p->top_k);
    set_int(in->has_max_tokens, in->maxTokens, &p->max_tokens);
    set_int(in->has_unknown_after, in->unknownHandoverAfter, &p->unknown_handover_after);
    set_num(in->has_temperature, in->temperature, &p->temperature);
    set_num(in->has_review, in->reviewBelow, &p->review_below);
    set_num(in->has_handover_below, in->handoverBelow, &p->handover_below);
    set_num(in->has_disclaimer_below, in->disclaimerBelow, &p->disclaimer_below);
    set_str(in->openai.has_baseUrl, in->openai.baseUrl, &p->base_url);
}

static enum err policy_put_own(struct req *r)
{
    const struct policy_view *in = r->body;
    struct policy next;
    struct policy stored;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(policy_get(tx, &next));
    change_policy(in, &next);
    if (in->openai.has_apiKey) {
        TRY(policy_seal_key(&r->cx, app_of(r)->assistant.keys, in->openai.apiKey, &next));
    }
    TRY(policy_put(tx, &next, &stored));
    TRY(db_commit(tx));
    return reply_policy(r, &stored);
}

const struct route tenant_routes[] = {
    {METHOD_GET, "/api/v1/tenant", .who = WHO_VIEWER, .scope = "tenant:read", .rate = RATE_READ,
     ROUTE_REPLY(struct tenant_view, tenant_fields), .handler = tenant_get_own,
     .summary = "Read your tenant"},
    {METHOD_PATCH, "/api/v1/tenant", .who = WHO_ADMIN, .scope = "tenant:write", .rate = RATE_WRITE,
     ROUTE_BODY(struct tenant_body, tenant_body_fields),
     ROUTE_REPLY(struct tenant_view, tenant_fields), .handler = tenant_patch,
     .summary = "Change your tenant's name, language or time zone"},
    {METHOD_GET, "/api/v1/tenant/assistant", .who = WHO_VIEWER, .scope = "tenant:read",
     .rate = RATE_READ, ROUTE_REPLY(struct policy_view, policy_out_fields),
     .handler = policy_get_own, .summary = "Read the assistant's policy"},
    {METHOD_PUT, "/api/v1/tenant/assistant", .who = WHO_ADMIN, .scope = "tenant:write",
     .rate = RATE_WRITE, .max_body = 64 * KB, ROUTE_BODY(struct policy_view, policy_in_fields),
     ROUTE_REPLY(struct policy_view, policy_out_fields), .handler = policy_put_own,
     .summary = "Change the assistant's policy; what is left out stays"},
    ROUTE_END,
};
