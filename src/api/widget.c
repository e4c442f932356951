/* The web widget: what the tenant sets, and what a page that shows it asks for. */
#include "domain/account/widget.h"
#include "api/app.h"
#include "base/clock.h"

enum {
    ORIGINS_BYTES = 8000,
    OVERLAP_MAX_HOURS = 168,
};

struct widget_view {
    struct str title, greeting, launcher, placeholder, color, position, language, privacyUrl;
    struct list origins;
    bool has_origins;
    struct str key, snippet;
    int64_t updatedAt;
};

/* How it looks, for the tenant and for pages. */
#define LOOK_FIELDS                                                                                \
    FIELD_STR(struct widget_view, title, .max = 80,                                                \
              .doc = "Above the conversation; empty: the tenant's name."),                         \
        FIELD_STR(struct widget_view, greeting, .max = 500,                                        \
                  .doc = "The first words to a visitor."),                                         \
        FIELD_STR(struct widget_view, launcher, .max = 40, .doc = "What the button says."),        \
        FIELD_STR(struct widget_view, placeholder, .max = 80,                                      \
                  .doc = "In the empty field to write in."),                                       \
        FIELD_STR(struct widget_view, color, .min = 7, .max = 7, .doc = "#rrggbb."),               \
        FIELD_STR(struct widget_view, position, .one_of = WIDGET_POSITIONS),                       \
        FIELD_STR(struct widget_view, language, .one_of = WIDGET_LANGUAGES,                        \
                  .doc = "auto: the visitor's browser's."),                                        \
        FIELD_STR(struct widget_view, privacyUrl, .max = 1000, .doc = "https; empty: no link.")

static struct widget_view view_of(const struct widget *w)
{
    return (struct widget_view){
        .title = w->title,
        .greeting = w->greeting,
        .launcher = w->launcher,
        .placeholder = w->placeholder,
        .color = w->color,
        .position = w->position,
        .language = w->language,
        .privacyUrl = w->privacy_url,
        .updatedAt = w->updated_us,
    };
}

/* --- what the tenant sets --- */

static const struct field widget_in_fields[] = {
    FIELD_LIST(struct widget_view, origins, .max = WIDGET_ORIGINS,
               FIELD_HAS(struct widget_view, has_origins),
               .doc = "Where pages may show it: https://shop.example, http://localhost:* (any "
                      "port), https://*.shop.example (every name below)."),
    LOOK_FIELDS,
    FIELD_END,
};

static const struct field widget_out_fields[] = {
    FIELD_STR(struct widget_view, key, .required = true,
              .doc = "Public; the page's script has it."),
    FIELD_STR(struct widget_view, snippet, .required = true, .doc = "To be put into the page."),
    FIELD_LIST(struct widget_view, origins, .required = true),
    LOOK_FIELDS,
    FIELD_TIME(struct widget_view, updatedAt),
    FIELD_END,
};

static struct list origins_list(struct arena *a, struct str origins)
{
    struct str *items = arena_many(a, struct str, WIDGET_ORIGINS);
    size_t n = 0;
    while (origins.n && n < WIDGET_ORIGINS && str_split(&origins, ' ', &items[n])) {
        n++;
    }
    return (struct list){items, n};
}

static enum err reply_widget(struct req *r, const struct widget *w, const struct widget_key *k)
{
    struct arena *a = r->cx.arena;
    struct widget_view v = view_of(w);
    v.origins = origins_list(a, w->origins);
    v.has_origins = true;
    v.key = k->key;
    v.snippet =
        str_fmt(a, "<script src=\"" STR_FMT "/widget.js\" data-key=\"" STR_FMT "\" async></script>",
                STR_ARG(app_of(r)->url), STR_ARG(k->key));
    return req_reply(r, 200, &v);
}

static enum err widget_get_own(struct req *r)
{
    struct widget w;
    struct widget_key k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&r->cx, &tx));
    TRY(widget_get(tx, &w));
    TRY(widget_key_get(tx, &k));
    TRY(db_commit(tx));
    return reply_widget(r, &w, &k);
}

/* A blank within one would make two of it. */
static enum err join_origins(struct req *r, struct list origins, struct str *ret)
{
    const struct str *items = origins.items;
    SCOPED(buf_fini) struct buf b = buf_make(ORIGINS_BYTES);
    for (size_t i = 0; i < origins.count; i++) {
        if (!items[i].n || str_find_char(items[i], ' ', 0) >= 0) {
            return cx_fail_field(&r->cx, "origins", "must not be empty or have blanks in them");
        }
        buf_fmt(&b, "%s" STR_FMT, i ? " " : "", STR_ARG(items[i]));
    }
    *ret = str_dup(r->cx.arena, buf_view(&b));
    return b.full ? cx_fail_field(&r->cx, "origins", "are too long together") : ERR_OK;
}

/* What is left out, or null, stays. */
static void set(struct str from, struct str *to)
{
    *to = from.p ? from : *to;
}

static void change(const struct widget_view *in, struct widget *w)
{
    set(in->title, &w->title);
    set(in->greeting, &w->greeting);
    set(in->launcher, &w->launcher);
    set(in->placeholder, &w->placeholder);
    set(in->color, &w->color);
    set(in->position, &w->position);
    set(in->language, &w->language);
    set(in->privacyUrl, &w->privacy_url);
}

