#include "net/server_fixture.h"

#include "base/clock.h"
#include "net/server_in.h"

#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;

static bool has(const struct buf *b, const char *text)
{
    return str_find(buf_view(b), str_of(text), 0) >= 0;
}

static void count(void *counter)
{
    (void)pthread_mutex_lock(&f.lock);
    *(int *)counter += 1;
    (void)pthread_cond_broadcast(&f.changed);
    (void)pthread_mutex_unlock(&f.lock);
}

static void on_close(void *arg)
{
    count(arg);
}

static const struct net_header event_stream = {STR("Content-Type"), STR("text/event-stream")};

/* Asks for /held and opens a stream as its answer. */
static struct net_ref open_stream(int fd, const char *request)
{
    client_send_text(fd, request);
    struct net_req *r = fixture_take(&f);
    const struct net_stream_ops ops = {.arg = &f.closed_streams, .on_close = on_close};
    return net_stream_open(&r, f.server, 200, &event_stream, 1, &ops);
}

#define ASK_11 "GET /held HTTP/1.1\r\nHost: x\r\n\r\n"
#define ASK_10 "GET /held HTTP/1.0\r\n\r\n"

static void send_text(struct net_ref ref, const char *text)
{
    assert_true(net_stream_send(f.server, ref, net_bytes_new(str_of(text))));
}

static void sends_chunks_and_goes_on(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    for (int i = 0; i < 3; i++) {
        const struct net_ref ref = open_stream(fd, ASK_11);
        send_text(ref, "data: a\n\n");
        send_text(ref, "");
        send_text(ref, "0123456789abcdef");
        net_stream_end(f.server, ref);
        SCOPED(buf_fini) struct buf a = client_answer(fd);
        assert_true(has(&a, "Transfer-Encoding: chunked\r\n\r\n"));
        assert_true(has(&a, "Content-Type: text/event-stream\r\n"));
        assert_true(has(&a, "\r\n9\r\ndata: a\n\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n"));
        fixture_wait(&f, &f.closed_streams, i + 1);
        /* the reference names this stream, not the next one of the connection */
        assert_false(net_stream_send(f.server, ref, net_bytes_new(STR("late"))));
        net_stream_end(f.server, ref);
    }
    (void)close(fd);
}

static void shares_bytes_among_streams(void **state)
{
    (void)state;
    enum { MANY = 10 };
    int fds[MANY];
    struct net_ref refs[MANY];
    struct net_bytes *shared = net_bytes_new(STR("for all"));
    for (int i = 0; i < MANY; i++) {
        fds[i] = client_connect(&f);
        refs[i] = open_stream(fds[i], ASK_11);
        assert_true(net_stream_send(f.server, refs[i], net_bytes_ref(shared)));
        net_stream_end(f.server, refs[i]);
    }
    net_bytes_unref(shared);
    for (int i = 0; i < MANY; i++) {
        SCOPED(buf_fini) struct buf a = client_answer(fds[i]);
        assert_true(has(&a, "7\r\nfor all\r\n"));
        (void)close(fds[i]);
    }
}

static void streams_to_http_1_0_until_the_end_of_the_connection(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    const struct net_ref ref = open_stream(fd, ASK_10);
    send_text(ref, "one ");
    send_text(ref, "two");
    net_stream_end(f.server, ref);
    SCOPED(buf_fini) struct buf a = client_rest(fd);
    assert_true(has(&a, "Connection: close\r\n\r\none two"));
    assert_false(has(&a, "chunked"));
    (void)close(fd);
}

