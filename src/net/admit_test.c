/* Bodies that are asked about before they are read, and answers out of files. */
#include "net/server_fixture.h"

#include "base/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD(more) "POST /ask HTTP/1.1\r\nHost: x\r\n" more "\r\n"
#define CHUNKED    HEAD("Transfer-Encoding: chunked\r\n")
#define WAITS      HEAD("Expect: 100-continue\r\nContent-Length: 5\r\n")
#define NEXT       "GET /next HTTP/1.1\r\nHost: x\r\n\r\n"

static struct fixture f;

static void assert_answers(int fd, int status, const char *end)
{
    SCOPED(buf_fini) struct buf a = client_answer(fd);
    assert_int_equal(status_of(&a), status);
    assert_true(str_ends(buf_view(&a), str_of(end)));
}

static void assert_closes(int fd)
{
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    assert_int_equal(rest.n, 0);
    (void)close(fd);
}

static void says_100_when_the_body_is_wanted(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, WAITS);
    struct net_req *r = fixture_take(&f);
    assert_int_equal(recv(fd, &(char){0}, 1, MSG_DONTWAIT), -1);
    net_admit(&r);
    assert_null(r);
    assert_answers(fd, 100, "\r\n\r\n");
    client_send_text(fd, "hello" NEXT);
    assert_answers(fd, 200, "POST /ask\nhello");
    assert_answers(fd, 200, "GET /next\n");
    (void)close(fd);
}

/* Neither more of the body nor the request behind it is touched meanwhile. */
static void goes_on_with_what_came_meanwhile(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, CHUNKED "3\r\nabc\r\n");
    struct net_req *r = fixture_take(&f);
    client_send_text(fd, "2\r\nde\r\n0\r\n\r\n" NEXT);
    assert_int_equal(net_req_body(r).n, 0);
    net_admit(&r);
    assert_answers(fd, 200, "POST /ask\nabcde");
    assert_answers(fd, 200, "GET /next\n");
    (void)close(fd);
}

static void takes_a_body_whose_client_has_closed_its_sending_half(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, CHUNKED "3\r\nabc\r\n0\r\n\r\n");
    (void)shutdown(fd, SHUT_WR);
    struct net_req *r = fixture_take(&f);
    assert_false(cancel_is(net_req_watch(r)));
    net_admit(&r);
    assert_answers(fd, 200, "POST /ask\nabc");
    (void)close(fd);
}

static void does_not_read_a_body_that_is_not_wanted(void **state)
{
    (void)state;
    const char *const heads[] = {WAITS, CHUNKED "3\r\nabc\r\n", HEAD("Content-Length: 900000\r\n")};
    for (size_t i = 0; i < COUNT(heads); i++) {
        const int fd = client_connect(&f);
        client_send_text(fd, heads[i]);
        struct net_req *r = fixture_take(&f);
        net_reply(&r, 401, NULL, 0, net_bytes_new(STR("no")));
        assert_answers(fd, 401, "Connection: close\r\n\r\nno");
        assert_closes(fd);
    }
    assert_int_equal(f.dropped, 0);
}

static void asks_about_large_bodies_alone(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    const int fd = client_connect(&f);
    for (size_t n = 64 * KB; n <= 64 * KB + 1; n++) {
        buf_reset(&b);
        buf_fmt(&b, "POST /ask HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", n);
        char *room = buf_room(&b, n);
        memset(room, 'x', n);
        buf_wrote(&b, n);
        client_send(fd, buf_view(&b));
        if (n > 64 * KB) {
            struct net_req *r = fixture_take(&f);
            net_admit(&r);
        }
        assert_answers(fd, 200, "xxxx");
    }
    (void)close(fd);
}

static void leave(int fd)
{
    const struct linger at_once = {.l_onoff = 1};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
    (void)close(fd);
}

static void wait_for_no_connection(void)
{
    for (int n = 1, streams; n;) {
        net_server_load(f.server, &n, &streams);
        (void)sched_yield();
    }
}

static void gives_back_what_does_not_become_whole(void **state)
{
    (void)state;
    /* before it is wanted */
    int fd = client_connect(&f);
    client_send_text(fd, CHUNKED);
    struct net_req *r = fixture_take(&f);
    leave(fd);
    wait_for_no_connection();
    assert_true(cancel_is(net_req_watch(r)));
    assert_int_equal(f.dropped, 0);
    net_admit(&r);
    fixture_wait(&f, &f.dropped, 1);

    /* afterwards */
    fd = client_connect(&f);
    client_send_text(fd, WAITS);
    r = fixture_take(&f);
    net_admit(&r);
    assert_answers(fd, 100, "\r\n\r\n");
    leave(fd);
    fixture_wait(&f, &f.dropped, 2);

    /* in its middle, because it is broken */
    fd = client_connect(&f);
    client_send_text(fd, CHUNKED "3\r\nabcd");
    r = fixture_take(&f);
    net_admit(&r);
    fixture_wait(&f, &f.dropped, 3);
    assert_answers(fd, 400, "\n");
    assert_closes(fd);

    /* and because the answer was no */
    fd = client_connect(&f);
    client_send_text(fd, CHUNKED);
    r = fixture_take(&f);
    leave(fd);
    wait_for_no_connection();
    net_reply(&r, 401, NULL, 0, NULL);
    assert_int_equal(f.dropped, 3);
}

