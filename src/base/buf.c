#include "base/buf.h"

#include "base/mem.h"

struct buf buf_make(size_t max)
{
    return (struct buf){.max = max};
}

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->full = false;
}

char *buf_room(struct buf *b, size_t n)
{
    if (b->full || n > b->max - b->n) {
        b->full = true;
        return NULL;
    }
    if (b->n + n + 1 > b->cap) {
        size_t cap = b->cap ? b->cap : 256;
        while (cap < b->n + n + 1) {
            cap *= 2;
        }
        b->p = mem_realloc(b->p, cap);
        b->cap = cap;
    }
    return b->p + b->n;
}

void buf_wrote(struct buf *b, size_t n)
{
    must(b->n + n < b->cap || n == 0);
    b->n += n;
    if (b->p) {
        b->p[b->n] = '\0';
    }
}

void buf_add(struct buf *b, const void *p, size_t n)
{
    char *room = buf_room(b, n);
    if (!room) {
        return;
    }
    if (n) {
        memcpy(room, p, n);
    }
    buf_wrote(b, n);
}

void buf_str(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_cstr(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_char(struct buf *b, char c)
{
    buf_add(b, &c, 1);
}

/* Into what room there is; only when that is too small, once more into enough. */
void buf_fmt(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_list again;
    if (b->full) {
        return;
    }
    const size_t room = b->cap - b->n;
    va_start(ap, fmt);
    va_copy(again, ap);
    const int n = vsnprintf(room ? b->p + b->n : NULL, room, fmt, ap);
    va_end(ap);
    must(n >= 0);
    if ((size_t)n < room && (size_t)n <= b->max - b->n) {
        b->n += (size_t)n;
    } else {
        char *p = buf_room(b, (size_t)n);
        if (p) {
            (void)vsnprintf(p, (size_t)n + 1, fmt, again);
            buf_wrote(b, (size_t)n);
        } else if (room) {
            b->p[b->n] = '\0';
        }
    }
    va_end(again);
}

void buf_u64(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_add(b, digits + at, sizeof(digits) - at);
}

void buf_drop(struct buf *b, size_t n)
{
    must(n <= b->n);
    b->n -= n;
    if (b->p) {
        memmove(b->p, b->p + n, b->n);
        b->p[b->n] = '\0';
    }
}

struct str buf_view(const struct buf *b)
{
    return b->p ? (struct str){b->p, b->n} : STR("");
}
