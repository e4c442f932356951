/* The document that is made from the rows: OpenAPI Specification 3.1.0, JSON Schema 2020-12. */
#include "base/jw.h"

#include "http/route.h"

static void member(struct buf *out, const char *key, const char *text)
{
    jw_member_str(out, key, str_of(text));
}

static void open_member(struct buf *out, const char *key, char bracket)
{
    jw_key(out, key);
    jw_open(out, bracket);
}

static void ref(struct buf *out, const char *kind, const char *name)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    buf_fmt(&b, "#/components/%s/%s", kind, name);
    jw_open(out, '{');
    jw_member_str(out, "$ref", buf_view(&b));
    jw_close(out, '}');
}

static int success_of(const struct route *r)
{
    return r->status ? r->status : 200;
}

/* --- one operation --- */

static void path_template(struct buf *out, const char *path)
{
    struct str rest = str_of(path + 1);
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        if (segment.n && segment.p[0] == ':') {
            buf_fmt(out, "/{" STR_FMT "}", STR_ARG(str_sub(segment, 1, segment.n)));
        } else {
            buf_fmt(out, "/" STR_FMT, STR_ARG(segment));
        }
    }
}

/* Letters and digits only, each run beginning upper case: "message-id" gives "MessageId". */
static void camel(struct buf *out, struct str word)
{
    bool up = true;
    for (size_t i = 0; i < word.n; i++) {
        const char c = word.p[i];
        const bool lower = c >= 'a' && c <= 'z';
        if (lower || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) {
            buf_char(out, up && lower ? (char)(c - 'a' + 'A') : c);
            up = false;
        } else {
            up = true;
        }
    }
}

static struct str local_path(const struct route *r)
{
    const struct str path = str_of(r->path);
    const struct str versioned = STR("/api/v1/");
    return str_starts(path, versioned) ? str_sub(path, versioned.n, path.n)
                                       : str_sub(path, 1, path.n);
}

static bool is_versioned(const struct route *r)
{
    return str_starts(str_of(r->path), STR("/api/v1/"));
}

/* "getConversationsByIdMessages"; what stands outside /api/v1 is called "getRoot…". */
static void operation_id(struct buf *out, const struct route *r)
{
    static const char *const verbs[] = {"get", "post", "put", "patch", "delete"};
    struct str rest = local_path(r);
    struct str segment;
    buf_cstr(out, verbs[r->method]);
    if (!is_versioned(r)) {
        buf_cstr(out, "Root");
    }
    while (str_split(&rest, '/', &segment)) {
        const bool is_param = segment.n && segment.p[0] == ':';
        buf_cstr(out, is_param ? "By" : "");
        camel(out, segment);
    }
}

static struct str tag_of(const struct route *r)
{
    const struct str path = local_path(r);
    const ptrdiff_t end = str_find_char(path, '/', 0);
    return !is_versioned(r) ? STR("system") : end < 0 ? path : str_sub(path, 0, (size_t)end);
}

static void security(struct buf *out, const struct route *r)
{
    open_member(out, "security", '[');
    if (r->who != WHO_PUBLIC) {
        const char *const schemes[] = {"bearer", "apiKey"};
        for (size_t i = 0; i < (r->who == WHO_PLATFORM ? 1 : COUNT(schemes)); i++) {
            jw_open(out, '{');
            open_member(out, schemes[i], '[');
            jw_close(out, ']');
            jw_close(out, '}');
        }
    }
    jw_close(out, ']');
}

static void path_parameters(struct buf *out, const struct route *r)
{
    static const struct field id = {.kind = FIELD_K_ID, .required = true};
    static const struct field text = {.kind = FIELD_K_STR, .required = true, .min = 1, .max = 255};
    struct str rest = str_of(r->path + 1);
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        if (segment.n && segment.p[0] == ':') {
            jw_open(out, '{');
            jw_member_str(out, "name", str_sub(segment, 1, segment.n));
            member(out, "in", "path");
            jw_member_bool(out, "required", true);
            jw_key(out, "schema");
            field_schema_value(out, r->params_text ? &text : &id, true);
            jw_close(out, '}');
        }
    }
}

