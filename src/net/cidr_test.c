#include "net/cidr.h"

#include <setjmp.h>

#include <cmocka.h>

static struct ip ip(const char *text)
{
    struct ip a;
    if (!ip_parse(str_of(text), &a)) {
        fail_msg("%s", text);
    }
    return a;
}

static void reads_addresses(void **state)
{
    (void)state;
    static const char *const same[][2] = {
        {"10.1.2.3", "10.1.2.3"},
        {"::ffff:10.1.2.3", "10.1.2.3"},
        {"::FFFF:0a01:0203", "10.1.2.3"},
        {"2001:DB8:0:0::1", "2001:db8::1"},
        {"::", "::"},
    };
    static const char *const bad[] = {
        "",       "10.1.2",  "10.1.2.3.4", "10.1.2.256", "10.1.2.3 ", "010.1.2.3",        "[::1]",
        "::1%lo", "::1/128", "1.2.3.4:80", "localhost",  "0x7f.1",    "1:2:3:4:5:6:7:8:9"};
    for (size_t i = 0; i < COUNT(same); i++) {
        char text[IP_TEXT];
        ip_text(ip(same[i][0]), text);
        assert_string_equal(text, same[i][1]);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        struct ip out;
        if (ip_parse(str_of(bad[i]), &out)) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void a_block_holds_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *block;
        const char *address;
        bool holds;
    } cases[] = {
        {"10.0.0.0/8", "10.255.0.1", true},
        {"10.0.0.0/8", "11.0.0.1", false},
        {"10.0.0.0/8", "::ffff:10.0.0.1", true},
        {"::ffff:10.0.0.0/104", "10.0.0.1", true},
        {"192.168.4.0/22", "192.168.7.255", true},
        {"192.168.4.0/22", "192.168.8.0", false},
        {"127.0.0.1", "127.0.0.1", true},
        {"127.0.0.1", "127.0.0.2", false},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "8.8.8.8", true},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct cidr b;
        assert_true(cidr_parse(str_of(cases[i].block), &b));
        if (cidr_holds(&b, ip(cases[i].address)) != cases[i].holds) {
            fail_msg("%s %s", cases[i].block, cases[i].address);
        }
    }
}

static void reads_lists(void **state)
{
    (void)state;
    static struct cidr_list list;
    struct str bad;
    assert_true(cidr_list_parse(STR(" 10.0.0.0/8 ,::1"), &list, &bad));
    assert_int_equal(list.count, 2);
    assert_true(cidr_list_holds(&list, ip("10.9.9.9")));
    assert_true(cidr_list_holds(&list, ip("::1")));
    assert_false(cidr_list_holds(&list, ip("::2")));
    assert_true(cidr_list_parse(STR("  "), &list, &bad));
    assert_int_equal(list.count, 0);
    static const char *const wrong[][2] = {
        {"10.0.0.0/8,,::1", ""},        {"10.0.0.0/33", "10.0.0.0/33"}, {"::1/129", "::1/129"},
        {"10.0.0.0/-1", "10.0.0.0/-1"}, {"::1, here", "here"},          {"10.0.0.0/", "10.0.0.0/"},
    };
    for (size_t i = 0; i < COUNT(wrong); i++) {
        assert_false(cidr_list_parse(str_of(wrong[i][0]), &list, &bad));
        assert_true(str_is(bad, wrong[i][1]));
        assert_int_equal(list.count, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_addresses),
        cmocka_unit_test(a_block_holds_its_own),
        cmocka_unit_test(reads_lists),
    };
    return cmocka_run_group_tests_name("blocks of addresses", tests, NULL, NULL);
}