static void gives_back_what_is_too_slow(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.body_timeout_us = 50 * MS_US;
    fixture_start(&f, &l);
    const int fd = client_connect(&f);
    client_send_text(fd, HEAD("Content-Length: 900000\r\n"));
    struct net_req *r = fixture_take(&f);
    net_admit(&r);
    fixture_wait(&f, &f.dropped, 1);
    assert_answers(fd, 408, "\n");
    assert_closes(fd);
    fixture_stop(&f, SECOND_US);
}

static void a_stop_waits_for_the_body(void **state)
{
    (void)state;
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    const int fd = client_connect(&f);
    client_send_text(fd, WAITS);
    struct net_req *r = fixture_take(&f);
    net_server_stop(f.server, clock_mono_us() + 10 * SECOND_US);
    net_admit(&r);
    assert_answers(fd, 100, "\r\n\r\n");
    client_send_text(fd, "hello");
    assert_answers(fd, 200, "Connection: close\r\n\r\nPOST /ask\nhello");
    (void)close(fd);
    fixture_stop(&f, 10 * SECOND_US);
    assert_int_equal(f.dropped, 0);
}

/* One whose body is coming, and one that is answered only when the loop has ended. */
static void the_end_of_a_stop_gives_back_the_rest(void **state)
{
    (void)state;
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    const int one = client_connect(&f);
    client_send_text(one, WAITS);
    struct net_req *r = fixture_take(&f);
    net_admit(&r);
    assert_answers(one, 100, "\r\n\r\n");
    const int two = client_connect(&f);
    client_send_text(two, CHUNKED);
    r = fixture_take(&f);
    net_server_stop(f.server, clock_mono_us());
    (void)pthread_join(f.thread, NULL);
    assert_int_equal(f.dropped, 1);
    net_admit(&r);
    net_server_free(&f.server);
    assert_int_equal(f.dropped, 2);
    (void)close(one);
    (void)close(two);
}

static void sends_files(void **state)
{
    (void)state;
    const int fd = client_connect(&f);
    client_send_text(fd, "HEAD /file HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /file HTTP/1.1\r\nHost: x\r\n\r\n"
                         "GET /after HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    SCOPED(buf_fini) struct buf all = client_rest(fd);
    const struct str s = buf_view(&all);
    const ptrdiff_t head = str_find(s, STR("\r\n\r\nHTTP"), 0); /* the first has no body */
    const ptrdiff_t body = str_find(s, STR("\r\n\r\n"), (size_t)head + 4);
    assert_true(head > 0 && body > head);
    for (size_t i = 0; i < FIXTURE_BIG; i++) {
        if ((unsigned char)s.p[(size_t)body + 4 + i] != fixture_big(i)) {
            fail_msg("byte %zu is another", i);
        }
    }
    assert_true(str_ends(s, STR("\r\n\r\nGET /after\n")));
    (void)close(fd);
}

/* Others have their turn while one takes a file. */
static void a_file_holds_up_nobody(void **state)
{
    (void)state;
    const int slow = client_connect(&f);
    client_send_text(slow, "GET /file HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const int other = client_connect(&f);
    for (int i = 0; i < 10; i++) {
        client_send_text(other, NEXT);
        assert_answers(other, 200, "GET /next\n");
    }
    SCOPED(buf_fini) struct buf all = client_rest(slow);
    assert_true(all.n > FIXTURE_BIG);
    (void)close(slow);
    const int gone = client_connect(&f);
    client_send_text(gone, "GET /file HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(recv(gone, &(char){0}, 1, 0), 1);
    leave(gone);
    (void)close(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FIXTURE(says_100_when_the_body_is_wanted, &f),
        WITH_FIXTURE(goes_on_with_what_came_meanwhile, &f),
        WITH_FIXTURE(takes_a_body_whose_client_has_closed_its_sending_half, &f),
        WITH_FIXTURE(does_not_read_a_body_that_is_not_wanted, &f),
        WITH_FIXTURE(asks_about_large_bodies_alone, &f),
        WITH_FIXTURE(gives_back_what_does_not_become_whole, &f),
        cmocka_unit_test(gives_back_what_is_too_slow),
        cmocka_unit_test(a_stop_waits_for_the_body),
        cmocka_unit_test(the_end_of_a_stop_gives_back_the_rest),
        WITH_FIXTURE(sends_files, &f),
        WITH_FIXTURE(a_file_holds_up_nobody, &f),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
