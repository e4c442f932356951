/* Sessions and sockets through a server, where a test wants to hold up what the echo of the
 * conformance peer does at once; what that can show is shown in tests/integration. */
#include "realtime/sio.h"

#include "base/clock.h"
#include "base/pool.h"
#include "net/server_fixture.h"

#include <errno.h>
#include <netinet/in.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <unistd.h>

#include <cmocka.h>

enum { SOCKETS = 64 };

/* A server whose sockets note what happens to them. */
struct world {
    struct fixture client; /* only for the functions that connect */
    struct pool *pool;
    struct sio_server *sio;
    pthread_mutex_t lock;
    struct buf log; /* "what,what," */
    struct sio_socket *sockets[SOCKETS];
    int socket_count;
    sem_t gate; /* the event "wait" waits for it */
};

static void note(struct world *w, const char *what, struct str detail)
{
    (void)pthread_mutex_lock(&w->lock);
    buf_cstr(&w->log, what);
    buf_str(&w->log, detail);
    buf_char(&w->log, ',');
    (void)pthread_mutex_unlock(&w->lock);
}

static bool is_noted(struct world *w, const char *what)
{
    (void)pthread_mutex_lock(&w->lock);
    const bool noted = str_find(buf_view(&w->log), str_of(what), 0) >= 0;
    (void)pthread_mutex_unlock(&w->lock);
    return noted;
}

/* Waits until it was noted. */
static void wait_noted(struct world *w, const char *what)
{
    const int64_t until = clock_mono_us() + 20 * SECOND_US;
    while (!is_noted(w, what)) {
        if (clock_mono_us() > until) {
            fail_msg("waited in vain for \"%s\"", what);
        }
        clock_sleep_us(MS_US);
    }
}

/* --- the floor above --- */

static bool on_connect(void *arg, struct sio_socket *s, struct str nsp, struct str auth,
                       struct sio_refusal *ret)
{
    struct world *w = arg;
    if (str_is(nsp, "/no")) {
        ret->message = str_fmt(ret->arena, "not %s", "\"you\"");
        ret->data = STR("{\"code\":\"NO\"}");
        return false;
    }
    if (str_is(nsp, "/leave")) {
        struct sio_packet *p = sio_event_packet(nsp, "first", (struct sio_args){});
        sio_emit(s, p);
        sio_packet_unref(p);
        sio_disconnect(s, false);
    }
    (void)pthread_mutex_lock(&w->lock);
    must(w->socket_count < SOCKETS);
    w->sockets[w->socket_count++] = sio_ref(s);
    (void)pthread_mutex_unlock(&w->lock);
    note(w, "connect ", auth);
    return true;
}

static void on_event(void *arg, struct sio_socket *s, const struct sio_event *e)
{
    struct world *w = arg;
    note(w, "event ", e->name);
    if (str_is(e->name, "wait")) {
        (void)sem_wait(&w->gate);
    } else if (str_is(e->name, "bye")) {
        sio_disconnect(s, true);
    }
    sio_ack(s, e->ack, e->args);
}

static void on_disconnect(void *arg, struct sio_socket *s, const char *reason)
{
    (void)s;
    note(arg, "left ", str_of(reason));
}

/* --- the world --- */

static void on_head(void *arg, struct net_req *req, struct net_plan *plan)
{
    (void)arg;
    (void)req;
    plan->max_body = MB;
}

static void on_request(void *arg, struct net_req *req)
{
    const struct net_header header = {STR("X-Given"), STR("yes")};
    sio_request(((struct world *)arg)->sio, &req, &header, 1, STR("192.0.2.7"));
}

static void *serve(void *server)
{
    net_server_run(server);
    return NULL;
}

static struct sio_config usual(struct world *w)
{
    return (struct sio_config){
        .net = w->client.server,
        .pool = w->pool,
        .ping_interval_us = MINUTE_US,
        .ping_timeout_us = MINUTE_US,
        .connect_timeout_us = MINUTE_US,
        .upgrade_timeout_us = MINUTE_US,
        .max_payload = MB,
        .max_buffered = 100 * KB,
        .max_queued = 4,
        .max_attachments = 4,
        .max_sessions = 5,
        .arg = w,
        .on_connect = on_connect,
        .on_event = on_event,
        .on_disconnect = on_disconnect,
    };
}

