/* Frames, retries, the breaker, and the whole client against scripted upstreams on loopback. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "ext/breaker.h"
#include "ext/llm.h"
#include "ext/llm_frame.h"
#include "ext/llm_retry.h"
#include "net/client.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct cx cx;

static int start(void **state)
{
    (void)state;
    cx_begin(&cx, NULL);
    conf.llm_backoff_ms = 1;
    conf.llm_backoff_max_ms = 2;
    conf.llm_max_output = 4096;
    conf.llm_stall_timeout_ms = 150;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cx_end(&cx);
    return 0;
}

/* What a form says is what parsing says. */
static void knows_the_form_of_a_stream(void **state)
{
    (void)state;
    static const char learned[] = "{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": "
                                  "\"Hi\"},\"finish_reason\":null}]}";
    static const struct {
        const char *data;
        const char *text; /* NULL: of another form */
    } rows[] = {
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"dear \xC3\xA4\"},"
         "\"finish_reason\":null}]}",
         "dear \xC3\xA4"},
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"a\\\"b\"},"
         "\"finish_reason\":null}]}",
         NULL},
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"a\",\"x\":\"b\"},"
         "\"finish_reason\":null}]}",
         NULL},
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"a\xFF\"},"
         "\"finish_reason\":null}]}",
         NULL},
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"a\"},"
         "\"finish_reason\":\"stop\"}]}",
         NULL},
        {"{\"id\":\"1\",\"choices\":[{\"index\":0,\"delta\":{\"content\": \"", NULL},
    };
    struct llm_form form = llm_form_make();
    struct str text;
    llm_form_learn(&form, str_of(learned), STR("Hi"));
    for (size_t i = 0; i < COUNT(rows); i++) {
        const bool is = llm_form_has(&form, str_of(rows[i].data), &text);
        assert_int_equal(is, rows[i].text != NULL);
        assert_true(!is || str_is(text, rows[i].text));
    }
    static const char *const unclear[] = {
        "{\"content\":\"Hi\",\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}",
        "{\"content\":\"Hi\",\"choices\":[{\"delta\":{\"\\u0063ontent\":\"Hi\"}}]}",
        "{\"choices\":[{\"delta\":{\"refusal\":\"Hi\"}}]}",
    };
    for (size_t i = 0; i < COUNT(unclear); i++) {
        llm_form_learn(&form, str_of(unclear[i]), STR("Hi"));
        assert_false(llm_form_has(&form, str_of(unclear[i]), &text));
    }
    llm_form_fini(&form);
}

static void reads_frames(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        bool ok;
        const char *text, *finish;
        int64_t tokens;
        bool error;
    } rows[] = {
        {"{\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"},"
         "\"finish_reason\":null}],"
         "\"usage\":null,\"obfuscation\":\"xyz\"}",
         true, "Hi", "", -1, false},
        {"{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}", true, "", "stop",
         -1, false},
        {"{\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}", true, "", "",
         7, false},
        {"{\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}", true, "", "", 7, false},
        {"{\"choices\":[{\"index\":1,\"delta\":{\"content\":\"no\"}}]}", true, "", "", -1, false},
        {"{\"choices\":[{\"message\":{\"content\":\"whole\"},\"finish_reason\":\"length\"}]}", true,
         "whole", "length", -1, false},
        {"{\"choices\":[{\"delta\":{\"refusal\":\"no\"}}]}", true, "no", "", -1, false},
        {"{\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}", true, "", "", -1, false},
        {"{\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"c\"}}", true, "",
         "", -1, true},
        {"{\"error\":\"words\"}", true, "", "", -1, true},
        {"{\"error\":null,\"choices\":[]}", true, "", "", -1, false},
        {"{}", false, "", "", -1, false},
        {"[]", false, "", "", -1, false},
        {"\"x\"", false, "", "", -1, false},
        {"nonsense", false, "", "", -1, false},
        {"", false, "", "", -1, false},
        {"{\"choices\":{}}", false, "", "", -1, false},
        {"{\"choices\":[7]}", false, "", "", -1, false},
        {"{\"choices\":[{\"delta\":7}]}", false, "", "", -1, false},
        {"{\"choices\":[{\"delta\":{\"content\":7}}]}", false, "", "", -1, false},
        {"{\"choices\":[{\"delta\":{\"content\":\"\\u0000\"}}]}", false, "", "", -1, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llm_frame f;
        const enum err e = llm_frame_parse(&cx, str_of(rows[i].data), &f);
        assert_int_equal(e, rows[i].ok ? ERR_OK : ERR_UNAVAILABLE);
        if (!e) {
            assert_true(str_is(f.text, rows[i].text));
            assert_true(str_is(f.finish_reason, rows[i].finish));
            assert_int_equal(f.prompt_tokens, rows[i].tokens);
            assert_int_equal(f.is_error, rows[i].error);
        }
    }
}

