#include "domain/account/origin.h"

#include <setjmp.h>

#include <cmocka.h>

static const char long_host[] =
    "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example";

/* shows: WIDG-6 */
static void what_is_an_origin(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"https://shop.example", true},
        {"http://shop.example", true},
        {"https://shop.example:8443", true},
        {"http://localhost:5173", true},
        {"http://127.0.0.1:3007", true},
        {"http://[::1]:3007", true},
        {"https://[2001:db8::1]", true},
        {"https://xn--mnchen-3ya.example", true},
        {"https://a_b.example", true},
        {"", false},
        {"null", false},
        {"*", false},
        {"shop.example", false},
        {"//shop.example", false},
        {"ftp://shop.example", false},
        {"file://", false},
        {"https://", false},
        {"https://shop.example/", false},
        {"https://shop.example/path", false},
        {"https://shop.example?x", false},
        {"https://shop.example#x", false},
        {"https://user@shop.example", false},
        {"https://user:secret@shop.example", false},
        {"https://Shop.example", false},
        {"HTTPS://shop.example", false},
        {"https://münchen.example", false},
        {"https://shop.example.", false},
        {"https://.shop.example", false},
        {"https://shop..example", false},
        {"https://-shop.example", false},
        {"https://shop-.example", false},
        {"https://shop.example:", false},
        {"https://shop.example:0", false},
        {"https://shop.example:443", false},
        {"http://shop.example:80", false},
        {"https://shop.example:080", false},
        {"https://shop.example:65536", false},
        {"https://shop.example:8a", false},
        {"https://shop.example:*", false},
        {"https://*.shop.example", false},
        {"https://shop.example https://other.example", false},
        {" https://shop.example", false},
        {"https://shop.example\n", false},
        {"https://[::1", false},
        {"https://[]", false},
        {"https://[::g]", false},
        {"https://[::1]x", false},
        {"https://shop.example\"><script>", false},
        {long_host, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (origin_ok(str_of(rows[i].text)) != rows[i].ok) {
            fail_msg("%s", rows[i].text);
        }
    }
    assert_false(origin_ok((struct str){"https://a\0b.example", 19}));
}

static void what_is_a_rule(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"https://shop.example", true},
        {"https://shop.example:8443", true},
        {"http://localhost:*", true},
        {"http://127.0.0.1:*", true},
        {"https://[::1]:*", true},
        {"https://*.shop.example", true},
        {"https://*.shop.example:8443", true},
        {"*", false},
        {"https://*", false},
        {"https://*.example", false},
        {"https://*.", false},
        {"https://*..example.org", false},
        {"https://*.1.2.3.4", false},
        {"https://a.*.example.org", false},
        {"https://*shop.example", false},
        {"https://*.*.example.org", false},
        {"https://shop.example:*", false},
        {"https://*.shop.example:*", false},
        {"http://localhost.shop.example:*", false},
        {"http://10.0.0.1:*", false},
        {"https://shop.example/*", false},
        {"null", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (origin_rule_ok(str_of(rows[i].text)) != rows[i].ok) {
            fail_msg("%s", rows[i].text);
        }
    }
}

/* shows: WIDG-6 */
static void which_rule_allows_what(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *origin;
        bool allowed;
    } rows[] = {
        {"https://shop.example", "https://shop.example", true},
        {"https://a.example https://shop.example", "https://shop.example", true},
        {"https://shop.example", "http://shop.example", false},
        {"https://shop.example", "https://shop.example:8443", false},
        {"https://shop.example:8443", "https://shop.example", false},
        {"https://shop.example", "https://shop.example.evil.example", false},
        {"https://shop.example", "https://evil-shop.example", false},
        {"https://shop.example", "https://www.shop.example", false},
        {"https://shop.example", "https://Shop.example", false},
        {"https://shop.example", "null", false},
        {"https://shop.example", "", false},
        {"", "https://shop.example", false},
        {"null", "null", false},
        {"*", "https://shop.example", false},
        {"http://localhost:*", "http://localhost", true},
        {"http://localhost:*", "http://localhost:5173", true},
        {"http://localhost:*", "https://localhost:5173", false},
        {"http://localhost:*", "http://localhost.evil.example:80", false},
        {"http://localhost:*", "http://127.0.0.1:5173", false},
        {"http://[::1]:*", "http://[::1]:99", true},
        {"http://[::1]:*", "http://[::2]:99", false},
        {"https://*.shop.example", "https://www.shop.example", true},
        {"https://*.shop.example", "https://a.b.shop.example", true},
        {"https://*.shop.example", "https://shop.example", false},
        {"https://*.shop.example", "https://evilshop.example", false},
        {"https://*.shop.example", "https://.shop.example", false},
        {"https://*.shop.example", "http://www.shop.example", false},
        {"https://*.shop.example", "https://www.shop.example:8443", false},
        {"https://*.shop.example:8443", "https://www.shop.example:8443", true},
        {"https://shop.example", "https://shop.example https://evil.example", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (origin_allowed(str_of(rows[i].rules), str_of(rows[i].origin)) != rows[i].allowed) {
            fail_msg("%s by %s", rows[i].origin, rows[i].rules);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_an_origin),
        cmocka_unit_test(what_is_a_rule),
        cmocka_unit_test(which_rule_allows_what),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
