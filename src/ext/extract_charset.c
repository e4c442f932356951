#include "ext/extract_charset.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <errno.h>

enum { SNIFF = 1024 }; /* where HTML must declare its charset */

bool extract_is_latin(struct str charset)
{
    return str_is(charset, "windows-1252") || str_is(charset, "iso-8859-1") ||
           str_is(charset, "latin1") || str_is(charset, "iso-8859-15") ||
           str_is(charset, "us-ascii") || str_is(charset, "cp1252");
}

static bool is_name_sign(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == ':';
}

struct str extract_charset(struct arena *a, struct str mime_type)
{
    const struct str s = str_lower(a, mime_type);
    const struct str key = STR("charset=");
    const ptrdiff_t at = str_find(s, key, 0);
    if (at < 0) {
        return (struct str){};
    }
    size_t from = (size_t)at + key.n;
    while (from < s.n && (s.p[from] == '"' || s.p[from] == '\'')) {
        from++;
    }
    size_t end = from;
    while (end < s.n && is_name_sign(s.p[end])) {
        end++;
    }
    return str_sub(s, from, end - from);
}

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_char(out, (char)c);
    } else if (c < 0x800) {
        buf_char(out, (char)(0xc0 | c >> 6));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    } else {
        buf_char(out, (char)(0xe0 | c >> 12));
        buf_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
        buf_char(out, (char)(0x80 | (c & 0x3f)));
    }
}

/* Windows-1252: Latin-1 but for 0x80-0x9f; the five free places become the replacement sign. */
struct str extract_from_latin(struct arena *a, struct str s)
{
    static const uint16_t high[32] = {
        0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
        0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd, 0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
        0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178,
    };
    SCOPED(buf_fini) struct buf out = buf_make(3 * s.n + 1);
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        put_utf8(&out, c >= 0x80 && c < 0xa0 ? high[c - 0x80] : c);
    }
    return str_dup(a, buf_view(&out));
}

static bool declares_latin(struct cx *cx, const struct extent *bytes, struct str mime_type)
{
    struct str charset = extract_charset(cx->arena, mime_type);
    const struct extent head = extent_sub(*bytes, 0, SNIFF);
    struct str text;
    if (!charset.n && str_starts(mime_type, STR("text/html")) &&
        extent_take(cx->arena, &head, &text)) {
        charset = extract_charset(cx->arena, text);
    }
    return extract_is_latin(charset);
}

/* What has been seen of a text that comes in parts. */
struct survey {
    bool nul;
    bool not_utf8;
    size_t carried; /* bytes of a code point that the last part ended in */
    char carry[4];
};

static size_t length_of(char lead)
{
    const unsigned char c = (unsigned char)lead;
    return c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
}

/* Bytes at the end that may be the beginning of a code point. */
static size_t unfinished(struct str s)
{
    for (size_t n = 1; n <= 3 && n <= s.n; n++) {
        const size_t length = length_of(s.p[s.n - n]);
        if (length > 1) {
            return length > n ? n : 0;
        }
    }
    return 0;
}

static void look_at(struct survey *v, struct str part)
{
    v->nul = v->nul || str_find_char(part, '\0', 0) >= 0;
    while (v->carried && part.n) {
        v->carry[v->carried++] = part.p[0];
        part = str_sub(part, 1, part.n);
        if (v->carried == length_of(v->carry[0])) {
            v->not_utf8 |= !utf8_valid((struct str){v->carry, v->carried});
            v->carried = 0;
        }
    }
    if (part.n) {
        v->carried = unfinished(part);
        memcpy(v->carry, part.p + part.n - v->carried, v->carried);
        v->not_utf8 = v->not_utf8 || !utf8_valid(str_sub(part, 0, part.n - v->carried));
    }
}

static enum err survey(struct cx *cx, const struct extent *bytes, struct survey *ret)
{
    SCOPED(extent_walk_end) struct extent_walk w = {.rest = *bytes};
    struct str part;
    while (extent_next(&w, &part)) {
        look_at(ret, part);
    }
    return w.failed ? cx_fail(cx, CODE_DATABASE_ERROR, "it cannot be read: %s", strerror(errno))
                    : ERR_OK;
}

enum err extract_decide_charset(struct cx *cx, const struct extent *bytes, struct str mime_type,
                                bool *ret_latin)
{
    struct survey v = {};
    char mark[2] = {};
    TRY(survey(cx, bytes, &v));
    if (bytes->n >= 2) {
        (void)extent_read(bytes, 0, mark, 2);
    }
    if (memcmp(mark, "\xff\xfe", 2) == 0 || memcmp(mark, "\xfe\xff", 2) == 0) {
        return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE, "it is UTF-16; save it as UTF-8");
    }
    if (v.nul) {
        return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE,
                       "it is not text: there are NUL bytes in it");
    }
    *ret_latin = v.not_utf8 || v.carried;
    if (*ret_latin && !declares_latin(cx, bytes, mime_type)) {
        return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE,
                       "its bytes are not UTF-8; save it as UTF-8, or declare the charset "
                       "windows-1252");
    }
    return ERR_OK;
}
