/* The bytes of a text file as UTF-8. */
#ifndef EXT_EXTRACT_CHARSET_H
#define EXT_EXTRACT_CHARSET_H

#include "base/cx.h"

/* The text without byte order mark, as UTF-8 (in the arena when it had to be converted, else a view
 * of bytes). Bytes that are not UTF-8 are read as Windows-1252 only where the type or the HTML
 * itself declares that (or ISO-8859-1, which everyone means by it). UNSUPPORTED_MEDIA_TYPE with the
 * reason: UTF-16, NUL, or bytes that are not UTF-8 and say nothing. */
enum err extract_utf8(struct cx *cx, struct str bytes, struct str mime_type, struct str *ret);

/* The charset that a type's parameter names, in lower case; empty when it names none. */
struct str extract_charset(struct arena *a, struct str mime_type);

/* Whether a charset is read as Windows-1252. */
bool extract_is_latin(struct str charset);

#endif
