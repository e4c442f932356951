/* Files by content: a blob's name is the SHA-256 of its bytes. Written under a temporary name,
 * fsynced, renamed, the folder fsynced: a name that exists holds the whole content. Tenants have a
 * folder each, so equal files of two tenants are two files. Blocks on the disk; worker threads
 * only. */
#ifndef DB_BLOB_H
#define DB_BLOB_H

#include "base/buf.h"
#include "base/cx.h"

struct blob_store;

/* dir is made when missing. The caller closes it. */
enum err blob_open(const char *dir, struct blob_store **ret, struct buf *why);
void blob_close(struct blob_store **s);

struct blob_name {
    uint8_t sha256[32];
};

/* Stores bytes for cx's tenant (needs SCOPE_TENANT). Storing the same again is harmless.
 * DATABASE_ERROR when the disk is full or read-only. */
enum err blob_put(struct cx *cx, struct blob_store *s, struct str bytes, struct blob_name *ret);

/* Reads the whole blob into the arena, at most max bytes; checks the hash. NOT_FOUND, TOO_LARGE,
 * INTERNAL (damaged). */
enum err blob_get(struct cx *cx, struct blob_store *s, struct blob_name name, size_t max,
                  struct str *ret);

/* Reads of blobs that were not there or damaged, since the store was opened; false: none. */
struct blob_loss {
    int64_t count;
    int64_t ago_us; /* the last one */
};
bool blob_lost(const struct blob_store *s, struct blob_loss *ret);

/* Removes; not there is fine. */
enum err blob_remove(struct cx *cx, struct blob_store *s, struct blob_name name);

/* Removes temporary files that a crash left; at start. */
void blob_sweep(struct blob_store *s);

#endif
