#include "crypto/apikey.h"

#include "base/mem.h"
#include "crypto/scrypt.h"

enum {
    BASE = 62,
    MARK_SIGNS = 8,
    RANDOM_SIGNS = 30,
    CHECK_SIGNS = 6,
};

static const char mark[] = "mc_live_";
static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

_Static_assert(sizeof(mark) - 1 == MARK_SIGNS, "mark");
_Static_assert(MARK_SIGNS + RANDOM_SIGNS + CHECK_SIGNS == APIKEY_SIGNS, "length");

static uint32_t crc32(const char *p, size_t n)
{
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < n; i++) {
        crc ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

static void write_check(const char *random, char ret[CHECK_SIGNS])
{
    uint32_t v = crc32(random, RANDOM_SIGNS);
    for (size_t i = CHECK_SIGNS; i-- > 0; v /= BASE) {
        ret[i] = digits[v % BASE];
    }
}

/* Bytes from 248 on are thrown away, so that every sign is equally likely. */
static void write_random(char ret[RANDOM_SIGNS])
{
    uint8_t bytes[64];
    size_t n = 0;
    while (n < RANDOM_SIGNS) {
        rand_bytes(bytes, sizeof(bytes));
        for (size_t i = 0; i < sizeof(bytes) && n < RANDOM_SIGNS; i++) {
            if (bytes[i] < 256 / BASE * BASE) {
                ret[n++] = digits[bytes[i] % BASE];
            }
        }
    }
    mem_wipe(bytes, sizeof(bytes));
}

enum err apikey_make(struct cx *cx, struct apikey_new *ret)
{
    SCOPED(apikey_fini) struct apikey_new key = {};
    memcpy(key.text, mark, MARK_SIGNS);
    write_random(key.text + MARK_SIGNS);
    write_check(key.text + MARK_SIGNS, key.text + MARK_SIGNS + RANDOM_SIGNS);
    const struct str text = {key.text, APIKEY_SIGNS};
    TRY(scrypt_hash(cx, text, SCRYPT_LN_KEY, &key.hash));
    key.prefix = str_dup(cx->arena, apikey_prefix(text));
    key.last_four = str_dup(cx->arena, str_sub(text, APIKEY_SIGNS - APIKEY_LAST, APIKEY_LAST));
    *ret = key;
    return ERR_OK;
}

void apikey_fini(struct apikey_new *key)
{
    mem_wipe(key, sizeof(*key));
}

bool apikey_well_formed(struct str text)
{
    char check[CHECK_SIGNS];
    if (text.n != APIKEY_SIGNS || memcmp(text.p, mark, MARK_SIGNS) != 0) {
        return false;
    }
    for (size_t i = MARK_SIGNS; i < APIKEY_SIGNS; i++) {
        if (!text.p[i] || !strchr(digits, text.p[i])) {
            return false;
        }
    }
    write_check(text.p + MARK_SIGNS, check);
    /* The checksum says nothing of the secret that its other signs do not, so its compare need not
     * be constant. */
    return memcmp(text.p + MARK_SIGNS + RANDOM_SIGNS, check, CHECK_SIGNS) == 0;
}

struct str apikey_prefix(struct str text)
{
    return str_sub(text, 0, APIKEY_PREFIX);
}

enum err apikey_matches(struct cx *cx, struct str text, struct str stored, bool *ret_same)
{
    if (!apikey_well_formed(text)) {
        *ret_same = false;
        return ERR_OK;
    }
    return scrypt_verify(cx, text, stored, ret_same);
}
