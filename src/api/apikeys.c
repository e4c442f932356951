#include "api/app.h"
#include "domain/account/apikey.h"

struct key_view {
    struct uuid id;
    struct str name, prefix, last4, scopes, apiKey;
    int64_t createdAt, lastUsedAt, expiresAt, revokedAt;
};

static const struct field key_fields[] = {
    FIELD_ID(struct key_view, id, .required = true),
    FIELD_STR(struct key_view, name, .required = true),
    FIELD_STR(struct key_view, prefix, .required = true),
    FIELD_STR(struct key_view, last4, .required = true),
    FIELD_STR(struct key_view, scopes, .required = true),
    FIELD_TIME(struct key_view, createdAt, .required = true),
    FIELD_TIME(struct key_view, lastUsedAt),
    FIELD_TIME(struct key_view, expiresAt),
    FIELD_TIME(struct key_view, revokedAt),
    FIELD_STR(struct key_view, apiKey, .omit_empty = true,
              .doc = "The whole key: shown here and never again."),
    FIELD_END,
};

static struct key_view view(const struct apikey *k, struct str secret)
{
    return (struct key_view){k->id.v, k->name,       k->prefix,       k->last4,      k->scopes,
                             secret,  k->created_us, k->last_used_us, k->expires_us, k->revoked_us};
}

static enum err keys_get(struct req *r)
{
    struct apikey_id before = {};
    struct apikey *rows = NULL;
    size_t n = 0;
    bool has = false;
    int64_t sort = 0;
    TRY(req_cursor(r, &has, &sort, &before.v));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(apikey_list(tx, before, (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].created_us, rows[n - 1].id.v);
    }
    struct key_view *views = arena_many(r->cx.arena, struct key_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = view(&rows[i], (struct str){});
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct key_body {
    struct str name, scopes;
    int64_t expiresAt;
};

static const struct field key_body_fields[] = {
    FIELD_STR(struct key_body, name, .required = true, .min = 1, .max = 100),
    FIELD_STR(struct key_body, scopes, .required = true, .min = 1, .max = 500,
              .doc = "Words apart by spaces, or * for all."),
    FIELD_TIME(struct key_body, expiresAt),
    FIELD_END,
};

/* A key can make no other that holds more than itself. */
static enum err check_not_more(struct req *r, struct str wanted)
{
    struct str rest = wanted;
    struct str word;
    while (r->who.kind == PRINCIPAL_KEY && !str_is(r->who.scopes, "*") &&
           str_split(&rest, ' ', &word)) {
        struct str mine = r->who.scopes;
        struct str have;
        bool found = false;
        while (!found && str_split(&mine, ' ', &have)) {
            found = str_eq(have, word);
        }
        if (!found) {
            return cx_fail(&r->cx, CODE_FORBIDDEN,
                           "a key cannot make one with more scopes than its own");
        }
    }
    return ERR_OK;
}

static enum err key_post(struct req *r)
{
    const struct key_body *in = r->body;
    struct apikey k;
    struct str secret;
    TRY(apikey_check_scopes(&r->cx, in->scopes));
    TRY(check_not_more(r, in->scopes));
    TRY(apikey_create(&r->cx, in->name, in->scopes, in->expiresAt, &k, &secret));
    const struct key_view v = view(&k, secret);
    return req_reply(r, 201, &v);
}

static enum err key_delete(struct req *r)
{
    struct apikey k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(apikey_revoke(tx, (struct apikey_id){req_id(r, 0)}, &k));
    TRY(db_commit(tx));
    apikey_cache_forget(k.id);
    sockets_recheck(app_of(r)->sockets);
    return req_reply(r, 204, NULL);
}

const struct route apikey_routes[] = {
    {METHOD_GET, "/api/v1/api-keys", .who = WHO_ADMIN, .scope = "keys:read", .rate = RATE_READ,
     ROUTE_REPLY(struct key_view, key_fields), .is_list = true, .handler = keys_get,
     .summary = "List API keys, without their secrets"},
    {METHOD_POST, "/api/v1/api-keys", .who = WHO_ADMIN, .scope = "keys:write", .rate = RATE_WRITE,
     ROUTE_BODY(struct key_body, key_body_fields), ROUTE_REPLY(struct key_view, key_fields),
     .status = 201, .handler = key_post, .summary = "Make an API key; the secret is shown once"},
    {METHOD_DELETE, "/api/v1/api-keys/:id", .who = WHO_ADMIN, .scope = "keys:write",
     .rate = RATE_WRITE, .status = 204, .handler = key_delete,
     .summary = "Revoke an API key; it fails at once"},
    ROUTE_END,
};
