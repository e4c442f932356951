/* API keys: "mc_live_", 30 random signs of base62 (178 bits), and 6 signs of base62 that are the
 * CRC-32 of those 30, so that a mistyped or invented key is refused before anything is looked up.
 * What is stored: the prefix to find it by, the last four signs to show, and its hash. */
#ifndef CRYPTO_APIKEY_H
#define CRYPTO_APIKEY_H

#include "base/cx.h"

enum {
    APIKEY_SIGNS = 44,
    APIKEY_PREFIX = 16, /* signs: "mc_live_" and the first eight random ones */
    APIKEY_LAST = 4,
};

/* A new key. text is the secret, shown once; ended with apikey_fini, which wipes it. */
struct apikey_new {
    char text[APIKEY_SIGNS + 1];
    struct str prefix; /* in the arena, like the two below */
    struct str last_four;
    struct str hash;
};

/* Makes and hashes a key. Blocks like scrypt_hash and fails like it. */
enum err apikey_make(struct cx *cx, struct apikey_new *ret);
void apikey_fini(struct apikey_new *key);

/* Whether the text has the form of a key and its checksum is right; no look-up, no hashing. Any
 * thread. */
bool apikey_well_formed(struct str text);

/* What a well-formed key is found by; a view of text. */
struct str apikey_prefix(struct str text);

/* Whether text is the key whose hash is stored; false also when it is not well-formed, without
 * hashing. Blocks like scrypt_verify and fails like it. */
enum err apikey_matches(struct cx *cx, struct str text, struct str stored, bool *ret_same);

#endif
