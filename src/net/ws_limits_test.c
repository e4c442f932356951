/* WebSockets of clients that are slow, silent, many or gone, and the end of the server. */
#include "net/conn_ws.h"
#include "net/ws_fixture.h"

#include "base/clock.h"
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

static double ended(const char *why)
{
    return metric_value(METRIC_WEBSOCKETS_CLOSED, why);
}

/* --- readers --- */

/* shows: RT-4 */
static void cuts_a_slow_reader(void **state)
{
    (void)state;
    static const char part[4096];
    const double before = ended("slow");
    struct ws_end slow = {};
    struct ws_end good = {};
    const int slow_fd = ws_connect(&slow, &f, &ws_usual);
    const int good_fd = ws_connect(&good, &f, &ws_usual);
    struct net_bytes *frame = net_ws_frame(WS_BINARY, (struct str){part, sizeof(part)});
    for (int sent = 0; net_stream_send(f.server, slow.ref, net_bytes_ref(frame)); sent++) {
        assert_true(sent < 100 * 1000);
    }
    net_bytes_unref(frame);
    fixture_wait(&f, &slow.closed, 1);
    assert_int_equal(slow.code, WS_ABNORMAL);
    assert_true(ended("slow") == before + 1);
    ws_send(good_fd, TEXT, STR("unharmed"));
    ws_expect(good_fd, TEXT, STR("unharmed"));
    (void)close(slow_fd);
    (void)close(good_fd);
    fixture_wait(&f, &good.closed, 1);
}

/* The same by what the client itself causes: it sends and never reads the echo.
 * shows: RT-4 */
static void cuts_who_talks_and_never_listens(void **state)
{
    (void)state;
    static const char part[1000];
    struct ws_end e = {};
    const struct timeval soon = {.tv_sec = 10};
    const int fd = ws_connect(&e, &f, &ws_usual);
    SCOPED(buf_fini) struct buf frame = buf_make(2000);
    ws_add(&frame, BINARY, (struct str){part, sizeof(part)});
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon)), 0);
    while (send(fd, frame.p, frame.n, MSG_NOSIGNAL) > 0) {
    }
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.code, WS_ABNORMAL);
    (void)close(fd);
}

/* Many small frames weigh more than their bytes. */
static void weighs_what_waits(void **state)
{
    (void)state;
    struct output o = {};
    for (int i = 0; i < 1000; i++) {
        output_add(&o, net_ws_frame(WS_TEXT, STR("")), STR(""));
    }
    assert_int_equal(o.unsent, 2000);
    assert_true(output_weight(&o) > 30 * (size_t)1000);
    output_fini(&o);
    assert_int_equal(output_weight(&o), 0);
}

static void holds_little_while_idle(void **state)
{
    (void)state;
    assert_true(sizeof(struct conn) + sizeof(struct ws) < KB);
}

/* --- time --- */

static const struct net_ws_options pinging = {.max_message = KB, .ping_us = 50 * MS_US};

static void cuts_who_answers_no_ping(void **state)
{
    (void)state;
    const double before = ended("ping");
    struct ws_end e = {};
    const int fd = ws_connect(&e, &f, &pinging);
    ws_expect(fd, PING, STR(""));
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(rest.n, 0);
    assert_int_equal(e.code, WS_ABNORMAL);
    assert_true(ended("ping") == before + 1);
    (void)close(fd);
}

/* By a pong, or by any other byte. */
static void keeps_who_answers_pings(void **state)
{
    (void)state;
    struct ws_end e = {};
    const struct net_ws_options lenient = {.max_message = KB, .ping_us = SECOND_US};
    const int fd = ws_connect(&e, &f, &lenient);
    ws_expect(fd, PING, STR(""));
    ws_send(fd, PONG, STR(""));
    ws_expect(fd, PING, STR(""));
    ws_send(fd, TEXT, STR("here"));
    ws_expect(fd, TEXT, STR("here"));
    ws_expect(fd, PING, STR(""));
    (void)close(fd);
    fixture_wait(&f, &e.closed, 1);
}

/* shows: RT-4 */
static void ends_a_message_that_does_not_come_on(void **state)
{
    (void)state;
    static const struct str beginnings[] = {STR("\x81"), STR("\x01\x81\0\0\0\0a"),
                                            STR("\x82\xfe\x01\x00\0\0\0\0abc")};
    struct net_limits l = fixture_limits();
    l.body_grace_us = 200 * MS_US;
    l.body_timeout_us = 200 * MS_US;
    fixture_start(&f, &l);
    for (size_t i = 0; i < COUNT(beginnings); i++) {
        struct ws_end e = {};
        const int fd = ws_connect(&e, &f, &ws_usual);
        client_send(fd, beginnings[i]);
        ws_expect(fd, CLOSE, STR("\x03\xf0The message did not arrive in time."));
        fixture_wait(&f, &e.closed, 1);
        assert_int_equal(e.code, WS_POLICY);
        (void)close(fd);
    }
    fixture_stop(&f, 2 * SECOND_US);
}

