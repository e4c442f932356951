#include "crypto/scrypt.h"

#include "base/base64.h"
#include "base/conf.h"
#include "base/mem.h"
#include "crypto/gate.h"
#include "crypto/hash.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <pthread.h>
#include <unistd.h>

enum {
    SALT_BYTES = 16,
    BLOCK = 8,        /* r */
    PARALLEL = 1,     /* p */
    STORED_MAX = 256, /* signs of a stored hash that are looked at */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct gate *gate; /* lives as long as the process */
static EVP_KDF *kdf;

static void prepare(void)
{
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    gate = gate_new((int)(conf.scrypt_per_core * max_i64(1, cores)), (int)conf.scrypt_queue);
    kdf = EVP_KDF_fetch(NULL, "SCRYPT", NULL);
    must(kdf);
}

/* OpenSSL's parameters are not const, though it only reads them. */
static OSSL_PARAM bytes_param(const char *name, struct str s)
{
    const char *from = s.n ? s.p : "";
    void *p = NULL;
    memcpy(&p, &from, sizeof(p));
    return OSSL_PARAM_construct_octet_string(name, p, s.n);
}

static void run(struct str secret, struct str salt, int ln, uint8_t ret[SCRYPT_BYTES])
{
    uint64_t n = 1ULL << ln;
    uint32_t r = BLOCK;
    uint32_t p = PARALLEL;
    uint64_t most = 128ULL * BLOCK * (n + 64); /* what it takes, and a little */
    const OSSL_PARAM params[] = {
        bytes_param(OSSL_KDF_PARAM_PASSWORD, secret),
        bytes_param(OSSL_KDF_PARAM_SALT, salt),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_N, &n),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_R, &r),
        OSSL_PARAM_construct_uint32(OSSL_KDF_PARAM_SCRYPT_P, &p),
        OSSL_PARAM_construct_uint64(OSSL_KDF_PARAM_SCRYPT_MAXMEM, &most),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    must(ctx && EVP_KDF_derive(ctx, ret, SCRYPT_BYTES, params) == 1);
    EVP_KDF_CTX_free(ctx);
}

enum err scrypt_derive(struct cx *cx, struct str secret, struct str salt, int ln,
                       uint8_t ret[SCRYPT_BYTES])
{
    must(ln >= 1 && ln <= SCRYPT_LN_MAX);
    (void)pthread_once(&once, prepare);
    TRY(gate_enter(cx, gate));
    run(secret, salt, ln, ret);
    gate_leave(gate);
    return ERR_OK;
}

enum err scrypt_hash(struct cx *cx, struct str secret, int ln, struct str *ret_stored)
{
    uint8_t salt[SALT_BYTES];
    uint8_t hash[SCRYPT_BYTES];
    rand_bytes(salt, sizeof(salt));
    TRY(scrypt_derive(cx, secret, (struct str){(const char *)salt, sizeof(salt)}, ln, hash));
    *ret_stored = str_fmt(cx->arena, "$scrypt$ln=%d,r=%d,p=%d$%s$%s", ln, BLOCK, PARALLEL,
                          base64_text(cx->arena, BASE64_PLAIN, salt, sizeof(salt)).p,
                          base64_text(cx->arena, BASE64_PLAIN, hash, sizeof(hash)).p);
    return ERR_OK;
}

struct stored {
    int ln;
    uint8_t salt[SALT_BYTES];
    uint8_t hash[SCRYPT_BYTES];
};

static bool part_is(struct str *rest, const char *want)
{
    struct str part;
    return str_split(rest, '$', &part) && str_is(part, want);
}

static bool part_bytes(struct str *rest, uint8_t *ret, size_t n)
{
    struct str part;
    size_t got = 0;
    return str_split(rest, '$', &part) && base64_decode(BASE64_PLAIN, part, ret, n, &got) &&
           got == n;
}

static bool parse_params(struct str s, int *ret_ln)
{
    const struct str head = STR("ln=");
    const struct str tail = STR(",r=8,p=1");
    int64_t ln = 0;
    if (!str_starts(s, head) || !str_ends(s, tail) || s.n < head.n + tail.n ||
        !str_to_i64(str_sub(s, head.n, s.n - head.n - tail.n), 1, SCRYPT_LN_MAX, &ln)) {
        return false;
    }
    *ret_ln = (int)ln;
    return true;
}

static bool parse_stored(struct str s, struct stored *ret)
{
    struct str params;
    return s.n <= STORED_MAX && part_is(&s, "") && part_is(&s, "scrypt") &&
           str_split(&s, '$', &params) && parse_params(params, &ret->ln) &&
           part_bytes(&s, ret->salt, sizeof(ret->salt)) &&
           part_bytes(&s, ret->hash, sizeof(ret->hash)) && !s.p;
}

enum err scrypt_verify(struct cx *cx, struct str secret, struct str stored, bool *ret_same)
{
    struct stored st;
    uint8_t hash[SCRYPT_BYTES];
    if (!parse_stored(stored, &st)) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "a stored hash is malformed");
    }
    TRY(scrypt_derive(cx, secret, (struct str){(const char *)st.salt, sizeof(st.salt)}, st.ln,
                      hash));
    *ret_same = ct_equal(hash, st.hash, sizeof(hash));
    mem_wipe(hash, sizeof(hash));
    return ERR_OK;
}
