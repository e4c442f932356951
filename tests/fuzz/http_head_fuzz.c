/* fuzz: net llhttp */
/* The head check, against itself in parts and against the rules that its slices must keep. */
#include "net/head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool inside(struct str part, struct str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

/* Scanning byte by byte must find what scanning at once finds. */
static void check_scan(struct str s, enum head_scan whole, size_t size)
{
    size_t at = 0;
    size_t got = 0;
    for (size_t n = 1; n <= s.n; n++) {
        const enum head_scan r = head_scan(str_sub(s, 0, n), &at, &got);
        if (r != HEAD_MORE) {
            must(r == whole && (r == HEAD_BROKEN || (got == size && n == size)));
            return;
        }
    }
    must(whole == HEAD_MORE || s.n == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct head h;
    const struct str s = {(const char *)data, n};
    size_t at = 0;
    size_t size = 0;
    const enum head_scan scan = head_scan(s, &at, &size);
    check_scan(s, scan, size);
    (void)head_too_long(s);
    const struct str whole = scan == HEAD_WHOLE ? str_sub(s, 0, size) : s;
    if (head_check(whole, &h).status) {
        return 0;
    }
    must(h.method.n > 0 && inside(h.method, whole) && h.target.n > 0 &&
         h.target.n <= HEAD_MAX_TARGET);
    must(!(h.chunked && h.content_length >= 0) && h.count <= HEAD_MAX_HEADERS);
    for (size_t i = 0; i < h.count; i++) {
        must(h.headers[i].name.n > 0 && inside(h.headers[i].name, whole));
        must(inside(h.headers[i].value, whole));
        must(str_find_char(h.headers[i].value, '\n', 0) < 0);
    }
    return 0;
}