static void query_parameters(struct buf *out, const struct route *r)
{
    for (const struct field *f = r->query; f && f->kind != FIELD_K_END; f++) {
        jw_open(out, '{');
        member(out, "name", f->name);
        member(out, "in", "query");
        jw_member_bool(out, "required", f->required);
        if (f->doc) {
            member(out, "description", f->doc);
        }
        struct field plain = *f;
        plain.has = 0; /* a query has no null */
        plain.doc = NULL;
        jw_key(out, "schema");
        field_schema_value(out, &plain, true);
        jw_close(out, '}');
    }
}

static void parameters(struct buf *out, const struct route *r)
{
    open_member(out, "parameters", '[');
    path_parameters(out, r);
    query_parameters(out, r);
    if (r->is_list) {
        ref(out, "parameters", "Limit");
        ref(out, "parameters", "Cursor");
    }
    if (r->creates) {
        ref(out, "parameters", "IdempotencyKey");
    }
    jw_close(out, ']');
}

static void multipart_schema(struct buf *out)
{
    static const char text[] =
        "{\"schema\":{\"type\":\"object\",\"properties\":{\"file\":{\"type\":\"string\","
        "\"contentMediaType\":\"application/octet-stream\"}},"
        "\"additionalProperties\":{\"type\":\"string\"}}}";
    jw_member_raw(out, "multipart/form-data", str_of(text));
}

static void request_body(struct buf *out, const struct route *r)
{
    if (!r->body && !r->takes_multipart) {
        return;
    }
    open_member(out, "requestBody", '{');
    jw_member_bool(out, "required", true);
    open_member(out, "content", '{');
    if (r->body) {
        open_member(out, "application/json", '{');
        jw_key(out, "schema");
        field_schema(out, r->body, true);
        jw_close(out, '}');
    }
    if (r->takes_multipart) {
        multipart_schema(out);
    }
    jw_close(out, '}');
    jw_close(out, '}');
}

static void data_schema(struct buf *out, const struct route *r)
{
    jw_key(out, "data");
    if (!r->reply) {
        jw_raw(out, STR("{\"type\":\"null\"}"));
    } else if (r->is_list) {
        jw_open(out, '{');
        member(out, "type", "array");
        jw_key(out, "items");
        field_schema(out, r->reply, false);
        jw_close(out, '}');
    } else {
        field_schema(out, r->reply, false);
    }
}

static void success_schema(struct buf *out, const struct route *r)
{
    open_member(out, "application/json", '{');
    open_member(out, "schema", '{');
    member(out, "type", "object");
    open_member(out, "properties", '{');
    jw_key(out, "success");
    jw_raw(out, STR("{\"const\":true}"));
    data_schema(out, r);
    if (r->is_list) {
        jw_key(out, "page");
        ref(out, "schemas", "Page");
    }
    jw_close(out, '}');
    jw_key(out, "required");
    jw_raw(out,
           r->is_list ? STR("[\"success\",\"data\",\"page\"]") : STR("[\"success\",\"data\"]"));
    jw_close(out, '}');
    jw_close(out, '}');
}

static void success_response(struct buf *out, const struct route *r, int code)
{
    char status[16];
    (void)snprintf(status, sizeof(status), "%d", code);
    open_member(out, status, '{');
    member(out, "description", code == 202 ? "Accepted; it is done later." : "Done.");
    if (code != 204) {
        open_member(out, "content", '{');
        if (r->raw) {
            jw_member_raw(out, "*/*", STR("{}"));
        } else {
            success_schema(out, r);
        }
        if (r->streams) {
            jw_member_raw(out, "text/event-stream", STR("{\"schema\":{\"type\":\"string\"}}"));
        }
        jw_close(out, '}');
    }
    jw_close(out, '}');
}