static int set_up(void **state)
{
    static struct world world;
    struct world *w = &world;
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    const struct net_limits limits = fixture_limits();
    const struct net_callbacks callbacks = {.arg = w, .on_head = on_head, .on_request = on_request};
    *w = (struct world){.log = buf_make(MB)};
    (void)pthread_mutex_init(&w->lock, NULL);
    must(sem_init(&w->gate, 0, 0) == 0);
    must(!net_server_new("127.0.0.1:0", &limits, &callbacks, &w->client.server, &why));
    w->pool = pool_new(&(struct pool_limits){.name = "test", .max_threads = 1, .max_queue = 0});
    const struct sio_config config = usual(w);
    w->sio = sio_new(&config);
    must(pthread_create(&w->client.thread, NULL, serve, w->client.server) == 0);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sio_drain(w->sio);
    net_server_stop(w->client.server, clock_mono_us() + 2 * SECOND_US);
    (void)pthread_join(w->client.thread, NULL);
    for (int i = 0; i < w->socket_count; i++) {
        sio_unref(w->sockets[i]);
    }
    sio_free(&w->sio);
    pool_free(&w->pool);
    net_server_free(&w->client.server);
    buf_fini(&w->log);
    return 0;
}

/* --- a client --- */

struct session {
    struct world *w;
    char sid[32];
};

static int ask(const struct session *c, const char *method, struct str body)
{
    SCOPED(buf_fini) struct buf b = buf_make(2 * MB);
    const int fd = client_connect(&c->w->client);
    buf_fmt(&b, "%s /?EIO=4&transport=polling%s%s HTTP/1.1\r\nHost: a\r\nOrigin: http://shop\r\n",
            method, c->sid[0] ? "&sid=" : "", c->sid);
    buf_fmt(&b, "Content-Length: %zu\r\n\r\n", body.n);
    buf_str(&b, body);
    client_send(fd, buf_view(&b));
    return fd;
}

/* The answer's body; the status in front of it. */
static struct str answer_of(int fd, struct buf *into)
{
    struct buf whole = client_answer(fd);
    const ptrdiff_t end = str_find(buf_view(&whole), STR("\r\n\r\n"), 0);
    must(end > 0);
    assert_true(str_find(buf_view(&whole), STR("X-Given: yes"), 0) > 0);
    buf_reset(into);
    buf_u64(into, (uint64_t)status_of(&whole));
    buf_char(into, ' ');
    buf_str(into, str_sub(buf_view(&whole), (size_t)end + 4, whole.n));
    buf_fini(&whole);
    (void)close(fd);
    return buf_view(into);
}

static void assert_answer(int fd, const char *expected)
{
    SCOPED(buf_fini) struct buf b = buf_make(2 * MB);
    (void)answer_of(fd, &b);
    assert_string_equal(b.p, expected);
}

static void assert_begins(int fd, const char *expected)
{
    SCOPED(buf_fini) struct buf b = buf_make(2 * MB);
    if (!str_starts(answer_of(fd, &b), str_of(expected))) {
        fail_msg("%s", b.p);
    }
}

static struct session open_session(struct world *w)
{
    struct session c = {.w = w};
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    const struct str answer = answer_of(ask(&c, "GET", STR("")), &b);
    assert_true(str_starts(answer, STR("200 0{\"sid\":\"")));
    (void)snprintf(c.sid, sizeof(c.sid), "%.20s", answer.p + strlen("200 0{\"sid\":\""));
    return c;
}

static int post(const struct session *c, const char *body)
{
    return ask(c, "POST", str_of(body));
}

static int poll(const struct session *c)
{
    return ask(c, "GET", STR(""));
}