static void gives_no_body_to_head(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    const struct net_ref ref = open_stream(fd, "HEAD /held HTTP/1.1\r\nHost: x\r\n\r\n");
    fixture_wait(&f, &f.closed_streams, 1);
    assert_false(net_stream_send(f.server, ref, net_bytes_new(STR("unseen"))));
    client_send_text(fd, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    SCOPED(buf_fini) struct buf a = client_rest(fd);
    assert_true(has(&a, "\r\n\r\nHTTP/1.1 200 OK\r\n") && has(&a, "GET /a"));
    (void)close(fd);
}

static void tells_that_the_reader_left(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    const struct net_ref ref = open_stream(fd, ASK_11);
    send_text(ref, "a");
    int connections;
    int streams = 0;
    while (streams == 0) {
        net_server_load(f.server, &connections, &streams);
    }
    (void)close(fd);
    fixture_wait(&f, &f.closed_streams, 1);
    assert_false(net_stream_send(f.server, ref, net_bytes_new(STR("late"))));
    net_server_load(f.server, &connections, &streams);
    assert_int_equal(streams, 0);
}

/* The client is gone before the answer begins: still exactly one on_close. */
static void opens_for_nobody(void **state)
{
    (void)state;
    const struct linger reset = {.l_onoff = 1};
    for (int i = 0; i < 20; i++) {
        const int fd = client_connect(&f);
        client_send_text(fd, ASK_11);
        struct net_req *r = fixture_take(&f);
        const struct cancel *c = net_req_watch(r);
        if (i % 2) {
            assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
        }
        (void)close(fd);
        while (!cancel_is(c)) {
        }
        const struct net_stream_ops ops = {.arg = &f.closed_streams, .on_close = on_close};
        const struct net_ref ref = net_stream_open(&r, f.server, 200, NULL, 0, &ops);
        (void)net_stream_send(f.server, ref, net_bytes_new(STR("a")));
        net_stream_end(f.server, ref);
        fixture_wait(&f, &f.closed_streams, i + 1);
    }
    assert_int_equal(f.closed_streams, 20);
}

/* shows: RT-4 */
static void closes_a_slow_reader(void **state)
{
    (void)state;
    const int slow = client_connect(&f);
    const int good = client_connect(&f);
    const struct net_ref slow_ref = open_stream(slow, ASK_11);
    const struct net_ref good_ref = open_stream(good, ASK_11);
    SCOPED(buf_fini) struct buf part = buf_make(8 * KB);
    buf_wrote(&part, buf_room(&part, 4 * KB) ? 4 * KB : 0);
    int sent = 0;
    while (net_stream_send(f.server, slow_ref, net_bytes_new(buf_view(&part)))) {
        assert_true(++sent < 100 * 1000);
    }
    fixture_wait(&f, &f.closed_streams, 1);
    send_text(good_ref, "unharmed");
    net_stream_end(f.server, good_ref);
    SCOPED(buf_fini) struct buf a = client_answer(good);
    assert_true(has(&a, "unharmed"));
    (void)close(slow);
    (void)close(good);
}

static void *send_many(void *arg)
{
    struct net_ref ref = *(struct net_ref *)arg;
    while (net_stream_send(f.server, ref, net_bytes_new(STR("x")))) {
    }
    return NULL;
}

/* Senders race with the reader's leaving and with each other. */
static void takes_sends_from_many_threads(void **state)
{
    (void)state;
    enum { THREADS = 4 };
    for (int round = 0; round < 5; round++) {
        const int fd = client_connect(&f);
        struct net_ref ref = open_stream(fd, ASK_11);
        pthread_t threads[THREADS];
        char some[1000];
        for (int i = 0; i < THREADS; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, send_many, &ref), 0);
        }
        for (int i = 0; i < 20; i++) {
            assert_true(recv(fd, some, sizeof(some), 0) > 0);
        }
        (void)close(fd);
        for (int i = 0; i < THREADS; i++) {
            (void)pthread_join(threads[i], NULL);
        }
        fixture_wait(&f, &f.closed_streams, round + 1);
    }
}

/* --- the end of the server --- */

static void *stop_server(void *arg)
{
    net_server_stop(f.server, clock_mono_us() + *(int64_t *)arg);
    (void)pthread_join(f.thread, NULL);
    count(&f.drained_streams);
    return NULL;
}

