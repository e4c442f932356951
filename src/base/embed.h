/* Files that are built into the binary by tools/embed: pages, migrations, the demo's texts.
 * Each folder becomes an array of its own, declared where it is used:
 *     extern const struct embed_file web_files[];
 *     extern const size_t web_files_count;
 * Sorted by path (bytes); constant, so any thread may read it. */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#include "base/base.h"

struct embed_file {
    const char *path;           /* within the folder, '/' between its parts: "demo/index.html" */
    const char *encoding;       /* how it is packed, "gzip" or "br", by a last ending that is not
                                   part of path; "": not packed */
    const char *type;           /* content type, by the ending of the name */
    const char *etag;           /* SHA-256 of the bytes, 64 lower-case hexadecimal digits */
    const unsigned char *bytes; /* size of them, and a 0 behind the last */
    size_t size;
};

#endif