/* One that has joined, and has read so. */
static struct session join(struct world *w)
{
    struct session c = open_session(w);
    assert_answer(post(&c, "40"), "200 ok");
    assert_begins(poll(&c), "200 40{\"sid\":\"");
    return c;
}

/* --- tests --- */

static void what_a_socket_is_of_is_told(void **state)
{
    struct world *w = *state;
    struct session c = open_session(w);
    assert_answer(post(&c, "40{\"a\":[1]}"), "200 ok");
    wait_noted(w, "connect {\"a\":[1]}");
    assert_true(str_is(sio_origin(w->sockets[0]), "http://shop"));
    assert_true(str_is(sio_peer(w->sockets[0]), "192.0.2.7"));
    assert_true(str_is(sio_nsp(w->sockets[0]), "/"));
    int sessions = 0;
    int sockets = 0;
    sio_load(w->sio, &sessions, &sockets);
    assert_int_equal(sessions, 1);
    assert_int_equal(sockets, 1);
}

static void a_refusal_says_why(void **state)
{
    struct world *w = *state;
    struct session c = open_session(w);
    assert_answer(post(&c, "40/no,"), "200 ok");
    assert_answer(poll(&c),
                  "200 44/no,{\"message\":\"not \\\"you\\\"\",\"data\":{\"code\":\"NO\"}}");
}

static void a_post_is_answered_when_all_of_it_was_taken(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    const int first = post(&c, "42[\"wait\"]\x1e"
                               "421[\"then\",2]");
    char byte;
    wait_noted(w, "event wait");
    assert_int_equal(recv(first, &byte, 1, MSG_DONTWAIT), -1);
    (void)sem_post(&w->gate);
    assert_answer(first, "200 ok");
    assert_answer(poll(&c), "200 431[2]");
}

static void a_second_post_beside_the_first_ends_the_session(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    const int first = post(&c, "42[\"wait\"]");
    wait_noted(w, "event wait");
    assert_answer(post(&c, "42[\"late\"]"), "400 {\"code\":3,\"message\":\"Bad request\"}");
    (void)sem_post(&w->gate);
    assert_answer(first, "200 ok");
    wait_noted(w, "left transport error");
    assert_answer(poll(&c), "400 {\"code\":1,\"message\":\"Session ID unknown\"}");
    assert_false(is_noted(w, "late"));
}

static void a_pong_is_heard_while_the_strand_is_busy(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    struct session other = join(w);
    const int first = post(&c, "42[\"wait\"]");
    wait_noted(w, "event wait");
    assert_answer(post(&other, "3"), "200 ok"); /* the only worker is busy */
    (void)sem_post(&w->gate);
    assert_answer(first, "200 ok");
}

static void a_full_pool_loses_nothing(void **state)
{
    struct world *w = *state;
    struct session busy = join(w);
    struct session c[3];
    int fds[3];
    for (size_t i = 0; i < COUNT(c); i++) {
        c[i] = join(w);
    }
    const int first = post(&busy, "42[\"wait\"]");
    wait_noted(w, "event wait");
    for (size_t i = 0; i < COUNT(c); i++) {
        fds[i] = post(&c[i], "42[\"a\"]\x1e"
                             "42[\"b\"]");
    }
    (void)sem_post(&w->gate);
    assert_answer(first, "200 ok");
    for (size_t i = 0; i < COUNT(c); i++) {
        assert_answer(fds[i], "200 ok");
    }
}

static void what_came_before_the_end_is_taken(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    const int first = post(&c, "42[\"wait\"]\x1e"
                               "42[\"last\"]\x1e"
                               "1");
    wait_noted(w, "event wait");
    assert_begins(poll(&c), "400 ");
    (void)sem_post(&w->gate);
    assert_answer(first, "200 ok");
    wait_noted(w, "event wait,event last,left transport close,");
}

static void what_comes_behind_nonsense_is_dropped(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    assert_answer(post(&c, "42[\"good\"]\x1e"
                           "42{}\x1e"
                           "42[\"behind\"]"),
                  "400 {\"code\":3,\"message\":\"Bad request\"}");
    wait_noted(w, "event good,left parse error,");
    assert_false(is_noted(w, "behind"));
}