/* Whether an error status can come from this row at all. */
static bool can_answer(const struct route *r, int status)
{
    const bool has_body = r->body || r->takes_multipart;
    switch (status) {
    case 401:
    case 403:
        return r->who != WHO_PUBLIC || r->admits;
    case 404:
        return strstr(r->path, "/:") || has_body || r->admits;
    case 409:
        return r->method != METHOD_GET;
    case 413:
    case 415:
        return has_body;
    case 422:
        return r->creates;
    case 429:
    case 503:
        return r->rate != RATE_PROBE;
    case 400:
    case 500:
    case 504:
        return true;
    case 502:
        return r->lane == LANE_TURN;
    default:
        return false;
    }
}

static const int error_statuses[] = {400, 401, 403, 404, 409, 413, 415,
                                     422, 429, 500, 502, 503, 504};

/* A probe answers in its own form also when something is down. */
static void down_response(struct buf *out)
{
    open_member(out, "503", '{');
    member(out, "description", "Down.");
    jw_member_raw(out, "content", STR("{\"*/*\":{}}"));
    jw_close(out, '}');
}

static void responses(struct buf *out, const struct route *r)
{
    open_member(out, "responses", '{');
    success_response(out, r, success_of(r));
    if (r->may_find) {
        success_response(out, r, 200);
    }
    if (r->may_accept) {
        success_response(out, r, 202);
    }
    if (r->rate == RATE_PROBE) {
        down_response(out);
    }
    for (size_t i = 0; i < COUNT(error_statuses); i++) {
        if (can_answer(r, error_statuses[i])) {
            char status[16];
            char name[24];
            (void)snprintf(status, sizeof(status), "%d", error_statuses[i]);
            (void)snprintf(name, sizeof(name), "Error%d", error_statuses[i]);
            jw_key(out, status);
            ref(out, "responses", name);
        }
    }
    jw_close(out, '}');
}

static void operation(struct buf *out, const struct route *r)
{
    static const char *const verbs[] = {"get", "post", "put", "patch", "delete"};
    SCOPED(buf_fini) struct buf id = buf_make(KB);
    operation_id(&id, r);
    open_member(out, verbs[r->method], '{');
    jw_member_str(out, "operationId", buf_view(&id));
    member(out, "summary", r->summary);
    open_member(out, "tags", '[');
    jw_str(out, tag_of(r));
    jw_close(out, ']');
    member(out, "x-role", who_name(r->who));
    if (r->scope) {
        member(out, "x-scope", r->scope);
    }
    member(out, "x-rate-class", rate_name(r->rate));
    security(out, r);
    parameters(out, r);
    request_body(out, r);
    responses(out, r);
    jw_close(out, '}');
}

static void paths(struct buf *out, const struct router *router)
{
    size_t count = 0;
    const struct route *const *rows = router_rows(router, &count);
    open_member(out, "paths", '{');
    for (size_t i = 0; i < count;) {
        SCOPED(buf_fini) struct buf path = buf_make(KB);
        path_template(&path, rows[i]->path);
        open_member(out, path.p, '{');
        const char *same = rows[i]->path;
        for (; i < count && strcmp(rows[i]->path, same) == 0; i++) {
            operation(out, rows[i]);
        }
        jw_close(out, '}');
    }
    jw_close(out, '}');
}

/* --- what all operations share --- */

