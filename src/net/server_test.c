#include "net/server_fixture.h"

#include "base/clock.h"

#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fixture f;

static int start(void **state)
{
    (void)state;
    const struct net_limits l = fixture_limits();
    fixture_start(&f, &l);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_stop(&f, 2 * SECOND_US);
    return 0;
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(keeps_alive, start, stop),
        cmocka_unit_test_setup_teardown(decodes_chunks, start, stop),
        cmocka_unit_test_setup_teardown(takes_a_request_byte_by_byte, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
