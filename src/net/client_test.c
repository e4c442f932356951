#include "net/client.h"

#include "base/clock.h"
#include "base/conf.h"
#include "net/guard.h"
#include "net/server_fixture.h"
#include "net/tls_fixture.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;
static struct net_client *client;
static struct cx cx;

static int start(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.max_connections = 1000;
    l.output_high_water = 64 * MB;
    fixture_start(&f, &l);
    client = net_client_new();
    cx_begin(&cx, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    struct str bad;
    cx_end(&cx);
    net_client_free(&client);
    fixture_stop(&f, 2 * SECOND_US);
    assert_true(guard_set_exceptions(STR(""), &bad));
    return 0;
}

static struct net_call_spec spec_of(const char *method, const char *path)
{
    return (struct net_call_spec){
        .method = method,
        .url = str_fmt(cx.arena, "http://%s%s", net_server_address(f.server), path),
        .connect_timeout_us = 5 * SECOND_US,
        .stall_timeout_us = 10 * SECOND_US,
        .max_bytes = 64 * MB,
    };
}

static void exchanges(void **state)
{
    (void)state;
    static const struct {
        const char *method;
        const char *body;
        const char *answer;
    } rows[] = {
        {"GET", "", "GET /a?b=c\n"},       {"POST", "hello", "POST /a?b=c\nhello"},
        {"POST", "", "POST /a?b=c\n"},     {"PUT", "hello", "PUT /a?b=c\nhello"},
        {"DELETE", "", "DELETE /a?b=c\n"}, {"HEAD", "", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct net_call_spec spec = spec_of(rows[i].method, "/a?b=c");
        const struct str headers[] = {STR("Authorization: Bearer x"), STR("Content-Type: text/x")};
        SCOPED(net_call_end) struct net_call *call = NULL;
        struct str body;
        spec.body = str_of(rows[i].body);
        spec.headers = headers;
        spec.header_count = COUNT(headers);
        assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
        assert_int_equal(net_call_status(call), 200);
        assert_true(str_is(net_call_header(call, "content-TYPE"), "text/plain"));
        assert_true(str_is(net_call_header(call, "absent"), ""));
        assert_int_equal(net_call_read_all(&cx, call, &body), ERR_OK);
        assert_string_equal(body.p, rows[i].answer);
    }
    int connections;
    int streams;
    net_server_load(f.server, &connections, &streams);
    assert_int_equal(connections, 1); /* all went over one */
}

static void passes_statuses_on(void **state)
{
    (void)state;
    const struct net_call_spec spec = spec_of("GET", "/busy");
    SCOPED(net_call_end) struct net_call *call = NULL;
    struct str body;
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
    assert_int_equal(net_call_status(call), 503);
    assert_true(str_is(net_call_header(call, "Retry-After"), "7"));
    assert_int_equal(net_call_read_all(&cx, call, &body), ERR_OK);
    assert_true(str_starts(body, STR("503 OVERLOADED")));
}

/* What the other side sends is read before it has sent the rest. */
static void reads_parts_as_they_come(void **state)
{
    (void)state;
    const struct net_call_spec spec = spec_of("GET", "/stream");
    SCOPED(net_call_end) struct net_call *call = NULL;
    struct str part;
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
    assert_int_equal(net_call_read(&cx, call, &part), ERR_OK);
    assert_true(str_is(part, "first"));
    fixture_wait(&f, &f.opened_streams, 1);
    assert_true(net_stream_send(f.server, f.stream, net_bytes_new(STR("second"))));
    assert_int_equal(net_call_read(&cx, call, &part), ERR_OK);
    assert_true(str_is(part, "second"));
    net_stream_end(f.server, f.stream);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(net_call_read(&cx, call, &part), ERR_OK);
        assert_int_equal(part.n, 0);
    }
}

static void gives_up_in_time(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        int64_t deadline_ms;
        int64_t stall_ms;
        const char *detail;
    } rows[] = {
        {"/held", 50, 10000, "out of time"},
        {"/held", 10000, 50, "silent for 50 ms"},
        {"/stream", 50, 10000, "out of time"},
        {"/stream", 10000, 50, "silent for 50 ms"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct net_call_spec spec = spec_of("GET", rows[i].path);
        SCOPED(net_call_end) struct net_call *call = NULL;
        struct str body;
        spec.stall_timeout_us = rows[i].stall_ms * MS_US;
        cx.deadline_us = clock_mono_us() + rows[i].deadline_ms * MS_US;
        enum err e = net_call_begin(&cx, client, &spec, &call);
        if (e == ERR_OK) {
            e = net_call_read_all(&cx, call, &body);
        }
        assert_int_equal(e, ERR_TIMEOUT);
        assert_non_null(strstr(cx.detail, rows[i].detail));
        cx.deadline_us = 0;
        if (strcmp(rows[i].path, "/held") == 0) {
            struct net_req *r = fixture_take(&f);
            net_reply(&r, 204, NULL, 0, NULL);
        }
    }
    fixture_wait(&f, &f.closed_streams, 2); /* giving up closes the connection */
}

static void *cancel_when_held(void *arg)
{
    struct net_req *r = fixture_take(&f);
    const struct cancel *gone = net_req_watch(r);
    cancel_now(arg);
    while (!cancel_is(gone)) { /* the client leaves */
    }
    net_reply(&r, 204, NULL, 0, NULL);
    return NULL;
}

static void can_be_cancelled(void **state)
{
    (void)state;
    const struct net_call_spec spec = spec_of("GET", "/held");
    struct net_call *call = NULL;
    pthread_t thread;
    cx.cancel = cancel_new();
    assert_int_equal(pthread_create(&thread, NULL, cancel_when_held, cx.cancel), 0);
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_CANCELLED);
    assert_null(call);
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_CANCELLED);
    (void)pthread_join(thread, NULL);
    cancel_free(&cx.cancel);
}

