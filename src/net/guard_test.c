#include "net/guard.h"

#include "base/buf.h"

#include <setjmp.h>

#include <cmocka.h>

static void knows_public_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        bool allowed;
    } rows[] = {
        {"8.8.8.8", true},
        {"1.1.1.1", true},
        {"9.255.255.255", true},
        {"11.0.0.0", true},
        {"100.63.255.255", true},
        {"100.128.0.0", true},
        {"172.15.255.255", true},
        {"172.32.0.0", true},
        {"192.167.255.255", true},
        {"198.17.255.255", true},
        {"198.20.0.0", true},
        {"223.255.255.255", true},
        {"2600::1", true},
        {"2a00:1450:4001:81b::200e", true},
        {"2002:808:808::1", true},
        {"64:ff9b::808:808", true},
        {"0.0.0.0", false},
        {"10.1.2.3", false},
        {"100.64.0.1", false},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"169.254.169.254", false},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"192.0.0.8", false},
        {"192.0.2.1", false},
        {"192.88.99.1", false},
        {"192.168.1.1", false},
        {"198.18.0.1", false},
        {"198.19.255.255", false},
        {"198.51.100.7", false},
        {"203.0.113.7", false},
        {"224.0.0.1", false},
        {"240.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::ffff:8.8.8.8", false},
        {"::ffff:127.0.0.1", false},
        {"::127.0.0.1", false},
        {"64:ff9b::7f00:1", false},
        {"64:ff9b:1::1", false},
        {"100::1", false},
        {"2001::1", false},
        {"2001:db8::1", false},
        {"2002:7f00:1::1", false},
        {"2002:a00:1::1", false},
        {"3fff::1", false},
        {"fc00::1", false},
        {"fd12::1", false},
        {"fe80::1", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"", false},
        {"localhost", false},
        {"127.1", false},
        {"8.8.8.8 ", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (guard_allows_text(str_of(rows[i].address)) != rows[i].allowed) {
            fail_msg("%s must %sbe allowed", rows[i].address, rows[i].allowed ? "" : "not ");
        }
    }
    const struct sockaddr local = {.sa_family = AF_UNIX};
    assert_false(guard_allows(&local));
}

static void exceptions_open_single_networks(void **state)
{
    (void)state;
    struct str bad;
    assert_true(guard_set_exceptions(STR("10.1.0.0/16, 127.0.0.1/32,::1/128,fd00::/9"), &bad));
    assert_true(guard_allows_text(STR("10.1.2.3")));
    assert_false(guard_allows_text(STR("10.2.0.1")));
    assert_true(guard_allows_text(STR("127.0.0.1")));
    assert_false(guard_allows_text(STR("127.0.0.2")));
    assert_true(guard_allows_text(STR("::1")));
    assert_true(guard_allows_text(STR("fd7f::1")));
    assert_false(guard_allows_text(STR("fd80::1")));
    assert_false(guard_allows_text(STR("::ffff:127.0.0.1")));
    assert_true(guard_set_exceptions(STR(""), &bad));
    assert_false(guard_allows_text(STR("127.0.0.1")));
}

static void names_the_bad_part(void **state)
{
    (void)state;
    static const char *const rows[] = {"10.0.0.0/33", "10.0.0/8",   "::1/129",     "a",
                                       "10.0.0.0/",   "1.2.3.4/+1", "10.0.0.0/8 x"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf list = buf_make(100);
        struct str bad;
        buf_fmt(&list, "127.0.0.0/8,%s,::1", rows[i]);
        assert_false(guard_set_exceptions(buf_view(&list), &bad));
        assert_true(str_is(bad, rows[i]));
        assert_false(guard_allows_text(STR("127.0.0.1")));
    }
}

static void checks_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        bool ok;
    } rows[] = {
        {"http://example.org", true},
        {"HTTPS://example.org/a?b=c#d", true},
        {"https://example.org:8443/v1", true},
        {"http://10.0.0.1/", true}, /* the address is checked when it is connected to */
        {"http://[2600::1]:80/", true},
        {"http://example.org?x=http://y", true},
        {"", false},
        {"example.org", false},
        {"ftp://example.org/", false},
        {"file:///etc/passwd", false},
        {"http://", false},
        {"http:///path", false},
        {"http://:80/", false},
        {"http://user@example.org/", false},
        {"http://user:pw@example.org/", false},
        {"http://example.org:0/", false},
        {"http://example.org:65536/", false},
        {"http://example.org:/", false},
        {"http://example.org:+80/", false},
        {"http://exa mple.org/", false},
        {"http://example.org/\n", false},
        {"http://example.org\\@evil/", false},
        {"http://ex%61mple.org/", false},
        {"http://\xe3\x80\x82/", false},
        {"http://[::1/", false},
        {"http://[fe80::1%25eth0]/", false},
        {"http://[::1/64]/", false},
        {"http://[]/", false},
        {" http://example.org", false},
        {"javascript://example.org", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (guard_url_ok(str_of(rows[i].url)) != rows[i].ok) {
            fail_msg("%s must %sbe ok", rows[i].url, rows[i].ok ? "" : "not ");
        }
    }
    SCOPED(buf_fini) struct buf url = buf_make(4000);
    buf_cstr(&url, "http://example.org/");
    while (url.n < 2000) {
        buf_char(&url, 'a');
    }
    assert_true(guard_url_ok(buf_view(&url)));
    buf_char(&url, 'a');
    assert_false(guard_url_ok(buf_view(&url)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_public_addresses),
        cmocka_unit_test(exceptions_open_single_networks),
        cmocka_unit_test(names_the_bad_part),
        cmocka_unit_test(checks_urls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
