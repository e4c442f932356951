#include "base/jw.h"
#include "main/local.h"

static enum exit_code create_in(struct local *l, const struct args *args, json_t **ret)
{
    SCOPED(buf_fini) struct buf body = buf_make(16 * KB);
    struct str token;
    const char *tenant = args->options[0];
    if (!tenant) {
        complain("apikey create: --tenant ID is missing; metachat tenant list shows the ids");
        return EXIT_USAGE;
    }
    const enum exit_code code = local_act(l, str_of(tenant), "metachat apikey create", &token);
    if (code) {
        return code;
    }
    jw_open(&body, '{');
    jw_member_str(&body, "name",
                  str_of(args->options[2] ? args->options[2] : "made by the operator"));
    jw_member_str(&body, "scopes", str_of(args->options[1] ? args->options[1] : "*"));
    jw_close(&body, '}');
    const struct local_call call = {
        .method = "POST", .path = STR("/api/v1/api-keys"), .token = token, .body = buf_view(&body)};
    return local_run(l, &call, ret);
}

static enum exit_code create(const struct args *args)
{
    struct local *l = NULL;
    json_t *data = NULL;
    enum exit_code code = local_open(&l);
    if (!code) {
        code = create_in(l, args, &data);
    }
    if (!code) {
        SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
        const struct str key = json_get_str(data, "apiKey");
        if (args->options[3]) {
            jw_open(&out, '{');
            jw_member_str(&out, "apiKey", key);
            jw_member_str(&out, "apiKeyId", json_get_str(data, "id"));
            jw_member_str(&out, "tenantId", str_of(args->options[0]));
            jw_member_str(&out, "scopes", json_get_str(data, "scopes"));
            jw_close(&out, '}');
            buf_char(&out, '\n');
        } else {
            buf_fmt(&out, STR_FMT "\nkeep it: it is not shown again\n", STR_ARG(key));
        }
        code = print(&out);
    }
    local_close(&l);
    return code;
}

const struct command command_apikey_create = {
    .name = "apikey create",
    .options = {{"tenant", "ID", "whose key it is (required)"},
                {"scopes", "SCOPES", "words apart by spaces; default * for all"},
                {"name", "NAME", "what it is for"},
                {"json", NULL, "print one JSON object"}},
    .help = "Makes an API key of a tenant and prints it, once. Works beside a running server and "
            "without one.",
    .run = create,
};
