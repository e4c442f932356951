#include "net/chunk.h"

enum {
    MAX_DIGITS = 15,     /* no size can overflow, and none that long is ever allowed */
    MAX_EXTENSION = 256, /* bytes a chunk */
    MAX_TRAILERS = 4096, /* bytes in all */
};

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char low = (char)(c | 0x20);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static bool is_name_char(char c)
{
    return c > ' ' && c < 0x7f && strchr("\"(),/:;<=>?@[\\]{}", c) == NULL;
}

static bool is_value_char(char c)
{
    return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static enum chunk_state expect(char c, char wanted, enum chunk_state then)
{
    return c == wanted ? then : CHUNK_BAD;
}

static enum chunk_state in_size(struct chunk *c, char ch)
{
    const int v = hex_value(ch);
    if (v >= 0) {
        c->left = c->left * 16 + (unsigned)v;
        return ++c->digits > MAX_DIGITS ? CHUNK_BAD : CHUNK_SIZE;
    }
    if (c->digits == 0) {
        return CHUNK_BAD;
    }
    c->extra = 0;
    return ch == ';' ? CHUNK_EXTENSION : expect(ch, '\r', CHUNK_SIZE_LF);
}

static enum chunk_state in_extension(struct chunk *c, char ch)
{
    if (ch == '\r') {
        return CHUNK_SIZE_LF;
    }
    return is_value_char(ch) && ++c->extra <= MAX_EXTENSION ? CHUNK_EXTENSION : CHUNK_BAD;
}

static enum chunk_state behind_size(struct chunk *c, char ch)
{
    c->digits = 0;
    c->extra = 0;
    return expect(ch, '\n', c->left ? CHUNK_DATA : CHUNK_LINE);
}

static enum chunk_state in_trailer(struct chunk *c, char ch)
{
    if (++c->extra > MAX_TRAILERS) {
        return CHUNK_BAD;
    }
    if (c->state == CHUNK_TRAILER_VALUE) {
        return is_value_char(ch) ? CHUNK_TRAILER_VALUE : expect(ch, '\r', CHUNK_TRAILER_LF);
    }
    if (c->state == CHUNK_LINE && ch == '\r') {
        return CHUNK_LAST_LF;
    }
    if (c->state == CHUNK_TRAILER_NAME && ch == ':') {
        return CHUNK_TRAILER_VALUE;
    }
    return is_name_char(ch) ? CHUNK_TRAILER_NAME : CHUNK_BAD;
}

static enum chunk_state step(struct chunk *c, char ch)
{
    switch (c->state) {
    case CHUNK_SIZE:
        return in_size(c, ch);
    case CHUNK_EXTENSION:
        return in_extension(c, ch);
    case CHUNK_SIZE_LF:
        return behind_size(c, ch);
    case CHUNK_DATA_CR:
        return expect(ch, '\r', CHUNK_DATA_LF);
    case CHUNK_DATA_LF:
        return expect(ch, '\n', CHUNK_SIZE);
    case CHUNK_LINE:
    case CHUNK_TRAILER_NAME:
    case CHUNK_TRAILER_VALUE:
        return in_trailer(c, ch);
    case CHUNK_TRAILER_LF:
        return expect(ch, '\n', CHUNK_LINE);
    case CHUNK_LAST_LF:
        return expect(ch, '\n', CHUNK_END);
    case CHUNK_DATA:
    case CHUNK_END:
    case CHUNK_BAD:
        break;
    }
    return CHUNK_BAD;
}

bool chunk_scan(struct chunk *c, struct str part, size_t *ret_used)
{
    size_t i = 0;
    while (i < part.n && c->state != CHUNK_END && c->state != CHUNK_BAD) {
        if (c->state != CHUNK_DATA) {
            c->state = step(c, part.p[i++]);
            continue;
        }
        const size_t n = part.n - i < c->left ? part.n - i : (size_t)c->left;
        i += n;
        c->left -= n;
        c->state = c->left ? CHUNK_DATA : CHUNK_DATA_CR;
    }
    *ret_used = i;
    return c->state != CHUNK_BAD;
}
