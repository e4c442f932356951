/* fuzz: realtime */
/* Any payload of polling: packets lie within it in their order, text is UTF-8, and what was taken
 * is the same when it is written and read again. */
#include "base/utf8.h"
#include "realtime/eio_payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void add(struct buf *again, struct arena *a, const struct eio_item *item, struct str bytes)
{
    if (item->type == EIO_BYTES) {
        const size_t before = again->n;
        eio_payload_add_bytes(again, bytes);
        must(again->n - before <= 1 + eio_bytes_size(bytes.n));
    } else {
        eio_payload_add(again, str_fmt(a, "%d" STR_FMT, item->type, STR_ARG(item->data)));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str payload = {n ? (const char *)data : "", n};
    struct str rest = payload;
    struct eio_item item;
    enum eio_step step;
    struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf again = buf_make(n + 1);
    const char *last = payload.p;
    bool whole = true;
    while ((step = eio_payload_next(&rest, &item)) == EIO_ITEM) {
        struct str bytes = STR("");
        must(item.data.p >= last && item.data.p + item.data.n <= payload.p + payload.n);
        must(item.type == EIO_BYTES || utf8_valid(item.data));
        last = item.data.p;
        whole = whole && (item.type != EIO_BYTES || eio_bytes_decode(a, item.data, &bytes)) &&
                !memchr(item.data.p, '\0', item.data.n);
        if (whole) {
            add(&again, a, &item, bytes);
        }
    }
    must(step == EIO_END || step == EIO_BAD);
    must(step == EIO_BAD || !whole || str_eq(buf_view(&again), payload));
    arena_free(&a);
    return 0;
}
