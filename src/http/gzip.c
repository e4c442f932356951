#include "http/gzip.h"

#include <zlib.h>

enum {
    LEVEL = 6,
    WINDOW_BITS = 15,
    GZIP_FRAME = 16, /* added to the window: gzip instead of zlib's own frame */
    MEMORY = 8,
};

bool gzip_pack(struct str bytes, struct buf *out)
{
    z_stream z = {};
    must(bytes.n < UINT32_MAX && deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS + GZIP_FRAME,
                                              MEMORY, Z_DEFAULT_STRATEGY) == Z_OK);
    char *room = bytes.n ? buf_room(out, bytes.n - 1) : NULL;
    if (room) {
        z.next_in = (Bytef *)(uintptr_t)bytes.p; /* zlib only reads it */
        z.avail_in = (uInt)bytes.n;
        z.next_out = (Bytef *)room;
        z.avail_out = (uInt)bytes.n - 1;
    }
    const bool done = room && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (done) {
        buf_wrote(out, z.total_out);
    }
    (void)deflateEnd(&z);
    return done;
}
