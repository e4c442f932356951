/* UTF-8 (RFC 3629). Text from outside is checked once, where it enters. Any thread. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/str.h"

/* Well-formed: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool utf8_valid(struct str s);

/* UTF-8 that comes in parts. Zeroed: nothing has come. */
struct utf8_parts {
    uint8_t due; /* bytes that the code point at the end still lacks */
    uint8_t low; /* bounds of the next one of them */
    uint8_t high;
};

/* Whether the text is well-formed with this part behind what came before: false at the earliest
 * byte with which no text can go on. Not to be asked again then. */
bool utf8_goes_on(struct utf8_parts *u, struct str part);

/* Well-formed and without NUL or other ASCII control signs but tab, newline and carriage return. */
bool utf8_is_text(struct str s);

/* Decodes the code point at s.p[*at] and moves *at behind it. s must be well-formed and *at at a
 * boundary < s.n. */
uint32_t utf8_next(struct str s, size_t *at);

/* Number of code points; s must be well-formed. */
size_t utf8_count(struct str s);

/* The longest prefix of at most n bytes that does not cut a code point. */
struct str utf8_prefix(struct str s, size_t n);

/* Moves at down to the nearest boundary of a code point. */
size_t utf8_floor(struct str s, size_t at);

#endif