static void writes_the_request(void **state)
{
    (void)state;
    const struct llm_message m[] = {{STR("system"), STR("a \"b\"\n")},
                                    {STR("user"), STR("\xC3\xA4")}};
    struct llm_request rq = {.model = STR("m1"),
                             .messages = m,
                             .message_count = 2,
                             .temperature = 0.5,
                             .max_tokens = 99,
                             .base_url = STR("http://localhost/v1")};
    json_t *o = NULL;
    assert_int_equal(json_parse(&cx, llm_frame_request(&cx, &rq), &o), ERR_OK);
    assert_true(str_is(json_get_str(o, "model"), "m1"));
    assert_int_equal(json_array_size(json_object_get(o, "messages")), 2);
    assert_int_equal(json_get_i64(o, "max_tokens", 0), 99);
    assert_true(json_get_bool(json_object_get(o, "stream_options"), "include_usage", false));
    rq.base_url = STR("https://api.openai.com/v1");
    assert_int_equal(json_parse(&cx, llm_frame_request(&cx, &rq), &o), ERR_OK);
    assert_int_equal(json_get_i64(o, "max_completion_tokens", 0), 99);
}

static void knows_when_to_try_again(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *code, *should;
        bool retry, exhausted;
    } rows[] = {
        {0, "", "", true, false},
        {500, "", "", true, false},
        {503, "", "", true, false},
        {529, "", "", true, false},
        {408, "", "", true, false},
        {409, "", "", true, false},
        {429, "", "", true, false},
        {400, "", "", false, false},
        {401, "", "", false, false},
        {403, "", "", false, false},
        {404, "", "", false, false},
        {413, "", "", false, false},
        {422, "", "", false, false},
        {402, "", "", false, true},
        {429, "insufficient_quota", "", false, true},
        {429, "insufficient_quota", "true", false, true},
        {400, "", "true", true, false},
        {503, "", "false", false, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct llm_refusal r = {.status = rows[i].status,
                                      .error_code = str_of(rows[i].code),
                                      .should_retry = str_of(rows[i].should)};
        assert_int_equal(llm_refusal_may_retry(&r), rows[i].retry);
        assert_int_equal(llm_refusal_is_exhausted(&r), rows[i].exhausted);
    }
    struct llm_refusal r = {.status = 429, .retry_after = STR("3")};
    assert_int_equal(llm_refusal_pause_us(&r, 1), 3 * SECOND_US);
    r.retry_after_ms = STR("250");
    assert_int_equal(llm_refusal_pause_us(&r, 1), 250 * MS_US);
    r = (struct llm_refusal){.status = 503, .retry_after = STR("Fri, 20 Nov 2026 12:00:00 GMT")};
    conf.llm_backoff_ms = 100;
    conf.llm_backoff_max_ms = 300;
    for (int64_t attempt = 1; attempt < 9; attempt++) {
        const int64_t full = min_i64(attempt == 1 ? 100 : attempt == 2 ? 200 : 300, 300) * MS_US;
        assert_in_range(llm_refusal_pause_us(&r, attempt), full * 3 / 4, full);
    }
    conf.llm_backoff_ms = 1;
    conf.llm_backoff_max_ms = 2;
}

