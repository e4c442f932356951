/* SHA-256, HMAC-SHA256 and the comparison of secrets. Nothing here fails, blocks or logs: a digest
 * that the system's OpenSSL cannot give ends the process. Any thread. */
#ifndef CRYPTO_HASH_H
#define CRYPTO_HASH_H

#include "base/extent.h"

enum {
    HASH_BYTES = 32,
    HASH_SHA1_BYTES = 20,
};

/* The digest of n bytes; p may be NULL when n is 0. */
void hash_sha256(const void *p, size_t n, uint8_t ret[HASH_BYTES]);

/* The digest of all of a source; false, with errno, when it cannot be read. */
bool hash_extent(const struct extent *s, uint8_t ret[HASH_BYTES]);

/* SHA-1, for protocols that want it where it protects nothing (the handshake of WebSocket). */
void hash_sha1(struct str s, uint8_t ret[HASH_SHA1_BYTES]);

/* A digest of bytes that come in parts. */
struct hash;

/* The caller ends it with hash_end or hash_free. One thread at a time. */
struct hash *hash_new(void);
void hash_add(struct hash *h, const void *p, size_t n);

/* Writes the digest, frees, and leaves NULL in *take. */
void hash_end(struct hash **take, uint8_t ret[HASH_BYTES]);

/* *h may be NULL and is NULL afterwards. */
void hash_free(struct hash **h);

/* HMAC-SHA256 of data; a key of any length, also none. */
void hmac_sha256(struct str key, struct str data, uint8_t ret[HASH_BYTES]);

/* HKDF-SHA256 (RFC 5869, no salt): a key of its own for each purpose, from which the first one
 * cannot be found. key must be uniformly random. */
void hkdf_sha256(struct str key, struct str purpose, uint8_t ret[HASH_BYTES]);

/* Whether n bytes are the same, in a time that depends on n alone. The only comparer of secrets:
 * lengths are compared before, and are no secret. */
bool ct_equal(const void *a, const void *b, size_t n);

#endif