static void error_schema(struct buf *out)
{
    jw_key(out, "Error");
    jw_raw(out,
           STR("{\"type\":\"object\",\"required\":[\"success\",\"error\"],\"properties\":{"
               "\"success\":{\"const\":false},\"error\":{\"type\":\"object\",\"required\":["
               "\"code\",\"message\",\"details\",\"requestId\",\"timestamp\"],\"properties\":{"
               "\"message\":{\"type\":\"string\"},\"requestId\":{\"type\":\"string\"},"
               "\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\"},"
               "\"details\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":["
               "\"field\",\"message\"],\"properties\":{\"field\":{\"type\":\"string\"},"
               "\"message\":{\"type\":\"string\"}}}},\"code\":{\"type\":\"string\",\"enum\":["));
    for (enum code c = 0; c < CODE_COUNT; c++) {
        jw_str(out, str_of(code_info(c)->name));
    }
    buf_cstr(out, "]}}}}}");
}

static void shared_schemas(struct buf *out)
{
    open_member(out, "schemas", '{');
    error_schema(out);
    jw_key(out, "Page");
    jw_raw(out,
           STR("{\"type\":\"object\",\"required\":[\"next\"],\"properties\":{\"next\":{"
               "\"type\":[\"string\",\"null\"],\"description\":\"Cursor of the next page; null "
               "on the last one.\"}}}"));
    jw_close(out, '}');
}

static void shared_parameters(struct buf *out)
{
    jw_key(out, "parameters");
    jw_raw(out,
           STR("{\"Limit\":{\"name\":\"limit\",\"in\":\"query\",\"description\":\"Items on a "
               "page.\",\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100,"
               "\"default\":25}},"
               "\"Cursor\":{\"name\":\"cursor\",\"in\":\"query\",\"description\":\"page.next of "
               "the page before.\",\"schema\":{\"type\":\"string\",\"maxLength\":255}},"
               "\"IdempotencyKey\":{\"name\":\"Idempotency-Key\",\"in\":\"header\","
               "\"description\":\"The same key with the same body gives the same resource for a "
               "day.\",\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":255}}}"));
}

static void error_response(struct buf *out, int status)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "Error%d", status);
    SCOPED(buf_fini) struct buf doc = buf_make(8 * KB);
    for (enum code c = 0; c < CODE_COUNT; c++) {
        if (code_info(c)->http_status == status) {
            buf_fmt(&doc, "%s%s: %s", doc.n ? " " : "", code_info(c)->name, code_info(c)->doc);
        }
    }
    open_member(out, name, '{');
    jw_member_str(out, "description", buf_view(&doc));
    if (status == 429 || status == 503) {
        jw_key(out, "headers");
        jw_raw(out, STR("{\"Retry-After\":{\"description\":\"Seconds to wait.\",\"schema\":{"
                        "\"type\":\"integer\",\"minimum\":1}}}"));
    }
    jw_key(out, "content");
    jw_raw(out,
           STR("{\"application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/Error\"}}}"));
    jw_close(out, '}');
}

static void components(struct buf *out)
{
    open_member(out, "components", '{');
    jw_key(out, "securitySchemes");
    jw_raw(out, STR("{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\",\"description\":\"An API "
                    "key, an access token, a visitor's token, or the operator's token.\"},"
                    "\"apiKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-Api-Key\"}}"));
    shared_schemas(out);
    shared_parameters(out);
    open_member(out, "responses", '{');
    for (size_t i = 0; i < COUNT(error_statuses); i++) {
        error_response(out, error_statuses[i]);
    }
    jw_close(out, '}');
    jw_close(out, '}');
}

void router_openapi(const struct router *r, const char *server_url, struct buf *out)
{
    jw_open(out, '{');
    member(out, "openapi", "3.1.0");
    jw_key(out, "info");
    jw_raw(out,
           STR("{\"title\":\"metachat\",\"version\":\"1.0.0\",\"summary\":\"Customer support with "
               "an assistant that cites its sources.\",\"license\":{\"name\":\"Apache-2.0\","
               "\"identifier\":\"Apache-2.0\"}}"));
    open_member(out, "servers", '[');
    jw_open(out, '{');
    member(out, "url", server_url && *server_url ? server_url : "/");
    jw_close(out, '}');
    jw_close(out, ']');
    paths(out, r);
    components(out);
    jw_close(out, '}');
}