static void lets_a_running_request_finish(void **state)
{
    (void)state;
    int64_t grace = 10 * SECOND_US;
    pthread_t stopper;
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    const int idle = client_connect(&f);
    client_send_text(idle, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
    SCOPED(buf_fini) struct buf first = client_answer(idle);
    assert_int_equal(status_of(&first), 200);
    const int busy = client_connect(&f);
    const int half = client_connect(&f);
    client_send_text(half, "GET /half HTTP/1.1\r\nHo");
    client_send_text(busy, ASK_11);
    struct net_req *r = fixture_take(&f);
    assert_int_equal(pthread_create(&stopper, NULL, stop_server, &grace), 0);
    SCOPED(buf_fini) struct buf nothing = client_rest(idle); /* is closed */
    assert_int_equal(nothing.n, 0);
    while (atomic_load(&f.server->open)) { /* every loop knows */
    }
    client_send_text(half, "st: x\r\n\r\n");
    SCOPED(buf_fini) struct buf late = client_rest(half);
    assert_true(has(&late, "GET /half") && has(&late, "Connection: close"));
    net_reply(&r, 200, NULL, 0, net_bytes_new(STR("finished")));
    SCOPED(buf_fini) struct buf a = client_rest(busy);
    assert_true(has(&a, "finished") && has(&a, "Connection: close"));
    (void)pthread_join(stopper, NULL);
    net_server_free(&f.server);
    (void)close(idle);
    (void)close(half);
    (void)close(busy);
}

static void cuts_off_at_the_end_of_the_grace(void **state)
{
    (void)state;
    int64_t grace = 50 * MS_US;
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    const int fd = client_connect(&f);
    client_send_text(fd, ASK_11);
    struct net_req *r = fixture_take(&f);
    const struct cancel *c = net_req_watch(r);
    (void)stop_server(&grace);
    assert_true(cancel_is(c));
    SCOPED(buf_fini) struct buf nothing = client_rest(fd);
    assert_int_equal(nothing.n, 0);
    net_reply(&r, 200, NULL, 0, NULL); /* after the loop has ended: dropped, and freed with it */
    net_server_free(&f.server);
    (void)close(fd);
}

struct farewell {
    struct net_ref ref;
    int drained;
};

static void on_drain(void *arg)
{
    struct farewell *w = arg;
    (void)net_stream_send(f.server, w->ref, net_bytes_new(STR("bye")));
    net_stream_end(f.server, w->ref);
    count(&w->drained);
}

static void tells_streams_to_end(void **state)
{
    (void)state;
    int64_t grace = 10 * SECOND_US;
    struct farewell w = {};
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    const int told = client_connect(&f);
    const int untold = client_connect(&f);
    client_send_text(told, ASK_11);
    struct net_req *r = fixture_take(&f);
    const struct net_stream_ops ops = {.arg = &w, .on_drain = on_drain};
    w.ref = net_stream_open(&r, f.server, 200, NULL, 0, &ops);
    const struct net_ref other = open_stream(untold, ASK_11);
    send_text(w.ref, "a");
    send_text(other, "b");
    (void)stop_server(&grace);
    SCOPED(buf_fini) struct buf a = client_rest(told);
    SCOPED(buf_fini) struct buf b = client_rest(untold);
    assert_true(has(&a, "1\r\na\r\n3\r\nbye\r\n0\r\n\r\n"));
    assert_true(has(&b, "1\r\nb\r\n0\r\n\r\n"));
    assert_int_equal(w.drained, 1);
    assert_int_equal(f.closed_streams, 1);
    net_server_free(&f.server);
    (void)close(told);
    (void)close(untold);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(sends_chunks_and_goes_on, &f),
        WITH_FIXTURE(shares_bytes_among_streams, &f),
        WITH_FIXTURE(streams_to_http_1_0_until_the_end_of_the_connection, &f),
        WITH_FIXTURE(gives_no_body_to_head, &f),
        WITH_FIXTURE(tells_that_the_reader_left, &f),
        WITH_FIXTURE(opens_for_nobody, &f),
        WITH_FIXTURE(closes_a_slow_reader, &f),
        WITH_FIXTURE(takes_sends_from_many_threads, &f),
        cmocka_unit_test(lets_a_running_request_finish),
        cmocka_unit_test(cuts_off_at_the_end_of_the_grace),
        cmocka_unit_test(tells_streams_to_end),
    };
    fixture_loops = 1;
    const int failed = cmocka_run_group_tests_name("one loop", tests, NULL, NULL);
    fixture_loops = 3;
    return failed + cmocka_run_group_tests_name("three loops", tests, NULL, NULL);
}
