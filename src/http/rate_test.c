#include "http/rate.h"

#include "base/clock.h"

#include <setjmp.h>

#include <cmocka.h>

static void a_whole_budget_then_one_at_a_time(void **state)
{
    (void)state;
    struct rate_store *s = rate_store_memory(16);
    int64_t now = 5 * SECOND_US;
    for (int i = 0; i < 60; i++) {
        const struct rate_verdict v = rate_take(s, STR("k"), 60, now);
        assert_true(v.allowed);
        assert_int_equal(v.limit, 60);
        assert_int_equal(v.remaining, 59 - i);
        assert_int_equal(v.reset_s, i + 1);
    }
    struct rate_verdict v = rate_take(s, STR("k"), 60, now);
    assert_false(v.allowed);
    assert_int_equal(v.remaining, 0);
    assert_int_equal(v.retry_after_s, 1);
    assert_int_equal(v.reset_s, 60);
    now += SECOND_US - 1;
    assert_false(rate_take(s, STR("k"), 60, now).allowed);
    now += 1;
    assert_true(rate_take(s, STR("k"), 60, now).allowed);
    assert_false(rate_take(s, STR("k"), 60, now).allowed);
    /* a budget that has rested a minute is whole, and never more */
    now += 10 * MINUTE_US;
    assert_int_equal(rate_take(s, STR("k"), 60, now).remaining, 59);
    rate_store_free(&s);
    assert_null(s);
}

/* shows: RATE-2 */
static void keys_are_apart(void **state)
{
    (void)state;
    struct rate_store *s = rate_store_memory(1000);
    for (char round = 0; round < 2; round++) {
        for (char i = 0; i < 100; i++) {
            const char key[] = {'k', i};
            assert_int_equal(rate_take(s, (struct str){key, 2}, 1, SECOND_US).allowed, round == 0);
        }
    }
    rate_store_free(&s);
}

static void forgets_the_oldest(void **state)
{
    (void)state;
    struct rate_store *s = rate_store_memory(3);
    const struct str keys[] = {STR("a"), STR("b"), STR("c"), STR("d")};
    for (size_t i = 0; i < 3; i++) {
        assert_true(rate_take(s, keys[i], 1, 0).allowed);
    }
    assert_false(rate_take(s, keys[0], 1, 0).allowed); /* now b is the oldest */
    assert_true(rate_take(s, keys[3], 1, 0).allowed);
    assert_false(rate_take(s, keys[0], 1, 0).allowed);
    assert_false(rate_take(s, keys[2], 1, 0).allowed);
    assert_true(rate_take(s, keys[1], 1, 0).allowed);
    for (int i = 0; i < 10000; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "k%d", i);
        assert_true(rate_take(s, str_of(key), 1, 0).allowed);
    }
    rate_store_free(&s);
}

static void large_and_odd_figures(void **state)
{
    (void)state;
    struct rate_store *s = rate_store_memory(8);
    const struct rate_verdict v = rate_take(s, STR("big"), 100000000, 1);
    assert_true(v.allowed && v.remaining == 99999999);
    /* a key longer than what is kept */
    static char key[200];
    memset(key, 'x', sizeof(key));
    assert_true(rate_take(s, (struct str){key, sizeof(key)}, 1, 1).allowed);
    assert_false(rate_take(s, (struct str){key, sizeof(key)}, 1, 1).allowed);
    /* a lower budget than before takes hold at once and does not lock out for longer than a minute
     */
    for (int i = 0; i < 100; i++) {
        (void)rate_take(s, STR("less"), 100, 1);
    }
    assert_int_equal(rate_take(s, STR("less"), 1, 1).retry_after_s, 60);
    rate_store_free(&s);
}

/* shows: RATE-3 */
static void groups_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *peer;
        const char *key;
    } cases[] = {
        {"192.0.2.7", "192.0.2.7"},
        {"::ffff:192.0.2.7", "192.0.2.7"},
        {"::ffff:c000:207", "192.0.2.7"},
        {"2001:db8:1:2:3:4:5:6", "20010db800010002/64"},
        {"2001:db8:1:2::9", "20010db800010002/64"},
        {"fe80::1%eth0", "fe80000000000000/64"},
        {"::1", "0000000000000000/64"},
        {"unix", "unix"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_string_equal(rate_address_key(a, str_of(cases[i].peer)).p, cases[i].key);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_budget_then_one_at_a_time),
        cmocka_unit_test(keys_are_apart),
        cmocka_unit_test(forgets_the_oldest),
        cmocka_unit_test(large_and_odd_figures),
        cmocka_unit_test(groups_addresses),
    };
    return cmocka_run_group_tests_name("rate", tests, NULL, NULL);
}
