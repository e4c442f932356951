/* A sealed value: form (1), key id (16), nonce (12), ciphertext, tag (16). Associated data: form
 * and key id, the tenant's 16 bytes, the field; all but the last have a fixed size, so no two
 * places give the same bytes. Nonces are random: 2^32 values under one key stay far from a
 * repetition. */
#include "crypto/seal.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <pthread.h>

enum {
    FORM = 1,
    HEAD = 1 + 16,
    NONCE = 12,
    TAG = 16,
    FIELD_MAX = 512,
};

_Static_assert(HEAD + NONCE + TAG == SEAL_OVERHEAD, "overhead");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_CIPHER *cipher; /* lives as long as the process */

static void fetch(void)
{
    cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    must(cipher);
}

static bool key_of(const struct keyring *k, const uint8_t *head, uint8_t ret[KEYRING_KEY_BYTES])
{
    struct uuid id;
    memcpy(id.b, head + 1, sizeof(id.b));
    return keyring_derive(k, id, STR("seal"), ret);
}

/* A context that has the key, the nonce and the associated data. */
static EVP_CIPHER_CTX *start(const struct keyring *k, struct seal_place place, const uint8_t *head,
                             int encrypt)
{
    uint8_t key[KEYRING_KEY_BYTES];
    int n = 0;
    if (!key_of(k, head, key)) {
        return NULL;
    }
    must(place.field.n > 0 && place.field.n <= FIELD_MAX);
    (void)pthread_once(&once, fetch);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(ctx && EVP_CipherInit_ex2(ctx, cipher, key, head + HEAD, encrypt, NULL) == 1);
    mem_wipe(key, sizeof(key));
    must(EVP_CipherUpdate(ctx, NULL, &n, head, HEAD) == 1);
    must(EVP_CipherUpdate(ctx, NULL, &n, place.tenant.v.b, sizeof(place.tenant.v.b)) == 1);
    must(EVP_CipherUpdate(ctx, NULL, &n, (const uint8_t *)place.field.p, (int)place.field.n) == 1);
    return ctx;
}

enum err seal_close(struct cx *cx, const struct keyring *k, struct seal_place place,
                    struct str plain, struct str *ret_sealed)
{
    if (plain.n > SEAL_MAX) {
        return cx_fail(cx, CODE_PAYLOAD_TOO_LARGE, "a secret has at most %d bytes", SEAL_MAX);
    }
    uint8_t *out = arena_alloc(cx->arena, plain.n + SEAL_OVERHEAD);
    uint8_t *text = out + HEAD + NONCE;
    const struct uuid id = keyring_newest(k);
    int n = 0;
    out[0] = FORM;
    memcpy(out + 1, id.b, sizeof(id.b));
    rand_bytes(out + HEAD, NONCE);
    EVP_CIPHER_CTX *ctx = start(k, place, out, 1);
    must(ctx);
    must(plain.n == 0 ||
         EVP_CipherUpdate(ctx, text, &n, (const uint8_t *)plain.p, (int)plain.n) == 1);
    must(EVP_CipherFinal_ex(ctx, text + plain.n, &n) == 1);
    must(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, TAG, text + plain.n) == 1);
    EVP_CIPHER_CTX_free(ctx);
    *ret_sealed = (struct str){(const char *)out, plain.n + SEAL_OVERHEAD};
    return ERR_OK;
}

struct secret {
    uint8_t *p;
    size_t n;
};

static void wipe_secret(void *arg)
{
    const struct secret *s = arg;
    mem_wipe(s->p, s->n);
}

static bool decrypt(const struct keyring *k, struct seal_place place, const uint8_t *in,
                    const struct secret *out)
{
    const uint8_t *text = in + HEAD + NONCE;
    uint8_t tag[TAG];
    int n = 0;
    EVP_CIPHER_CTX *ctx = start(k, place, in, 0);
    if (!ctx) {
        return false;
    }
    memcpy(tag, text + out->n, TAG);
    const bool ok = (out->n == 0 || EVP_CipherUpdate(ctx, out->p, &n, text, (int)out->n) == 1) &&
                    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, TAG, tag) == 1 &&
                    EVP_CipherFinal_ex(ctx, out->p + out->n, &n) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

enum err seal_open(struct cx *cx, const struct keyring *k, struct seal_place place,
                   struct str sealed, struct str *ret_plain)
{
    if (sealed.n < SEAL_OVERHEAD || sealed.n > SEAL_MAX + SEAL_OVERHEAD || sealed.p[0] != FORM) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "not a sealed value");
    }
    struct secret *out = arena_one(cx->arena, struct secret);
    out->n = sealed.n - SEAL_OVERHEAD;
    out->p = arena_alloc(cx->arena, out->n + 1);
    arena_defer(cx->arena, wipe_secret, out);
    if (!decrypt(k, place, (const uint8_t *)sealed.p, out)) {
        mem_wipe(out->p, out->n);
        return cx_fail(cx, CODE_VALIDATION_ERROR, "a sealed value does not open");
    }
    *ret_plain = (struct str){(const char *)out->p, out->n};
    return ERR_OK;
}
