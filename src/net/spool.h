/* Nameless files for request bodies that are too large for memory: made with O_TMPFILE, or where
 * the file system does not know that, made and unlinked at once. What is in them is gone with the
 * descriptor, also after a crash. The bytes of all of them together are bounded. Any thread. */
#ifndef NET_SPOOL_H
#define NET_SPOOL_H

#include "base/buf.h"
#include "base/err.h"

struct spool;

/* dir is made when missing, and emptied of what a crash between making and unlinking left. max:
 * bytes in all files. why gets a sentence when it cannot be used. The caller closes. */
enum err spool_open(const char *dir, uint64_t max, struct spool **ret, struct buf *why);

/* Every claim must have been released; *s may be NULL and is NULL afterwards. */
void spool_close(struct spool **s);

/* A new file, read and write; -1 with errno. The caller closes it. */
int spool_file(struct spool *s);

/* Takes n more bytes from the bound; false when they would pass it. */
bool spool_claim(struct spool *s, uint64_t n);
void spool_release(struct spool *s, uint64_t n);

/* Whether n bytes would fit now. */
bool spool_has_room(const struct spool *s, uint64_t n);

#endif
