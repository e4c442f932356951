#include "http/route.h"

#include <setjmp.h>

#include <cmocka.h>

static enum err nothing(struct req *r)
{
    (void)r;
    return ERR_OK;
}

struct body {
    struct str name;
    struct list tags;
};

static const struct field body_fields[] = {
    FIELD_STR(struct body, name, .required = true, .max = 100, .doc = "How it is \"called\"."),
    FIELD_LIST(struct body, tags),
    FIELD_END,
};

struct query {
    struct str q;
};

static const struct field query_fields[] = {
    FIELD_STR(struct query, q, .max = 9),
    FIELD_END,
};

#define ROW(method_, path_)                                                                        \
    .method = METHOD_##method_, .path = (path_), .who = WHO_AGENT, .scope = "x:read",              \
    .rate = RATE_READ, .handler = nothing, .summary = "A row"

static const struct route rows[] = {
    {ROW(GET, "/api/v1/docs"), .is_list = true, ROUTE_REPLY(struct body, body_fields)},
    {ROW(POST, "/api/v1/docs"), ROUTE_BODY(struct body, body_fields), .creates = true,
     .takes_multipart = true, .reply = body_fields, .status = 201},
    {ROW(GET, "/api/v1/docs/:id"), .reply = body_fields},
    {ROW(DELETE, "/api/v1/docs/:id"), .status = 204},
    {ROW(GET, "/api/v1/docs/:id/parts/:part"), .params_text = true, .streams = true},
    {ROW(GET, "/api/v1/docs/new/parts"), .raw = true},
    {ROW(GET, "/api/v1/docs/:id/parts")},
    ROUTE_END,
};

static const struct route more[] = {
    {ROW(GET, "/")},
    {ROW(GET, "/widget.js"), .raw = true},
    ROUTE_END,
};

static const struct route *const groups[] = {rows, more, NULL};

static void finds_rows(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *path;
        enum route_match match;
        const char *row;
        const char *param;
    } cases[] = {
        {"GET", "/", ROUTE_FOUND, "/", NULL},
        {"HEAD", "/widget.js", ROUTE_FOUND, "/widget.js", NULL},
        {"GET", "/api/v1/docs", ROUTE_FOUND, "/api/v1/docs", NULL},
        {"GET", "/api/v1/docs/17", ROUTE_FOUND, "/api/v1/docs/:id", "17"},
        {"DELETE", "/api/v1/docs/17", ROUTE_FOUND, "/api/v1/docs/:id", "17"},
        {"GET", "/api/docs/17", ROUTE_FOUND, "/api/v1/docs/:id", "17"},
        {"GET", "/api/v1/docs/a/parts/b", ROUTE_FOUND, "/api/v1/docs/:id/parts/:part", "a"},
        {"GET", "/api/v1/docs/new/parts", ROUTE_FOUND, "/api/v1/docs/new/parts", NULL},
        {"GET", "/api/v1/docs/new/parts/b", ROUTE_FOUND, "/api/v1/docs/:id/parts/:part", "new"},
        {"GET", "/api/v1/docs/new", ROUTE_FOUND, "/api/v1/docs/:id", "new"},
        {"GET", "/api/v1/docs/x/parts", ROUTE_FOUND, "/api/v1/docs/:id/parts", "x"},
        {"PATCH", "/api/v1/docs/17", ROUTE_NO_METHOD, NULL, "GET, HEAD, DELETE"},
        {"get", "/api/v1/docs/17", ROUTE_NO_METHOD, NULL, "GET, HEAD, DELETE"},
        {"OPTIONS", "/api/v1/docs", ROUTE_NO_METHOD, NULL, "GET, HEAD, POST"},
        {"HEAD", "/api/v1/docs/17/", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "*", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "//", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/Docs", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/docs//parts", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/docs/..", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/docs/./parts", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/docs/a%2fb", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/docs/a;b", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v1/v1/docs", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/api/v2/docs", ROUTE_NO_PATH, NULL, NULL},
        {"GET", "/docs", ROUTE_NO_PATH, NULL, NULL},
    };
    struct router *r = router_new(groups);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct route_hit hit;
        if (router_find(r, str_of(cases[i].method), str_of(cases[i].path), &hit) !=
            cases[i].match) {
            fail_msg("%s %s", cases[i].method, cases[i].path);
        }
        if (cases[i].match == ROUTE_FOUND) {
            assert_string_equal(hit.route->path, cases[i].row);
            assert_int_equal(hit.param_count > 0, cases[i].param != NULL);
            assert_true(!cases[i].param || str_is(hit.params[0], cases[i].param));
            assert_int_equal(hit.unversioned, !strncmp(cases[i].path, "/api/d", 6));
        } else if (cases[i].match == ROUTE_NO_METHOD) {
            assert_string_equal(hit.allow, cases[i].param);
        }
    }
    router_free(&r);
    assert_null(r);
}

