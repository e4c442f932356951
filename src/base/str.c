#include "base/str.h"

#include <errno.h>
#include <math.h>

struct str str_of(const char *s)
{
    return s ? (struct str){s, strlen(s)} : STR("");
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_is(struct str a, const char *b)
{
    return str_eq(a, str_of(b));
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.n != b.n) {
        return false;
    }
    for (size_t i = 0; i < a.n; i++) {
        if (lower(a.p[i]) != lower(b.p[i])) {
            return false;
        }
    }
    return true;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && str_eq(str_sub(s, s.n - suffix.n, suffix.n), suffix);
}

ptrdiff_t str_find(struct str s, struct str needle, size_t from)
{
    if (from > s.n) {
        return -1;
    }
    if (needle.n == 0 || s.n == 0) {
        return needle.n ? -1 : (ptrdiff_t)from;
    }
    const char *hit = memmem(s.p + from, s.n - from, needle.p, needle.n);
    return hit ? hit - s.p : -1;
}

ptrdiff_t str_find_char(struct str s, char c, size_t from)
{
    if (from >= s.n) {
        return -1;
    }
    const char *hit = memchr(s.p + from, c, s.n - from);
    return hit ? hit - s.p : -1;
}

int str_cmp(struct str a, struct str b)
{
    const size_t n = a.n < b.n ? a.n : b.n;
    const int d = n ? memcmp(a.p, b.p, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

struct str str_sub(struct str s, size_t at, size_t n)
{
    if (!s.p) {
        return (struct str){}; /* adding even 0 to NULL is undefined */
    }
    if (at > s.n) {
        at = s.n;
    }
    return (struct str){s.p + at, n < s.n - at ? n : s.n - at};
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1])) {
        s.n--;
    }
    return s;
}

bool str_split(struct str *rest, char sep, struct str *ret_part)
{
    if (!rest->p) {
        return false;
    }
    const ptrdiff_t at = str_find_char(*rest, sep, 0);
    if (at < 0) {
        *ret_part = *rest;
        *rest = (struct str){NULL, 0};
        return true;
    }
    *ret_part = str_sub(*rest, 0, (size_t)at);
    *rest = str_sub(*rest, (size_t)at + 1, rest->n);
    return true;
}

struct str str_dup(struct arena *a, struct str s)
{
    return (struct str){arena_dup(a, s.p, s.n), s.n};
}

struct str str_vfmt(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    const int n = vsnprintf(NULL, 0, fmt, ap);
    must(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    (void)vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (struct str){p, (size_t)n};
}

struct str str_fmt(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const struct str s = str_vfmt(a, fmt, ap);
    va_end(ap);
    return s;
}

struct str str_lower(struct arena *a, struct str s)
{
    char *p = arena_dup(a, s.p, s.n);
    for (size_t i = 0; i < s.n; i++) {
        p[i] = (char)lower(p[i]);
    }
    return (struct str){p, s.n};
}

bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret)
{
    const bool negative = s.n && s.p[0] == '-';
    size_t i = negative ? 1 : 0;
    if (i == s.n) {
        return false;
    }
    int64_t v = 0;
    for (; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, s.p[i] - '0', &v)) {
            return false;
        }
    }
    if (!negative && __builtin_mul_overflow(v, -1, &v)) {
        return false;
    }
    if (v < min || v > max) {
        return false;
    }
    *ret = v;
    return true;
}

bool str_to_f64(struct str s, double min, double max, double *ret)
{
    char tmp[64];
    if (s.n == 0 || s.n >= sizeof(tmp) || !((s.p[0] >= '0' && s.p[0] <= '9') || s.p[0] == '-')) {
        return false;
    }
    memcpy(tmp, s.p, s.n);
    tmp[s.n] = '\0';
    if (strspn(tmp, "0123456789+-.eE") != s.n) {
        return false;
    }
    char *end = NULL;
    errno = 0;
    const double v = strtod(tmp, &end);
    if (errno || *end || !isfinite(v) || v < min || v > max) {
        return false;
    }
    *ret = v;
    return true;
}

struct str str_hex(struct arena *a, const void *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *b = p;
    char *out = arena_alloc(a, 2 * n + 1);
    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[b[i] >> 4];
        out[2 * i + 1] = digits[b[i] & 15];
    }
    return (struct str){out, 2 * n};
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const unsigned char l = lower(c);
    return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool str_unhex(struct str s, void *ret, size_t n)
{
    unsigned char *out = ret;
    if (s.n != 2 * n) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        const int hi = hex_value(s.p[2 * i]);
        const int lo = hex_value(s.p[2 * i + 1]);
        if (hi < 0 || lo < 0) {
            return false;
        }
        out[i] = (unsigned char)(hi << 4 | lo);
    }
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 14695981039346656037ULL;
    for (size_t i = 0; i < s.n; i++) {
        h = (h ^ (unsigned char)s.p[i]) * 1099511628211ULL;
    }
    return h;
}
