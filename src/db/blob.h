/* Files by content: a blob's name is the SHA-256 of its bytes. Written under a temporary name,
 * fsynced, renamed, the folder fsynced: a name that exists holds the whole content. Tenants have a
 * folder each, so equal files of two tenants are two files. Blocks on the disk; worker threads
 * only. */
#ifndef DB_BLOB_H
#define DB_BLOB_H

#include "base/buf.h"
#include "base/cx.h"
#include "base/extent.h"

struct blob_store;

/* dir is made when missing. The caller closes it. */
enum err blob_open(const char *dir, struct blob_store **ret, struct buf *why);
void blob_close(struct blob_store **s);

struct blob_name {
    uint8_t sha256[32];
};

/* The name of bytes, which are read once. DATABASE_ERROR when they cannot be. */
enum err blob_name_of(struct cx *cx, const struct extent *bytes, struct blob_name *ret);

/* Stores the bytes that have this name for cx's tenant (needs SCOPE_TENANT), a window at a time.
 * Storing the same again is harmless. DATABASE_ERROR when the disk is full or read-only. */
enum err blob_put(struct cx *cx, struct blob_store *s, const struct extent *bytes,
                  struct blob_name name);

/* Opens a blob, and reads it once to check the hash. *ret is in_file; the caller closes its
 * descriptor. NOT_FOUND, INTERNAL (damaged). */
enum err blob_get(struct cx *cx, struct blob_store *s, struct blob_name name, struct extent *ret);

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