/* shows: TEN-2 */
static void refuses_rows_that_cannot_be_served(void **state)
{
    (void)state;
    struct route bad[] = {
        {.path = "/a"},
        {ROW(GET, "/a")},
        {ROW(GET, "/a")},
        {ROW(GET, "/a")},
        {ROW(GET, "/a")},
        {ROW(GET, "/a")},
        {ROW(GET, "a")},
        {ROW(GET, "/a/")},
        {ROW(GET, "/a//b")},
        {ROW(GET, "/:a/:b/:c/:d/:e")},
        {ROW(GET, "/a"), ROUTE_BODY(struct body, body_fields)},
        {ROW(GET, "/a"), .is_list = true, .reply = body_fields},
        {ROW(POST, "/a"), .is_list = true, ROUTE_REPLY(struct body, body_fields)},
        {ROW(POST, "/a"), .body = body_fields},
        {ROW(GET, "/a"), ROUTE_QUERY(struct body, body_fields)},
        {ROW(GET, "/a"), .status = 404},
        {ROW(GET, "/a"), .lane = LANE_PROBE, .raw = true},
        {ROW(GET, "/a"), .lane = LANE_LOOP, .raw = true},
        {ROW(GET, "/a"), .lane = LANE_LOOP},
        {ROW(POST, "/a"), .lane = LANE_LOOP, .raw = true},
        {ROW(GET, "/a"), .lane = LANE_LOOP, .raw = true, .streams = true},
        {ROW(GET, "/a"), .lane = LANE_PROBE, .raw = true, ROUTE_QUERY(struct query, query_fields)},
    };
    for (size_t i = COUNT(bad) - 4; i < COUNT(bad); i++) {
        bad[i].who = WHO_PUBLIC;
        bad[i].scope = NULL;
    }
    bad[1].who = WHO_UNSET;
    bad[2].rate = RATE_UNSET;
    bad[3].scope = NULL;
    bad[4].handler = NULL;
    bad[5].summary = NULL;
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    for (size_t i = 0; i < COUNT(bad); i++) {
        buf_reset(&why);
        if (route_ok(&bad[i], &why)) {
            fail_msg("row %zu was taken", i);
        }
        assert_true(why.n > 0);
    }
}

static const json_t *at(const json_t *v, const char *key)
{
    const json_t *found = json_object_get(v, key);
    if (!found) {
        fail_msg("no member %s", key);
    }
    return found;
}

/* Every $ref leads somewhere. */
static void check_refs(const json_t *document, json_t *v)
{
    const char *key;
    json_t *child;
    size_t i;
    if (json_is_array(v)) {
        json_array_foreach (v, i, child) {
            check_refs(document, child);
        }
        return;
    }
    json_object_foreach (v, key, child) {
        if (strcmp(key, "$ref") == 0) {
            struct str rest = str_sub(str_of(json_string_value(child)), 2, SIZE_MAX);
            struct str step;
            const json_t *target = document;
            while (str_split(&rest, '/', &step)) {
                target = json_object_getn(target, step.p, step.n);
            }
            assert_non_null(target);
        }
        check_refs(document, child);
    }
}

static void makes_an_openapi_document(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1 * MB);
    const struct route some[] = {rows[0], rows[1], rows[2], rows[4], more[1], ROUTE_END};
    const struct route *const list[] = {some, NULL};
    struct router *r = router_new(list);
    router_openapi(r, "https://chat.example", &b);
    json_error_t e;
    json_t *v = json_loads(b.p, JSON_REJECT_DUPLICATES, &e);
    if (!v) {
        fail_msg("%s at %d", e.text, e.position);
    }
    assert_string_equal(json_string_value(at(v, "openapi")), "3.1.0");
    assert_int_equal(json_object_size(at(v, "paths")), 4);
    const json_t *docs = at(at(v, "paths"), "/api/v1/docs");
    const json_t *get = at(docs, "get");
    const json_t *post = at(docs, "post");
    assert_string_equal(json_string_value(at(get, "operationId")), "getDocs");
    assert_int_equal(json_array_size(at(get, "parameters")), 2);
    assert_int_equal(json_array_size(at(get, "security")), 2);
    (void)at(at(get, "responses"), "401");
    const json_t *schema =
        at(at(at(at(at(get, "responses"), "200"), "content"), "application/json"), "schema");
    assert_string_equal(json_string_value(at(at(at(schema, "properties"), "data"), "type")),
                        "array");
    (void)at(at(at(post, "requestBody"), "content"), "multipart/form-data");
    (void)at(at(post, "responses"), "201");
    (void)at(at(post, "responses"), "422");
    const json_t *part = at(at(at(v, "paths"), "/api/v1/docs/{id}/parts/{part}"), "get");
    assert_string_equal(json_string_value(at(part, "operationId")), "getDocsByIdPartsByPart");
    assert_int_equal(json_array_size(at(part, "parameters")), 2);
    check_refs(v, v);
    json_decref(v);
    router_free(&r);
}

static void prints_rows(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1 * MB);
    struct router *r = router_new(groups + 1);
    router_print(r, false, &b);
    assert_non_null(strstr(b.p, "GET    /widget.js "));
    buf_reset(&b);
    router_print(r, true, &b);
    json_t *v = json_loads(b.p, JSON_REJECT_DUPLICATES, NULL);
    assert_int_equal(json_array_size(v), 2);
    assert_string_equal(json_string_value(at(json_array_get(v, 0), "who")), "agent");
    json_decref(v);
    router_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_rows),
        cmocka_unit_test(refuses_rows_that_cannot_be_served),
        cmocka_unit_test(makes_an_openapi_document),
        cmocka_unit_test(prints_rows),
    };
    return cmocka_run_group_tests_name("routes", tests, NULL, NULL);
}