static void sessions_are_bounded(void **state)
{
    struct world *w = *state;
    struct session c = {.w = w};
    for (int i = 0; i < 5; i++) {
        c = open_session(w);
    }
    const struct session one_more = {.w = w};
    const struct buf whole = client_answer(poll(&one_more));
    assert_int_equal(status_of(&whole), 503);
    assert_true(str_find(buf_view(&whole), STR("Retry-After: "), 0) > 0);
    struct buf take = whole;
    buf_fini(&take);
    assert_answer(post(&c, "1"), "200 ok"); /* makes room */
    (void)open_session(w);
}

static void emit(struct sio_socket *s, const char *name, struct str json)
{
    struct sio_packet *p = sio_event_packet(sio_nsp(s), name, (struct sio_args){.json = json});
    sio_emit(s, p);
    sio_packet_unref(p);
}

static void a_client_that_does_not_poll_is_closed(void **state)
{
    struct world *w = *state;
    char text[32 * 1024];
    struct session c = join(w);
    memset(text, ' ', sizeof(text));
    text[0] = '1';
    for (int i = 0; i < 3; i++) {
        emit(w->sockets[0], "big", (struct str){text, sizeof(text)});
    }
    assert_begins(poll(&c), "200 42[\"big\",1 "); /* still within its bound, and empty again */
    for (int i = 0; i < 4; i++) {
        emit(w->sockets[0], "big", (struct str){text, sizeof(text)});
    }
    wait_noted(w, "left transport error");
    assert_begins(poll(&c), "400 ");
    emit(w->sockets[0], "late", STR("")); /* nobody is there */
}

static void the_server_ends_a_socket(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    emit(w->sockets[0], "last", STR("1"));
    sio_disconnect(w->sockets[0], false);
    sio_disconnect(w->sockets[0], false);
    emit(w->sockets[0], "late", STR("2"));
    wait_noted(w, "left server namespace disconnect");
    assert_answer(post(&c, "42[\"crossing\"]"), "200 ok"); /* the client could not know */
    assert_answer(poll(&c), "200 42[\"last\",1]\x1e"
                            "41");
    assert_answer(post(&c, "40"), "200 ok"); /* it may come again */
    assert_begins(poll(&c), "200 40{\"sid\":\"");
    assert_false(is_noted(w, "crossing"));
}

static void the_server_ends_a_connection(void **state)
{
    struct world *w = *state;
    struct session c = join(w);
    assert_answer(post(&c, "42[\"bye\"]"), "200 ok");
    wait_noted(w, "left server namespace disconnect");
    assert_answer(poll(&c), "200 41\x1e"
                            "1");
    assert_begins(poll(&c), "400 ");
}

static void a_socket_that_leaves_while_it_joins_has_joined(void **state)
{
    struct world *w = *state;
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    struct session c = open_session(w);
    assert_answer(post(&c, "40/leave,"), "200 ok");
    wait_noted(w, "left server namespace disconnect");
    const struct str got = answer_of(poll(&c), &b);
    assert_true(str_starts(got, STR("200 40/leave,{\"sid\":\"")));
    assert_true(str_ends(got, STR("\x1e"
                                  "42/leave,[\"first\"]\x1e"
                                  "41/leave,")));
}

static void the_stop_ends_everybody(void **state)
{
    struct world *w = *state;
    struct session waiting = join(w);
    struct session away = join(w);
    const int fd = poll(&waiting);
    assert_answer(post(&waiting, "421[\"x\",1]"),
                  "200 ok"); /* comes behind the poll, or gives it */
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    assert_true(str_is(answer_of(fd, &b), "200 431[1]"));
    sio_drain(w->sio);
    wait_noted(w, "left server shutting down,left server shutting down,");
    assert_begins(poll(&away), "400 ");
    const struct session late = {.w = w};
    assert_begins(poll(&late), "503 ");
}

/* --- WebSocket --- */

