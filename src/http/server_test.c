#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"

#include "http/test_server.h"

#include <jansson.h>
#include <setjmp.h>
#include <unistd.h>

#include <cmocka.h>

static struct answer a;

#define AUTH(key) "Authorization: Bearer " key "\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define ID        "0190f5a0-0000-7000-8000-000000000001"

static json_t *parsed(void)
{
    json_error_t e;
    json_t *v = json_loads(a.body, JSON_REJECT_DUPLICATES, &e);
    if (!v) {
        fail_msg("not JSON: %s", a.bytes);
    }
    return v;
}

/* The one form of errors, with the code that is wanted. */
static void assert_error(int status, const char *code)
{
    if (a.status != status) {
        fail_msg("wanted %d %s: %s", status, code, a.bytes);
    }
    json_t *v = parsed();
    const json_t *error = json_object_get(v, "error");
    assert_true(json_is_false(json_object_get(v, "success")));
    assert_string_equal(json_string_value(json_object_get(error, "code")), code);
    assert_true(json_string_length(json_object_get(error, "message")) > 0);
    assert_true(json_is_array(json_object_get(error, "details")));
    assert_string_equal(json_string_value(json_object_get(error, "requestId")),
                        test_header(&a, "X-Request-Id"));
    assert_true(json_string_length(json_object_get(error, "timestamp")) == 24);
    json_decref(v);
}

static int start(void **state)
{
    (void)state;
    test_server_start();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    test_server_stop();
    return 0;
}