/* Unfinished messages of all together; what is whole takes no room.
 * shows: RT-4 */
static void bounds_what_is_not_whole(void **state)
{
    (void)state;
    static char part[3000];
    const double before = ended("full");
    struct ws_end ends[3] = {};
    int fds[3];
    struct net_limits l = fixture_limits();
    l.messages_max = 10 * 1000; /* room for two of 4096 bytes */
    fixture_start(&f, &l);
    for (size_t i = 0; i < COUNT(fds); i++) {
        fds[i] = ws_connect(&ends[i], &f, &ws_usual);
        ws_send(fds[i], BINARY, (struct str){part, sizeof(part)});
        ws_expect(fds[i], BINARY, (struct str){part, sizeof(part)});
        ws_send(fds[i], WS_BINARY, (struct str){part, sizeof(part)});
        if (i < 2) {
            ws_send(fds[i], PING, STR("in its middle"));
            ws_expect(fds[i], PONG, STR("in its middle"));
        }
    }
    ws_expect_close(fds[2], WS_TRY_AGAIN);
    fixture_wait(&f, &ends[2].closed, 1);
    assert_int_equal(ends[2].code, WS_TRY_AGAIN);
    assert_true(ended("full") == before + 1);
    (void)close(fds[0]);
    fixture_wait(&f, &ends[0].closed, 1);
    const int fd = ws_connect(&ends[0], &f, &ws_usual);
    ws_send(fd, WS_BINARY, (struct str){part, sizeof(part)});
    ws_send(fd, 0x80 | WS_CONTINUATION, STR("!"));
    struct ws_got got = ws_read(fd);
    assert_int_equal(got.payload.n, sizeof(part) + 1);
    buf_fini(&got.payload);
    fixture_stop(&f, 2 * SECOND_US);
    (void)close(fd);
    (void)close(fds[1]);
    (void)close(fds[2]);
}

static void waits_a_little_for_the_other_close_frame(void **state)
{
    (void)state;
    struct ws_end e = {};
    const int fd = ws_connect(&e, &f, &ws_usual);
    const int64_t began = clock_mono_us();
    net_ws_close(f.server, e.ref, WS_NORMAL, STR(""));
    ws_expect(fd, CLOSE, STR("\x03\xe8"));
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    const int64_t took = clock_mono_us() - began;
    assert_int_equal(rest.n, 0);
    assert_true(took >= WS_CLOSE_US && took < 2 * WS_CLOSE_US);
    (void)close(fd);
}

/* --- pauses --- */

static void reads_nothing_while_paused(void **state)
{
    (void)state;
    enum { MANY = 5 };
    struct ws_end e = {.pauses = true};
    SCOPED(buf_fini) struct buf all = buf_make(10 * KB);
    const int fd = ws_connect(&e, &f, &ws_usual);
    for (int i = 0; i < MANY; i++) {
        const char c = (char)('a' + i);
        ws_add(&all, TEXT, (struct str){&c, 1});
    }
    client_send(fd, buf_view(&all));
    (void)shutdown(fd, SHUT_WR); /* behind the messages: seen when they are */
    for (int i = 0; i < MANY; i++) {
        const char c = (char)('a' + i);
        ws_expect(fd, TEXT, (struct str){&c, 1});
        fixture_wait(&f, &e.messages, i + 1);
        assert_int_equal(e.messages, i + 1);
        assert_int_equal(e.closed, 0);
        net_ws_pause(f.server, e.ref, false);
    }
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.code, WS_ABNORMAL);
    (void)close(fd);
}

static void closes_while_paused(void **state)
{
    (void)state;
    struct ws_end e = {.pauses = true};
    SCOPED(buf_fini) struct buf all = buf_make(KB);
    const int fd = ws_connect(&e, &f, &ws_usual);
    ws_add(&all, TEXT, STR("taken"));
    ws_add(&all, TEXT, STR("kept"));
    ws_add(&all, CLOSE, STR("\x03\xe8"));
    client_send(fd, buf_view(&all));
    ws_expect(fd, TEXT, STR("taken"));
    net_ws_close(f.server, e.ref, WS_TRY_AGAIN, STR("busy"));
    ws_expect(fd, CLOSE,
              STR("\x03\xf5"
                  "busy"));
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    assert_int_equal(rest.n, 0);
    assert_int_equal(e.messages, 1);
    (void)close(fd);
}