static void breaks_and_mends(void **state)
{
    (void)state;
    static struct breakers b = BREAKERS_INIT("test");
    const int64_t open = conf.breaker_open_ms * MS_US;
    int64_t now = SECOND_US;
    for (int64_t i = 0; i < conf.breaker_failures; i++) {
        assert_true(breaker_enter(&b, 1, now));
        breaker_leave(&b, 1, now, BREAKER_FAILED);
    }
    assert_false(breaker_enter(&b, 1, now));
    assert_true(breaker_enter(&b, 2, now)); /* another one is another one */
    breaker_leave(&b, 2, now, BREAKER_NEITHER);
    now += open;
    assert_true(breaker_enter(&b, 1, now)); /* one probe */
    assert_false(breaker_enter(&b, 1, now));
    breaker_leave(&b, 1, now, BREAKER_FAILED);
    assert_false(breaker_enter(&b, 1, now + open - 1));
    now += open;
    assert_true(breaker_enter(&b, 1, now));
    breaker_leave(&b, 1, now,
                  BREAKER_NEITHER); /* a probe that says nothing leaves room for another */
    assert_true(breaker_enter(&b, 1, now));
    breaker_leave(&b, 1, now, BREAKER_WENT_WELL);
    assert_true(breaker_enter(&b, 1, now));
    breaker_leave(&b, 1, now, BREAKER_EXHAUSTED);
    assert_false(breaker_enter(&b, 1, now));
    for (uint64_t key = 100; key < 100 + 2 * BREAKER_MAX; key++) {
        assert_true(breaker_enter(&b, key, now + (int64_t)key));
        breaker_leave(&b, key, now + (int64_t)key, BREAKER_WENT_WELL);
    }
}

/* An upstream that plays one script a connection, in order. */
struct upstream {
    int fd;
    uint16_t port;
    pthread_t thread;
    const char *const
        *scripts; /* ends with NULL; '\f' in a script waits until the other side leaves */
    int served;
    char heads[8][2048];
};

static void read_request(int fd, char *head, size_t size)
{
    size_t n = 0;
    head[0] = '\0';
    for (;;) {
        char bytes[4096];
        const ssize_t got = recv(fd, bytes, sizeof(bytes), 0);
        if (got <= 0) {
            return;
        }
        const size_t keep = n + (size_t)got < size - 1 ? (size_t)got : size - 1 - n;
        memcpy(head + n, bytes, keep);
        n += keep;
        head[n] = '\0';
        if (bytes[got - 1] == '}') { /* the end of our JSON */
            return;
        }
    }
}

static void play(int fd, const char *script)
{
    while (*script) {
        const size_t n = strcspn(script, "\f");
        (void)!send(fd, script, n, MSG_NOSIGNAL);
        script += n;
        if (*script == '\f') {
            struct pollfd p = {.fd = fd, .events = POLLIN};
            (void)poll(&p, 1, 5000);
            script++;
        }
    }
}

static void *serve(void *arg)
{
    struct upstream *u = arg;
    for (; u->scripts[u->served]; u->served++) {
        const int fd = accept(u->fd, NULL, NULL);
        if (fd < 0) {
            break;
        }
        read_request(fd, u->heads[u->served], sizeof(u->heads[0]));
        play(fd, u->scripts[u->served]);
        (void)close(fd);
    }
    return NULL;
}

static void upstream_start(struct upstream *u, const char *const *scripts)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    *u = (struct upstream){.scripts = scripts};
    u->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(u->fd, (struct sockaddr *)&at, n), 0);
    assert_int_equal(listen(u->fd, 8), 0);
    assert_int_equal(getsockname(u->fd, (struct sockaddr *)&at, &n), 0);
    u->port = ntohs(at.sin_port);
    assert_int_equal(pthread_create(&u->thread, NULL, serve, u), 0);
}

static void upstream_stop(struct upstream *u)
{
    (void)shutdown(u->fd, SHUT_RDWR);
    (void)pthread_join(u->thread, NULL);
    (void)close(u->fd);
}

#define HEAD(type)                                                                                 \
    "HTTP/1.1 200 OK\r\nConnection: close\r\nX-Request-Id: up-1\r\nContent-Type: " type "\r\n\r\n"
#define SSE HEAD("text/event-stream")
#define DELTA(text)                                                                                \
    "data: {\"model\":\"m-1\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"" text            \
    "\"},\"finish_reason\":null}],\"usage\":null}\n\n"
#define END   "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
#define USAGE "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":5}}\n\n"
#define DONE  "data: [DONE]\n\n"
#define REFUSE(line, headers, body)                                                                \
    "HTTP/1.1 " line "\r\nConnection: close\r\nContent-Type: application/json\r\n" headers         \
    "\r\n" body

