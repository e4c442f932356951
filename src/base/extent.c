#include "base/extent.h"

#include "base/mem.h"

#include <errno.h>
#include <unistd.h>

struct extent extent_of(struct str bytes)
{
    return (struct extent){.bytes = bytes, .n = bytes.n};
}

struct extent extent_of_file(int fd, uint64_t offset, uint64_t n)
{
    return (struct extent){.in_file = true, .fd = fd, .offset = offset, .n = n};
}

struct extent extent_sub(struct extent s, uint64_t at, uint64_t n)
{
    at = at < s.n ? at : s.n;
    n = n < s.n - at ? n : s.n - at;
    if (!s.in_file) {
        return extent_of(str_sub(s.bytes, (size_t)at, (size_t)n));
    }
    return extent_of_file(s.fd, s.offset + at, n);
}

bool extent_read(const struct extent *s, uint64_t at, char *p, size_t n)
{
    must(at <= s->n && n <= s->n - at);
    if (!s->in_file) {
        if (n) {
            memcpy(p, s->bytes.p + at, n);
        }
        return true;
    }
    while (n) {
        const ssize_t got = pread(s->fd, p, n, (off_t)(s->offset + at));
        if (got == 0) {
            errno = EIO;
        }
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return false;
        }
        const size_t moved = got > 0 ? (size_t)got : 0;
        p += moved;
        at += moved;
        n -= moved;
    }
    return true;
}

bool extent_take(struct arena *a, const struct extent *s, struct str *ret)
{
    if (!s->in_file) {
        *ret = s->bytes;
        return true;
    }
    char *p = arena_alloc(a, (size_t)s->n + 1);
    *ret = (struct str){p, (size_t)s->n};
    return extent_read(s, 0, p, (size_t)s->n);
}

bool extent_next(struct extent_walk *w, struct str *ret)
{
    const size_t n = w->rest.n < EXTENT_WINDOW ? (size_t)w->rest.n : EXTENT_WINDOW;
    if (!n || w->failed) {
        return false;
    }
    if (w->rest.in_file) {
        w->room = w->room ? w->room : mem_alloc(1, EXTENT_WINDOW);
        w->failed = !extent_read(&w->rest, 0, w->room, n);
        *ret = (struct str){w->room, n};
    } else {
        *ret = str_sub(w->rest.bytes, 0, n);
    }
    w->rest = extent_sub(w->rest, n, UINT64_MAX);
    return !w->failed;
}

void extent_walk_end(struct extent_walk *w)
{
    mem_free(w->room);
    w->room = NULL;
}

static enum extent_found find_in_file(const struct extent *s, struct str needle, uint64_t from,
                                      char *room, size_t window, uint64_t *ret_at)
{
    while (s->n - from >= needle.n) {
        const size_t n = s->n - from < window ? (size_t)(s->n - from) : window;
        if (!extent_read(s, from, room, n)) {
            return EXTENT_FAILED;
        }
        const ptrdiff_t at = str_find((struct str){room, n}, needle, 0);
        if (at >= 0) {
            *ret_at = from + (uint64_t)at;
            return EXTENT_FOUND;
        }
        from += n - (needle.n - 1); /* it may begin at the window's end */
    }
    return EXTENT_ABSENT;
}

enum extent_found extent_find(const struct extent *s, struct str needle, uint64_t from,
                              size_t window, uint64_t *ret_at)
{
    must(needle.n && window > needle.n);
    if (from > s->n) {
        return EXTENT_ABSENT;
    }
    if (!s->in_file) {
        const ptrdiff_t at = str_find(s->bytes, needle, (size_t)from);
        *ret_at = at < 0 ? 0 : (uint64_t)at;
        return at < 0 ? EXTENT_ABSENT : EXTENT_FOUND;
    }
    char *room = mem_alloc(1, window);
    const enum extent_found found = find_in_file(s, needle, from, room, window, ret_at);
    const int why = errno;
    mem_free(room);
    errno = why;
    return found;
}
