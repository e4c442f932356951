#include "base/utf8.h"

/* Begins a code point by its first byte. Table 3-7 of the Unicode standard. */
static bool begin(struct utf8_parts *u, unsigned char c)
{
    if (c < 0x80) {
        return true;
    }
    u->due = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
    u->low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    u->high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    return c >= 0xc2 && c <= 0xf4;
}

static bool go_on(struct utf8_parts *u, unsigned char c)
{
    const bool fits = c >= u->low && c <= u->high;
    *u = (struct utf8_parts){(uint8_t)(u->due - 1), 0x80, 0xbf};
    return fits;
}

/* How many bytes from p on are ASCII for certain: eight at a time. */
static size_t ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t eight; i + sizeof(eight) <= n; i += sizeof(eight)) {
        memcpy(&eight, p + i, sizeof(eight));
        if (eight & UINT64_C(0x8080808080808080)) {
            break;
        }
    }
    return i;
}

bool utf8_goes_on(struct utf8_parts *u, struct str part)
{
    size_t i = 0;
    while (i < part.n) {
        i += u->due ? 0 : ascii_run(part.p + i, part.n - i);
        if (i == part.n) {
            break;
        }
        const unsigned char c = (unsigned char)part.p[i++];
        if (u->due ? !go_on(u, c) : !begin(u, c)) {
            return false;
        }
    }
    return true;
}

bool utf8_valid(struct str s)
{
    struct utf8_parts u = {};
    return utf8_goes_on(&u, s) && !u.due;
}

bool utf8_is_text(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return false;
        }
    }
    return utf8_valid(s);
}

uint32_t utf8_next(struct str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p + *at;
    const size_t left = s.n - *at;
    if (p[0] < 0x80 || left < 2) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xe0 || left < 3) {
        *at += 2;
        return (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
    }
    if (p[0] < 0xf0 || left < 4) {
        *at += 3;
        return (uint32_t)(p[0] & 0x0f) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
    }
    *at += 4;
    return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3f) << 12 |
           (uint32_t)(p[2] & 0x3f) << 6 | (p[3] & 0x3f);
}

size_t utf8_count(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
    }
    return n;
}

size_t utf8_floor(struct str s, size_t at)
{
    if (at >= s.n) {
        return s.n;
    }
    while (at > 0 && ((unsigned char)s.p[at] & 0xc0) == 0x80) {
        at--;
    }
    return at;
}

struct str utf8_prefix(struct str s, size_t n)
{
    return str_sub(s, 0, utf8_floor(s, n));
}
