/* Text that is read: a pointer and a length, not necessarily NUL-terminated, never owned.
 * A struct str from the arena is NUL-terminated behind its last byte as a courtesy to libc's door.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/arena.h"

struct str {
    const char *p;
    size_t n;
};

#define STR(lit)   ((struct str){"" lit, sizeof(lit) - 1})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

/* A view of a NUL-terminated string; NULL gives the empty text. */
struct str str_of(const char *s);

/* The same bytes. */
bool str_eq(struct str a, struct str b);
bool str_is(struct str a, const char *b);

/* ASCII case does not count. */
bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);

/* Byte offset of the first occurrence at or after from, or -1. */
ptrdiff_t str_find(struct str s, struct str needle, size_t from);
ptrdiff_t str_find_char(struct str s, char c, size_t from);

/* Orders by bytes. */
int str_cmp(struct str a, struct str b);

/* n bytes from offset at, both clipped to the text. */
struct str str_sub(struct str s, size_t at, size_t n);

/* Without ASCII white space at both ends. */
struct str str_trim(struct str s);

/* Cuts the next part off *rest at sep; false when nothing is left (rest->p is NULL then). "a,,b"
 * has three parts, "a," two, "" one that is empty, and a NULL text none. */
bool str_split(struct str *rest, char sep, struct str *ret_part);

/* Copies into the arena, NUL-terminated. */
struct str str_dup(struct arena *a, struct str s);

/* printf into the arena. */
struct str str_fmt(struct arena *a, const char *fmt, ...) PRINTF(2, 3);
struct str str_vfmt(struct arena *a, const char *fmt, va_list ap) PRINTF(2, 0);

/* ASCII lower case, in the arena. */
struct str str_lower(struct arena *a, struct str s);

/* The whole text as a decimal number within [min, max]; false for anything else (sign '+', spaces,
 * overflow …). */
bool str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret);
bool str_to_f64(struct str s, double min, double max, double *ret);

/* Lower-case hexadecimal, in the arena; the way back is false on odd length, other signs or another
 * size. */
struct str str_hex(struct arena *a, const void *p, size_t n);
bool str_unhex(struct str s, void *ret, size_t n);

/* FNV-1a, 64 bits: for hash tables, never for secrets or untrusted uniqueness. */
uint64_t str_hash(struct str s);

#endif
