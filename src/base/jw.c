#include "base/jw.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <math.h>

/* A value or key follows: a comma is due when the last byte ends a value. */
static void separate(struct buf *b)
{
    if (!b->n) {
        return;
    }
    const char c = b->p[b->n - 1];
    if (c == '"' || c == '}' || c == ']' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z')) {
        buf_char(b, ',');
    }
}

void jw_open(struct buf *b, char bracket)
{
    separate(b);
    buf_char(b, bracket);
}

void jw_close(struct buf *b, char bracket)
{
    buf_char(b, bracket);
}

static void escape(struct buf *b, unsigned char c)
{
    switch (c) {
    case '"':
        buf_cstr(b, "\\\"");
        break;
    case '\\':
        buf_cstr(b, "\\\\");
        break;
    case '\n':
        buf_cstr(b, "\\n");
        break;
    case '\r':
        buf_cstr(b, "\\r");
        break;
    case '\t':
        buf_cstr(b, "\\t");
        break;
    default:
        buf_fmt(b, "\\u%04x", c < 0x80 ? c : 0xfffd);
    }
}

/* Bytes that do not stand for themselves in a string. */
#define SPECIAL                                                                                    \
    [0 ... 0x1f] = true, ['"'] = true, ['\\'] = true, ['<'] = true, ['>'] = true, ['&'] = true,    \
           [0x7f] = true

static const bool special[256] = {SPECIAL};
static const bool special_in_ill[256] = {SPECIAL, [0x80 ... 0xff] = true};

static size_t plain_run(const char *p, size_t n, const bool stops[256])
{
    size_t i = 0;
    while (i < n && !stops[(unsigned char)p[i]]) {
        i++;
    }
    return i;
}

/* ill: it is not well-formed UTF-8. */
static void put_string(struct buf *b, struct str s, bool ill)
{
    const bool *stops = ill ? special_in_ill : special;
    for (size_t i = 0; i < s.n;) {
        const size_t run = plain_run(s.p + i, s.n - i, stops);
        buf_add(b, s.p + i, run);
        i += run;
        if (i < s.n) {
            escape(b, (unsigned char)s.p[i++]);
        }
    }
}

void jw_str(struct buf *b, struct str s)
{
    separate(b);
    buf_char(b, '"');
    /* Text is checked where it enters; should some slip through, the JSON is still JSON. */
    put_string(b, s, !utf8_valid(s));
    buf_char(b, '"');
}

void jw_key(struct buf *b, const char *key)
{
    separate(b);
    buf_char(b, '"');
    put_string(b, str_of(key), false);
    buf_cstr(b, "\":");
}

void jw_i64(struct buf *b, int64_t v)
{
    separate(b);
    buf_fmt(b, "%" PRId64, v);
}

void jw_f64(struct buf *b, double v)
{
    if (!isfinite(v)) {
        jw_null(b);
        return;
    }
    separate(b);
    buf_fmt(b, "%.10g", v);
}

void jw_bool(struct buf *b, bool v)
{
    separate(b);
    buf_cstr(b, v ? "true" : "false");
}

void jw_null(struct buf *b)
{
    separate(b);
    buf_cstr(b, "null");
}

/* White space at the end would hide that a value ended. */
void jw_raw(struct buf *b, struct str json)
{
    separate(b);
    buf_str(b, str_trim(json));
}

void jw_id(struct buf *b, struct uuid id)
{
    char text[UUID_TEXT + 2] = "\"";
    uuid_format(id, text + 1);
    text[UUID_TEXT + 1] = '"';
    separate(b);
    buf_add(b, text, sizeof(text));
}

void jw_time(struct buf *b, int64_t wall_us)
{
    struct arena *a = arena_new();
    jw_str(b, clock_rfc3339(a, wall_us));
    arena_free(&a);
}

void jw_member_str(struct buf *b, const char *key, struct str s)
{
    jw_key(b, key);
    jw_str(b, s);
}

void jw_member_i64(struct buf *b, const char *key, int64_t v)
{
    jw_key(b, key);
    jw_i64(b, v);
}

void jw_member_f64(struct buf *b, const char *key, double v)
{
    jw_key(b, key);
    jw_f64(b, v);
}

void jw_member_bool(struct buf *b, const char *key, bool v)
{
    jw_key(b, key);
    jw_bool(b, v);
}

void jw_member_id(struct buf *b, const char *key, struct uuid id)
{
    jw_key(b, key);
    jw_id(b, id);
}

void jw_member_time(struct buf *b, const char *key, int64_t wall_us)
{
    jw_key(b, key);
    jw_time(b, wall_us);
}

void jw_member_raw(struct buf *b, const char *key, struct str json)
{
    jw_key(b, key);
    jw_raw(b, json);
}