static void can_be_ended_early(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        const struct net_call_spec spec = spec_of("GET", i % 2 ? "/stream" : "/big");
        struct net_call *call = NULL;
        assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
        net_call_end(&call);
        assert_null(call);
    }
    fixture_wait(&f, &f.closed_streams, 10);
}

static void bounds_the_answer(void **state)
{
    (void)state;
    struct net_call_spec spec = spec_of("GET", "/big");
    SCOPED(net_call_end) struct net_call *call = NULL;
    struct str body;
    spec.max_bytes = FIXTURE_BIG - 1;
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
    assert_int_equal(net_call_read_all(&cx, call, &body), ERR_TOO_LARGE);
}

/* Reads the whole body and compares each byte with its offset. */
static void read_and_check(struct net_call *call, size_t size)
{
    struct str part;
    size_t at = 0;
    do {
        assert_int_equal(net_call_read(&cx, call, &part), ERR_OK);
        assert_true(part.n <= MB);
        for (size_t i = 0; i < part.n; i++, at++) {
            if ((unsigned char)part.p[i] != fixture_big(at)) {
                fail_msg("wrong byte at %zu", at);
            }
        }
    } while (part.n);
    assert_int_equal(at, size);
}

static int64_t cpu_us(void)
{
    struct rusage u;
    assert_int_equal(getrusage(RUSAGE_SELF, &u), 0);
    return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * SECOND_US + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

static void holds_the_other_side_back(void **state)
{
    (void)state;
    const struct net_call_spec spec = spec_of("GET", "/big");
    SCOPED(net_call_end) struct net_call *call = NULL;
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_OK);
    read_and_check(call, FIXTURE_BIG);
}

/* Nobody reads for a while: the sender must stand still, and nobody may burn the processor. */
static void holds_the_other_side_back_over_tls(void **state)
{
    (void)state;
    struct tls_upstream *u = tls_upstream_start(FIXTURE_BIG);
    struct net_call_spec spec = spec_of("GET", "");
    struct net_call *call = NULL;
    size_t before = 1;
    conf.outgoing_ca_file = tls_upstream_ca(u);
    spec.url = str_fmt(cx.arena, "https://127.0.0.1:%d/", tls_upstream_port(u));
    const enum err e = net_call_begin(&cx, client, &spec, &call);
    if (e) {
        fail_msg("%s", cx.detail);
    }
    while (before != tls_upstream_sent(u)) {
        before = tls_upstream_sent(u);
        clock_sleep_us(100 * MS_US);
    }
    assert_true(before < FIXTURE_BIG);
    const int64_t cpu = cpu_us();
    clock_sleep_us(300 * MS_US);
    assert_true(cpu_us() - cpu < 30 * MS_US);
    assert_int_equal(tls_upstream_sent(u), before);
    read_and_check(call, FIXTURE_BIG);
    net_call_end(&call);
    conf.outgoing_ca_file = "";
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_UNAVAILABLE);
    tls_upstream_stop(&u);
}

