/* fuzz: net */
/* Event streams, at once and in parts, which must hold the same events within their bound. The
 * first byte says how large the parts are. */
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MAX_DATA = 1000,
};

static struct buf run(struct str bytes, size_t step)
{
    struct buf log = buf_make(bytes.n * 20 + 100);
    SCOPED(sse_fini) struct sse s = sse_make(MAX_DATA);
    for (size_t at = 0; at < bytes.n; at += step) {
        struct str event;
        struct str text;
        enum sse_result r;
        while ((r = sse_next(&s, str_sub(bytes, at, step), &event, &text)) == SSE_EVENT) {
            must(text.n <= MAX_DATA && event.n <= MAX_DATA);
            buf_fmt(&log, "%zu|%zu;", event.n, text.n);
            buf_str(&log, text);
        }
        if (r == SSE_TOO_LONG) {
            buf_char(&log, '!');
            break;
        }
    }
    return log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2) {
        return 0;
    }
    const struct str s = {(const char *)data + 1, n - 1};
    SCOPED(buf_fini) struct buf whole = run(s, s.n);
    SCOPED(buf_fini) struct buf parts = run(s, (size_t)data[0] + 1);
    must(str_eq(buf_view(&whole), buf_view(&parts)));
    return 0;
}
