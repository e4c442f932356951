/* A request's body while it comes in: in memory up to a mark, in a nameless file beyond. Belongs to
 * one thread at a time.
 *
 * The loop itself writes to the file. That costs a copy into the page cache (some 20 µs for a read
 * of 64 KB); a disk that is slower than its clients makes the kernel hold the writer back, and with
 * it the loop, which is why the bytes of all bodies are bounded (spool.h). */
#ifndef NET_BODY_H
#define NET_BODY_H

#include "base/buf.h"
#include "base/extent.h"
#include "net/spool.h"

/* Where a body may go. */
struct body_rules {
    struct spool *spool; /* NULL: bodies stay in memory */
    size_t max_memory;   /* bytes of a body that stay in memory when there is a spool */
};

enum body_fault {
    BODY_OK,
    BODY_TOO_LARGE, /* more than max */
    BODY_NO_ROOM,   /* the spool is full */
    BODY_BROKEN,    /* the file could not be made or written; errno has been logged */
};

struct body {
    struct body_rules rules;
    uint64_t max;
    uint64_t n;            /* bytes that have come */
    enum body_fault fault; /* the first one; nothing is taken after it */
    struct buf memory;
    bool in_file;
    int fd;
};

/* An empty body of at most max bytes. Zeroed: one that may have none. */
void body_init(struct body *b, const struct body_rules *rules, uint64_t max);
void body_fini(struct body *b);

/* Says how many bytes will come: what can be seen to go wrong then, goes wrong at once. */
void body_expect(struct body *b, uint64_t n);

/* Takes bytes, wholly or with a fault. */
void body_add(struct body *b, const void *p, size_t n);

/* What has come; valid until body_fini. */
struct extent body_extent(const struct body *b);

#endif
