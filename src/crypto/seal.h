/* Sealing of secrets that are stored: AES-256-GCM under the newest key of the ring, with a random
 * nonce. A sealed value names its key and is bound to the place it belongs to: moved to another
 * tenant or field it does not open. Worker and command threads; nothing blocks. */
#ifndef CRYPTO_SEAL_H
#define CRYPTO_SEAL_H

#include "base/cx.h"
#include "crypto/keyring.h"

enum {
    SEAL_OVERHEAD = 1 + 16 + 12 + 16, /* form, key id, nonce, tag */
    SEAL_MAX = 1024 * 1024,           /* bytes of plain text */
};

/* Where a value belongs. field says the column and, if a tenant has several, the row:
 * "channel.token/<id>". */
struct seal_place {
    struct tenant_id tenant;
    struct str field;
};

/* The sealed bytes, SEAL_OVERHEAD longer than plain, in the arena. ERR_TOO_LARGE over SEAL_MAX. */
enum err seal_close(struct cx *cx, const struct keyring *k, struct seal_place place,
                    struct str plain, struct str *ret_sealed);

/* The plain text, in the arena and wiped when that is reset. ERR_INVALID when the value was
 * changed, cut, moved, or sealed under a key that the ring does not hold. */
enum err seal_open(struct cx *cx, const struct keyring *k, struct seal_place place,
                   struct str sealed, struct str *ret_plain);

#endif
