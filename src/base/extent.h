/* Bytes to be read, wherever they stand: in memory, or in a range of a file. Readers take a large
 * one window by window, so that it is never whole in memory. A view: it owns neither the memory nor
 * the descriptor, and moves no file position. Any thread. */
#ifndef BASE_EXTENT_H
#define BASE_EXTENT_H

#include "base/str.h"

enum { EXTENT_WINDOW = 64 * 1024 };

/* Zeroed: empty. */
struct extent {
    struct str bytes; /* unless in_file */
    bool in_file;
    int fd;
    uint64_t offset; /* in the file */
    uint64_t n;      /* bytes in all */
};

/* All of bytes, in memory. */
struct extent extent_of(struct str bytes);

/* n bytes of a file, from offset on. */
struct extent extent_of_file(int fd, uint64_t offset, uint64_t n);

/* n bytes from at, both clipped. */
struct extent extent_sub(struct extent s, uint64_t at, uint64_t n);

/* Reads the n bytes at at, which lie within, to p. False, with errno, when the file cannot be read;
 * EIO when it is shorter than it was. */
bool extent_read(const struct extent *s, uint64_t at, char *p, size_t n);

/* All of it in memory: a view of what is there, or a copy in the arena. False as extent_read. */
bool extent_take(struct arena *a, const struct extent *s, struct str *ret);

/* Walks through an extent in order. The caller begins with the extent and ends with
 * extent_walk_end (or SCOPED). */
struct extent_walk {
    struct extent rest;
    char *room;  /* a window of a file; NULL: none was needed */
    bool failed; /* errno says why */
};

/* The next EXTENT_WINDOW bytes at most, valid until the next call; false at the end, and when
 * reading failed. */
bool extent_next(struct extent_walk *w, struct str *ret);
void extent_walk_end(struct extent_walk *w);

/* Where a text stands. window: bytes of a file that are in memory at once, more than needle has. */
enum extent_found {
    EXTENT_FOUND,
    EXTENT_ABSENT,
    EXTENT_FAILED, /* errno says why */
};

/* The first occurrence of needle (not empty) at or after from. */
enum extent_found extent_find(const struct extent *s, struct str needle, uint64_t from,
                              size_t window, uint64_t *ret_at);

#endif
