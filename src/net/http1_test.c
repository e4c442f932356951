#include "net/http1.h"

#include <setjmp.h>

#include <cmocka.h>

#define CHUNKED "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

struct row {
    const char *what;
    struct str bytes;
};

static const struct row malformed[] = {
#define MALFORMED_BODY(what, bytes) {what, {"" bytes, sizeof(bytes) - 1}},
#include "net/malformed_table.h"
#undef MALFORMED_BODY
};

/* Feeds a body in parts of the given size; the refusal, and how much was used. */
static struct refusal feed(struct http1 *h, struct str body, size_t step, size_t *ret_used)
{
    *ret_used = 0;
    while (*ret_used < body.n && !h->complete) {
        const size_t left = body.n - *ret_used;
        size_t used = 0;
        const struct refusal r =
            http1_feed(h, str_sub(body, *ret_used, left < step ? left : step), &used);
        *ret_used += used;
        if (r.status) {
            return r;
        }
    }
    return REFUSAL_NONE;
}

static struct refusal begin(struct http1 *h, const char *head_bytes, size_t max)
{
    static struct head head;
    const struct str s = str_of(head_bytes);
    assert_int_equal(head_check(s, &head).status, 0);
    const struct refusal r = http1_begin(h, s, &head);
    return r.status ? r : http1_allow(h, &(struct body_rules){}, max);
}

static void refuses_broken_chunks(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        for (size_t step = 1; step < 40; step += 38) {
            struct http1 h;
            size_t used;
            assert_int_equal(begin(&h, CHUNKED, 100).status, 0);
            if (feed(&h, malformed[i].bytes, step, &used).status != 400) {
                fail_msg("%s was let through", malformed[i].what);
            }
            http1_fini(&h);
        }
    }
}

static void decodes(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        const char *bytes;
        const char *body;
        size_t rest;
    } rows[] = {
        {CHUNKED, "0\r\n\r\nGET", "", 3},
        {CHUNKED, "2\r\nab\r\n003\r\ncde\r\n0\r\n\r\n", "abcde", 0},
        {CHUNKED, "A;x=\"y\";z\r\n0123456789\r\n0\r\nT: u\r\nV:\r\n\r\nG", "0123456789", 1},
        {CHUNKED, "2\r\n\r\n\r\n0\r\n\r\n", "\r\n", 0},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", "abcGET", "abc", 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step < 50; step++) {
            struct http1 h;
            size_t used;
            const struct str bytes = str_of(rows[i].bytes);
            assert_int_equal(begin(&h, rows[i].head, 100).status, 0);
            assert_int_equal(feed(&h, bytes, step, &used).status, 0);
            assert_true(h.complete);
            assert_int_equal(bytes.n - used, rows[i].rest);
            assert_true(str_is(body_extent(&h.body).bytes, rows[i].body));
            http1_fini(&h);
        }
    }
}

static void bounds_the_body(void **state)
{
    (void)state;
    struct http1 h;
    size_t used;
    assert_int_equal(begin(&h, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", 2).status,
                     413);
    http1_fini(&h);
    assert_int_equal(begin(&h, CHUNKED, 2).status, 0);
    assert_int_equal(feed(&h, STR("2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"), 5, &used).status, 413);
    http1_fini(&h);
    assert_int_equal(begin(&h, CHUNKED, 100).status, 0);
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    buf_cstr(&b, "2;");
    while (b.n < 300) {
        buf_char(&b, 'a');
    }
    assert_int_equal(feed(&h, buf_view(&b), 1000, &used).status, 400);
    http1_fini(&h);
    assert_int_equal(begin(&h, CHUNKED, 100).status, 0);
    buf_reset(&b);
    buf_cstr(&b, "0\r\n");
    while (b.n < 5000) {
        buf_cstr(&b, "A: b\r\n");
    }
    assert_int_equal(feed(&h, buf_view(&b), 1000, &used).status, 400);
    http1_fini(&h);
}

static void says_whether_to_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        bool keep;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: x\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct http1 h;
        assert_int_equal(begin(&h, rows[i].head, 0).status, 0);
        assert_true(h.complete);
        if (h.keep_alive != rows[i].keep) {
            fail_msg("%s", rows[i].head);
        }
        http1_fini(&h);
    }
}

static void refuses_methods_that_nobody_knows(void **state)
{
    (void)state;
    struct http1 h;
    assert_int_equal(begin(&h, "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", 0).status, 501);
    assert_int_equal(begin(&h, "CONNECT /x HTTP/1.1\r\nHost: x\r\n\r\n", 0).status, 501);
    assert_int_equal(begin(&h, "get / HTTP/1.1\r\nHost: x\r\n\r\n", 0).status, 501);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_broken_chunks),
        cmocka_unit_test(decodes),
        cmocka_unit_test(bounds_the_body),
        cmocka_unit_test(says_whether_to_keep_alive),
        cmocka_unit_test(refuses_methods_that_nobody_knows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