static const struct {
    const char *head;
    const char *body;
    int status;
    const char *code;
} refusals[] = {
    {"GET /nowhere HTTP/1.1\r\n", NULL, 404, "NOT_FOUND"},
    {"POST /nowhere HTTP/1.1\r\n" JSON_TYPE, "{}", 404, "NOT_FOUND"},
    {"GET /api/v1/things/ HTTP/1.1\r\n" AUTH("admin"), NULL, 404, "NOT_FOUND"},
    {"GET /API/v1/things HTTP/1.1\r\n" AUTH("admin"), NULL, 404, "NOT_FOUND"},
    {"GET /api/v1/%74hings HTTP/1.1\r\n" AUTH("admin"), NULL, 404, "NOT_FOUND"},
    {"GET /api/v1//things HTTP/1.1\r\n" AUTH("admin"), NULL, 404, "NOT_FOUND"},
    {"PATCH /api/v1/things HTTP/1.1\r\n", NULL, 405, "METHOD_NOT_ALLOWED"},
    {"OPTIONS /api/v1/things HTTP/1.1\r\n", NULL, 405, "METHOD_NOT_ALLOWED"},
    {"GET /api/v1/things HTTP/1.1\r\n", NULL, 401, "UNAUTHORIZED"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE, "{}", 401, "UNAUTHORIZED"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH("wrong"), NULL, 401, "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH(""), NULL, 401, "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\nAuthorization: Basic YTpi\r\n", NULL, 401, "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\nX-Api-Key:\r\n", NULL, 401, "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\nX-Api-Key: admin\r\n" AUTH("reader"), NULL, 401,
     "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH("admin") AUTH("admin"), NULL, 401, "INVALID_TOKEN"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH("visitor"), NULL, 403, "FORBIDDEN"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("reader"), "{}", 403, "FORBIDDEN"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH("failing"), NULL, 403, "FORBIDDEN"},
    {"POST /api/v1/tenants HTTP/1.1\r\n" AUTH("admin"), NULL, 403, "FORBIDDEN"},
    {"GET /api/v1/things HTTP/1.1\r\n" AUTH("operator"), NULL, 403, "FORBIDDEN"},
    {"POST /api/v1/things HTTP/1.1\r\nContent-Type: text/plain\r\n" AUTH("writer"), "{}", 415,
     "UNSUPPORTED_MEDIA_TYPE"},
    {"POST /api/v1/things HTTP/1.1\r\n" AUTH("writer"), "{}", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"POST /api/v1/things HTTP/1.1\r\nContent-Type: application/json; charset=latin1\r\n" AUTH(
         "writer"),
     "{}", 415, "UNSUPPORTED_MEDIA_TYPE"},
    {"POST /api/v1/things HTTP/1.1\r\nContent-Encoding: gzip\r\n" JSON_TYPE AUTH("writer"), "{}",
     415, "UNSUPPORTED_MEDIA_TYPE"},
    {"POST /api/v1/files HTTP/1.1\r\n" JSON_TYPE AUTH("visitor"), "{}", 415,
     "UNSUPPORTED_MEDIA_TYPE"},
    {"POST /api/v1/files HTTP/1.1\r\nContent-Type: multipart/form-data\r\n" AUTH("visitor"), "{}",
     400, "VALIDATION_ERROR"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"), "{", 400, "MALFORMED_JSON"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"), "{\"name\":\"\xff\"}", 400,
     "MALFORMED_JSON"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"), "{\"name\":\"a\\u0000\"}", 400,
     "MALFORMED_JSON"},
    {"POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"), "[]", 400, "VALIDATION_ERROR"},
    {"POST /api/v1/things HTTP/1.1\r\n" AUTH("writer"), NULL, 400, "VALIDATION_ERROR"},
    {"POST /api/v1/things HTTP/1.1\r\nIdempotency-Key: a b\r\n" JSON_TYPE AUTH("writer"),
     "{\"name\":\"a\"}", 400, "VALIDATION_ERROR"},
    {"POST /api/v1/tenants HTTP/1.1\r\n" JSON_TYPE AUTH("operator"), "{\"a\":1}", 400,
     "VALIDATION_ERROR"},
    {"GET /api/v1/things?limit=0 HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?limit=101 HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?limit=-1 HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?kind=odd HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?other=1 HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?kind=%zz HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things?cursor=abc HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "INVALID_CURSOR"},
    {"GET /api/v1/things/17 HTTP/1.1\r\n" AUTH("reader"), NULL, 400, "VALIDATION_ERROR"},
    {"GET /api/v1/things/00000000-0000-0000-0000-000000000000 HTTP/1.1\r\n" AUTH("reader"), NULL,
     404, "DOCUMENT_NOT_FOUND"},
    {"GET /api/v1/boom HTTP/1.1\r\n" AUTH("reader"), NULL, 503, "DATABASE_ERROR"},
    {"GET /api/v1/silent HTTP/1.1\r\n" AUTH("reader"), NULL, 500, "INTERNAL_ERROR"},
};

/* shows: API-3 */
static void refuses_in_one_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        test_ask(&a, refusals[i].head, refusals[i].body);
        if (a.status != refusals[i].status) {
            print_message("%s", refusals[i].head);
        }
        assert_error(refusals[i].status, refusals[i].code);
        assert_string_equal(test_header(&a, "X-Content-Type-Options"), "nosniff");
        assert_string_equal(test_header(&a, "X-Frame-Options"), "DENY");
        assert_string_equal(test_header(&a, "Referrer-Policy"), "no-referrer");
        assert_string_equal(test_header(&a, "Cache-Control"), "no-store");
        assert_non_null(strstr(test_header(&a, "Content-Security-Policy"), "default-src 'none'"));
        assert_null(strstr(a.bytes, "marker"));
        if (a.status == 401) {
            assert_string_equal(test_header(&a, "WWW-Authenticate"), "Bearer");
        }
    }
}

static void refuses_large_bodies(void **state)
{
    (void)state;
    static char body[2000];
    memset(body, ' ', sizeof(body) - 1);
    test_ask(&a, "POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"), body);
    assert_error(413, "PAYLOAD_TOO_LARGE");
    test_ask(&a, "GET /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("reader"), "{}");
    assert_error(413, "PAYLOAD_TOO_LARGE");
}

/* The answer comes although the body never does. */
static void reads_no_body_of_a_stranger(void **state)
{
    (void)state;
    const int fd = test_connect();
    test_send(fd, "POST /api/v1/things HTTP/1.1\r\nHost: x\r\n" JSON_TYPE
                  "Content-Length: 500\r\n\r\n");
    a.n = 0;
    assert_true(test_read_until(fd, &a, "\r\n\r\n{"));
    assert_int_equal(a.status, 401);
    assert_string_equal(test_header(&a, "WWW-Authenticate"), "Bearer");
    (void)close(fd);
}

static void names_all_faults(void **state)
{
    (void)state;
    test_ask(&a, "POST /api/v1/things HTTP/1.1\r\n" JSON_TYPE AUTH("writer"),
             "{\"size\":101,\"more\":1}");
    assert_error(400, "VALIDATION_ERROR");
    json_t *v = parsed();
    const json_t *details = json_object_get(json_object_get(v, "error"), "details");
    static const char *const fields[] = {"name", "size", "more"};
    assert_int_equal(json_array_size(details), COUNT(fields));
    for (size_t i = 0; i < COUNT(fields); i++) {
        const json_t *d = json_array_get(details, i);
        assert_string_equal(json_string_value(json_object_get(d, "field")), fields[i]);
    }
    json_decref(v);
}