/* --- many --- */

static void sends_one_frame_to_many(void **state)
{
    (void)state;
    enum { MANY = 50, FRAMES = 200 };
    struct ws_end ends[MANY] = {};
    struct net_ref refs[MANY + 1] = {};
    int fds[MANY];
    for (int i = 0; i < MANY; i++) {
        fds[i] = ws_connect(&ends[i], &f, &ws_usual);
        refs[i] = ends[i].ref;
    }
    for (int i = 0; i < FRAMES; i++) {
        char text[16];
        const int n = snprintf(text, sizeof(text), "%d", i);
        struct net_bytes *frame = net_ws_frame(WS_TEXT, (struct str){text, (size_t)n});
        assert_int_equal(net_stream_send_many(f.server, refs, MANY + 1, frame), MANY);
    }
    for (int i = 0; i < MANY; i++) {
        for (int k = 0; k < FRAMES; k++) {
            char text[16];
            const int n = snprintf(text, sizeof(text), "%d", k);
            ws_expect(fds[i], TEXT, (struct str){text, (size_t)n});
        }
        (void)close(fds[i]);
    }
    for (int i = 0; i < MANY; i++) {
        fixture_wait(&f, &ends[i].closed, 1);
    }
    assert_int_equal(net_stream_send_many(f.server, refs, MANY, net_ws_frame(WS_TEXT, STR(""))), 0);
    assert_int_equal(net_stream_send_many(f.server, NULL, 0, net_ws_frame(WS_TEXT, STR(""))), 0);
}

static void *send_all_the_time(void *arg)
{
    const struct net_ref ref = *(struct net_ref *)arg;
    while (net_stream_send(f.server, ref, net_ws_frame(WS_TEXT, STR("whole"))) &&
           net_stream_send_many(f.server, &ref, 1, net_ws_frame(WS_TEXT, STR("whole")))) {
    }
    return NULL;
}

/* Senders race with a close and with each other: what the client sees is whole frames, and then one
 * close frame, or the end where it did not keep up. */
static void closes_during_sends_of_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 3, ROUNDS = 10 };
    for (int round = 0; round < ROUNDS; round++) {
        struct ws_end e = {};
        pthread_t threads[THREADS];
        struct ws_got got;
        int frames = 0;
        const int fd = ws_connect(&e, &f, &ws_usual);
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, send_all_the_time, &e.ref), 0);
        }
        while ((got = ws_read(fd)).first == TEXT) {
            assert_true(str_is(buf_view(&got.payload), "whole"));
            buf_fini(&got.payload);
            if (++frames == 20 * round) {
                net_ws_close(f.server, e.ref, WS_NORMAL, STR(""));
            } else if (frames == 1 && round == 0) {
                (void)shutdown(fd, SHUT_RDWR);
            }
        }
        assert_true(got.first == CLOSE || got.first == 0);
        buf_fini(&got.payload);
        (void)close(fd);
        for (int i = 0; i < THREADS; i++) {
            (void)pthread_join(threads[i], NULL);
        }
        fixture_wait(&f, &e.closed, 1);
        assert_int_equal(e.closed, 1);
    }
}

/* Clients that go at any byte, politely or with a reset: each ends once, and nothing is left. */
static void survives_clients_that_go_anywhere(void **state)
{
    (void)state;
    enum { ROUNDS = 200 };
    static const struct linger reset = {.l_onoff = 1};
    SCOPED(buf_fini) struct buf all = buf_make(10 * KB);
    const double before = metric_value(METRIC_WEBSOCKETS, NULL);
    ws_add(&all, WS_TEXT, STR("a message in "));
    ws_add(&all, PING, STR("with a ping"));
    ws_add(&all, 0x80 | WS_CONTINUATION, STR("two frames"));
    ws_add(&all, BINARY, STR("another"));
    ws_add(&all, CLOSE, STR("\x03\xe8 and the end"));
    for (int i = 0; i < ROUNDS; i++) {
        struct ws_end e = {};
        const int fd = client_connect(&f);
        const size_t n = (size_t)i * all.n / ROUNDS;
        if (i % 3 == 0) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        }
        ws_accept(&e, &f, fd, STR(WS_ASK), &ws_usual);
        client_send(fd, str_sub(buf_view(&all), 0, n));
        (void)close(fd);
        fixture_wait(&f, &e.closed, 1);
        assert_int_equal(e.closed, 1);
    }
    assert_true(metric_value(METRIC_WEBSOCKETS, NULL) == before);
}

/* --- the end of the server --- */

static void *stop_server(void *arg)
{
    (void)arg;
    net_server_stop(f.server, clock_mono_us() + 10 * SECOND_US);
    (void)pthread_join(f.thread, NULL);
    return NULL;
}

