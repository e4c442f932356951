#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>

static int64_t now_us(clockid_t id)
{
    struct timespec ts;
    must(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * SECOND_US + ts.tv_nsec / 1000;
}

int64_t clock_wall_us(void)
{
    return now_us(CLOCK_REALTIME);
}

int64_t clock_mono_us(void)
{
    return now_us(CLOCK_MONOTONIC);
}

static struct {
    _Atomic int64_t offset_us;  /* wall less monotonic, as it is known; 0: not looked yet */
    _Atomic int64_t step_us;    /* the last jump */
    _Atomic int64_t at_us;      /* when, monotonic; 0: never */
    _Atomic int64_t forward_us; /* all of the jumps of a day together */
} known;

int64_t clock_look(void)
{
    int64_t none = 0;
    const int64_t offset_us = clock_wall_us() - clock_mono_us();
    (void)atomic_compare_exchange_strong(&known.offset_us, &none, offset_us);
    const int64_t step_us = offset_us - atomic_load(&known.offset_us);
    return step_us > -2 * SECOND_US && step_us < 2 * SECOND_US ? 0 : step_us;
}

void clock_follow(int64_t step_us)
{
    const int64_t now_us = clock_mono_us();
    const bool young = atomic_load(&known.at_us) && now_us - atomic_load(&known.at_us) < DAY_US;
    const int64_t forward_us = (young ? atomic_load(&known.forward_us) : 0) + step_us;
    atomic_store(&known.forward_us, max_i64(0, forward_us));
    atomic_store(&known.step_us, step_us);
    atomic_store(&known.at_us, now_us);
    atomic_fetch_add(&known.offset_us, step_us);
}

bool clock_jumped(int64_t *ret_step_us, int64_t *ret_ago_us)
{
    const int64_t at_us = atomic_load(&known.at_us);
    *ret_step_us = atomic_load(&known.step_us);
    *ret_ago_us = clock_mono_us() - at_us;
    return at_us != 0;
}

int64_t clock_before_us(int64_t now_us, int64_t age_us)
{
    int64_t step_us;
    int64_t ago_us;
    const bool young = clock_jumped(&step_us, &ago_us) && ago_us < DAY_US;
    return now_us - age_us - (young ? atomic_load(&known.forward_us) : 0);
}

void clock_sleep_us(int64_t us)
{
    struct timespec ts = {.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
    while (us > 0 && nanosleep(&ts, &ts) && errno == EINTR) {
    }
}

/* Floors, so that times before 1970 come out right. */
static int64_t split_second(int64_t wall_us, time_t *ret_s)
{
    int64_t s = wall_us / SECOND_US;
    int64_t us = wall_us % SECOND_US;
    if (us < 0) {
        us += SECOND_US;
        s--;
    }
    *ret_s = (time_t)s;
    return us;
}

struct str clock_rfc3339(struct arena *a, int64_t wall_us)
{
    time_t s = 0;
    const int64_t us = split_second(wall_us, &s);
    struct tm tm = {};
    (void)gmtime_r(&s, &tm);
    return str_fmt(a, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
                   tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(us / 1000));
}

void clock_http_date(int64_t wall_us, char ret[30])
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t s = 0;
    (void)split_second(wall_us, &s);
    struct tm tm = {};
    (void)gmtime_r(&s, &tm);
    (void)snprintf(ret, 30, "%.3s, %02u %.3s %04u %02u:%02u:%02u GMT", days + 3 * tm.tm_wday,
                   (unsigned)tm.tm_mday % 100, months + 3 * tm.tm_mon,
                   (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)tm.tm_hour % 100,
                   (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

static bool digits(struct str s, size_t at, size_t n, int min, int max, int *ret)
{
    int64_t v = 0;
    const struct str part = str_sub(s, at, n);
    if (part.n != n || part.p[0] == '-' || !str_to_i64(part, min, max, &v)) {
        return false;
    }
    *ret = (int)v;
    return true;
}

static bool parse_zone(struct str s, int *ret_minutes)
{
    int h = 0;
    int m = 0;
    *ret_minutes = 0;
    if (str_is(s, "Z") || str_is(s, "z")) {
        return true;
    }
    if (s.n != 6 || (s.p[0] != '+' && s.p[0] != '-') || s.p[3] != ':' ||
        !digits(s, 1, 2, 0, 23, &h) || !digits(s, 4, 2, 0, 59, &m)) {
        return false;
    }
    *ret_minutes = (s.p[0] == '-' ? -1 : 1) * (60 * h + m);
    return true;
}

static int days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

bool clock_parse_rfc3339(struct str s, int64_t *ret_wall_us)
{
    struct tm tm = {};
    int y = 0;
    int mon = 0;
    if (s.n < 20 || s.n > 32 || s.p[4] != '-' || s.p[7] != '-' ||
        (s.p[10] != 'T' && s.p[10] != 't') || s.p[13] != ':' || s.p[16] != ':' ||
        !digits(s, 0, 4, 0, 9999, &y) || !digits(s, 5, 2, 1, 12, &mon) ||
        !digits(s, 8, 2, 1, days_of_month(y, mon), &tm.tm_mday) ||
        !digits(s, 11, 2, 0, 23, &tm.tm_hour) || !digits(s, 14, 2, 0, 59, &tm.tm_min) ||
        !digits(s, 17, 2, 0, 60, &tm.tm_sec)) {
        return false;
    }
    tm.tm_year = y - 1900;
    tm.tm_mon = mon - 1;
    size_t at = 19;
    int64_t us = 0;
    if (s.p[at] == '.') {
        int64_t unit = SECOND_US / 10;
        for (at++; at < s.n && s.p[at] >= '0' && s.p[at] <= '9' && unit > 0; at++, unit /= 10) {
            us += unit * (s.p[at] - '0');
        }
        if (at == 20) {
            return false;
        }
    }
    int zone = 0;
    if (!parse_zone(str_sub(s, at, s.n), &zone)) {
        return false;
    }
    *ret_wall_us = ((int64_t)timegm(&tm) - 60 * (int64_t)zone) * SECOND_US + us;
    return true;
}