static void answers_in_one_form(void **state)
{
    (void)state;
    test_ask(&a,
             "POST /api/v1/things HTTP/1.1\r\nX-Request-Id: my-id.1\r\n"
             "Content-Type: application/json; charset=UTF-8\r\nIdempotency-Key: \"k1\"\r\n"
             "X-Api-Key: writer\r\n",
             "{\"name\":\"\xc3\xa4\",\"size\":3}");
    assert_int_equal(a.status, 201);
    assert_string_equal(test_header(&a, "X-Request-Id"), "my-id.1");
    assert_string_equal(test_header(&a, "Content-Type"), "application/json; charset=utf-8");
    json_t *v = parsed();
    const json_t *data = json_object_get(v, "data");
    assert_true(json_is_true(json_object_get(v, "success")));
    assert_string_equal(json_string_value(json_object_get(data, "name")), "\xc3\xa4");
    assert_int_equal(json_integer_value(json_object_get(data, "size")), 3);
    assert_true(json_string_length(json_object_get(data, "madeAt")) == 24);
    json_decref(v);
    test_ask(&a, "GET /api/v1/things/" ID " HTTP/1.1\r\nX-Request-Id: no\"good\r\n" AUTH("reader"),
             NULL);
    assert_int_equal(a.status, 200);
    assert_int_equal(strlen(test_header(&a, "X-Request-Id")), UUID_TEXT);
    assert_non_null(strstr(a.body, "\"madeAt\":null"));
    assert_non_null(strstr(a.body, "\"id\":\"" ID "\""));
    test_ask(&a, "DELETE /api/v1/things/" ID " HTTP/1.1\r\n" AUTH("admin"), NULL);
    assert_int_equal(a.status, 204);
    assert_string_equal(a.body, "");
    test_ask(&a, "HEAD /api/v1/things HTTP/1.1\r\n" AUTH("reader"), NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "");
}

static void walks_pages(void **state)
{
    (void)state;
    char head[512] = "GET /api/v1/things?limit=20&kind=big HTTP/1.1\r\n" AUTH("reader");
    for (int64_t at = 0; at <= 40; at += 20) {
        test_ask(&a, head, NULL);
        assert_int_equal(a.status, 200);
        json_t *v = parsed();
        const json_t *data = json_object_get(v, "data");
        assert_int_equal(json_array_size(data), 20);
        assert_int_equal(json_integer_value(json_object_get(json_array_get(data, 0), "size")), at);
        const json_t *next = json_object_get(json_object_get(v, "page"), "next");
        assert_int_equal(json_is_null(next), at == 40);
        if (at < 40) {
            (void)snprintf(head, sizeof(head),
                           "GET /api/v1/things?limit=20&cursor=%s HTTP/1.1\r\n" AUTH("reader"),
                           json_string_value(next));
        }
        json_decref(v);
    }
}

static void old_addresses_are_deprecated(void **state)
{
    (void)state;
    test_ask(&a, "GET /api/things/" ID "?a HTTP/1.1\r\n" AUTH("reader"), NULL);
    assert_int_equal(a.status, 400);
    test_ask(&a, "GET /api/things/" ID " HTTP/1.1\r\n" AUTH("reader"), NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(test_header(&a, "Deprecation"), "@1795132800");
    assert_string_equal(test_header(&a, "Sunset"), "Thu, 20 May 2027 00:00:00 GMT");
    assert_string_equal(test_header(&a, "Link"),
                        "</api/v1/things/" ID ">; rel=\"successor-version\"");
    test_ask(&a, "GET /api/v1/things/" ID " HTTP/1.1\r\n" AUTH("reader"), NULL);
    assert_string_equal(test_header(&a, "Deprecation"), "");
}

static void allow_names_the_methods(void **state)
{
    (void)state;
    test_ask(&a, "PUT /api/v1/things HTTP/1.1\r\n" JSON_TYPE, "{}");
    assert_error(405, "METHOD_NOT_ALLOWED");
    assert_string_equal(test_header(&a, "Allow"), "GET, HEAD, POST");
}

static void takes_files(void **state)
{
    (void)state;
    test_ask(&a,
             "POST /api/v1/files HTTP/1.1\r\n"
             "Content-Type: multipart/form-data; boundary=xx\r\n" AUTH("visitor"),
             "--xx\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.md\"\r\n"
             "Content-Type: text/markdown\r\n\r\nhello\r\n--xx--\r\n");
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "\"name\":\"a.md\",\"size\":5"));
}

