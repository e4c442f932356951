/* Text or bytes that grow, up to a maximum that is given at the start.
 *
 * Invariants: n <= max; once an append would pass max, nothing more is appended and full stays
 * true, so that a writer may append freely and ask once at the end. p is NUL-terminated behind n
 * when anything was appended. The caller owns a buf and ends it with buf_fini (or
 * SCOPED(buf_fini)). One thread. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
    size_t max;
    bool full; /* something did not fit */
};

/* An empty buf that may grow to max bytes. */
struct buf buf_make(size_t max);
void buf_fini(struct buf *b);

/* Empty again; keeps its memory. */
void buf_reset(struct buf *b);

/* Append, wholly or not at all. */
void buf_add(struct buf *b, const void *p, size_t n);
void buf_str(struct buf *b, struct str s);
void buf_cstr(struct buf *b, const char *s);
void buf_char(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
void buf_u64(struct buf *b, uint64_t v); /* decimal */

/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);

/* Room for n more bytes: where to write them, or NULL when over max. Say what was written with
 * buf_wrote. */
char *buf_room(struct buf *b, size_t n);
void buf_wrote(struct buf *b, size_t n);

/* A view; valid until the next change. */
struct str buf_view(const struct buf *b);

#endif
