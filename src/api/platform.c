/* The operator's routes: tenants as a whole, and acting for one, explicitly. */
#include "api/app.h"
#include "base/log.h"
#include "domain/account/apikey.h"
#include "domain/account/tenant.h"

struct tenant_view {
    struct uuid id;
    struct str name, status, language, timeZone;
    int64_t createdAt;
};

static const struct field tenant_fields[] = {
    FIELD_ID(struct tenant_view, id, .required = true),
    FIELD_STR(struct tenant_view, name, .required = true),
    FIELD_STR(struct tenant_view, status, .required = true, .one_of = "active|suspended"),
    FIELD_STR(struct tenant_view, language, .required = true),
    FIELD_STR(struct tenant_view, timeZone, .required = true),
    FIELD_TIME(struct tenant_view, createdAt, .required = true),
    FIELD_END,
};

static struct tenant_view view(const struct tenant *t)
{
    return (struct tenant_view){t->id.v,     t->name,      t->status,
                                t->language, t->time_zone, t->created_us};
}

static enum err tenants_get(struct req *r)
{
    struct tenant_id after = {};
    struct tenant *rows = NULL;
    size_t n = 0;
    bool has = false;
    int64_t sort = 0;
    TRY(req_cursor(r, &has, &sort, &after.v));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(tenant_list(tx, after, (size_t)r->limit + 1, &rows, &n));
    TRY(db_commit(tx));
    struct str next = {};
    if (req_cut_page(r, &n)) {
        next = req_make_cursor(r, rows[n - 1].created_us, rows[n - 1].id.v);
    }
    struct tenant_view *views = arena_many(r->cx.arena, struct tenant_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = view(&rows[i]);
    }
    return req_reply_list(r, (struct list){views, n}, next);
}

struct tenant_body {
    struct str name;
};

static const struct field tenant_body_fields[] = {
    FIELD_STR(struct tenant_body, name, .required = true, .min = 1, .max = 200),
    FIELD_END,
};

static enum err tenant_post(struct req *r)
{
    const struct tenant_body *in = r->body;
    struct tenant t;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(tenant_create(tx, in->name, &t));
    TRY(db_commit(tx));
    const struct tenant_view v = view(&t);
    return req_reply(r, 201, &v);
}

static enum err find(struct req *r, struct tenant *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(tenant_find(tx, (struct tenant_id){req_id(r, 0)}, ret));
    return db_commit(tx);
}

static enum err tenant_get_one(struct req *r)
{
    struct tenant t;
    TRY(find(r, &t));
    const struct tenant_view v = view(&t);
    return req_reply(r, 200, &v);
}

static enum err set_status(struct req *r, struct str status)
{
    struct tenant t;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(tenant_set_status(tx, (struct tenant_id){req_id(r, 0)}, status));
    TRY(tenant_find(tx, (struct tenant_id){req_id(r, 0)}, &t));
    TRY(db_commit(tx));
    apikey_cache_clear();
    sockets_recheck(app_of(r)->sockets);
    const struct tenant_view v = view(&t);
    return req_reply(r, 200, &v);
}

static enum err suspend_post(struct req *r)
{
    return set_status(r, STR("suspended"));
}

static enum err resume_post(struct req *r)
{
    return set_status(r, STR("active"));
}

struct act_body {
    struct str reason;
};

static const struct field act_body_fields[] = {
    FIELD_STR(struct act_body, reason, .required = true, .min = 1, .max = 200),
    FIELD_END,
};

struct act_view {
    struct str token;
    int64_t expiresInSeconds;
};

static const struct field act_fields[] = {
    FIELD_STR(struct act_view, token, .required = true),
    FIELD_INT(struct act_view, expiresInSeconds, .required = true),
    FIELD_END,
};

static enum err act_post(struct req *r)
{
    const struct act_body *in = r->body;
    struct tenant t;
    TRY(find(r, &t));
    log_ev(&r->cx, LOG_WARN, "acting_for_tenant", LOG_ID("tenant", t.id.v),
           LOG_STR("reason", in->reason));
    const struct act_view v = {auth_act_token(&r->cx, t.id, in->reason),
                               (int64_t)60 * AUTH_ACT_MINUTES};
    return req_reply(r, 200, &v);
}

const struct route platform_routes[] = {
    {METHOD_GET, "/api/v1/tenants", .who = WHO_PLATFORM, .scope = "platform", .rate = RATE_READ,
     ROUTE_REPLY(struct tenant_view, tenant_fields), .is_list = true, .handler = tenants_get,
     .summary = "List tenants"},
    {METHOD_POST, "/api/v1/tenants", .who = WHO_PLATFORM, .scope = "platform", .rate = RATE_WRITE,
     ROUTE_BODY(struct tenant_body, tenant_body_fields),
     ROUTE_REPLY(struct tenant_view, tenant_fields), .status = 201, .handler = tenant_post,
     .summary = "Make a tenant"},
    {METHOD_GET, "/api/v1/tenants/:id", .who = WHO_PLATFORM, .scope = "platform", .rate = RATE_READ,
     ROUTE_REPLY(struct tenant_view, tenant_fields), .handler = tenant_get_one,
     .summary = "Read a tenant"},
    {METHOD_POST, "/api/v1/tenants/:id/suspend", .who = WHO_PLATFORM, .scope = "platform",
     .rate = RATE_WRITE, ROUTE_REPLY(struct tenant_view, tenant_fields), .handler = suspend_post,
     .summary = "Suspend a tenant: its keys and tokens stop working"},
    {METHOD_POST, "/api/v1/tenants/:id/resume", .who = WHO_PLATFORM, .scope = "platform",
     .rate = RATE_WRITE, ROUTE_REPLY(struct tenant_view, tenant_fields), .handler = resume_post,
     .summary = "Let a suspended tenant work again"},
    {METHOD_POST, "/api/v1/tenants/:id/act", .who = WHO_PLATFORM, .scope = "platform",
     .rate = RATE_WRITE, ROUTE_BODY(struct act_body, act_body_fields),
     ROUTE_REPLY(struct act_view, act_fields), .handler = act_post,
     .summary = "Get a 15-minute token to act for a tenant; it is logged with the reason"},
    ROUTE_END,
};