#define ORIGIN "Origin: https://shop.example\r\n"

/* A browser asks before it sends what a page of another site wants sent. */
static void other_sites_may_call_what_is_open(void **state)
{
    (void)state;
    test_ask(&a,
             "OPTIONS /api/v1/open HTTP/1.1\r\n" ORIGIN "Access-Control-Request-Method: POST\r\n"
             "Access-Control-Request-Headers: authorization\r\n",
             NULL);
    assert_int_equal(a.status, 204);
    assert_string_equal(test_header(&a, "Access-Control-Allow-Origin"), "https://shop.example");
    assert_string_equal(test_header(&a, "Access-Control-Allow-Methods"), "POST");
    assert_non_null(strstr(test_header(&a, "Access-Control-Allow-Headers"), "Authorization"));
    assert_string_equal(test_header(&a, "Access-Control-Allow-Credentials"), "");
    test_ask(&a, "POST /api/v1/open HTTP/1.1\r\n" ORIGIN JSON_TYPE AUTH("visitor"),
             "{\"name\":\"n\"}");
    assert_int_equal(a.status, 201);
    assert_string_equal(test_header(&a, "Access-Control-Allow-Origin"), "https://shop.example");
    assert_string_equal(test_header(&a, "Vary"), "Origin");
    /* what goes wrong can be read there too */
    test_ask(&a, "POST /api/v1/open HTTP/1.1\r\n" ORIGIN JSON_TYPE AUTH("nobody"), "{}");
    assert_error(401, "INVALID_TOKEN");
    assert_string_equal(test_header(&a, "Access-Control-Allow-Origin"), "https://shop.example");
}

