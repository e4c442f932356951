/* Hashing of API keys and passwords: scrypt with r = 8 and p = 1, made and checked by one routine.
 *
 * Each call takes 2^ln KB of memory and about 1.7 us times 2^ln of a core, so a process-wide gate
 * lets only some in at once (METACHAT_SCRYPT_PER_CORE) and keeps a bounded queue
 * (METACHAT_SCRYPT_QUEUE). All calls block and want a cx that is in no transaction; OVERLOADED when
 * the queue is full, ERR_TIMEOUT or ERR_CANCELLED when cx ran out while waiting. Worker threads. */
#ifndef CRYPTO_SCRYPT_H
#define CRYPTO_SCRYPT_H

#include "base/cx.h"

enum {
    SCRYPT_LN_KEY = 12,      /* for random secrets, which cost cannot protect further */
    SCRYPT_LN_PASSWORD = 17, /* for words that people choose */
    SCRYPT_LN_MAX = 20,
    SCRYPT_BYTES = 32,
};

/* Derives SCRYPT_BYTES from the secret and the salt with N = 2^ln, 1 <= ln <= SCRYPT_LN_MAX. */
enum err scrypt_derive(struct cx *cx, struct str secret, struct str salt, int ln,
                       uint8_t ret[SCRYPT_BYTES]);

/* Hashes with a new salt of 16 random bytes; the result, "$scrypt$ln=12,r=8,p=1$salt$hash", is in
 * the arena and may be stored. */
enum err scrypt_hash(struct cx *cx, struct str secret, int ln, struct str *ret_stored);

/* Whether the stored hash is of this secret, in constant time. INTERNAL_ERROR when it was not made
 * by scrypt_hash. */
enum err scrypt_verify(struct cx *cx, struct str secret, struct str stored, bool *ret_same);

#endif
