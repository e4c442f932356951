#include "net/head.h"

#include <setjmp.h>

#include <cmocka.h>

struct row {
    const char *what;
    int status;
    struct str bytes;
};

static const struct row malformed[] = {
#define MALFORMED_HEAD(what, status, bytes) {what, status, {"" bytes, sizeof(bytes) - 1}},
#include "net/malformed_table.h"
#undef MALFORMED_HEAD
};

static struct refusal check(struct str bytes, struct head *h)
{
    size_t at = 0;
    size_t size = 0;
    const enum head_scan scan = head_scan(bytes, &at, &size);
    return scan == HEAD_WHOLE ? head_check(str_sub(bytes, 0, size), h) : refusal_bad("not whole");
}

static void refuses_what_is_malformed(void **state)
{
    (void)state;
    static struct head h;
    for (size_t i = 0; i < COUNT(malformed); i++) {
        const struct refusal r = check(malformed[i].bytes, &h);
        if (r.status != malformed[i].status) {
            fail_msg("%s: %d, wanted %d", malformed[i].what, r.status, malformed[i].status);
        }
    }
}

static void accepts_what_is_well_formed(void **state)
{
    (void)state;
    static struct head h;
    static const struct {
        const char *bytes;
        const char *target;
        int64_t length;
        bool chunked;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "/", -1, false},
        {"\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "/", -1, false},
        {"GET / HTTP/1.0\r\n\r\n", "/", -1, false},
        {"GET /a?b=c%20d HTTP/1.1\r\nHost: example.org:8080\r\n\r\n", "/a?b=c%20d", -1, false},
        {"GET / HTTP/1.1\r\nHost: [::1]:3007\r\n\r\n", "/", -1, false},
        {"GET http://x:80/p?q HTTP/1.1\r\nHost: x\r\n\r\n", "/p?q", -1, false},
        {"GET HTTPS://x HTTP/1.1\r\nHost: x\r\n\r\n", "/", -1, false},
        {"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "*", -1, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 007\r\n\r\n", "/", 7, false},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n", "/", -1, true},
        {"GET / HTTP/1.1\r\nHost:\tx \r\nEmpty:\r\nUtf: \xc3\xa9\r\n\r\n", "/", -1, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct refusal r = check(str_of(rows[i].bytes), &h);
        if (r.status || !str_is(h.target, rows[i].target) || h.content_length != rows[i].length ||
            h.chunked != rows[i].chunked) {
            fail_msg("%s: %d %s", rows[i].bytes, r.status, r.status ? r.detail : "");
        }
    }
}

static void cuts_the_head_up(void **state)
{
    (void)state;
    static struct head h;
    const struct str bytes =
        STR("PUT /x HTTP/1.1\r\nHost: y\r\nExpect: 100-Continue\r\nA:  b c\t\r\nA: \r\n\r\nrest");
    assert_int_equal(check(bytes, &h).status, 0);
    assert_true(str_is(h.method, "PUT"));
    assert_int_equal(h.minor, 1);
    assert_true(h.expect_continue);
    assert_int_equal(h.count, 4);
    assert_true(str_is(h.headers[2].name, "A") && str_is(h.headers[2].value, "b c"));
    assert_true(str_is(h.headers[3].value, ""));
}

static void finds_the_end_at_every_split(void **state)
{
    (void)state;
    const struct str bytes = STR("GET / HTTP/1.1\r\nHost: x\r\n\r\nGET");
    size_t at = 0;
    size_t size = 0;
    for (size_t n = 0; n < bytes.n - 3; n++) {
        assert_int_equal(head_scan(str_sub(bytes, 0, n), &at, &size), HEAD_MORE);
    }
    assert_int_equal(head_scan(bytes, &at, &size), HEAD_WHOLE);
    assert_int_equal(size, bytes.n - 3);
}

/* Refused at once, for the end of such a head would never be found. */
static void knows_early_that_a_head_is_broken(void **state)
{
    (void)state;
    static const char *const rows[] = {"\n",   "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nHost: x\n",
                                       " GET", "\x16\x03\x01",     "\x80"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t at = 0;
        size_t size = 0;
        if (head_scan(str_of(rows[i]), &at, &size) != HEAD_BROKEN) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void bounds_target_and_count(void **state)
{
    (void)state;
    static struct head h;
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    buf_cstr(&b, "GET /");
    for (int i = 0; i < HEAD_MAX_TARGET; i++) {
        buf_char(&b, 'a');
    }
    assert_int_equal(head_too_long(buf_view(&b)).status, 414);
    buf_cstr(&b, " HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(check(buf_view(&b), &h).status, 414);
    assert_int_equal(head_too_long(buf_view(&b)).status, 431);

    buf_reset(&b);
    buf_cstr(&b, "GET / HTTP/1.1\r\nHost: x\r\n");
    for (int i = 1; i < HEAD_MAX_HEADERS; i++) {
        buf_cstr(&b, "A: b\r\n");
    }
    const size_t n = b.n;
    buf_cstr(&b, "\r\n");
    assert_int_equal(check(buf_view(&b), &h).status, 0);
    assert_int_equal(h.count, HEAD_MAX_HEADERS);
    b.n = n;
    buf_cstr(&b, "A: b\r\n\r\n");
    assert_int_equal(check(buf_view(&b), &h).status, 431);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_malformed),
        cmocka_unit_test(accepts_what_is_well_formed),
        cmocka_unit_test(cuts_the_head_up),
        cmocka_unit_test(finds_the_end_at_every_split),
        cmocka_unit_test(knows_early_that_a_head_is_broken),
        cmocka_unit_test(bounds_target_and_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
