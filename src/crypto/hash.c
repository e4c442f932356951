#include "crypto/hash.h"

#include "base/buf.h"
#include "base/mem.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <pthread.h>

/* Fetching an algorithm searches the providers under a lock, which costs as much as hashing a short
 * message: it is done once, and what was found lives as long as the process. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static EVP_MD *sha1;
static EVP_MAC_CTX *hmac; /* HMAC-SHA256 without a key, duplicated for each use */

static void fetch(void)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    sha256 = EVP_MD_fetch(NULL, digest, NULL);
    sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(sha256 && sha1 && mac);
    hmac = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac); /* the context holds it */
    must(hmac && EVP_MAC_CTX_set_params(hmac, params) == 1);
}

void hash_sha256(const void *p, size_t n, uint8_t ret[HASH_BYTES])
{
    (void)pthread_once(&once, fetch);
    must(EVP_Digest(n ? p : "", n, ret, NULL, sha256, NULL) == 1);
}

void hash_sha1(struct str s, uint8_t ret[HASH_SHA1_BYTES])
{
    (void)pthread_once(&once, fetch);
    must(EVP_Digest(s.n ? s.p : "", s.n, ret, NULL, sha1, NULL) == 1);
}

struct hash {
    EVP_MD_CTX *ctx;
};

struct hash *hash_new(void)
{
    (void)pthread_once(&once, fetch);
    struct hash *h = mem_new(struct hash);
    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex2(h->ctx, sha256, NULL) == 1);
    return h;
}

void hash_add(struct hash *h, const void *p, size_t n)
{
    must(n == 0 || EVP_DigestUpdate(h->ctx, p, n) == 1);
}

void hash_end(struct hash **take, uint8_t ret[HASH_BYTES])
{
    must(EVP_DigestFinal_ex((*take)->ctx, ret, NULL) == 1);
    hash_free(take);
}

void hash_free(struct hash **h)
{
    if (*h) {
        EVP_MD_CTX_free((*h)->ctx);
        mem_free(*h);
        *h = NULL;
    }
}

bool hash_extent(const struct extent *s, uint8_t ret[HASH_BYTES])
{
    SCOPED(extent_walk_end) struct extent_walk w = {.rest = *s};
    SCOPED(hash_free) struct hash *h = hash_new();
    struct str part;
    while (extent_next(&w, &part)) {
        hash_add(h, part.p, part.n);
    }
    if (!w.failed) {
        hash_end(&h, ret);
    }
    return !w.failed;
}

void hmac_sha256(struct str key, struct str data, uint8_t ret[HASH_BYTES])
{
    static const unsigned char none[1];
    (void)pthread_once(&once, fetch);
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(hmac);
    size_t n = 0;
    must(ctx);
    /* A NULL key would mean "keep the key", and there is none. */
    must(EVP_MAC_init(ctx, key.n ? (const unsigned char *)key.p : none, key.n, NULL) == 1);
    must(data.n == 0 || EVP_MAC_update(ctx, (const unsigned char *)data.p, data.n) == 1);
    must(EVP_MAC_final(ctx, ret, &n, HASH_BYTES) == 1 && n == HASH_BYTES);
    EVP_MAC_CTX_free(ctx);
}

void hkdf_sha256(struct str key, struct str purpose, uint8_t ret[HASH_BYTES])
{
    uint8_t extracted[HASH_BYTES];
    SCOPED(buf_fini) struct buf info = buf_make(1024);
    buf_str(&info, purpose);
    buf_char(&info, '\1');
    must(!info.full);
    hmac_sha256((struct str){NULL, 0}, key, extracted);
    hmac_sha256((struct str){(const char *)extracted, HASH_BYTES}, buf_view(&info), ret);
    mem_wipe(extracted, sizeof(extracted));
}

bool ct_equal(const void *a, const void *b, size_t n)
{
    return n == 0 || CRYPTO_memcmp(a, b, n) == 0;
}