static void on_piece(void *arg, struct str text)
{
    buf_str(arg, text);
}

struct outcome {
    enum err e;
    struct llm_answer answer;
    struct buf streamed;
    struct upstream up;
};

static void call(struct outcome *o, const char *const *scripts, struct net_client *net)
{
    const struct llm_message m = {STR("user"), STR("Hi")};
    upstream_start(&o->up, scripts);
    const struct llm_request rq = {.model = STR("m"),
                                   .messages = &m,
                                   .message_count = 1,
                                   .max_tokens = 100,
                                   .base_url =
                                       str_fmt(cx.arena, "http://127.0.0.1:%u/v1/", o->up.port),
                                   .api_key = STR("sk-test"),
                                   .attempts = 3};
    o->streamed = buf_make(65536);
    cx.request_id = STR("req-77");
    o->e = llm_openai.answer(&cx, net, &rq, on_piece, &o->streamed, &o->answer);
    upstream_stop(&o->up);
}

static void talks_to_servers(void **state)
{
    (void)state;
    static const char *const whole[] = {SSE ": hello\n\n" DELTA("Hel") DELTA("lo") END USAGE DONE,
                                        NULL};
    static const char *const no_done[] = {SSE DELTA("Hello") END, NULL};
    static const char *const plain_json[] = {
        HEAD("application/json; charset=utf-8") "{\"model\":\"m-1\",\"choices\":[{\"message\":{"
                                                "\"content\":\"Hello\"},\"finish_reason\":\"stop\"}"
                                                "],"
                                                "\"usage\":{\"prompt_tokens\":11,\"completion_"
                                                "tokens\":5}}",
        NULL};
    static const char *const busy[] = {REFUSE("503 Busy", "", "{}"),
                                       REFUSE("429 Slow", "Retry-After: 0\r\n", "{}"),
                                       SSE DELTA("Hello") END DONE, NULL};
    static const char *const lost[] = {"", SSE DELTA("Hello") END DONE, NULL};
    static const char *const cut[] = {SSE DELTA("Hel"), SSE DELTA("never asked"), NULL};
    static const char *const garbage[] = {SSE DELTA("Hel") "data: <html>\n\n", NULL};
    static const char *const empty[] = {SSE END DONE, NULL};
    static const char *const stalls[] = {SSE DELTA("Hel") "\f", NULL};
    static const char *const mid_error[] = {
        SSE DELTA("Hel") "data: {\"error\":{\"message\":\"boom\",\"type\":\"server_error\"}}\n\n",
        NULL};
    static const char *const quota[] = {
        REFUSE("429 Too Many", "", "{\"error\":{\"code\":\"insufficient_quota\"}}"),
        SSE DELTA("never asked"), NULL};
    static const char *const wrong[] = {
        REFUSE("401 No", "", "{\"error\":{\"message\":\"bad key\"}}"), SSE DELTA("never asked"),
        NULL};
    static const char *const down[] = {REFUSE("500 a", "", ""), REFUSE("502 b", "", ""),
                                       REFUSE("504 c", "", ""), NULL};
    static const char *const no_retry[] = {REFUSE("503 a", "x-should-retry: false\r\n", ""),
                                           SSE DELTA("never asked"), NULL};
    static const struct {
        const char *name;
        const char *const *scripts;
        enum err e;
        const char *text, *finish;
        int attempts;
    } rows[] = {
        {"whole", whole, ERR_OK, "Hello", "stop", 1},
        {"no done", no_done, ERR_OK, "Hello", "stop", 1},
        {"plain json", plain_json, ERR_OK, "Hello", "stop", 1},
        {"busy", busy, ERR_OK, "Hello", "stop", 3},
        {"lost", lost, ERR_OK, "Hello", "stop", 2},
        {"cut", cut, ERR_UNAVAILABLE, "Hel", "", 1},
        {"garbage", garbage, ERR_UNAVAILABLE, "Hel", "", 1},
        {"empty", empty, ERR_UNAVAILABLE, "", "", 1},
        {"stalls", stalls, ERR_TIMEOUT, "Hel", "", 1},
        {"mid error", mid_error, ERR_UNAVAILABLE, "Hel", "", 1},
        {"quota", quota, ERR_LIMIT, "", "", 1},
        {"wrong", wrong, ERR_INVALID, "", "", 1},
        {"down", down, ERR_UNAVAILABLE, "", "", 3},
        {"no retry", no_retry, ERR_UNAVAILABLE, "", "", 1},
    };
    struct net_client *net = net_client_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct outcome o = {};
        call(&o, rows[i].scripts, net);
        if (o.e != rows[i].e || o.answer.usage.attempts != rows[i].attempts) {
            print_error("%s: %s, %d attempts: %s\n", rows[i].name, err_name(o.e),
                        (int)o.answer.usage.attempts, cx.detail);
        }
        assert_int_equal(o.e, rows[i].e);
        assert_string_equal(o.answer.text.p, rows[i].text);
        assert_true(str_eq(o.answer.text, buf_view(&o.streamed)));
        assert_true(str_is(o.answer.finish_reason, rows[i].finish));
        assert_int_equal(o.answer.usage.attempts, rows[i].attempts);
        assert_non_null(strstr(o.up.heads[0], "POST /v1/chat/completions "));
        assert_non_null(strcasestr(o.up.heads[0], "Authorization: Bearer sk-test\r\n"));
        assert_non_null(strcasestr(o.up.heads[0], "X-Request-Id: req-77\r\n"));
        assert_null(strstr(cx.detail, "bad key"));
        if (strcmp(rows[i].name, "whole") == 0) {
            assert_int_equal(o.answer.usage.prompt_tokens, 11);
            assert_int_equal(o.answer.usage.completion_tokens, 5);
            assert_true(str_is(o.answer.model, "m-1"));
            assert_true(str_is(o.answer.request_id, "up-1"));
        }
        buf_fini(&o.streamed);
    }
    net_client_free(&net);
}

