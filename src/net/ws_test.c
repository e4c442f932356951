#include "net/ws_fixture.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    TEXT = 0x80 | WS_TEXT,
    BINARY = 0x80 | WS_BINARY,
    CLOSE = 0x80 | WS_CLOSE,
    PING = 0x80 | WS_PING,
    PONG = 0x80 | WS_PONG,
};

static struct fixture f;

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_view(b), str_of(text), 0) >= 0;
}

/* --- the handshake --- */

static void shakes_hands_as_the_standard_shows(void **state)
{
    (void)state;
    struct ws_end e = {};
    const int fd = client_connect(&f);
    ws_accept(&e, &f, fd, STR(WS_ASK), &ws_usual);
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    assert_int_equal(status_of(&a), 101);
    assert_true(has(&a, "HTTP/1.1 101 Switching Protocols\r\n"));
    assert_true(has(&a, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"));
    assert_true(has(&a, "\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_false(has(&a, "Content-Length"));
    (void)close(fd);
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.code, WS_ABNORMAL);
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define UP  "Upgrade: websocket\r\nConnection: Upgrade\r\n"

static void refuses_a_bad_handshake(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int status;
        const char *ask;
    } rows[] = {
        {"not asked", 426, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"},
        {"key alone", 426, "GET /held HTTP/1.1\r\nHost: x\r\n" KEY V13 "\r\n"},
        {"other protocol", 426,
         "GET /held HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n" KEY V13 "\r\n"},
        {"POST", 400, "POST /held HTTP/1.1\r\nHost: x\r\n" UP KEY V13 "\r\n"},
        {"HTTP/1.0", 400, "GET /held HTTP/1.0\r\nHost: x\r\n" UP KEY V13 "\r\n"},
        {"body", 400, "GET /held HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" UP KEY V13 "\r\na"},
        {"empty body in chunks", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" UP KEY V13
         "\r\n0\r\n\r\n"},
        {"no Connection", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n" KEY V13 "\r\n"},
        {"no version", 426, "GET /held HTTP/1.1\r\nHost: x\r\n" UP KEY "\r\n"},
        {"old version", 426,
         "GET /held HTTP/1.1\r\nHost: x\r\n" UP KEY "Sec-WebSocket-Version: 8\r\n\r\n"},
        {"two versions", 426, "GET /held HTTP/1.1\r\nHost: x\r\n" UP KEY V13 V13 "\r\n"},
        {"no key", 400, "GET /held HTTP/1.1\r\nHost: x\r\n" UP V13 "\r\n"},
        {"two keys", 400, "GET /held HTTP/1.1\r\nHost: x\r\n" UP KEY KEY V13 "\r\n"},
        {"short key", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\n" UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n\r\n"},
        {"key that is no base64", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\n" UP V13
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!!==\r\n\r\n"},
        {"long key", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\n" UP V13
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA==\r\n\r\n"},
        {"key without padding", 400,
         "GET /held HTTP/1.1\r\nHost: x\r\n" UP V13
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA\r\n\r\n"},
    };
    const struct net_ws_ops ops = {};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = client_connect(&f);
        client_send_text(fd, rows[i].ask);
        struct net_req *r = fixture_take(&f);
        const struct net_ref ref = net_ws_open(&r, f.server, NULL, 0, &ws_usual, &ops);
        SCOPED(buf_fini) struct buf a = client_answer(fd);
        const bool named = has(&a, "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                   "Sec-WebSocket-Version: 13\r\n");
        if (status_of(&a) != rows[i].status || named != (rows[i].status == 426) ||
            ref.generation != 0) {
            fail_msg("%s: %.*s", rows[i].what, (int)a.n, a.p);
        }
        (void)close(fd);
    }
}

static void knows_who_asks(void **state)
{
    (void)state;
    static const struct {
        bool asked;
        const char *ask;
    } rows[] = {
        {true, WS_ASK},
        {true, "GET /held HTTP/1.1\r\nHost: x\r\nUpgrade: h2c, WebSocket\r\n\r\n"},
        {true, "GET /held HTTP/1.1\r\nHost: x\r\n" KEY "\r\n"},
        {false, "GET /held HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\n\r\n"},
        {false, "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const int fd = client_connect(&f);
        client_send_text(fd, rows[i].ask);
        struct net_req *r = fixture_take(&f);
        assert_int_equal(net_ws_asked(r), rows[i].asked);
        net_reply(&r, 200, NULL, 0, NULL);
        (void)close(fd);
    }
}

/* --- messages --- */

static void echoes_messages(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 125, 126, 127, 128, 65535, 65536, 65537, MB};
    struct ws_end e = {};
    const int fd = ws_connect(&e, &f, &ws_usual);
    char *bytes = mem_alloc(1, MB);
    memset(bytes, '*', MB);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        const struct str s = {bytes, sizes[i]};
        ws_send(fd, TEXT, s);
        ws_expect(fd, TEXT, s);
        ws_send(fd, BINARY, s);
        ws_expect(fd, BINARY, s);
    }
    mem_free(bytes);
    (void)close(fd);
    fixture_wait(&f, &e.closed, 1);
}

static void takes_fragments_and_pings_between_them(void **state)
{
    (void)state;
    struct ws_end e = {};
    const int fd = ws_connect(&e, &f, &ws_usual);
    ws_send(fd, WS_TEXT, STR("Gr\xc3"));
    ws_send(fd, PING, STR("are you there"));
    ws_expect(fd, PONG, STR("are you there"));
    ws_send(fd, WS_CONTINUATION, STR(""));
    ws_send(fd, PONG, STR("unasked"));
    ws_send(fd, WS_CONTINUATION, STR("\xbc\xc3\x9f"));
    ws_send(fd, 0x80 | WS_CONTINUATION, STR("e"));
    ws_expect(fd, TEXT,
              STR("Gr\xc3\xbc\xc3\x9f"
                  "e"));
    (void)close(fd);
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.messages, 1);
}

/* Frames that come with the request are the WebSocket's. */
static void takes_what_stands_behind_the_request(void **state)
{
    (void)state;
    struct ws_end e = {};
    SCOPED(buf_fini) struct buf b = buf_make(10 * KB);
    const int fd = client_connect(&f);
    buf_cstr(&b, WS_ASK);
    ws_add(&b, TEXT, STR("early"));
    ws_add(&b, TEXT, STR("bird"));
    ws_accept(&e, &f, fd, buf_view(&b), &ws_usual);
    SCOPED(buf_fini) struct buf head = client_answer(fd);
    assert_int_equal(status_of(&head), 101);
    ws_expect(fd, TEXT, STR("early"));
    ws_expect(fd, TEXT, STR("bird"));
    (void)close(fd);
    fixture_wait(&f, &e.closed, 1);
}

/* --- the end --- */

static void answers_a_close_frame(void **state)
{
    (void)state;
    static const struct {
        struct str body;
        int code;
    } rows[] = {
        {STR(""), WS_NO_CODE},
        {STR("\x03\xe8"), 1000},
        {STR("\x03\xe9gone \xe2\x82\xac"), 1001},
        {STR("\x13\x87"), 4999},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ws_end e = {};
        const int fd = ws_connect(&e, &f, &ws_usual);
        ws_send(fd, TEXT, STR("last"));
        ws_send(fd, CLOSE, rows[i].body);
        ws_send(fd, TEXT, STR("ignored"));
        ws_expect(fd, TEXT, STR("last"));
        ws_expect_close(fd, rows[i].code);
        fixture_wait(&f, &e.closed, 1);
        assert_int_equal(e.code, rows[i].code);
        assert_int_equal(e.messages, 1);
        assert_false(net_stream_send(f.server, e.ref, net_ws_frame(WS_TEXT, STR("late"))));
        (void)close(fd);
    }
}

static void closes_from_here(void **state)
{
    (void)state;
    struct ws_end e = {};
    const int fd = ws_connect(&e, &f, &ws_usual);
    assert_true(net_stream_send(f.server, e.ref, net_ws_frame(WS_TEXT, STR("before"))));
    net_ws_close(f.server, e.ref, 4001, STR("enough"));
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.code, 4001);
    ws_expect(fd, TEXT, STR("before"));
    ws_expect(fd, CLOSE,
              STR("\x0f\xa1"
                  "enough"));
    /* what comes until the client knows is dropped; then its close frame ends all */
    ws_send(fd, TEXT, STR("on the way"));
    ws_send(fd, CLOSE, STR("\x0f\xa1"));
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    assert_int_equal(rest.n, 0);
    assert_int_equal(e.messages, 0);
    net_ws_close(f.server, e.ref, 1000, STR("stale"));
    (void)close(fd);
}

static void closes_whoever_breaks_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int code;
        struct str bytes;
    } rows[] = {
#define HOSTILE(what, code, at, bytes) {what, code, STR(bytes)},
#include "net/hostile_frames_table.h"
#undef HOSTILE
    };
    static const struct net_ws_options small = {.max_message = 130};
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ws_end e = {.quiet = true};
        const int fd = ws_connect(&e, &f, &small);
        client_send(fd, rows[i].bytes);
        struct ws_got got = ws_read(fd);
        while (got.first == PONG) {
            buf_fini(&got.payload);
            got = ws_read(fd);
        }
        SCOPED(buf_fini) struct buf rest = client_rest(fd);
        fixture_wait(&f, &e.closed, 1);
        const uint8_t *p = (const uint8_t *)got.payload.p;
        if (got.first != CLOSE || (p[0] << 8 | p[1]) != rows[i].code || got.payload.n < 10 ||
            rest.n || e.code != rows[i].code || e.closed != 1) {
            fail_msg("%s: first byte %02x, code %d", rows[i].what, got.first, e.code);
        }
        buf_fini(&got.payload);
        (void)close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(shakes_hands_as_the_standard_shows, &f),
        WITH_FIXTURE(refuses_a_bad_handshake, &f),
        WITH_FIXTURE(knows_who_asks, &f),
        WITH_FIXTURE(echoes_messages, &f),
        WITH_FIXTURE(takes_fragments_and_pings_between_them, &f),
        WITH_FIXTURE(takes_what_stands_behind_the_request, &f),
        WITH_FIXTURE(answers_a_close_frame, &f),
        WITH_FIXTURE(closes_from_here, &f),
        WITH_FIXTURE(closes_whoever_breaks_the_rules, &f),
    };
    fixture_loops = 1;
    const int failed = cmocka_run_group_tests_name("one loop", tests, NULL, NULL);
    fixture_loops = 3;
    return failed + cmocka_run_group_tests_name("three loops", tests, NULL, NULL);
}
