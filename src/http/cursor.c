#include "http/cursor.h"

#include "base/base64.h"
#include "crypto/hash.h"

enum {
    PLAIN_BYTES = 24,
    SEAL_BYTES = 16,
    ALL_BYTES = PLAIN_BYTES + SEAL_BYTES,
};

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
    return base64_text(a, BASE64_URL, all, ALL_BYTES);
}

bool cursor_open(struct arena *a, const uint8_t secret[CURSOR_SECRET], struct str bound_to,
                 struct str text, struct cursor *ret)
{
    uint8_t got[ALL_BYTES];
    uint8_t want[ALL_BYTES];
    size_t n = 0;
    if (!base64_decode(BASE64_URL, text, got, ALL_BYTES, &n) || n != ALL_BYTES) {
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