/* --- an upstream that says what the row says, once --- */

struct script {
    struct str bytes;
    int listen_fd;
    pthread_t thread;
};

static void *play(void *arg)
{
    const struct script *s = arg;
    char request[4096];
    const int fd = accept(s->listen_fd, NULL, NULL);
    if (fd >= 0 && recv(fd, request, sizeof(request), 0) > 0) {
        client_send(fd, s->bytes);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

/* Returns the port. */
static int script_start(struct script *s, struct str bytes)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    s->bytes = bytes;
    s->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(s->listen_fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
    must(listen(s->listen_fd, 8) == 0);
    must(getsockname(s->listen_fd, (struct sockaddr *)&a, &n) == 0);
    must(pthread_create(&s->thread, NULL, play, s) == 0);
    return ntohs(a.sin_port);
}

static void script_stop(struct script *s)
{
    (void)shutdown(s->listen_fd, SHUT_RDWR);
    (void)pthread_join(s->thread, NULL);
    (void)close(s->listen_fd);
}

static void survives_bad_upstreams(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        enum err begin;
        enum err read;
        int status;
        const char *body;
    } rows[] = {
        {"", ERR_UNAVAILABLE, ERR_OK, 0, ""},
        {"garbage\r\n\r\n", ERR_UNAVAILABLE, ERR_OK, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Le", ERR_UNAVAILABLE, ERR_OK, 0, ""},
        {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", ERR_OK, ERR_UNAVAILABLE, 200, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf", ERR_OK, ERR_UNAVAILABLE,
         200, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", ERR_OK, ERR_UNAVAILABLE,
         200, ""},
        {"HTTP/1.1 200 OK\r\n\r\nto the end", ERR_OK, ERR_OK, 200, "to the end"},
        {"HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok",
         ERR_OK, ERR_OK, 201, "ok"},
        {"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", ERR_OK,
         ERR_OK, 302, ""},
        {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
         ERR_OK, ERR_OK, 200, "ok"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct script s;
        struct net_call_spec spec = spec_of("GET", "");
        SCOPED(net_call_end) struct net_call *call = NULL;
        struct str body;
        const int port = script_start(&s, str_of(rows[i].bytes));
        spec.url = str_fmt(cx.arena, "http://127.0.0.1:%d/", port);
        assert_int_equal(net_call_begin(&cx, client, &spec, &call), rows[i].begin);
        if (rows[i].begin == ERR_OK) {
            assert_int_equal(net_call_status(call), rows[i].status);
            assert_int_equal(net_call_read_all(&cx, call, &body), rows[i].read);
            assert_true(str_is(net_call_header(call, "A"), "")); /* neither interim nor trailer */
        }
        if (rows[i].begin == ERR_OK && rows[i].read == ERR_OK) {
            assert_string_equal(body.p, rows[i].body);
        }
        script_stop(&s);
    }
}

static void bounds_the_headers(void **state)
{
    (void)state;
    struct script s;
    struct net_call_spec spec = spec_of("GET", "");
    struct net_call *call = NULL;
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    buf_cstr(&b, "HTTP/1.1 200 OK\r\n");
    while (b.n < 100 * KB) {
        buf_cstr(&b, "A: 0123456789012345678901234567890123456789\r\n");
    }
    buf_cstr(&b, "\r\n");
    spec.url = str_fmt(cx.arena, "http://127.0.0.1:%d/", script_start(&s, buf_view(&b)));
    assert_int_equal(net_call_begin(&cx, client, &spec, &call), ERR_TOO_LARGE);
    script_stop(&s);
}

static void refuses_what_it_cannot_send(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *header;
        enum err e;
    } rows[] = {
        {"http://127.0.0.1:1/", "A: b", ERR_UNAVAILABLE},
        {"http://no-such-host.invalid/", "A: b", ERR_UNAVAILABLE},
        {"ftp://127.0.0.1/", "A: b", ERR_INVALID},
        {"file:///etc/passwd", "A: b", ERR_INVALID},
        {"nonsense://", "A: b", ERR_INVALID},
        {"http://127.0.0.1:1/", "A: b\r\nEvil: c", ERR_INVALID},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct net_call_spec spec = spec_of("GET", "");
        const struct str header = str_of(rows[i].header);
        struct net_call *call = NULL;
        spec.url = str_of(rows[i].url);
        spec.headers = &header;
        spec.header_count = 1;
        if (net_call_begin(&cx, client, &spec, &call) != rows[i].e) {
            fail_msg("%s: %s", rows[i].url, cx.detail);
        }
    }
}

/* --- the guard --- */

static enum err guarded(const char *path, struct net_call **ret)
{
    struct net_call_spec spec = spec_of("GET", path);
    spec.guarded = true;
    return net_call_begin(&cx, client, &spec, ret);
}

static void guards_addresses(void **state)
{
    (void)state;
    struct str bad;
    struct str body;
    struct net_call *call = NULL;
    assert_int_equal(guarded("/a", &call), ERR_INVALID);
    int connections;
    int streams;
    net_server_load(f.server, &connections, &streams);
    assert_int_equal(connections, 0);

    /* a connection that somebody else opened is no way around */
    const struct net_call_spec open = spec_of("GET", "/a");
    assert_int_equal(net_call_begin(&cx, client, &open, &call), ERR_OK);
    assert_int_equal(net_call_read_all(&cx, call, &body), ERR_OK);
    net_call_end(&call);
    assert_int_equal(guarded("/a", &call), ERR_INVALID);

    assert_true(guard_set_exceptions(STR("127.0.0.1/32"), &bad));
    assert_int_equal(guarded("/a", &call), ERR_OK);
    net_call_end(&call);
}

static void guards_names_and_urls(void **state)
{
    (void)state;
    static const char *const rows[] = {"http://localhost:1/",   "http://2130706433:1/",
                                       "http://0x7f.1:1/",      "http://[::1]:1/",
                                       "http://a@127.0.0.1:1/", "http://0:1/"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct net_call_spec spec = spec_of("GET", "");
        struct net_call *call = NULL;
        spec.url = str_of(rows[i]);
        spec.guarded = true;
        if (net_call_begin(&cx, client, &spec, &call) != ERR_INVALID) {
            fail_msg("%s: %s", rows[i], cx.detail);
        }
    }
}

/* --- many at once --- */

enum { THREADS = 64, CALLS = 20 };

static void *call_often(void *arg)
{
    struct cx own;
    int *good = arg;
    cx_begin(&own, NULL);
    for (int i = 0; i < CALLS; i++) {
        struct net_call_spec spec = {
            .method = "POST",
            .url = str_fmt(own.arena, "http://%s/x", net_server_address(f.server)),
            .body = str_fmt(own.arena, "%p %d", arg, i),
            .connect_timeout_us = 5 * SECOND_US,
            .stall_timeout_us = 10 * SECOND_US,
            .max_bytes = MB,
        };
        SCOPED(net_call_end) struct net_call *call = NULL;
        struct str body;
        *good += net_call_begin(&own, client, &spec, &call) == ERR_OK &&
                 net_call_read_all(&own, call, &body) == ERR_OK && str_ends(body, spec.body);
    }
    cx_end(&own);
    return NULL;
}

static void serves_many_callers(void **state)
{
    (void)state;
    pthread_t threads[THREADS];
    int good[THREADS] = {};
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, call_often, &good[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(good[i], CALLS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(exchanges, start, stop),
        cmocka_unit_test_setup_teardown(passes_statuses_on, start, stop),
        cmocka_unit_test_setup_teardown(reads_parts_as_they_come, start, stop),
        cmocka_unit_test_setup_teardown(gives_up_in_time, start, stop),
        cmocka_unit_test_setup_teardown(can_be_cancelled, start, stop),
        cmocka_unit_test_setup_teardown(can_be_ended_early, start, stop),
        cmocka_unit_test_setup_teardown(bounds_the_answer, start, stop),
        cmocka_unit_test_setup_teardown(holds_the_other_side_back, start, stop),
        cmocka_unit_test_setup_teardown(holds_the_other_side_back_over_tls, start, stop),
        cmocka_unit_test_setup_teardown(survives_bad_upstreams, start, stop),
        cmocka_unit_test_setup_teardown(bounds_the_headers, start, stop),
        cmocka_unit_test_setup_teardown(refuses_what_it_cannot_send, start, stop),
        cmocka_unit_test_setup_teardown(guards_addresses, start, stop),
        cmocka_unit_test_setup_teardown(guards_names_and_urls, start, stop),
        cmocka_unit_test_setup_teardown(serves_many_callers, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
