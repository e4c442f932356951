#include "http/cursor.h"

#include "crypto/hash.h"

#include "http/req.h"

enum {
    PLAIN_BYTES = 24,
    SEAL_BYTES = 16,
    ALL_BYTES = PLAIN_BYTES + SEAL_BYTES,
    TEXT_BYTES = (ALL_BYTES * 8 + 5) / 6,
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static struct str encode(struct arena *a, const uint8_t bytes[ALL_BYTES])
{
    char *p = arena_alloc(a, TEXT_BYTES + 1);
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;
    for (size_t i = 0; i < ALL_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (have += 8; have >= 6; have -= 6) {
            p[n++] = alphabet[bits >> (have - 6) & 63];
        }
    }
    if (have) {
        p[n++] = alphabet[bits << (6 - have) & 63];
    }
    must(n == TEXT_BYTES);
    return (struct str){p, n};
}

static bool decode(struct str text, uint8_t ret[ALL_BYTES])
{
    uint32_t bits = 0;
    int have = 0;
    size_t n = 0;
    if (text.n != TEXT_BYTES) {
        return false;
    }
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(alphabet, text.p[i]) : NULL;
        if (!at) {
            return false;
        }
        bits = bits << 6 | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            ret[n++] = (uint8_t)(bits >> have);
        }
    }
    /* bits left over must be zero, or several texts would mean the same */
    return (bits & ((1U << have) - 1)) == 0;
}

static void seal(struct arena *a, const uint8_t *secret, struct str bound_to,
                 uint8_t all[ALL_BYTES])
{
    uint8_t mac[HASH_BYTES];
    char *data = arena_alloc(a, PLAIN_BYTES + bound_to.n + 1);
    memcpy(data, all, PLAIN_BYTES);
    if (bound_to.n) {
        memcpy(data + PLAIN_BYTES, bound_to.p, bound_to.n);
    }
    hmac_sha256((struct str){(const char *)secret, CURSOR_SECRET},
                (struct str){data, PLAIN_BYTES + bound_to.n}, mac);
    memcpy(all + PLAIN_BYTES, mac, SEAL_BYTES);
}

struct str cursor_seal(struct arena *a, const uint8_t secret[CURSOR_SECRET], struct str bound_to,
                       struct cursor c)
{
    uint8_t all[ALL_BYTES];
    for (size_t i = 0; i < 8; i++) {
        all[i] = (uint8_t)((uint64_t)c.sort_us >> (56 - 8 * i));
    }
    memcpy(all + 8, c.id.b, sizeof(c.id.b));
    seal(a, secret, bound_to, all);
    return encode(a, all);
}

bool cursor_open(struct arena *a, const uint8_t secret[CURSOR_SECRET], struct str bound_to,
                 struct str text, struct cursor *ret)
{
    uint8_t got[ALL_BYTES];
    uint8_t want[ALL_BYTES];
    if (!decode(text, got)) {
        return false;
    }
    memcpy(want, got, PLAIN_BYTES);
    seal(a, secret, bound_to, want);
    if (!ct_equal(got, want, ALL_BYTES)) {
        return false;
    }
    uint64_t sort = 0;
    for (size_t i = 0; i < 8; i++) {
        sort = sort << 8 | got[i];
    }
    ret->sort_us = (int64_t)sort;
    memcpy(ret->id.b, got + 8, sizeof(ret->id.b));
    return true;
}
