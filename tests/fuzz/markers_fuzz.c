/* fuzz: assistant */
/* A model's answer through the marker filter, at once and in parts, which must show the same; no
 * marker with a number and a quote may pass. The first byte says how large the parts are. */
#include "domain/assistant/markers.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct str run(struct arena *a, struct str bytes, size_t step)
{
    struct marker_filter f = markers_make(a, 1 << 20);
    SCOPED(buf_fini) struct buf log = buf_make(1 << 22);
    size_t shown = 0;
    for (size_t at = 0; at < bytes.n; at += step) {
        shown += markers_feed(&f, str_sub(bytes, at, step)).n;
    }
    shown += markers_end(&f).n;
    must(shown == f.visible.n && f.count <= MARKERS_MAX);
    buf_str(&log, buf_view(&f.visible));
    for (size_t i = 0; i < f.count; i++) {
        must(f.items[i].at <= f.visible.n && f.items[i].number >= 1 && f.items[i].number <= 99);
        buf_fmt(&log, "|%d@%zu:", f.items[i].number, f.items[i].at);
        buf_str(&log, f.items[i].quote);
    }
    const struct str s = str_dup(a, buf_view(&log));
    markers_fini(&f);
    return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > 65536) {
        return 0;
    }
    struct arena *a = arena_new();
    const struct str s = {(const char *)data + 1, n - 1};
    must(str_eq(run(a, s, s.n), run(a, s, (size_t)data[0] + 1)));
    arena_free(&a);
    return 0;
}