static void bounds_the_answer(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1 << 20);
    buf_cstr(&b, SSE);
    for (int i = 0; i < 1000; i++) {
        buf_cstr(&b, DELTA("eight by"));
    }
    const char *const scripts[] = {b.p, NULL};
    struct net_client *net = net_client_new();
    struct outcome o = {};
    call(&o, scripts, net);
    assert_int_equal(o.e, ERR_TOO_LARGE);
    assert_in_range(o.answer.text.n, 1, (size_t)conf.llm_max_output);
    buf_fini(&o.streamed);
    net_client_free(&net);
}

static void leaves_a_dead_server_alone(void **state)
{
    (void)state;
    struct net_client *net = net_client_new();
    const struct llm_message m = {STR("user"), STR("Hi")};
    const struct llm_request rq = {.model = STR("m"),
                                   .messages = &m,
                                   .message_count = 1,
                                   .base_url = STR("http://127.0.0.1:9/v1"),
                                   .attempts = 3};
    SCOPED(buf_fini) struct buf streamed = buf_make(100);
    struct llm_answer a;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(llm_openai.answer(&cx, net, &rq, on_piece, &streamed, &a),
                         ERR_UNAVAILABLE);
    }
    assert_non_null(strstr(cx.detail, "left alone"));
    assert_int_equal(a.usage.attempts, 0);
    net_client_free(&net);
}

static void waits_no_longer_than_it_may(void **state)
{
    (void)state;
    static const char *const later[] = {REFUSE("429 Slow", "Retry-After: 3600\r\n", "{}"),
                                        SSE DELTA("never asked"), NULL};
    struct net_client *net = net_client_new();
    struct outcome o = {};
    cx.deadline_us = clock_mono_us() + 5 * SECOND_US;
    call(&o, later, net);
    assert_int_equal(o.e, ERR_LIMIT);
    assert_true(cx_left_us(&cx) > SECOND_US);
    cx.deadline_us = 0;
    buf_fini(&o.streamed);
    net_client_free(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_frames),
        cmocka_unit_test(knows_the_form_of_a_stream),
        cmocka_unit_test(writes_the_request),
        cmocka_unit_test(knows_when_to_try_again),
        cmocka_unit_test(breaks_and_mends),
        cmocka_unit_test(talks_to_servers),
        cmocka_unit_test(bounds_the_answer),
        cmocka_unit_test(leaves_a_dead_server_alone),
        cmocka_unit_test(waits_no_longer_than_it_may),
    };
    return cmocka_run_group_tests_name("llm_wire", tests, start, stop);
}
