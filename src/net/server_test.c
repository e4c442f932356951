#include "net/server_fixture.h"

#include "base/clock.h"
#include "base/metric.h"
#include "net/listener.h"
#include "net/server_in.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_view(b), str_of(text), 0) >= 0;
}

/* Sends text on an open connection and wants an answer with the status and the text in it. */
static void ask(int fd, const char *text, int status, const char *wanted)
{
    client_send_text(fd, text);
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    if (status_of(&a) != status || !has(&a, wanted)) {
        fail_msg("asked\n%s\nwanted %d and \"%s\", got\n%.*s", text, status, wanted,
                 STR_ARG(buf_view(&a)));
    }
}

static void keeps_alive(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    ask(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a\n");
    ask(fd, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 200, "POST /b\nhello");
    ask(fd, "GET /c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "Connection: close");
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    assert_int_equal(rest.n, 0);
    (void)close(fd);
}

static void decodes_chunks(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    ask(fd,
        "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n",
        200, "POST /b\nhello!");
    ask(fd, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /c\n");
    (void)close(fd);
}

static void takes_a_request_byte_by_byte(void **state)
{
    (void)state;
    const char *text = "POST /b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "5\r\nhello\r\n0\r\n\r\n";
    const int fd = client_connect(&f);
    for (size_t i = 0; i + 1 < strlen(text); i++) {
        client_send(fd, (struct str){text + i, 1});
    }
    ask(fd, "\n", 200, "POST /b\nhello");
    (void)close(fd);
}

struct malformed {
    const char *what;
    int status;
    struct str bytes;
};

#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

static const struct malformed malformed[] = {
#define MALFORMED_HEAD(what, status, bytes) {what, status, {"" bytes, sizeof(bytes) - 1}},
#define MALFORMED_BODY(what, bytes)         {what, 400, {CHUNKED bytes, sizeof(CHUNKED bytes) - 1}},
#include "net/malformed_table.h"
#undef MALFORMED_HEAD
#undef MALFORMED_BODY
};

/* Each is refused and ends its connection, so that nothing behind it is ever taken for a request.
 */
static void refuses_malformed_framing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        SCOPED(buf_fini) struct buf bytes = buf_make(4 * KB);
        buf_str(&bytes, malformed[i].bytes);
        buf_cstr(&bytes, "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n");
        SCOPED(buf_fini) struct buf a = client_exchange(&f, buf_view(&bytes));
        if (status_of(&a) != malformed[i].status || !has(&a, "Connection: close") ||
            !has(&a, "MALFORMED_REQUEST") || has(&a, "smuggled")) {
            fail_msg("%s: %.*s", malformed[i].what, STR_ARG(buf_view(&a)));
        }
    }
}

static void answers_pipelined_requests_in_order(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
                         "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                         "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /4 HTTP/1.1\r\nHost: x\r\n\r\nGET /5 HTT");
    struct net_req *held = fixture_take(&f);
    SCOPED(buf_fini) struct buf one = client_answer(fd);
    SCOPED(buf_fini) struct buf two = client_answer(fd);
    assert_true(has(&one, "GET /1"));
    assert_true(has(&two, "POST /2\nabc"));
    net_reply(&held, 200, NULL, 0, net_bytes_new(STR("third")));
    assert_null(held);
    SCOPED(buf_fini) struct buf three = client_answer(fd);
    SCOPED(buf_fini) struct buf four = client_answer(fd);
    assert_true(has(&three, "third"));
    assert_true(has(&four, "GET /4"));
    ask(fd, "P/1.1\r\nHost: x\r\n\r\n", 200, "GET /5");
    (void)close(fd);
}

/* More requests in one go than one read takes, sent while the first is still out. */
static void bounds_what_is_kept_of_a_pipeline(void **state)
{
    (void)state;
    enum { MANY = 10000 };
    const int fd = client_connect(&f);
    SCOPED(buf_fini) struct buf all = buf_make(MB);
    for (int i = 0; i < MANY; i++) {
        buf_cstr(&all, "GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
    }
    buf_cstr(&all, "GET /end HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    client_send(fd, buf_view(&all));
    SCOPED(buf_fini) struct buf answers = client_rest(fd);
    int count = 0;
    for (ptrdiff_t at = -1;
         (at = str_find(buf_view(&answers), STR("HTTP/1.1 204"), (size_t)(at + 1))) >= 0;) {
        count++;
    }
    assert_int_equal(count, MANY);
    assert_true(has(&answers, "GET /end"));
    (void)close(fd);
}

static void answers_without_a_body(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd,
                     "HEAD /abc HTTP/1.1\r\nHost: x\r\n\r\nGET /empty HTTP/1.1\r\nHost: x\r\n\r\n"
                     "HEAD /no HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    SCOPED(buf_fini) struct buf a = client_rest(fd);
    assert_true(has(&a, "Content-Length: 10\r\n"));
    assert_false(has(&a, "HEAD /abc\n"));
    assert_true(has(&a, "HTTP/1.1 204 No Content\r\n"));
    assert_false(has(&a, "never sent"));
    assert_true(has(&a, "HTTP/1.1 401 Unauthorized\r\n"));
    assert_false(has(&a, "401 UNAUTHORIZED"));
    (void)close(fd);
}

static void speaks_http_1_0(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf a = client_exchange(&f, STR("GET /a HTTP/1.0\r\n\r\n"));
    assert_int_equal(status_of(&a), 200);
    assert_true(has(&a, "Connection: close"));
    const int fd = client_connect(&f);
    ask(fd, "GET /b HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, "Connection: keep-alive");
    ask(fd, "GET /c HTTP/1.0\r\n\r\n", 200, "GET /c");
    (void)close(fd);
}

static void shows_date_and_peer(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    ask(fd, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", 200, "\r\n\r\n127.0.0.1");
    ask(fd, "GET /peer HTTP/1.1\r\nHost: x\r\n\r\n", 200, " GMT\r\n");
    (void)close(fd);
}

/* A client that comes by IPv4 to a listener of both families is shown as IPv4. */
static void shows_mapped_peers_as_ipv4(void **state)
{
    (void)state;
    static const struct {
        struct sockaddr_in6 address;
        const char *text;
    } rows[] = {
        {{.sin6_family = AF_INET6,
          .sin6_addr.s6_addr = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 7}},
         "192.0.2.7"},
        {{.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT}, "::1"},
        {{.sin6_family = AF_UNIX}, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sockaddr_storage a = {};
        char text[ADDRESS_TEXT];
        memcpy(&a, &rows[i].address, sizeof(rows[i].address));
        address_text(&a, text);
        assert_string_equal(text, rows[i].text);
    }
}

/* All of the body can be sent, and behind the answer comes an orderly end, not a reset. */
/* shows: HTTP-2 */
static void refuses_large_bodies_so_that_the_client_sees_it(void **state)
{
    (void)state;
    enum { BODY = 8 * 1024 * 1024 };
    static const char zeros[64 * 1024];
    const int fd = client_connect(&f);
    char byte;
    client_send_text(fd, "POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
    for (size_t sent = 0; sent < BODY; sent += sizeof(zeros)) {
        assert_int_equal(send(fd, zeros, sizeof(zeros), MSG_NOSIGNAL), sizeof(zeros));
    }
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    assert_int_equal(status_of(&a), 413);
    assert_true(has(&a, "PAYLOAD_TOO_LARGE"));
    assert_int_equal(recv(fd, &byte, 1, 0), 0);
    (void)close(fd);
    SCOPED(buf_fini)
    struct buf b = client_exchange(
        &f, STR("POST /tiny HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                "8\r\n01234567\r\n8\r\n01234567\r\n0\r\n\r\n"));
    assert_int_equal(status_of(&b), 413);
}

/* shows: HTTP-3 */
static void sends_100_continue_only_when_the_body_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        int status;
    } rows[] = {
        {"POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 100},
        {"POST /no HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", 401},
        {"POST /tiny HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 99\r\n\r\n",
         413},
        {"GET /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n", 200},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = client_connect(&f);
        ask(fd, rows[i].head, rows[i].status, "");
        if (rows[i].status == 100) {
            ask(fd, "hello", 200, "POST /a\nhello");
        }
        (void)close(fd);
    }
}

static void refuses_by_plan(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    ask(fd, "GET /no HTTP/1.1\r\nHost: x\r\nX-Request-Id: abc-1\r\n\r\n", 401,
        "X-Request-Id: abc-1\r\n");
    ask(fd, "GET /busy HTTP/1.1\r\nHost: x\r\n\r\n", 503, "Retry-After: 7\r\n");
    ask(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a");
    ask(fd, "POST /busy HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n", 503,
        "Connection: close");
    (void)close(fd);
}

/* shows: RATE-8 */
static void bounds_heads(void **state)
{
    (void)state;
    static const struct {
        const char *start;
        const char *end;
        size_t n;
        int status;
    } rows[] = {
        {"GET /", "", 100 * KB, 414},
        {"GET /", " HTTP/1.1\r\nHost: x\r\n\r\n", 9 * KB, 414},
        {"GET /", " HTTP/1.1\r\nHost: x\r\n\r\n", 20 * KB, 414},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: ", "", 100 * KB, 431},
        {"GET / HTTP/1.1\r\nHost: x\r\nA: ", "\r\n\r\n", 17 * KB, 431},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: ", "\r\n\r\n", 15 * KB, 200},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf b = buf_make(MB);
        buf_cstr(&b, rows[i].start);
        while (b.n < rows[i].n) {
            buf_char(&b, 'a');
        }
        buf_cstr(&b, rows[i].end);
        SCOPED(buf_fini) struct buf a = client_exchange(&f, buf_view(&b));
        assert_int_equal(status_of(&a), rows[i].status);
    }
}

/* --- with limits of their own --- */

static void start_with(struct net_limits l)
{
    fixture_start(&f, &l);
}

static void wait_for_connections(int n)
{
    int connections = n + 1;
    int streams = 0;
    while (connections > n) {
        net_server_load(f.server, &connections, &streams);
    }
}

/* shows: RATE-8 */
static void ends_what_is_too_slow(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        int status;
    } rows[] = {
        {"", 0},
        {"GET / HT", 408},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhe", 408},
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200},
    };
    struct net_limits l = fixture_limits();
    l.head_timeout_us = l.body_grace_us = l.body_timeout_us = l.idle_timeout_us = 50 * MS_US;
    start_with(l);
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf a = client_exchange(&f, str_of(rows[i].bytes));
        assert_int_equal(status_of(&a), rows[i].status);
        assert_true(rows[i].status != 408 || has(&a, "REQUEST_TIMEOUT"));
    }
    fixture_stop(&f, 2 * SECOND_US);
}

/* A byte now and then does not keep a body going; nor does what was sent fast before.
 * shows: HTTP-1 */
static void ends_a_body_that_trickles(void **state)
{
    (void)state;
    static const size_t fast[] = {0, 100 * KB};
    struct net_limits l = fixture_limits();
    l.body_grace_us = 100 * MS_US;
    l.body_timeout_us = 200 * MS_US;
    start_with(l);
    for (size_t i = 0; i < COUNT(fast); i++) {
        const int fd = client_connect(&f);
        const struct timeval short_wait = {.tv_usec = 10 * 1000};
        static const char zeros[100 * KB];
        char c;
        client_send_text(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
        client_send(fd, (struct str){zeros, fast[i]});
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &short_wait, sizeof(short_wait)),
                         0);
        int sent = 0;
        do {
            client_send_text(fd, "a");
        } while (recv(fd, &c, 1, MSG_PEEK) < 0 && ++sent < 500);
        SCOPED(buf_fini) struct buf a = client_answer(fd);
        assert_int_equal(status_of(&a), 408);
        (void)close(fd);
    }
    fixture_stop(&f, 2 * SECOND_US);
}

/* Faster than the rate, a body may take longer than any of the times. */
static void lets_a_slow_body_take_its_time(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.body_grace_us = l.body_timeout_us = 200 * MS_US;
    l.body_min_rate = 100;
    start_with(l);
    const int fd = client_connect(&f);
    const int64_t began = clock_mono_us();
    const struct timeval step = {.tv_usec = 20 * 1000};
    char c;
    client_send_text(fd, "POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n");
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &step, sizeof(step)), 0);
    for (int sent = 0; sent < 2000; sent += 50) {
        assert_true(recv(fd, &c, 1, MSG_PEEK) < 0);
        client_send_text(fd, "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee");
    }
    const struct timeval patience = {.tv_sec = 10};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    assert_int_equal(status_of(&a), 200);
    assert_true(clock_mono_us() - began > 2 * l.body_grace_us);
    (void)close(fd);
    fixture_stop(&f, 2 * SECOND_US);
}

static int ask_for_more_than_fits(void)
{
    const int fd = client_connect(&f);
    client_send_text(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
    return fd;
}

static void ends_who_does_not_read(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.write_timeout_us = 50 * MS_US;
    start_with(l);
    const int fd = ask_for_more_than_fits();
    wait_for_connections(1);
    wait_for_connections(0); /* the write timeout ends this */
    (void)close(fd);
    fixture_stop(&f, 2 * SECOND_US);
}

/* Reading a little now and then is no reading.
 * shows: HTTP-1 */
static void ends_who_reads_a_trickle(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.write_timeout_us = 500 * MS_US;
    l.write_min_rate = (int64_t)1024 * MB;
    start_with(l);
    const int silent = client_connect(&f);
    const struct timeval short_wait = {.tv_usec = 5 * 1000};
    assert_int_equal(setsockopt(silent, SOL_SOCKET, SO_RCVTIMEO, &short_wait, sizeof(short_wait)),
                     0);
    const int fd = ask_for_more_than_fits();
    static char some[64 * KB];
    size_t all = 0;
    ssize_t n;
    while ((n = recv(fd, some, sizeof(some), 0)) > 0) {
        all += (size_t)n;
        assert_true(recv(silent, some, 1, 0) < 0);
    }
    assert_in_range(all, 1, FIXTURE_BIG - 1);
    (void)close(fd);
    (void)close(silent);
    fixture_stop(&f, 2 * SECOND_US);
}

/* shows: HTTP-5 */
/* Newcomers wait while every connection is at work. */
static void stops_accepting_at_the_cap(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.max_connections = 2;
    start_with(l);
    const int a = client_connect(&f);
    const int b = client_connect(&f);
    client_send_text(a, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    struct net_req *held_a = fixture_take(&f);
    client_send_text(b, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    struct net_req *held_b = fixture_take(&f);
    const int c = client_connect(&f);
    client_send_text(c, "GET /c HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!atomic_load(&f.server->slots.wanted)) {
    }
    char byte;
    assert_true(recv(c, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0);
    net_reply(&held_a, 200, NULL, 0, NULL);
    SCOPED(buf_fini) struct buf answer = client_answer(c);
    assert_true(has(&answer, "GET /c"));
    (void)close(a);
    net_reply(&held_b, 200, NULL, 0, NULL);
    (void)close(b);
    (void)close(c);
    fixture_stop(&f, 2 * SECOND_US);
}

/* --- bounds on connections --- */

/* shows: HTTP-10 */
static void closes_what_an_address_has_too_many_of(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.max_of_address = 2;
    const double before = metric_value(METRIC_HTTP_CONNECTIONS_REFUSED, "address");
    start_with(l);
    const int a = client_connect(&f);
    const int b = client_connect(&f);
    ask(a, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
    ask(b, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
    const int c = client_connect(&f);
    SCOPED(buf_fini) struct buf nothing = client_rest(c);
    assert_int_equal(nothing.n, 0);
    assert_true(metric_value(METRIC_HTTP_CONNECTIONS_REFUSED, "address") == before + 1);
    ask(a, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 200, "");
    wait_for_connections(1);
    const int d = client_connect(&f);
    ask(d, "GET /d HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
    (void)close(a);
    (void)close(b);
    (void)close(c);
    (void)close(d);
    fixture_stop(&f, 2 * SECOND_US);
}

/* shows: HTTP-10 */
static void does_not_count_who_stands_for_many(void **state)
{
    (void)state;
    enum { MANY = 5 };
    struct net_limits l = fixture_limits();
    l.max_of_address = 1;
    fixture_uncounted = true;
    start_with(l);
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(&f);
        ask(fds[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
    }
    for (int i = 0; i < MANY; i++) {
        (void)close(fds[i]);
    }
    fixture_stop(&f, 2 * SECOND_US);
    fixture_uncounted = false;
}

/* Idle connections fill the table; the one that was idle the longest goes, others stay.
 * shows: HTTP-5 */
static void closes_the_oldest_idle_one_to_make_room(void **state)
{
    (void)state;
    enum { ROOM = 3 };
    struct net_limits l = fixture_limits();
    l.max_connections = ROOM;
    start_with(l);
    int fds[ROOM];
    for (int i = 0; i < ROOM; i++) {
        fds[i] = client_connect(&f);
        ask(fds[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "");
    }
    const int more = client_connect(&f);
    client_send_text(more, "GET /more HTTP/1.1\r\nHost: x\r\n\r\n");
    SCOPED(buf_fini) struct buf answer = client_answer(more);
    assert_true(has(&answer, "GET /more"));
    int closed = 0;
    for (int i = 0; i < ROOM; i++) {
        char byte;
        closed += recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
    }
    /* each loop knows its own; several may give one up at the same time */
    assert_in_range(closed, 1, fixture_loops);
    if (fixture_loops == 1) {
        char byte;
        assert_int_equal(recv(fds[0], &byte, 1, MSG_DONTWAIT), 0);
    }
    for (int i = 0; i < ROOM; i++) {
        (void)close(fds[i]);
    }
    (void)close(more);
    fixture_stop(&f, 2 * SECOND_US);
}

/* While somebody waits for a place, an answer ends its connection. */
/* shows: HTTP-5 */
static void says_close_when_others_wait(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.max_connections = 1;
    start_with(l);
    const int a = client_connect(&f);
    client_send_text(a, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    struct net_req *r = fixture_take(&f);
    const int b = client_connect(&f);
    client_send_text(b, "GET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    while (!atomic_load(&f.server->slots.wanted)) {
    }
    net_reply(&r, 200, NULL, 0, net_bytes_new(STR("last")));
    SCOPED(buf_fini) struct buf last = client_rest(a);
    assert_true(has(&last, "last") && has(&last, "Connection: close"));
    SCOPED(buf_fini) struct buf next = client_answer(b);
    assert_true(has(&next, "GET /b"));
    (void)close(a);
    (void)close(b);
    fixture_stop(&f, 2 * SECOND_US);
}

static void spreads_connections_over_the_loops(void **state)
{
    (void)state;
    enum { MANY = 12 };
    int fds[MANY];
    uint32_t seen = 0;
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(&f);
        client_send_text(fds[i], "GET /stream HTTP/1.1\r\nHost: x\r\n\r\n");
        fixture_wait(&f, &f.opened_streams, i + 1);
        assert_true(f.stream.loop < (uint32_t)fixture_loops);
        seen |= UINT32_C(1) << f.stream.loop;
    }
    assert_true(fixture_loops == 1 || __builtin_popcount(seen) > 1);
    for (int i = 0; i < MANY; i++) {
        (void)close(fds[i]);
    }
}

/* --- a client that leaves --- */

static void note_cancelled(void *arg)
{
    (void)pthread_mutex_lock(&f.lock);
    *(int *)arg += 1;
    (void)pthread_cond_broadcast(&f.changed);
    (void)pthread_mutex_unlock(&f.lock);
}

static void tells_who_watches_that_the_client_left(void **state)
{
    (void)state;
    int cancelled = 0;
    const int fd = client_connect(&f);
    client_send_text(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    struct net_req *r = fixture_take(&f);
    struct cancel *c = net_req_watch(r);
    assert_false(cancel_is(c));
    cancel_on(c, note_cancelled, &cancelled);
    (void)close(fd);
    fixture_wait(&f, &cancelled, 1);
    assert_true(cancel_is(c));
    cancel_off(c);
    net_reply(&r, 200, NULL, 0, net_bytes_new(STR("for nobody")));
}

static void survives_clients_that_leave(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        const struct linger reset = {.l_onoff = 1};
        const int fd = client_connect(&f);
        client_send_text(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        struct net_req *r = fixture_take(&f);
        if (i % 2) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        }
        (void)close(fd);
        if (i % 3 == 0) {
            const struct cancel *c = net_req_watch(r);
            while (i % 2 && !cancel_is(c)) {
            }
        }
        net_reply(&r, 200, NULL, 0, net_bytes_new(STR("for nobody")));
        const int whole = client_connect(&f);
        ask(whole, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, "GET /a");
        (void)close(whole);
    }
}

static void answers_a_client_that_closed_its_sending_half(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
    (void)shutdown(fd, SHUT_WR);
    struct net_req *r = fixture_take(&f);
    net_reply(&r, 200, NULL, 0, net_bytes_new(STR("first")));
    SCOPED(buf_fini) struct buf a = client_rest(fd);
    assert_true(has(&a, "first") && has(&a, "GET /2"));
    (void)close(fd);
}

/* --- answers from many threads --- */

static void *reply_from_here(void *arg)
{
    struct net_req *r = arg;
    net_reply(&r, 200, NULL, 0, net_bytes_new(STR("from a thread")));
    return NULL;
}

static void takes_answers_from_any_thread(void **state)
{
    (void)state;
    enum { THREADS = 16 };
    for (int round = 0; round < 20; round++) {
        int fds[THREADS];
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++) {
            fds[i] = client_connect(&f);
            client_send_text(fds[i], "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
        }
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, reply_from_here, fixture_take(&f)),
                             0);
        }
        for (int i = 0; i < THREADS; i++) {
            SCOPED(buf_fini) struct buf a = client_answer(fds[i]);
            assert_true(has(&a, "from a thread"));
            (void)pthread_join(threads[i], NULL);
            (void)close(fds[i]);
        }
    }
}

/* --- values cannot end their line --- */

static void keeps_headers_on_their_line(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n");
    struct net_req *r = fixture_take(&f);
    const struct net_header h = {STR("A"), STR("b\r\nEvil: c\n\td")};
    net_reply(&r, 200, &h, 1, NULL);
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    assert_true(has(&a, "\r\nA: b  Evil: c \td\r\n"));
    assert_true(has(&a, "Content-Length: 0\r\n"));
    (void)close(fd);
}

static void says_why_it_cannot_listen(void **state)
{
    (void)state;
    static const struct {
        const char *where;
        const char *why;
    } rows[] = {
        {"nonsense", "must look like"},
        {"127.0.0.1", "must look like"},
        {"127.0.0.1:x", "must look like"},
        {"::1:80", "must look like"},
        {":80", "must look like"},
        {"127.0.0.1:65536", "must look like"},
        {"192.0.2.1:3007", "does not have the address"},
        {"no-such-host.invalid:80", "not known"},
    };
    for (size_t i = 0; i <= COUNT(rows); i++) {
        const bool twice = i == COUNT(rows);
        const char *where = twice ? net_server_address(f.server) : rows[i].where;
        SCOPED(buf_fini) struct buf why = buf_make(1000);
        int fd;
        const enum err e = listener_open(where, &fd, &why);
        assert_true(e != ERR_OK && (e == ERR_CONFLICT) == twice);
        if (!has(&why, twice ? "another program has this port" : rows[i].why)) {
            fail_msg("%s: %s", where, why.p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(keeps_alive, &f),
        WITH_FIXTURE(decodes_chunks, &f),
        WITH_FIXTURE(takes_a_request_byte_by_byte, &f),
        WITH_FIXTURE(refuses_malformed_framing, &f),
        WITH_FIXTURE(answers_pipelined_requests_in_order, &f),
        WITH_FIXTURE(bounds_what_is_kept_of_a_pipeline, &f),
        WITH_FIXTURE(answers_without_a_body, &f),
        WITH_FIXTURE(speaks_http_1_0, &f),
        WITH_FIXTURE(shows_date_and_peer, &f),
        cmocka_unit_test(shows_mapped_peers_as_ipv4),
        WITH_FIXTURE(refuses_large_bodies_so_that_the_client_sees_it, &f),
        WITH_FIXTURE(sends_100_continue_only_when_the_body_is_wanted, &f),
        WITH_FIXTURE(refuses_by_plan, &f),
        WITH_FIXTURE(bounds_heads, &f),
        cmocka_unit_test(ends_what_is_too_slow),
        cmocka_unit_test(ends_a_body_that_trickles),
        cmocka_unit_test(lets_a_slow_body_take_its_time),
        cmocka_unit_test(ends_who_does_not_read),
        cmocka_unit_test(ends_who_reads_a_trickle),
        cmocka_unit_test(stops_accepting_at_the_cap),
        cmocka_unit_test(closes_what_an_address_has_too_many_of),
        cmocka_unit_test(does_not_count_who_stands_for_many),
        cmocka_unit_test(closes_the_oldest_idle_one_to_make_room),
        cmocka_unit_test(says_close_when_others_wait),
        WITH_FIXTURE(spreads_connections_over_the_loops, &f),
        WITH_FIXTURE(tells_who_watches_that_the_client_left, &f),
        WITH_FIXTURE(survives_clients_that_leave, &f),
        WITH_FIXTURE(answers_a_client_that_closed_its_sending_half, &f),
        WITH_FIXTURE(takes_answers_from_any_thread, &f),
        WITH_FIXTURE(keeps_headers_on_their_line, &f),
        WITH_FIXTURE(says_why_it_cannot_listen, &f),
    };
    fixture_loops = 1;
    const int failed = cmocka_run_group_tests_name("one loop", tests, NULL, NULL);
    fixture_loops = 3;
    return failed + cmocka_run_group_tests_name("three loops", tests, NULL, NULL);
}
