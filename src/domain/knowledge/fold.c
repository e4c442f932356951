#include "domain/knowledge/fold.h"

#include <utf8proc.h>

enum { MAX_SIGNS = 64 };

bool fold_is_letter(uint32_t c)
{
    if (c < 0x80) {
        return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
    }
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LO) ||
           (k >= UTF8PROC_CATEGORY_MN && k <= UTF8PROC_CATEGORY_ME);
}

bool fold_is_digit(uint32_t c)
{
    if (c < 0x80) {
        return c >= '0' && c <= '9';
    }
    const utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
    return k == UTF8PROC_CATEGORY_ND || k == UTF8PROC_CATEGORY_NL || k == UTF8PROC_CATEGORY_NO;
}

bool fold_is_unspaced(uint32_t c)
{
    return (c >= 0x0e00 && c <= 0x0eff) || (c >= 0x3040 && c <= 0x30ff) ||
           (c >= 0x3400 && c <= 0x9fff) || (c >= 0xac00 && c <= 0xd7af) ||
           (c >= 0xf900 && c <= 0xfaff) || (c >= 0x20000 && c <= 0x3ffff);
}

/* Letters with a stroke and ligatures have no accent that could be taken off. */
static const char *plain_form(utf8proc_int32_t c)
{
    switch (c) {
    case 0x111:
        return "d";
    case 0x142:
        return "l";
    case 0xf8:
        return "o";
    case 0xe6:
        return "ae";
    case 0x153:
        return "oe";
    case 0x131:
        return "i";
    default:
        return NULL;
    }
}

static struct str fold_ascii(struct str word, char buf[FOLD_MAX])
{
    for (size_t i = 0; i < word.n; i++) {
        const char c = word.p[i];
        buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return (struct str){buf, word.n};
}

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if ((unsigned char)s.p[i] >= 0x80) {
            return false;
        }
    }
    return true;
}

struct str fold(struct str word, bool strip, char buf[FOLD_MAX])
{
    if (!word.n || word.n > FOLD_MAX - 1) {
        return (struct str){};
    }
    if (is_ascii(word)) {
        return fold_ascii(word, buf);
    }
    utf8proc_int32_t signs[4 * MAX_SIGNS];
    const utf8proc_option_t options = UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_CASEFOLD |
                                      UTF8PROC_IGNORE | UTF8PROC_COMPOSE |
                                      (strip ? UTF8PROC_STRIPMARK : 0);
    utf8proc_ssize_t n = utf8proc_decompose((const utf8proc_uint8_t *)word.p,
                                            (utf8proc_ssize_t)word.n, signs, COUNT(signs), options);
    if (n <= 0 || n > (utf8proc_ssize_t)COUNT(signs)) {
        return (struct str){};
    }
    n = utf8proc_normalize_utf32(signs, n, options);
    size_t len = 0;
    for (utf8proc_ssize_t i = 0; i < n; i++) {
        const char *plain = strip ? plain_form(signs[i]) : NULL;
        if (len + 5 > FOLD_MAX) {
            return (struct str){};
        }
        if (!fold_is_letter((uint32_t)signs[i]) && !fold_is_digit((uint32_t)signs[i])) {
            continue; /* compatibility forms may hold spaces and slashes */
        }
        if (plain) {
            memcpy(buf + len, plain, strlen(plain));
            len += strlen(plain);
        } else {
            len += (size_t)utf8proc_encode_char(signs[i], (utf8proc_uint8_t *)buf + len);
        }
    }
    return (struct str){buf, len};
}
