#include "base/clock.h"

#include <setjmp.h>

#include <cmocka.h>

/* Both directions; the dates were made by another program. */
static void table(void **state)
{
    (void)state;
    static const struct {
        int64_t us;
        const char *rfc3339;
        const char *http;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z", "Thu, 01 Jan 1970 00:00:00 GMT"},
        {-1000, "1969-12-31T23:59:59.999Z", "Wed, 31 Dec 1969 23:59:59 GMT"},
        {-62167219200000000, "0000-01-01T00:00:00.000Z", "Sat, 01 Jan 0000 00:00:00 GMT"},
        {253402300799999000, "9999-12-31T23:59:59.999Z", "Fri, 31 Dec 9999 23:59:59 GMT"},
        {951782400000000, "2000-02-29T00:00:00.000Z", "Tue, 29 Feb 2000 00:00:00 GMT"},
        {1709164800123000, "2024-02-29T00:00:00.123Z", "Thu, 29 Feb 2024 00:00:00 GMT"},
        {1709251200000000, "2024-03-01T00:00:00.000Z", "Fri, 01 Mar 2024 00:00:00 GMT"},
        {4107542400000000, "2100-03-01T00:00:00.000Z", "Mon, 01 Mar 2100 00:00:00 GMT"},
        {1795176000000000, "2026-11-20T12:00:00.000Z", "Fri, 20 Nov 2026 12:00:00 GMT"},
        {784111777000000, "1994-11-06T08:49:37.000Z", "Sun, 06 Nov 1994 08:49:37 GMT"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        char http[30];
        int64_t us = 0;
        assert_string_equal(clock_rfc3339(a, rows[i].us).p, rows[i].rfc3339);
        clock_http_date(rows[i].us, http);
        assert_string_equal(http, rows[i].http);
        assert_true(clock_parse_rfc3339(str_of(rows[i].rfc3339), &us));
        assert_int_equal(us, rows[i].us);
    }
    arena_free(&a);
}

static void other_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t us;
    } rows[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"1970-01-01t00:00:00z", 0},
        {"1970-01-01T00:00:00.5Z", 500000},
        {"1970-01-01T00:00:00.000001Z", 1},
        {"1970-01-01T02:30:00+02:30", 0},
        {"1969-12-31T22:00:00-02:00", 0},
        {"1970-01-01T00:00:00.123456+00:00", 123456},
        {"1970-01-01T00:00:00-00:00", 0},
        {"1969-12-31T23:59:59.999999Z", -1},
        {"2016-12-31T23:59:60Z", 1483228800000000}, /* a leap second is the one after it */
        {"2000-02-29T23:59:59+23:59", 951782459000000},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = 0;
        if (!clock_parse_rfc3339(str_of(rows[i].text), &us) || us != rows[i].us) {
            fail_msg("%s: %" PRId64, rows[i].text, us);
        }
    }
}

static void refused(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "2026-11-20",
        "2026-11-20T12:00:00",
        "2026-11-20 12:00:00Z",
        "2026-11-20T12:00Z",
        "2026-11-20T12:00:00.Z",
        "2026-11-20T12:00:00.1234567Z",
        "2026-11-20T12:00:00,1Z",
        "2026-11-20T12:00:00Zx",
        "2026-11-20T12:00:00+1",
        "2026-11-20T12:00:00+0100",
        "2026-11-20T12:00:00+24:00",
        "2026-11-20T12:00:00+01:60",
        "2026-11-20T12:00:00 01:00",
        "2026-00-20T12:00:00Z",
        "2026-13-20T12:00:00Z",
        "2026-11-00T12:00:00Z",
        "2026-11-31T12:00:00Z",
        "2026-04-31T12:00:00Z",
        "2023-02-29T12:00:00Z",
        "1900-02-29T12:00:00Z",
        "2100-02-29T12:00:00Z",
        "2024-02-30T12:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T12:60:00Z",
        "2026-11-20T12:00:61Z",
        "-026-11-20T12:00:00Z",
        "2026--1-20T12:00:00Z",
        "2026-11-20T-1:00:00Z",
        "2026-11-20T12:00:+1Z",
        "20260-1-20T12:00:00Z",
        " 2026-11-20T12:00:00Z",
        "2026-11-20T12:00:00.000000000000Z",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t us = 42;
        if (clock_parse_rfc3339(str_of(rows[i]), &us) || us != 42) {
            fail_msg("%s", rows[i]);
        }
    }
}

static void every_day_of_four_centuries_comes_back(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    for (int64_t day = -146097; day <= 146097; day += 7) {
        int64_t us = 0;
        const int64_t want = day * DAY_US + 86399999 * MS_US;
        assert_true(clock_parse_rfc3339(clock_rfc3339(a, want), &us));
        assert_int_equal(us, want);
        arena_reset(a);
    }
    arena_free(&a);
}

static void clocks_go_forward(void **state)
{
    (void)state;
    const int64_t mono = clock_mono_us();
    clock_sleep_us(0);
    clock_sleep_us(-5);
    clock_sleep_us(1500);
    assert_true(clock_mono_us() >= mono + 1500);
    assert_true(clock_wall_us() > 1700000000 * SECOND_US);
}

/* Following a jump that did not happen is as if it had been taken back meanwhile. */
static void a_jump_is_seen_until_it_is_followed(void **state)
{
    (void)state;
    int64_t step_us;
    int64_t ago_us;
    assert_int_equal(clock_look(), 0);
    assert_false(clock_jumped(&step_us, &ago_us));
    assert_int_equal(clock_before_us(10 * DAY_US, DAY_US), 9 * DAY_US);
    clock_follow(HOUR_US);
    assert_in_range(-clock_look(), HOUR_US - SECOND_US, HOUR_US + SECOND_US);
    assert_true(clock_jumped(&step_us, &ago_us));
    assert_int_equal(step_us, HOUR_US);
    assert_in_range(ago_us, 0, MINUTE_US);
    assert_int_equal(clock_before_us(10 * DAY_US, DAY_US), 9 * DAY_US - HOUR_US);
    clock_follow(-HOUR_US);
    assert_int_equal(clock_look(), 0);
    assert_int_equal(clock_before_us(10 * DAY_US, DAY_US), 9 * DAY_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table),
        cmocka_unit_test(other_spellings),
        cmocka_unit_test(refused),
        cmocka_unit_test(every_day_of_four_centuries_comes_back),
        cmocka_unit_test(clocks_go_forward),
        cmocka_unit_test(a_jump_is_seen_until_it_is_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
