#include "net/tls.h"

#include "base/clock.h"
#include "base/metric.h"
#include "net/server_fixture.h"
#include "net/tls_fixture.h"
#include "net/ws_fixture.h"

#include <fcntl.h>
#include <openssl/ssl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;
static char folder[] = "/tmp/metachat-tls-test-XXXXXX";
static char certificate[64];
static char key[64];
static char other_key[64];

static const char ask_a[] = "GET /a HTTP/1.1\r\nHost: x\r\n\r\n";
static const char ask_last[] = "GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

static void start_with(const struct net_limits *l)
{
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    tls_write_pair(certificate, key, 1, 3600);
    assert_int_equal(tls_open(certificate, key, &fixture_tls, &why), ERR_OK);
    fixture_start(&f, l);
}

static int start(void **state)
{
    (void)state;
    const struct net_limits l = fixture_limits();
    start_with(&l);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f, 2 * SECOND_US);
    tls_close(&fixture_tls);
    return 0;
}

/* --- a client --- */

struct client {
    int fd;
    SSL_CTX *ctx;
    SSL *ssl;
};

static struct client prepare(void)
{
    struct client c = {.fd = client_connect(&f), .ctx = SSL_CTX_new(TLS_client_method())};
    c.ssl = SSL_new(c.ctx);
    assert_true(c.ssl && SSL_set_fd(c.ssl, c.fd));
    return c;
}

static struct client shake_hands(void)
{
    struct client c = prepare();
    assert_int_equal(SSL_connect(c.ssl), 1);
    return c;
}

static void part(struct client *c)
{
    (void)SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    SSL_CTX_free(c->ctx);
    (void)close(c->fd);
}

static void say(struct client *c, const char *text)
{
    assert_int_equal(SSL_write(c->ssl, text, (int)strlen(text)), strlen(text));
}

/* Reads until text has come, or to the end when it is NULL. */
static struct buf hear(struct client *c, const char *text)
{
    struct buf b = buf_make(64 * MB);
    char some[4096];
    int n;
    while ((!text || str_find(buf_view(&b), str_of(text), 0) < 0) &&
           (n = SSL_read(c->ssl, some, sizeof(some))) > 0) {
        buf_add(&b, some, (size_t)n);
    }
    return b;
}

static void ask(struct client *c, const char *text, const char *wanted)
{
    say(c, text);
    SCOPED(buf_fini) struct buf b = hear(c, wanted);
    assert_true(str_find(buf_view(&b), str_of(wanted), 0) >= 0);
}

static void wait_until_all_are_gone(void)
{
    int connections = 1;
    int streams = 0;
    while (connections) {
        net_server_load(f.server, &connections, &streams);
    }
}

/* --- serving --- */

static void serves_and_says_that_it_ends(void **state)
{
    (void)state;
    const double before = metric_value(METRIC_TLS_HANDSHAKES, "ok");
    struct client c = shake_hands();
    ask(&c, ask_a, "GET /a\n");
    ask(&c, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "POST /b\nhello");
    say(&c, ask_last);
    SCOPED(buf_fini) struct buf b = hear(&c, NULL);
    assert_true(str_find(buf_view(&b), STR("GET /last\n"), 0) >= 0);
    assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    assert_true(metric_value(METRIC_TLS_HANDSHAKES, "ok") == before + 1);
    part(&c);
}

static void answers_pipelined_requests(void **state)
{
    (void)state;
    enum { MANY = 2000 }; /* more than one record, and than one read */
    struct client c = shake_hands();
    SCOPED(buf_fini) struct buf all = buf_make(MB);
    for (int i = 0; i < MANY; i++) {
        buf_fmt(&all, "GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", i);
    }
    buf_cstr(&all, ask_last);
    say(&c, all.p);
    SCOPED(buf_fini) struct buf b = hear(&c, NULL);
    size_t at = 0;
    for (int i = 0; i < MANY; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "\r\n\r\nGET /%d\n", i);
        const ptrdiff_t found = str_find(buf_view(&b), str_of(line), at);
        assert_true(found >= 0);
        at = (size_t)found;
    }
    part(&c);
}

