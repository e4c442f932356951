/* Bytes made smaller (gzip, RFC 1952), by zlib. */
#ifndef HTTP_GZIP_H
#define HTTP_GZIP_H

#include "base/buf.h"

/* Appends the packed bytes; false, with out unchanged, when they would be no smaller. Takes
 * milliseconds for 100 KB: for what is kept. Any thread. */
bool gzip_pack(struct str bytes, struct buf *out);

#endif
