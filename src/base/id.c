#include "base/id.h"

#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

static void from_kernel(unsigned char *out, size_t n)
{
    while (n) {
        const ssize_t got = getrandom(out, n < 256 ? n : 256, 0);
        if (got < 0) {
            must(errno == EINTR);
            continue;
        }
        out += got;
        n -= (size_t)got;
    }
}

/* Each thread keeps some of the kernel's bytes, since most who ask want eight. Nobody gets what
 * another got, and nothing of it stays here. */
void rand_bytes(void *p, size_t n)
{
    static _Thread_local unsigned char kept[256];
    static _Thread_local size_t left;
    if (n > sizeof(kept) / 4) {
        from_kernel(p, n);
        return;
    }
    if (left < n) {
        from_kernel(kept, sizeof(kept));
        left = sizeof(kept);
    }
    left -= n;
    memcpy(p, kept + left, n);
    mem_wipe(kept + left, n);
}

uint64_t rand_below(uint64_t below)
{
    uint64_t v = 0;
    must(below > 0);
    rand_bytes(&v, sizeof(v));
    return v % below;
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint64_t last; /* of the ids made: milliseconds << 12 | counter */

void uuid_after(struct uuid newest)
{
    uint64_t at = 0;
    for (int i = 0; i < 8; i++) {
        at = at << 8 | newest.b[i];
    }
    at = at >> 16 << 12 | (at & 0xfff); /* without the version */
    (void)pthread_mutex_lock(&lock);
    last = at > last ? at : last;
    (void)pthread_mutex_unlock(&lock);
}

/* The 12 bits behind the milliseconds count up within one millisecond; when they run out, or the
 * clock is set back, the time runs ahead. */
struct uuid uuid_new(void)
{
    struct uuid u;
    rand_bytes(u.b + 8, 8);
    (void)pthread_mutex_lock(&lock);
    uint64_t now = (uint64_t)(clock_wall_us() / 1000) << 12;
    if (now <= last) {
        now = last + 1;
    }
    last = now;
    (void)pthread_mutex_unlock(&lock);
    const uint64_t ms = now >> 12;
    for (int i = 0; i < 6; i++) {
        u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    u.b[6] = (uint8_t)(0x70 | ((now >> 8) & 0x0f));
    u.b[7] = (uint8_t)now;
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

bool uuid_is_nil(struct uuid u)
{
    static const struct uuid nil;
    return uuid_eq(u, nil);
}

bool uuid_eq(struct uuid a, struct uuid b)
{
    return memcmp(a.b, b.b, sizeof(a.b)) == 0;
}

void uuid_format(struct uuid u, char ret[UUID_TEXT + 1])
{
    static const char digits[] = "0123456789abcdef";
    char *p = ret;
    for (size_t i = 0; i < sizeof(u.b); i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = digits[u.b[i] >> 4];
        *p++ = digits[u.b[i] & 15];
    }
    *p = '\0';
}

struct str uuid_text(struct arena *a, struct uuid u)
{
    char *p = arena_alloc(a, UUID_TEXT + 1);
    uuid_format(u, p);
    return (struct str){p, UUID_TEXT};
}

bool uuid_parse(struct str s, struct uuid *ret)
{
    static const uint8_t starts[] = {0, 9, 14, 19, 24};
    static const uint8_t sizes[] = {4, 2, 2, 2, 6};
    struct uuid u;
    uint8_t *out = u.b;
    if (s.n != UUID_TEXT || s.p[8] != '-' || s.p[13] != '-' || s.p[18] != '-' || s.p[23] != '-') {
        return false;
    }
    for (size_t i = 0; i < COUNT(starts); i++) {
        if (!str_unhex(str_sub(s, starts[i], 2 * (size_t)sizes[i]), out, sizes[i])) {
            return false;
        }
        out += sizes[i];
    }
    *ret = u;
    return true;
}
