/* The installation's keys: a folder of files NAME.key, where NAME is a UUIDv7 and the file holds 32
 * random bytes as 64 hexadecimal signs. The newest key seals and signs; the older ones still open
 * and verify what was made with them.
 *
 * Keys are made on the first start and never again: whoever opens the ring says whether this is one
 * (there is no database yet). The folder has mode 0700 and the files 0600; files that others may
 * read are refused. A ring does not change after it was opened: any thread may read it. */
#ifndef CRYPTO_KEYRING_H
#define CRYPTO_KEYRING_H

#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"

enum {
    KEYRING_KEY_BYTES = 32,
    KEYRING_MAX_KEYS = 64,
};

struct keyring;

/* Reads the folder; with may_create, makes it and a first key when there is none. On failure why
 * gets cause and remedy, a line: ERR_NOT_FOUND when there is no key and none may be made,
 * ERR_INVALID for a file that is not a key or that others may read, ERR_UNAVAILABLE when the disk
 * says no. Blocks; start-up only. The caller closes it. */
enum err keyring_open(const char *dir, bool may_create, struct keyring **ret, struct buf *why);

/* Wipes and frees; *k may be NULL and is NULL afterwards. */
void keyring_close(struct keyring **k);

/* The id of the newest key. */
struct uuid keyring_newest(const struct keyring *k);

/* A sub-key of the key with this id, for one purpose ("jwt/chat"); false when the ring has no such
 * key. The caller wipes it. */
bool keyring_derive(const struct keyring *k, struct uuid id, struct str purpose,
                    uint8_t ret[KEYRING_KEY_BYTES]);

/* 64 hexadecimal signs and a NUL that tell two rings apart and say nothing of the keys. Made from
 * the oldest key, so that a newer one does not change it. */
void keyring_fingerprint(const struct keyring *k, char ret[65]);

#endif