static void takes_a_large_body(void **state)
{
    (void)state;
    enum { BODY = 1024 * 1024 };
    struct client c = shake_hands();
    SCOPED(buf_fini) struct buf b = buf_make(2 * MB);
    char *p = buf_room(&b, BODY);
    memset(p, 'x', BODY);
    buf_wrote(&b, BODY);
    say(&c, "POST /b HTTP/1.1\r\nHost: x\r\nContent-Length: 1048576\r\nConnection: close\r\n\r\n");
    assert_int_equal(SSL_write(c.ssl, b.p, BODY), BODY);
    SCOPED(buf_fini) struct buf a = hear(&c, NULL);
    assert_true(str_ends(buf_view(&a), buf_view(&b)));
    part(&c);
}

/* More than every buffer on the way, read in small pieces. */
static void gives_a_large_answer_to_a_slow_reader(void **state)
{
    (void)state;
    struct client c = shake_hands();
    say(&c, "GET /big HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    SCOPED(buf_fini) struct buf b = hear(&c, "\r\n\r\n");
    const ptrdiff_t end = str_find(buf_view(&b), STR("\r\n\r\n"), 0);
    buf_drop(&b, (size_t)end + 4);
    size_t at = 0;
    int n = (int)b.n;
    char some[4096];
    memcpy(some, b.p, b.n < sizeof(some) ? b.n : sizeof(some));
    assert_true(b.n <= sizeof(some));
    do {
        for (int i = 0; i < n; i++, at++) {
            if ((unsigned char)some[i] != fixture_big(at)) {
                fail_msg("byte %zu", at);
            }
        }
    } while ((n = SSL_read(c.ssl, some, sizeof(some))) > 0);
    assert_int_equal(at, FIXTURE_BIG);
    part(&c);
}

static void shows_a_refusal_to_who_sends_too_much(void **state)
{
    (void)state;
    enum { PART = 64 * 1024 };
    static const char zeros[PART];
    struct client c = shake_hands();
    say(&c, "POST /tiny HTTP/1.1\r\nHost: x\r\nContent-Length: 8388608\r\n\r\n");
    for (int i = 0; i < 128; i++) {
        assert_int_equal(SSL_write(c.ssl, zeros, PART), PART);
    }
    SCOPED(buf_fini) struct buf a = hear(&c, NULL);
    assert_int_equal(status_of(&a), 413);
    assert_int_equal(SSL_get_shutdown(c.ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
    part(&c);
}

/* A message in many records and many reads, back and forth. */
static void speaks_websocket(void **state)
{
    (void)state;
    enum { SIZE = 300 * 1000 };
    struct ws_end e = {};
    struct client c = shake_hands();
    SCOPED(buf_fini) struct buf message = buf_make(SIZE);
    SCOPED(buf_fini) struct buf frame = buf_make(2 * SIZE);
    memset(buf_room(&message, SIZE), 'm', SIZE);
    buf_wrote(&message, SIZE);
    say(&c, WS_ASK);
    ws_take(&e, &f, &ws_usual);
    SCOPED(buf_fini) struct buf head = hear(&c, "\r\n\r\n");
    assert_int_equal(status_of(&head), 101);
    ws_add(&frame, 0x80 | WS_TEXT, buf_view(&message));
    ws_add(&frame, 0x80 | WS_CLOSE, STR("\x0f\xa0"));
    assert_int_equal(SSL_write(c.ssl, frame.p, (int)frame.n), frame.n);
    SCOPED(buf_fini) struct buf all = hear(&c, NULL);
    struct net_bytes *echo = net_ws_frame(WS_TEXT, buf_view(&message));
    const struct str wanted = net_ws_payload(echo);
    assert_int_equal(all.n, 10 + SIZE + 4);
    assert_true(str_eq(str_sub(buf_view(&all), 10, SIZE), wanted));
    assert_true(str_ends(buf_view(&all), STR("\x88\x02\x0f\xa0")));
    net_bytes_unref(echo);
    fixture_wait(&f, &e.closed, 1);
    assert_int_equal(e.code, 4000);
    part(&c);
}

static void resumes_a_session(void **state)
{
    (void)state;
    struct client a = shake_hands();
    ask(&a, ask_a, "GET /a\n");
    SSL_SESSION *session = SSL_get1_session(a.ssl);
    part(&a);
    struct client b = prepare();
    assert_int_equal(SSL_set_session(b.ssl, session), 1);
    assert_int_equal(SSL_connect(b.ssl), 1);
    ask(&b, ask_a, "GET /a\n");
    assert_int_equal(SSL_session_reused(b.ssl), 1);
    SSL_SESSION_free(session);
    part(&b);
}

/* --- handshakes --- */

/* The client's first words come a byte at a time. */
static void takes_a_fragmented_hello(void **state)
{
    (void)state;
    struct client c = prepare();
    BIO *out = BIO_new(BIO_s_mem());
    SSL_set0_wbio(c.ssl, out);
    (void)fcntl(c.fd, F_SETFL, O_NONBLOCK);
    assert_true(SSL_connect(c.ssl) < 0);
    char byte;
    while (BIO_read(out, &byte, 1) == 1) {
        client_send(c.fd, (struct str){&byte, 1});
    }
    (void)fcntl(c.fd, F_SETFL, 0);
    assert_int_equal(SSL_set_wfd(c.ssl, c.fd), 1);
    assert_int_equal(SSL_connect(c.ssl), 1);
    ask(&c, ask_a, "GET /a\n");
    part(&c);
}

static void ends_with_who_speaks_garbage(void **state)
{
    (void)state;
    const double before = metric_value(METRIC_TLS_HANDSHAKES, "failed");
    SCOPED(buf_fini)
    struct buf a = client_exchange(&f, STR("\x16\x03\x01\xff\xff\x01\x02garbage and no hello"));
    SCOPED(buf_fini) struct buf b = client_exchange(&f, STR("\0\1\2\3\4\5\6\7 nothing of TLS"));
    assert_true(status_of(&a) == 0 && status_of(&b) == 0);
    wait_until_all_are_gone();
    assert_true(metric_value(METRIC_TLS_HANDSHAKES, "failed") == before + 2);
    struct client c = shake_hands();
    ask(&c, ask_a, "GET /a\n");
    part(&c);
}

static void tells_who_speaks_plain_http(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf a = client_exchange(&f, str_of(ask_a));
    assert_int_equal(status_of(&a), 400);
    assert_true(str_find(buf_view(&a), STR("https://"), 0) >= 0);
}

static void ends_who_never_finishes(void **state)
{
    (void)state;
    struct net_limits l = fixture_limits();
    l.head_timeout_us = 50 * MS_US;
    const double before = metric_value(METRIC_HTTP_TIMEOUTS, "handshake");
    start_with(&l);
    SCOPED(buf_fini) struct buf a = client_exchange(&f, STR("\x16\x03\x01\x02"));
    SCOPED(buf_fini) struct buf b = client_exchange(&f, STR(""));
    assert_int_equal(a.n + b.n, 0);
    assert_true(metric_value(METRIC_HTTP_TIMEOUTS, "handshake") == before + 2);
    (void)stop(NULL);
}

static void speaks_only_what_is_safe(void **state)
{
    (void)state;
    static const unsigned char only_h2[] = "\x02h2";
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    const unsigned char *chosen = NULL;
    unsigned n = 0;
    struct client old = prepare();
    (void)SSL_set_max_proto_version(old.ssl, TLS1_1_VERSION);
    assert_true(SSL_connect(old.ssl) < 0);
    part(&old);
    struct client weak = prepare();
    (void)SSL_set_max_proto_version(weak.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_set_cipher_list(weak.ssl, "ECDHE-ECDSA-AES128-SHA"), 1);
    assert_true(SSL_connect(weak.ssl) < 0);
    part(&weak);
    struct client h2 = prepare();
    assert_int_equal(SSL_set_alpn_protos(h2.ssl, only_h2, sizeof(only_h2) - 1), 0);
    assert_true(SSL_connect(h2.ssl) < 0);
    part(&h2);
    struct client any = prepare();
    (void)SSL_set_max_proto_version(any.ssl, TLS1_2_VERSION);
    assert_int_equal(SSL_set_alpn_protos(any.ssl, both, sizeof(both) - 1), 0);
    assert_int_equal(SSL_connect(any.ssl), 1);
    SSL_get0_alpn_selected(any.ssl, &chosen, &n);
    assert_int_equal(n, 8);
    assert_memory_equal(chosen, "http/1.1", 8);
    ask(&any, ask_a, "GET /a\n");
    part(&any);
}

static void *shake_and_ask(void *arg)
{
    (void)arg;
    for (int i = 0; i < 5; i++) {
        struct client c = shake_hands();
        ask(&c, ask_a, "GET /a\n");
        part(&c);
    }
    return NULL;
}

/* More at once than a round takes. */
static void shakes_many_hands(void **state)
{
    (void)state;
    enum { THREADS = 40 };
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, shake_and_ask, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
}

/* --- certificate and key --- */

static long serial_seen(struct client *c)
{
    X509 *shown = SSL_get1_peer_certificate(c->ssl);
    const long serial = ASN1_INTEGER_get(X509_get0_serialNumber(shown));
    X509_free(shown);
    return serial;
}

/* shows: HTTP-6 */
static void takes_a_new_certificate_for_new_connections(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    struct client before = shake_hands();
    ask(&before, ask_a, "GET /a\n");
    assert_false(tls_changed(fixture_tls));
    tls_write_pair(certificate, key, 2, 100);
    assert_true(tls_changed(fixture_tls));
    assert_int_equal(tls_reload(fixture_tls, &why), ERR_OK);
    assert_false(tls_changed(fixture_tls));
    struct client after = shake_hands();
    ask(&after, ask_a, "GET /a\n");
    ask(&before, ask_a, "GET /a\n");
    assert_int_equal(serial_seen(&before), 1);
    assert_int_equal(serial_seen(&after), 2);
    assert_in_range(tls_expires_in_s(fixture_tls), 1, 100);
    part(&before);
    part(&after);
}

static void keeps_the_old_one_when_the_new_one_is_broken(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    tls_write_pair(certificate, other_key, 3, 3600);
    assert_int_equal(tls_reload(fixture_tls, &why), ERR_INVALID);
    assert_true(str_find(buf_view(&why), STR("another certificate"), 0) >= 0);
    assert_false(tls_changed(fixture_tls)); /* it has been seen, and refused */
    struct client c = shake_hands();
    ask(&c, ask_a, "GET /a\n");
    assert_int_equal(serial_seen(&c), 1);
    part(&c);
}

static void says_what_is_wrong_with_the_files(void **state)
{
    (void)state;
    tls_write_pair(certificate, key, 1, 3600);
    const struct {
        const char *certificate;
        const char *key;
        const char *why;
    } rows[] = {
        {"no-such-file", key, "Cannot use no-such-file: it is no certificate"},
        {certificate, "no-such-file", "No such file"},
        {key, key, "no certificate in PEM form"},
        {certificate, certificate, "no key in PEM form"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf why = buf_make(KB);
        struct tls *t = NULL;
        assert_int_equal(tls_open(rows[i].certificate, rows[i].key, &t, &why), ERR_INVALID);
        assert_null(t);
        if (str_find(buf_view(&why), str_of(rows[i].why), 0) < 0) {
            fail_msg("%.*s", STR_ARG(buf_view(&why)));
        }
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(serves_and_says_that_it_ends),
        WITH_SERVER(answers_pipelined_requests),
        WITH_SERVER(takes_a_large_body),
        WITH_SERVER(gives_a_large_answer_to_a_slow_reader),
        WITH_SERVER(shows_a_refusal_to_who_sends_too_much),
        WITH_SERVER(speaks_websocket),
        WITH_SERVER(resumes_a_session),
        WITH_SERVER(takes_a_fragmented_hello),
        WITH_SERVER(ends_with_who_speaks_garbage),
        WITH_SERVER(tells_who_speaks_plain_http),
        cmocka_unit_test(ends_who_never_finishes),
        WITH_SERVER(speaks_only_what_is_safe),
        WITH_SERVER(shakes_many_hands),
        WITH_SERVER(takes_a_new_certificate_for_new_connections),
        WITH_SERVER(keeps_the_old_one_when_the_new_one_is_broken),
        cmocka_unit_test(says_what_is_wrong_with_the_files),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    must(mkdtemp(folder));
    (void)snprintf(certificate, sizeof(certificate), "%s/certificate.pem", folder);
    (void)snprintf(key, sizeof(key), "%s/key.pem", folder);
    (void)snprintf(other_key, sizeof(other_key), "%s/other-key.pem", folder);
    fixture_loops = 1;
    const int failed = cmocka_run_group_tests_name("one loop", tests, NULL, NULL);
    fixture_loops = 3;
    const int more = cmocka_run_group_tests_name("three loops", tests, NULL, NULL);
    (void)unlink(certificate);
    (void)unlink(key);
    (void)unlink(other_key);
    (void)rmdir(folder);
    return failed + more;
}
