/* Base64 (RFC 4648) without padding, read strictly: what decodes is exactly what encoding would
 * have written, so a text has one spelling. Any thread. */
#ifndef BASE_BASE64_H
#define BASE_BASE64_H

#include "base/str.h"

enum base64 {
    BASE64_URL,   /* '-' and '_': tokens */
    BASE64_PLAIN, /* '+' and '/': hashes in PHC's text form */
};

/* The text of n bytes, in the arena. */
struct str base64_text(struct arena *a, enum base64 form, const void *p, size_t n);

/* Signs that n bytes take, and bytes that n signs give. */
size_t base64_size(size_t n);
size_t base64_bytes(size_t n);

/* Decodes into ret, which has room for max bytes; false for signs outside the alphabet, padding, a
 * length or last bits that no encoder leaves, or more than max bytes. */
bool base64_decode(enum base64 form, struct str s, void *ret, size_t max, size_t *ret_n);

#endif
