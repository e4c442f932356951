/* The charset of a text file. */
#ifndef EXT_EXTRACT_CHARSET_H
#define EXT_EXTRACT_CHARSET_H

#include "base/cx.h"
#include "base/extent.h"

/* Reads all bytes once and tells whether they are to be read as Windows-1252, else as UTF-8. Bytes
 * that are not UTF-8 are Windows-1252 only where the type or the HTML itself declares that (or
 * ISO-8859-1, which everyone means by it). UNSUPPORTED_MEDIA_TYPE with the reason: UTF-16, NUL, or
 * bytes that are not UTF-8 and say nothing. DATABASE_ERROR: they cannot be read. */
enum err extract_decide_charset(struct cx *cx, const struct extent *bytes, struct str mime_type,
                                bool *ret_latin);

/* Windows-1252 as UTF-8, in the arena. */
struct str extract_from_latin(struct arena *a, struct str bytes);

/* The charset that a type's parameter names, in lower case; empty when it names none. */
struct str extract_charset(struct arena *a, struct str mime_type);

/* Whether a charset is read as Windows-1252. */
bool extract_is_latin(struct str charset);

#endif
