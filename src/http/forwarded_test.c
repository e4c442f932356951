#include "http/forwarded.h"

#include "base/buf.h"

#include <setjmp.h>

#include <cmocka.h>

static struct cidr_list proxies;

/* The client when a proxy at 10.0.0.1 sends the lines (NULL: none). */
static void client_is(enum forwarded_header header, const char *first, const char *second,
                      const char *client)
{
    struct forwarded_walk w = {.proxies = &proxies, .header = header};
    char text[IP_TEXT];
    assert_true(ip_parse(STR("10.0.0.1"), &w.hop));
    if ((!second || forwarded_line(&w, str_of(second))) && first) {
        (void)forwarded_line(&w, str_of(first));
    }
    ip_text(w.hop, text);
    if (strcmp(text, client) != 0) {
        fail_msg("%s | %s gives %s, not %s", first ? first : "", second ? second : "", text,
                 client);
    }
}

/* shows: RATE-4 */
static void reads_x_forwarded_for(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"203.0.113.7", "203.0.113.7"},
        {"203.0.113.7:4711", "203.0.113.7"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"[2001:db8::1]:443", "2001:db8::1"},
        {"2001:db8::1", "2001:db8::1"},
        {"::ffff:203.0.113.7", "203.0.113.7"},
        {"[::ffff:203.0.113.7]:1", "203.0.113.7"},
        /* what stands left of the client is the client's own invention */
        {"1.1.1.1, 203.0.113.7", "203.0.113.7"},
        {"127.0.0.1,203.0.113.7", "203.0.113.7"},
        {"for=\"x, 203.0.113.7", "203.0.113.7"},
        /* chains of listed proxies */
        {"203.0.113.7, 10.9.9.9", "203.0.113.7"},
        {"203.0.113.7,10.9.9.9 ,\t10.8.8.8:80", "203.0.113.7"},
        {"1.1.1.1, 203.0.113.7, fd00::2, 10.9.9.9", "203.0.113.7"},
        {"10.7.7.7, 10.9.9.9", "10.7.7.7"},
        {"203.0.113.7, , 10.9.9.9,", "203.0.113.7"},
        /* what cannot be read ends the walk at the hop before it */
        {"unknown", "10.0.0.1"},
        {"203.0.113.7, unknown, 10.9.9.9", "10.9.9.9"},
        {"203.0.113.7, _hidden", "10.0.0.1"},
        {"203.0.113.7 1.1.1.1", "10.0.0.1"},
        {"203.0.113.256", "10.0.0.1"},
        {"203.0.113.7:65536", "10.0.0.1"},
        {"203.0.113.7:", "10.0.0.1"},
        {"[203.0.113.7]", "10.0.0.1"},
        {"[2001:db8::1", "10.0.0.1"},
        {"[2001:db8::1]x", "10.0.0.1"},
        {"fe80::1%eth0", "10.0.0.1"},
        {"", "10.0.0.1"},
        {"localhost", "10.0.0.1"},
        {"\"203.0.113.7\"", "10.0.0.1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        client_is(FORWARDED_X_FOR, cases[i][0], NULL, cases[i][1]);
    }
    client_is(FORWARDED_X_FOR, NULL, NULL, "10.0.0.1");
    client_is(FORWARDED_X_FOR, "203.0.113.7", "10.9.9.9", "203.0.113.7");
    client_is(FORWARDED_X_FOR, "1.1.1.1", "203.0.113.7", "203.0.113.7");
    client_is(FORWARDED_X_FOR, "203.0.113.7", "bad", "10.0.0.1");
}

/* shows: RATE-4 */
static void reads_forwarded(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"for=203.0.113.7", "203.0.113.7"},
        {"For=\"203.0.113.7:4711\";proto=https;by=10.0.0.1", "203.0.113.7"},
        {"proto=http; FOR=\"[2001:db8::1]:443\"", "2001:db8::1"},
        {"for=\"[2001:db8::1]:_obf.port-1\"", "2001:db8::1"},
        {"for=1.1.1.1, for=203.0.113.7", "203.0.113.7"},
        {"for=203.0.113.7, for=10.9.9.9;by=10.0.0.1, for=\"[fd00::2]\"", "203.0.113.7"},
        /* signs that part elements, within quotes */
        {"for=203.0.113.7;host=\"a,b;for=1.1.1.1\"", "203.0.113.7"},
        {"for=203.0.113.7;host=\"a\\\",for=1.1.1.1\"", "203.0.113.7"},
        /* a quote that the client left open does not reach what the proxy wrote */
        {"for=\", for=203.0.113.7", "203.0.113.7"},
        {"for=\"\\, for=\"203.0.113.7\"", "203.0.113.7"},
        {"for=unknown", "10.0.0.1"},
        {"for=_hidden, for=10.9.9.9", "10.9.9.9"},
        {"for=\"_hidden:80\"", "10.0.0.1"},
        {"proto=https", "10.0.0.1"},
        {"203.0.113.7", "10.0.0.1"},
        {"for=203.0.113.7;for=1.1.1.1", "10.0.0.1"},
        {"for=\"203.0.113\\.7\"", "10.0.0.1"},
        {"for=\"203.0.113.7", "10.0.0.1"},
        {"for=", "10.0.0.1"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        client_is(FORWARDED_RFC7239, cases[i][0], NULL, cases[i][1]);
    }
}

static void a_long_chain_ends(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf line = buf_make(8 * KB);
    buf_cstr(&line, "203.0.113.7");
    for (int i = 0; i < 31; i++) {
        buf_cstr(&line, ", 10.1.1.1");
    }
    client_is(FORWARDED_X_FOR, line.p, NULL, "203.0.113.7");
    buf_cstr(&line, ", 10.2.2.2");
    client_is(FORWARDED_X_FOR, line.p, NULL, "10.1.1.1");
    /* a client's own long text costs the proxy's word nothing */
    buf_reset(&line);
    for (int i = 0; i < 6000; i++) {
        buf_char(&line, 'x');
    }
    const size_t long_text = line.n;
    buf_cstr(&line, ", 203.0.113.7");
    client_is(FORWARDED_X_FOR, line.p, NULL, "203.0.113.7");
    line.n = long_text;
    buf_cstr(&line, ", 10.9.9.9");
    client_is(FORWARDED_X_FOR, line.p, NULL, "10.9.9.9");
}

static void knows_the_two_headers(void **state)
{
    (void)state;
    enum forwarded_header h;
    assert_true(forwarded_header_parse(STR("x-forwarded-for"), &h) && h == FORWARDED_X_FOR);
    assert_true(forwarded_header_parse(STR("Forwarded"), &h) && h == FORWARDED_RFC7239);
    assert_false(forwarded_header_parse(STR("Via"), &h));
    assert_string_equal(forwarded_header_name(FORWARDED_RFC7239), "Forwarded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_x_forwarded_for),
        cmocka_unit_test(reads_forwarded),
        cmocka_unit_test(a_long_chain_ends),
        cmocka_unit_test(knows_the_two_headers),
    };
    struct str bad;
    must(cidr_list_parse(STR("10.0.0.0/8, fd00::/8"), &proxies, &bad));
    return cmocka_run_group_tests_name("forwarded", tests, NULL, NULL);
}
