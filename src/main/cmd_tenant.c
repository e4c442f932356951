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
