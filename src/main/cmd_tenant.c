#include "base/jw.h"
#include "main/local.h"

static enum exit_code create_in(struct local *l, const char *name, json_t **ret)
{
    SCOPED(buf_fini) struct buf body = buf_make(16 * KB);
    jw_open(&body, '{');
    jw_member_str(&body, "name", str_of(name));
    jw_close(&body, '}');
    const struct local_call call = {
        .method = "POST", .path = STR("/api/v1/tenants"), .body = buf_view(&body)};
    return local_run(l, &call, ret);
}

static enum exit_code create(const struct args *args)
{
    struct local *l = NULL;
    json_t *data = NULL;
    enum exit_code code = local_open(&l);
    if (!code) {
        code = create_in(l, args->words[0], &data);
    }
    if (!code) {
        SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
        const struct str id = json_get_str(data, "id");
        if (args->options[0]) {
            jw_open(&out, '{');
            jw_member_str(&out, "tenantId", id);
            jw_member_str(&out, "name", json_get_str(data, "name"));
            jw_close(&out, '}');
            buf_char(&out, '\n');
        } else {
            buf_fmt(&out,
                    "made tenant " STR_FMT "\nnext: metachat apikey create --tenant " STR_FMT "\n",
                    STR_ARG(id), STR_ARG(id));
        }
        code = print(&out);
    }
    local_close(&l);
    return code;
}

static void add_rows(struct buf *out, const json_t *rows, bool as_json)
{
    size_t i = 0;
    const json_t *t = NULL;
    json_array_foreach (rows, i, t) {
        const struct str id = json_get_str(t, "id");
        const struct str name = json_get_str(t, "name");
        const struct str status = json_get_str(t, "status");
        if (as_json) {
            jw_open(out, '{');
            jw_member_str(out, "tenantId", id);
            jw_member_str(out, "name", name);
            jw_member_str(out, "status", status);
            jw_close(out, '}');
            buf_char(out, '\n');
        } else {
            buf_fmt(out, STR_FMT "  %-10.*s " STR_FMT "\n", STR_ARG(id), STR_ARG(status),
                    STR_ARG(name));
        }
    }
}

/* Page after page; a line each. */
static enum exit_code list(const struct args *args)
{
    struct local *l = NULL;
    json_t *reply = NULL;
    struct str path = STR("/api/v1/tenants?limit=100");
    enum exit_code code = local_open(&l);
    while (!code && path.n) {
        SCOPED(buf_fini) struct buf out = buf_make(MB);
        const struct local_call call = {.method = "GET", .path = path, .whole = true};
        code = local_run(l, &call, &reply);
        if (!code) {
            add_rows(&out, json_object_get(reply, "data"), args->options[0] != NULL);
            code = print(&out);
        }
        const struct str next = json_get_str(json_object_get(reply, "page"), "next");
        path = next.n ? str_fmt(local_arena(l), "/api/v1/tenants?limit=100&cursor=" STR_FMT,
                                STR_ARG(next))
                      : (struct str){};
    }
    local_close(&l);
    return code;
}

/* --- tenant widget --- */

static struct str origins_body(struct arena *a, const char *words)
{
    SCOPED(buf_fini) struct buf b = buf_make(16 * KB);
    struct str rest = str_trim(str_of(words));
    struct str origin;
    jw_open(&b, '{');
    jw_key(&b, "origins");
    jw_open(&b, '[');
    while (rest.n && str_split(&rest, ' ', &origin)) {
        jw_str(&b, origin);
    }
    jw_close(&b, ']');
    jw_close(&b, '}');
    return str_dup(a, buf_view(&b));
}

/* Changes what is asked for, and reads the rest. */
static enum exit_code widget_in(struct local *l, const struct args *args, json_t **ret)
{
    const char *origins = args->options[0];
    struct local_call call = {.method = "GET", .path = STR("/api/v1/tenant/widget")};
    const enum exit_code code =
        local_act(l, str_of(args->words[0]), "metachat tenant widget", &call.token);
    if (code) {
        return code;
    }
    if (origins) {
        call.method = "PUT";
        call.body = origins_body(local_arena(l), origins);
    }
    return local_run(l, &call, ret);
}

static void add_origins(struct buf *out, const json_t *origins)
{
    size_t i = 0;
    const json_t *origin = NULL;
    json_array_foreach (origins, i, origin) {
        buf_fmt(out, "%s%s", i ? " " : "", json_string_value(origin));
    }
}

static enum exit_code widget(const struct args *args)
{
    struct local *l = NULL;
    json_t *data = NULL;
    enum exit_code code = local_open(&l);
    if (!code) {
        code = widget_in(l, args, &data);
    }
    if (!code) {
        SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
        const struct str key = json_get_str(data, "key");
        const struct str snippet = json_get_str(data, "snippet");
        const json_t *origins = json_object_get(data, "origins");
        if (args->options[1]) {
            jw_open(&out, '{');
            jw_member_str(&out, "widgetKey", key);
            jw_member_str(&out, "snippet", snippet);
            jw_member_raw(&out, "origins", json_text(local_arena(l), origins));
            jw_close(&out, '}');
        } else {
            buf_fmt(&out, "key      " STR_FMT "\norigins  ", STR_ARG(key));
            add_origins(&out, origins);
            buf_fmt(&out, "%s\ninto the page:\n  " STR_FMT,
                    json_array_size(origins) ? "" : "none: no page may show it; give --origins",
                    STR_ARG(snippet));
        }
        buf_char(&out, '\n');
        code = print(&out);
    }
    local_close(&l);
    return code;
}

const struct command command_tenant_widget = {
    .name = "tenant widget",
    .words = "TENANT",
    .min_words = 1,
    .max_words = 1,
    .options = {{"origins", "ORIGINS",
                 "sets whose pages may show it: https://shop.example, apart by spaces"},
                {"json", NULL, "print one JSON object"}},
    .help = "Shows a tenant's widget key and the script tag for its pages. Works beside a running "
            "server and without one.",
    .run = widget,
};

const struct command command_tenant_create = {
    .name = "tenant create",
    .words = "NAME",
    .min_words = 1,
    .max_words = 1,
    .options = {{"json", NULL, "print one JSON object"}},
    .help = "Makes a tenant. Works beside a running server and without one.",
    .run = create,
};

const struct command command_tenant_list = {
    .name = "tenant list",
    .options = {{"json", NULL, "print a JSON object a line"}},
    .help = "Lists the tenants.",
    .run = list,
};
