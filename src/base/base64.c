#include "base/base64.h"

static const char *const alphabets[] = {
    [BASE64_URL] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
    [BASE64_PLAIN] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
};

size_t base64_size(size_t n)
{
    return n / 3 * 4 + (n % 3 ? n % 3 + 1 : 0);
}

size_t base64_bytes(size_t n)
{
    return n / 4 * 3 + (n % 4 ? n % 4 - 1 : 0);
}

struct str base64_text(struct arena *a, enum base64 form, const void *p, size_t n)
{
    const unsigned char *in = p;
    char *out = arena_alloc(a, base64_size(n) + 1);
    size_t at = 0;
    uint32_t held = 0;
    int bits = 0;
    for (size_t i = 0; i < n; i++) {
        held = held << 8 | in[i];
        for (bits += 8; bits >= 6; bits -= 6) {
            out[at++] = alphabets[form][held >> (bits - 6) & 63];
        }
    }
    if (bits) {
        out[at++] = alphabets[form][held << (6 - bits) & 63];
    }
    return (struct str){out, at};
}

static int value_of(enum base64 form, char c)
{
    const char *at = c ? strchr(alphabets[form], c) : NULL;
    return at ? (int)(at - alphabets[form]) : -1;
}

bool base64_decode(enum base64 form, struct str s, void *ret, size_t max, size_t *ret_n)
{
    unsigned char *out = ret;
    size_t at = 0;
    uint32_t held = 0;
    int bits = 0;
    if (s.n % 4 == 1 || base64_bytes(s.n) > max) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        const int v = value_of(form, s.p[i]);
        if (v < 0) {
            return false;
        }
        held = held << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[at++] = (unsigned char)(held >> bits);
        }
    }
    if (held & ((1U << bits) - 1)) {
        return false; /* bits that no encoder leaves */
    }
    *ret_n = at;
    return true;
}
