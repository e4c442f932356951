#include "domain/assistant/quote.h"

#include <utf8proc.h>

#include "base/utf8.h"

/* A text made comparable, with the place of each of its bytes in the original. */
struct plain {
    char *p;
    size_t n;
    uint32_t *from; /* where the code point began that gave this byte */
    uint32_t *to;   /* where it ended */
};

static bool is_space(uint32_t cp)
{
    return cp == ' ' || (cp >= 9 && cp <= 13) || cp == 0xA0 || cp == 0x202F || cp == 0x3000 ||
           (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029;
}

static bool is_nothing(uint32_t cp)
{
    return cp == 0xAD || (cp >= 0x200B && cp <= 0x200F) || cp == 0x2060 || cp == 0xFEFF;
}

/* One sign for all that mean the same in print. */
static uint32_t plain_sign(uint32_t cp)
{
    if (cp == 0xAB || cp == 0xBB || (cp >= 0x201C && cp <= 0x201F)) {
        return '"';
    }
    if ((cp >= 0x2018 && cp <= 0x201B) || cp == 0x2032) {
        return '\'';
    }
    if ((cp >= 0x2010 && cp <= 0x2015) || cp == 0x2212) {
        return '-';
    }
    return (uint32_t)utf8proc_tolower((utf8proc_int32_t)cp);
}

static void put(struct plain *t, const char *bytes, size_t n, size_t from, size_t to)
{
    for (size_t i = 0; i < n; i++) {
        t->p[t->n] = bytes[i];
        t->from[t->n] = (uint32_t)from;
        t->to[t->n] = (uint32_t)to;
        t->n++;
    }
}

static void put_point(struct plain *t, uint32_t cp, size_t from, size_t to)
{
    char bytes[4];
    if (is_nothing(cp)) {
        return;
    }
    if (is_space(cp)) {
        if (t->n && t->p[t->n - 1] != ' ') {
            put(t, " ", 1, from, to);
        }
    } else if (cp == 0x2026) {
        put(t, "...", 3, from, to);
    } else {
        const utf8proc_int32_t plain = (utf8proc_int32_t)plain_sign(cp);
        put(t, bytes, (size_t)utf8proc_encode_char(plain, (utf8proc_uint8_t *)bytes), from, to);
    }
}

static struct plain make_plain(struct arena *a, struct str s)
{
    struct plain t = {};
    t.p = arena_alloc(a, 2 * s.n + 4); /* lower case may take one byte more */
    t.from = arena_many(a, uint32_t, 2 * s.n + 4);
    t.to = arena_many(a, uint32_t, 2 * s.n + 4);
    for (size_t at = 0; at < s.n;) {
        const size_t from = at;
        const uint32_t cp = utf8_next(s, &at);
        put_point(&t, cp, from, at);
    }
    while (t.n && t.p[t.n - 1] == ' ') {
        t.n--;
    }
    return t;
}

static bool is_word_byte(char c)
{
    return ((unsigned char)c & 0x80) || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z');
}

static bool says_something(struct str quote)
{
    size_t letters = 0;
    bool digit = false;
    for (size_t i = 0; i < quote.n; i++) {
        letters += is_word_byte(quote.p[i]);
        digit |= quote.p[i] >= '0' && quote.p[i] <= '9';
    }
    return letters >= QUOTE_MIN || digit;
}

/* Not in the middle of a word, at both ends. */
static bool is_whole(struct str text, size_t start, size_t end)
{
    const bool left =
        start == 0 || !is_word_byte(text.p[start - 1]) || !is_word_byte(text.p[start]);
    const bool right =
        end == text.n || !is_word_byte(text.p[end]) || !is_word_byte(text.p[end - 1]);
    return left && right;
}

static bool find_whole(struct str text, struct str quote, size_t *ret)
{
    for (ptrdiff_t at = 0; (at = str_find(text, quote, (size_t)at)) >= 0; at++) {
        if (is_whole(text, (size_t)at, (size_t)at + quote.n)) {
            *ret = (size_t)at;
            return true;
        }
    }
    return false;
}

static bool find_plain(struct plain *text, struct str quote, struct quote_place *ret)
{
    size_t at = 0;
    if (!quote.n || !find_whole((struct str){text->p, text->n}, quote, &at)) {
        return false;
    }
    ret->start = text->from[at];
    ret->end = text->to[at + quote.n - 1];
    return true;
}

bool quote_find(struct arena *a, struct str text, struct str quote, struct quote_place *ret)
{
    size_t at = 0;
    quote = str_trim(quote);
    if (!says_something(quote)) {
        return false;
    }
    if (find_whole(text, quote, &at)) {
        *ret = (struct quote_place){at, at + quote.n};
        return true;
    }
    struct plain t = make_plain(a, text);
    const struct plain q = make_plain(a, quote);
    struct str words = {q.p, q.n};
    if (find_plain(&t, words, ret)) {
        return true;
    }
    /* A full stop of the model's own at the end. */
    while (words.n && strchr(".,;:!?\"' ", words.p[words.n - 1])) {
        words.n--;
    }
    return words.n < q.n && says_something(words) && find_plain(&t, words, ret);
}
