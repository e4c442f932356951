/* fuzz: http */
/* Cursors from outside: nobody guesses one, and one of ours opens for its own list only and no
 * longer when a sign of it is changed. */
#include "http/cursor.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const uint8_t secret[CURSOR_SECRET] = {1};

static void check_ours(struct arena *a, struct str bound_to)
{
    struct cursor c = {.sort_us = (int64_t)bound_to.n};
    struct cursor again;
    memcpy(&c, bound_to.p, bound_to.n < sizeof(c) ? bound_to.n : sizeof(c));
    const struct str text = cursor_seal(a, secret, bound_to, c);
    must(cursor_open(a, secret, bound_to, text, &again));
    must(again.sort_us == c.sort_us && uuid_eq(again.id, c.id));
    must(!cursor_open(a, secret, STR("another list"), text, &again) ||
         str_is(bound_to, "another list"));
    for (size_t i = 0; i < text.n; i++) {
        const struct str changed = str_dup(a, text);
        ((char *)(uintptr_t)changed.p)[i] ^= 1;
        must(!cursor_open(a, secret, bound_to, changed, &again));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    const struct str in = {(const char *)data, n};
    struct cursor c;
    must(!cursor_open(a, secret, STR("list"), in, &c));
    if (n && n < 200) {
        check_ours(a, in);
    }
    return 0;
}