static void tells_clients_when_to_come_again(void **state)
{
    (void)state;
    enum { MANY = 5 };
    struct ws_end ends[MANY] = {};
    int fds[MANY];
    pthread_t stopper;
    const double before = ended("drain");
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    for (int i = 0; i < MANY; i++) {
        fds[i] = ws_connect(&ends[i], &f, &ws_usual);
        assert_true(net_stream_send(f.server, ends[i].ref, net_ws_frame(WS_TEXT, STR("last"))));
    }
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, NULL), 0);
    for (int i = 0; i < MANY; i++) {
        ws_expect(fds[i], TEXT, STR("last"));
        struct ws_got got = ws_read(fds[i]);
        const struct str reason = str_sub(buf_view(&got.payload), 2, got.payload.n);
        assert_int_equal(got.first, CLOSE);
        assert_true(str_starts(buf_view(&got.payload), STR("\x03\xe9")));
        assert_true(str_starts(reason, STR("retry in ")) && str_ends(reason, STR(" ms")));
        ws_send(fds[i], CLOSE, STR("\x03\xe9"));
        buf_fini(&got.payload);
        (void)close(fds[i]);
    }
    (void)pthread_join(stopper, NULL);
    for (int i = 0; i < MANY; i++) {
        assert_int_equal(ends[i].closed, 1);
        assert_int_equal(ends[i].code, WS_GOING_AWAY);
    }
    assert_true(ended("drain") == before + MANY);
    net_server_free(&f.server);
}

static void say_farewell(void *arg)
{
    const struct ws_end *e = arg;
    (void)net_stream_send(f.server, e->ref, net_ws_frame(WS_TEXT, STR("farewell")));
    net_ws_close(f.server, e->ref, WS_RESTART, STR(""));
}

static void asks_the_floor_above_to_end(void **state)
{
    (void)state;
    struct ws_end e = {.f = &f};
    pthread_t stopper;
    const struct net_limits l = fixture_limits();
    const struct net_ws_ops ops = {.arg = &e, .on_drain = say_farewell};
    fixture_start(&f, &l);
    const int fd = client_connect(&f);
    client_send_text(fd, WS_ASK);
    struct net_req *r = fixture_take(&f);
    e.ref = net_ws_open(&r, f.server, NULL, 0, &ws_usual, &ops);
    SCOPED(buf_fini) struct buf head = client_answer(fd);
    assert_int_equal(status_of(&head), 101);
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, NULL), 0);
    ws_expect(fd, TEXT, STR("farewell"));
    ws_expect(fd, CLOSE, STR("\x03\xf4"));
    (void)close(fd);
    (void)pthread_join(stopper, NULL);
    net_server_free(&f.server);
}

/* The hints differ, so that the clients do not come back all at once. */
static void spreads_those_who_come_again(void **state)
{
    (void)state;
    char first[NET_WS_HINT];
    char next[NET_WS_HINT];
    int others = 0;
    const struct str one = net_ws_retry_hint(first);
    for (int i = 0; i < 20; i++) {
        others += !str_eq(net_ws_retry_hint(next), one);
    }
    assert_true(others > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(cuts_a_slow_reader, &f),
        WITH_FIXTURE(cuts_who_talks_and_never_listens, &f),
        WITH_FIXTURE(cuts_who_answers_no_ping, &f),
        cmocka_unit_test(ends_a_message_that_does_not_come_on),
        cmocka_unit_test(bounds_what_is_not_whole),
        WITH_FIXTURE(reads_nothing_while_paused, &f),
        WITH_FIXTURE(closes_while_paused, &f),
        WITH_FIXTURE(sends_one_frame_to_many, &f),
        WITH_FIXTURE(closes_during_sends_of_many_threads, &f),
        WITH_FIXTURE(survives_clients_that_go_anywhere, &f),
        cmocka_unit_test(tells_clients_when_to_come_again),
        cmocka_unit_test(asks_the_floor_above_to_end),
    };
    const struct CMUnitTest once[] = {
        cmocka_unit_test(weighs_what_waits),
        cmocka_unit_test(holds_little_while_idle),
        cmocka_unit_test(spreads_those_who_come_again),
        WITH_FIXTURE(keeps_who_answers_pings, &f),
        WITH_FIXTURE(waits_a_little_for_the_other_close_frame, &f),
    };
    fixture_loops = 1;
    const int failed = cmocka_run_group_tests_name("one loop", tests, NULL, NULL) +
                       cmocka_run_group_tests_name("once", once, NULL, NULL);
    fixture_loops = 3;
    return failed + cmocka_run_group_tests_name("three loops", tests, NULL, NULL);
}