static int open_ws(struct world *w)
{
    const int fd = client_connect(&w->client);
    char c;
    size_t ends = 0;
    client_send_text(fd, "GET /?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\n"
                         "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                         "Sec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    while (ends < 4 && recv(fd, &c, 1, 0) == 1) {
        ends = c == "\r\n\r\n"[ends] ? ends + 1 : 0;
    }
    assert_int_equal(ends, 4);
    return fd;
}

/* A text frame with a mask of zeros, of less than 64 KB. */
static void frame(struct buf *b, struct str text)
{
    const unsigned char small[] = {0x81, (unsigned char)(0x80 | text.n)};
    const unsigned char large[] = {0x81, 0xfe, (unsigned char)(text.n >> 8), (unsigned char)text.n};
    must(text.n < 65536);
    buf_add(b, text.n < 126 ? small : large, text.n < 126 ? sizeof(small) : sizeof(large));
    buf_add(b, "\0\0\0\0", 4);
    buf_str(b, text);
}

static void send_ws(int fd, const char *text)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    frame(&b, str_of(text));
    client_send(fd, buf_view(&b));
}

/* Sends as much as goes within a while, at most so many times. */
static int send_until_full(int fd, struct str bytes, int max)
{
    int sent = 0;
    size_t at = 0;
    for (int idle = 0; sent < max && idle < 300;) {
        const ssize_t n = send(fd, bytes.p + at, bytes.n - at, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            assert_int_equal(errno, EAGAIN);
            clock_sleep_us(MS_US);
            idle++;
            continue;
        }
        idle = 0;
        at += (size_t)n;
        sent += at == bytes.n;
        at = at == bytes.n ? 0 : at;
    }
    return sent;
}

static void reading_stops_while_the_strand_is_busy(void **state)
{
    struct world *w = *state;
    SCOPED(buf_fini) struct buf big = buf_make(MB);
    SCOPED(buf_fini) struct buf text = buf_make(MB);
    const int fd = open_ws(w);
    send_ws(fd, "40");
    wait_noted(w, "connect ");
    send_ws(fd, "42[\"wait\"]");
    wait_noted(w, "event wait");
    buf_cstr(&text, "42[\"big\",\"");
    (void)memset(buf_room(&text, 60000), 'x', 60000);
    buf_wrote(&text, 60000);
    buf_cstr(&text, "\"]");
    frame(&big, buf_view(&text));
    const int sent = send_until_full(fd, buf_view(&big), 2000);
    assert_in_range(sent, 1, 1999); /* 120 MB would not be held anywhere */
    (void)sem_post(&w->gate);
    wait_noted(w, "event big,event big,event big,event big,event big,"); /* reading goes on */
    (void)close(fd);
    wait_noted(w, "left transport error");
}

static void the_server_ends_a_connection_by_websocket(void **state)
{
    struct world *w = *state;
    const int fd = open_ws(w);
    send_ws(fd, "40");
    send_ws(fd, "42[\"bye\"]");
    wait_noted(w, "left server namespace disconnect");
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    /* the socket's end, then the close frame: 1000 */
    assert_true(str_ends(buf_view(&rest), STR("\x81\x02"
                                              "41\x88\x02\x03\xe8")));
}

#define WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD(what_a_socket_is_of_is_told),
        WORLD(a_refusal_says_why),
        WORLD(a_post_is_answered_when_all_of_it_was_taken),
        WORLD(a_second_post_beside_the_first_ends_the_session),
        WORLD(a_pong_is_heard_while_the_strand_is_busy),
        WORLD(a_full_pool_loses_nothing),
        WORLD(what_came_before_the_end_is_taken),
        WORLD(what_comes_behind_nonsense_is_dropped),
        WORLD(sessions_are_bounded),
        WORLD(a_client_that_does_not_poll_is_closed),
        WORLD(the_server_ends_a_socket),
        WORLD(the_server_ends_a_connection),
        WORLD(a_socket_that_leaves_while_it_joins_has_joined),
        WORLD(the_stop_ends_everybody),
        WORLD(reading_stops_while_the_strand_is_busy),
        WORLD(the_server_ends_a_connection_by_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