static void other_sites_may_call_nothing_else(void **state)
{
    static const char *const heads[] = {
        /* a row that is not open, another method of one that is, no such row, not a question */
        "OPTIONS /api/v1/things HTTP/1.1\r\n" ORIGIN "Access-Control-Request-Method: POST\r\n",
        "OPTIONS /api/v1/open HTTP/1.1\r\n" ORIGIN "Access-Control-Request-Method: GET\r\n",
        "OPTIONS /api/v1/none HTTP/1.1\r\n" ORIGIN "Access-Control-Request-Method: POST\r\n",
        "OPTIONS /api/v1/open HTTP/1.1\r\n" ORIGIN,
        "OPTIONS /api/v1/open HTTP/1.1\r\nAccess-Control-Request-Method: POST\r\n",
        "GET /api/v1/things HTTP/1.1\r\n" ORIGIN AUTH("reader"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(heads); i++) {
        test_ask(&a, heads[i], NULL);
        assert_int_not_equal(a.status, 204);
        assert_string_equal(test_header(&a, "Access-Control-Allow-Origin"), "");
    }
}

static void hands_requests_on(void **state)
{
    (void)state;
    test_ask(&a, "GET /handed/?EIO=4&x=%zz HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 202);
    assert_string_equal(a.body, "/handed/?EIO=4&x=%zz 0");
    assert_string_equal(test_header(&a, "X-Content-Type-Options"), "nosniff");
    test_ask(&a, "POST /handed/?a HTTP/1.1\r\nContent-Type: text/plain\r\n" ORIGIN, "hello");
    assert_string_equal(a.body, "/handed/?a 5");
    assert_string_equal(test_header(&a, "Access-Control-Allow-Origin"), "https://shop.example");
    test_ask(&a, "GET /handed HTTP/1.1\r\n", NULL);
    assert_error(404, "NOT_FOUND");
}

static void runs_again(void **state)
{
    (void)state;
    static const char head[] = "POST /api/v1/rerun HTTP/1.1\r\n" JSON_TYPE AUTH("writer");
    test_reruns = 2;
    test_runs = 0;
    test_ask(&a, head, "{\"name\":\"again\"}");
    assert_int_equal(a.status, 200);
    assert_int_equal(test_runs, 3);
    assert_non_null(strstr(a.body, "\"name\":\"again\""));
    assert_string_equal(test_header(&a, "X-Run"), "2");
    test_reruns = 100;
    test_runs = 0;
    test_ask(&a, head, "{\"name\":\"again\"}");
    assert_int_equal(test_runs, 3);
    assert_error(503, "DATABASE_ERROR");
}

static void streams(void **state)
{
    (void)state;
    static const char head[] =
        "GET /api/v1/stream HTTP/1.1\r\nAccept: text/event-stream\r\n" AUTH("admin");
    test_ask(&a, head, NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(test_header(&a, "Content-Type"), "text/event-stream");
    assert_string_equal(test_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(test_header(&a, "X-Accel-Buffering"), "no");
    assert_non_null(strstr(a.body, "id: 1\nevent: delta\ndata: {\"text\":\"a\"}\n\n"));
    assert_non_null(strstr(a.body, "event: delta\ndata: two\ndata: lines\n\n"));
    assert_null(strstr(a.body, "event: error"));
    assert_non_null(strstr(a.body, "\r\n0\r\n\r\n"));
    test_ask(&a, "GET /api/v1/stream HTTP/1.1\r\n" AUTH("admin"), NULL);
    assert_string_equal(a.body, "{\"success\":true,\"data\":null}");
}

static void a_failed_stream_says_so(void **state)
{
    (void)state;
    test_ask(&a, "GET /api/v1/stream HTTP/1.1\r\nAccept: text/event-stream\r\n" AUTH("star"), NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "event: error\ndata: {\"code\":\"EXTERNAL_SERVICE_ERROR\""));
    assert_null(strstr(a.body, "marker"));
}

static void serves_pages(void **state)
{
    (void)state;
    test_ask(&a, "GET /page?v=1 HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "<!doctype html><title>x</title>");
    assert_string_equal(test_header(&a, "ETag"), "\"e1\"");
    assert_string_equal(test_header(&a, "Cache-Control"), "no-cache");
    assert_non_null(strstr(test_header(&a, "Content-Security-Policy"), "script-src 'self'"));
    assert_null(strstr(test_header(&a, "Content-Security-Policy"), "unsafe-inline"));
    assert_string_equal(test_header(&a, "X-Content-Type-Options"), "nosniff");
    static const char *const tags[] = {"\"e1\"", "\"e0\", W/\"e1\"", "*"};
    for (size_t i = 0; i < COUNT(tags); i++) {
        char head[128];
        (void)snprintf(head, sizeof(head), "GET /page HTTP/1.1\r\nIf-None-Match: %s\r\n", tags[i]);
        test_ask(&a, head, NULL);
        assert_int_equal(a.status, 304);
        assert_string_equal(a.body, "");
    }
    test_ask(&a, "GET /page HTTP/1.1\r\nIf-None-Match: \"e2\"\r\n", NULL);
    assert_int_equal(a.status, 200);
    test_ask(&a, "HEAD /page HTTP/1.1\r\n", NULL);
    assert_string_equal(a.body, "");
    assert_string_equal(test_header(&a, "Content-Length"), "31");
}

static void serves_what_is_packed(void **state)
{
    (void)state;
    test_ask(&a, "GET /page HTTP/1.1\r\nAccept-Encoding: gzip\r\nAccept-Encoding: br\r\n", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "packed by brotli");
    assert_string_equal(test_header(&a, "Content-Encoding"), "br");
    assert_string_equal(test_header(&a, "Vary"), "Accept-Encoding");
    assert_string_equal(test_header(&a, "ETag"), "\"e1-br\"");
    test_ask(&a, "HEAD /page HTTP/1.1\r\nAccept-Encoding: br;q=0.5, gzip\r\n", NULL);
    assert_string_equal(test_header(&a, "Content-Encoding"), "gzip");
    assert_string_equal(test_header(&a, "Content-Length"), "22");
    assert_string_equal(a.body, "");
    /* the tag of another coding is not this one's */
    test_ask(&a, "GET /page HTTP/1.1\r\nAccept-Encoding: br\r\nIf-None-Match: \"e1\"\r\n", NULL);
    assert_int_equal(a.status, 200);
    test_ask(&a, "GET /page HTTP/1.1\r\nAccept-Encoding: br\r\nIf-None-Match: \"e1-br\"\r\n", NULL);
    assert_int_equal(a.status, 304);
    assert_string_equal(test_header(&a, "Vary"), "Accept-Encoding");
    assert_string_equal(test_header(&a, "Content-Encoding"), "");
    test_ask(&a, "GET /page HTTP/1.1\r\nAccept-Encoding: deflate, *;q=0\r\n", NULL);
    assert_string_equal(a.body, "<!doctype html><title>x</title>");
    assert_string_equal(test_header(&a, "Content-Encoding"), "");
}

static bool part_ok = true;

static bool check_part(void *arg, struct buf *detail)
{
    (void)arg;
    buf_cstr(detail, "inner words");
    return part_ok;
}

/* shows: OBS-5 */
static void health_tells_strangers_little(void **state)
{
    (void)state;
    http_health_add(test_server(), (struct health_part){"database", true, check_part, NULL});
    test_ask(&a, "GET /health HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "{\"status\":\"ok\"}");
    test_ask(&a, "GET /health HTTP/1.1\r\n" AUTH("wrong"), NULL);
    assert_string_equal(a.body, "{\"status\":\"ok\"}");
    test_ask(&a, "GET /api/health HTTP/1.1\r\n" AUTH("operator"), NULL);
    assert_string_equal(a.body, "{\"status\":\"ok\",\"parts\":[{\"name\":\"database\",\"ok\":true,"
                                "\"detail\":\"inner words\"}]}");
    part_ok = false;
    test_ask(&a, "GET /health HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 503);
    assert_string_equal(a.body, "{\"status\":\"down\"}");
    test_ask(&a, "GET /api/v1/health/ready HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 503);
    test_ask(&a, "GET /health/live HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    part_ok = true;
}

/* shows: OBS-4, OBS-11 */
static void metrics_are_the_operators(void **state)
{
    (void)state;
    test_ask(&a, "GET /metrics HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    assert_non_null(strstr(a.body, "http_requests_total{status=\"200\"}"));
    assert_non_null(
        strstr(a.body, "http_request_duration_seconds_count{route=\"/api/v1/things\"}"));
    static const char *const forwarded[] = {"X-Forwarded-For", "Forwarded", "Via", "X-Real-IP"};
    for (size_t i = 0; i < COUNT(forwarded); i++) {
        char head[128];
        (void)snprintf(head, sizeof(head), "GET /metrics HTTP/1.1\r\n%s: x\r\n", forwarded[i]);
        test_ask(&a, head, NULL);
        assert_error(401, "UNAUTHORIZED");
    }
    test_ask(&a, "GET /metrics HTTP/1.1\r\nVia: x\r\n" AUTH("operator"), NULL);
    assert_int_equal(a.status, 200);
}

static void limits_a_key(void **state)
{
    (void)state;
    conf.rate_read_per_min = 2;
    for (int i = 0; i < 3; i++) {
        test_ask(&a, "GET /api/v1/things/" ID " HTTP/1.1\r\n" AUTH("fresh"), NULL);
        if (i < 2) {
            assert_int_equal(a.status, 200);
            assert_string_equal(test_header(&a, "X-RateLimit-Limit"), "2");
            assert_string_equal(test_header(&a, "RateLimit-Policy"), "\"read\";q=2;w=60");
            assert_int_equal(test_header(&a, "X-RateLimit-Remaining")[0], i ? '0' : '1');
        }
    }
    assert_error(429, "RATE_LIMITED");
    assert_string_equal(test_header(&a, "Retry-After"), "30");
    assert_string_equal(test_header(&a, "X-RateLimit-Remaining"), "0");
    assert_true(metric_value(METRIC_RATE_LIMITED, "read") >= 1);
    conf.rate_read_per_min = 60000;
}

static void limits_refused_credentials(void **state)
{
    (void)state;
    conf.rate_auth_per_min = 1;
    for (int i = 0; i < 2; i++) {
        test_ask(&a, "GET /api/v1/things HTTP/1.1\r\n" AUTH("guess"), NULL);
    }
    assert_error(429, "RATE_LIMITED");
    assert_string_equal(test_header(&a, "X-RateLimit-Limit"), "1");
    /* the right ones still pass */
    test_ask(&a, "GET /api/v1/things HTTP/1.1\r\n" AUTH("reader"), NULL);
    assert_int_equal(a.status, 200);
    conf.rate_auth_per_min = 600;
}

/* shows: RATE-2 */
static void limits_addresses_of_the_anonymous(void **state)
{
    (void)state;
    conf.rate_public_per_min = 1;
    test_ask(&a, "GET /api/v1/openapi.json HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    test_ask(&a, "GET /api/v1/openapi.json HTTP/1.1\r\n", NULL);
    assert_error(429, "RATE_LIMITED");
    conf.rate_public_per_min = 6000;
    test_ask(&a, "GET /health HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
}

/* shows: OBS-2 */
static void logs_one_line(void **state)
{
    (void)state;
    (void)test_log();
    test_ask(&a, "GET /api/v1/things/" ID "?x=marker HTTP/1.1\r\n" AUTH("reader"), NULL);
    const char *line = test_log();
    assert_non_null(strstr(line, "\"level\":\"info\",\"event\":\"request\""));
    assert_non_null(strstr(line, "\"route\":\"/api/v1/things/:id\",\"status\":400"));
    assert_non_null(strstr(line, "\"principal\":\"key\""));
    assert_null(strstr(line, "marker"));
    assert_null(strstr(line, "reader"));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    test_ask(&a, "GET /api/v1/boom HTTP/1.1\r\n" AUTH("reader"), NULL);
    line = test_log();
    assert_non_null(strstr(line, "\"level\":\"error\",\"event\":\"request\""));
    assert_non_null(strstr(line, "\"detail\":\"marker: /secret/path is full\""));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

/* --- servers of their own --- */

static const char *const slow_heads[] = {
    "GET /api/v1/slow HTTP/1.1\r\nHost: x\r\n" AUTH("reader"),
    "GET /api/v1/slow/turn HTTP/1.1\r\nHost: x\r\n" AUTH("reader"),
    "GET /api/v1/slow/upload HTTP/1.1\r\nHost: x\r\n" AUTH("reader"),
};

static void ask_until_refused(const char *head)
{
    do {
        const int fd = test_connect();
        a.n = 0;
        test_send(fd, head);
        test_send(fd, "X-Request-Id: late\r\n\r\n");
        (void)test_read_until(fd, &a, "\"requestId\":\"late\"");
        (void)close(fd);
    } while (a.status == 200);
    assert_error(503, "OVERLOADED");
    assert_string_equal(test_header(&a, "Retry-After"), "1");
}

/* shows: RES-2 */
static void full_lanes_are_refused_at_once_and_health_answers(void **state)
{
    (void)state;
    enum { THREADS = 2, QUEUE = 1, EACH = THREADS + QUEUE, ALL = 3 * EACH };
    static const char *const probes[] = {"/health", "/health/live", "/health/ready", "/metrics",
                                         "/page"};
    conf.api_threads = conf.turn_threads = conf.upload_threads = THREADS;
    conf.api_queue = conf.turn_queue = conf.upload_queue = QUEUE;
    test_server_start();
    test_hold(true);
    int fds[ALL];
    int running = 0;
    for (int i = 0; i < ALL; i++) {
        fds[i] = test_connect();
        test_send(fds[i], slow_heads[i / EACH]);
        test_send(fds[i], "\r\n");
        if (i % EACH < THREADS) {
            test_wait_slow(++running);
        } else {
            /* the loop takes them in the order of their coming, so the waiting one is in its queue
             * when a later connection has been answered */
            test_ask(&a, "GET /health/live HTTP/1.1\r\n", NULL);
        }
    }
    for (size_t i = 0; i < COUNT(slow_heads); i++) {
        ask_until_refused(slow_heads[i]);
    }
    for (size_t i = 0; i < COUNT(probes); i++) {
        char head[64];
        (void)snprintf(head, sizeof(head), "GET %s HTTP/1.1\r\n", probes[i]);
        test_ask(&a, head, NULL);
        assert_int_equal(a.status, 200);
    }
    test_hold(false);
    for (int i = 0; i < ALL; i++) {
        a.n = 0;
        assert_true(test_read_until(fds[i], &a, "\"data\":null}"));
        (void)close(fds[i]);
    }
    for (size_t i = 0; i < COUNT(slow_heads); i++) {
        const int fd = test_connect();
        a.n = 0;
        test_send(fd, slow_heads[i]);
        test_send(fd, "\r\n");
        assert_true(test_read_until(fd, &a, "\"data\":null}"));
        (void)close(fd);
    }
    test_server_stop();
    conf.api_threads = conf.turn_threads = 64;
    conf.upload_threads = 4;
    conf.api_queue = conf.turn_queue = conf.upload_queue = 1024;
}

static void asks_for_https_when_it_has_it(void **state)
{
    (void)state;
    conf.public_url = "https://chat.example";
    test_server_start();
    static const char *const heads[] = {"GET /page HTTP/1.1\r\n", "GET /nowhere HTTP/1.1\r\n",
                                        "BAD\r\n", "GET /api/v1/openapi.json HTTP/1.1\r\n"};
    for (size_t i = 0; i < COUNT(heads); i++) {
        test_ask(&a, heads[i], NULL);
        assert_string_equal(test_header(&a, "Strict-Transport-Security"),
                            "max-age=31536000; includeSubDomains; preload");
        assert_string_equal(test_header(&a, "X-Frame-Options"), "DENY");
    }
    assert_non_null(strstr(a.body, "\"url\":\"https://chat.example\""));
    test_server_stop();
    conf.public_url = "";
    test_server_start();
    test_ask(&a, "GET /page HTTP/1.1\r\n", NULL);
    assert_string_equal(test_header(&a, "Strict-Transport-Security"), "");
    test_server_stop();
}

/* shows: RES-10 */
static void drains(void **state)
{
    (void)state;
    test_server_start();
    http_server_announce_stop(test_server());
    test_ask(&a, "GET /health/ready HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 503);
    test_ask(&a, "GET /health HTTP/1.1\r\n", NULL);
    assert_int_equal(a.status, 200);
    test_hold(true);
    const int fd = test_connect();
    test_send(fd, "GET /api/v1/slow HTTP/1.1\r\nHost: x\r\n" AUTH("reader") "\r\n");
    test_wait_slow(1);
    http_server_stop(test_server(), clock_mono_us() + 20 * SECOND_US);
    test_wait_closed();
    test_hold(false);
    a.n = 0;
    (void)test_read_until(fd, &a, NULL);
    assert_int_equal(a.status, 200);
    assert_string_equal(test_header(&a, "Connection"), "close");
    (void)close(fd);
    test_server_stop();
}

/* Work that never began when the time was over is answered for, not leaked. */
static void drops_what_never_began(void **state)
{
    (void)state;
    conf.api_threads = 1;
    test_server_start();
    test_hold(true);
    const int first = test_connect();
    test_send(first, "GET /api/v1/slow HTTP/1.1\r\nHost: x\r\n" AUTH("reader") "\r\n");
    test_wait_slow(1);
    const int second = test_connect();
    test_send(second, "GET /api/v1/slow HTTP/1.1\r\nHost: x\r\n" AUTH("reader") "\r\n");
    http_server_stop(test_server(), clock_mono_us());
    a.n = 0;
    assert_false(test_read_until(first, &a, NULL));
    assert_int_equal(a.n, 0);
    (void)close(first);
    (void)close(second);
    test_server_stop();
    conf.api_threads = 64;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_in_one_form),
        cmocka_unit_test(refuses_large_bodies),
        cmocka_unit_test(reads_no_body_of_a_stranger),
        cmocka_unit_test(names_all_faults),
        cmocka_unit_test(answers_in_one_form),
        cmocka_unit_test(walks_pages),
        cmocka_unit_test(old_addresses_are_deprecated),
        cmocka_unit_test(allow_names_the_methods),
        cmocka_unit_test(takes_files),
        cmocka_unit_test(other_sites_may_call_what_is_open),
        cmocka_unit_test(other_sites_may_call_nothing_else),
        cmocka_unit_test(hands_requests_on),
        cmocka_unit_test(runs_again),
        cmocka_unit_test(streams),
        cmocka_unit_test(a_failed_stream_says_so),
        cmocka_unit_test(serves_pages),
        cmocka_unit_test(serves_what_is_packed),
        cmocka_unit_test(health_tells_strangers_little),
        cmocka_unit_test(metrics_are_the_operators),
        cmocka_unit_test(limits_a_key),
        cmocka_unit_test(limits_refused_credentials),
        cmocka_unit_test(limits_addresses_of_the_anonymous),
        cmocka_unit_test(logs_one_line),
    };
    const struct CMUnitTest lives[] = {
        cmocka_unit_test(full_lanes_are_refused_at_once_and_health_answers),
        cmocka_unit_test(asks_for_https_when_it_has_it),
        cmocka_unit_test(drains),
        cmocka_unit_test(drops_what_never_began),
    };
    conf.operator_token = "operator";
    const int failed = cmocka_run_group_tests_name("http server", tests, start, stop);
    return failed + cmocka_run_group_tests_name("http server's life", lives, NULL, NULL);
}