static enum err widget_put_own(struct req *r)
{
    const struct widget_view *in = r->body;
    struct widget w;
    struct widget_key k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(widget_get(tx, &w));
    change(in, &w);
    if (in->has_origins) {
        TRY(join_origins(r, in->origins, &w.origins));
    }
    TRY(widget_put(tx, &w, &w));
    TRY(widget_key_get(tx, &k));
    TRY(db_commit(tx));
    return reply_widget(r, &w, &k);
}

struct rotate_body {
    int64_t overlapHours;
};

static const struct field rotate_fields[] = {
    FIELD_INT(struct rotate_body, overlapHours, .min = 0, .max = OVERLAP_MAX_HOURS,
              .doc =
                  "How long the keys until now go on working; 0, or left out: they end at once."),
    FIELD_END,
};

static enum err rotate_post(struct req *r)
{
    const struct rotate_body *in = r->body;
    struct widget w;
    struct widget_key k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&r->cx, &tx));
    TRY(widget_key_rotate(tx, in->overlapHours * HOUR_US, &k));
    TRY(widget_get(tx, &w));
    TRY(db_commit(tx));
    return reply_widget(r, &w, &k);
}

/* --- what a page asks for --- */

struct config_query {
    struct str key;
};

static const struct field config_query_fields[] = {
    FIELD_STR(struct config_query, key, .required = true, .min = 1, .max = 100),
    FIELD_END,
};

static const struct field config_fields[] = {
    LOOK_FIELDS,
    FIELD_END,
};

static enum err config_get(struct req *r)
{
    const struct config_query *q = r->query;
    struct widget_door door;
    TRY(widget_open(&r->cx, q->key, &door));
    struct widget_view v = view_of(&door.widget);
    v.title = v.title.n ? v.title : door.tenant_name;
    return req_reply(r, 200, &v);
}

struct session_body {
    struct str key, token;
};

static const struct field session_fields[] = {
    FIELD_STR(struct session_body, key, .required = true, .min = 1, .max = 100,
              .doc = "The widget key."),
    FIELD_STR(struct session_body, token, .max = JWT_MAX_BYTES,
              .doc = "The visitor's token until now, also when it ended lately: the visitor stays "
                     "the same. Without it a new one is made."),
    FIELD_END,
};

struct session_view {
    struct str token;
    struct uuid visitorId;
    int64_t expiresAt;
};

static const struct field session_out_fields[] = {
    FIELD_STR(struct session_view, token, .required = true),
    FIELD_ID(struct session_view, visitorId, .required = true),
    FIELD_TIME(struct session_view, expiresAt, .required = true),
    FIELD_END,
};

static enum err session_post(struct req *r)
{
    const struct session_body *in = r->body;
    struct visitor_session s;
    TRY(visitor_session(&r->cx, app_of(r)->assistant.keys, in->key, req_header_in(r, "Origin"),
                        in->token, &s));
    const struct session_view v = {s.token, s.visitor.id, s.visitor.expires_us};
    return req_reply(r, 201, &v);
}

const struct route widget_routes[] = {
    {METHOD_GET, "/api/v1/tenant/widget", .who = WHO_VIEWER, .scope = "tenant:read",
     .rate = RATE_READ, ROUTE_REPLY(struct widget_view, widget_out_fields),
     .handler = widget_get_own, .summary = "Read the web widget's key, origins and look"},
    {METHOD_PUT, "/api/v1/tenant/widget", .who = WHO_ADMIN, .scope = "tenant:write",
     .rate = RATE_WRITE, ROUTE_BODY(struct widget_view, widget_in_fields),
     ROUTE_REPLY(struct widget_view, widget_out_fields), .handler = widget_put_own,
     .summary = "Change the web widget's origins and look; what is left out stays"},
    {METHOD_POST, "/api/v1/tenant/widget/rotate-key", .who = WHO_ADMIN, .scope = "tenant:write",
     .rate = RATE_WRITE, ROUTE_BODY(struct rotate_body, rotate_fields),
     ROUTE_REPLY(struct widget_view, widget_out_fields), .handler = rotate_post,
     .summary = "Make a new widget key; visitors by the old ones end with those"},
    {METHOD_GET, "/api/v1/public/widget/config", .who = WHO_PUBLIC, .rate = RATE_PUBLIC,
     .admits = true, .cors = true, ROUTE_QUERY(struct config_query, config_query_fields),
     ROUTE_REPLY(struct widget_view, config_fields), .handler = config_get,
     .summary = "Read how a widget looks, by its key"},
    {METHOD_POST, "/api/v1/public/widget/session", .who = WHO_PUBLIC, .rate = RATE_SESSION,
     .admits = true, .cors = true, .max_body = 16 * KB,
     ROUTE_BODY(struct session_body, session_fields),
     ROUTE_REPLY(struct session_view, session_out_fields), .status = 201, .handler = session_post,
     .summary = "Begin a visitor's session on a page of an allowed origin, or renew its token"},
    ROUTE_END,
};
