/* The strict check of a chunked body's framing (RFC 9112, 7.1), beside the parser that decodes it:
 * bounded sizes, extensions and trailers, CRLF and nothing else, no folded trailers. Pure. */
#ifndef NET_CHUNK_H
#define NET_CHUNK_H

#include "base/str.h"

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXTENSION,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_DATA_CR,
    CHUNK_DATA_LF,
    CHUNK_LINE,         /* first sign of a trailer, or of the last empty line */
    CHUNK_TRAILER_NAME, /* behind the first sign of a name */
    CHUNK_TRAILER_VALUE,
    CHUNK_TRAILER_LF,
    CHUNK_LAST_LF,
    CHUNK_END,
    CHUNK_BAD,
};

/* Zeroed at the start of a body. */
struct chunk {
    enum chunk_state state;
    int digits;
    size_t extra;  /* bytes of this chunk's extension, or of all trailers */
    uint64_t left; /* of the data, once the size is known */
};

/* Reads on; true while the body may go on or has ended (state is CHUNK_END then). *ret_used is how
 * much of part belongs to this body. False: the framing is broken. */
bool chunk_scan(struct chunk *c, struct str part, size_t *ret_used);

#endif
