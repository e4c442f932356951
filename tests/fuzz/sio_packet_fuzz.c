/* fuzz: realtime */
/* Any text as a packet of Socket.IO: what is taken keeps its bounds, its head is the same when it
 * is written again, and an event's values are the JSON behind its name. */
#include "realtime/sio_packet.h"

enum { MAX_ATTACHMENTS = 10 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Numbers may be written in more than one way ("007"), and a lone namespace without its comma. */
static void check_head(const struct sio_head *h)
{
    SCOPED(buf_fini) struct buf b = buf_make(h->json.n + 2 * SIO_MAX_NSP);
    struct sio_head again;
    must(h->nsp.n > 0 && h->nsp.n <= SIO_MAX_NSP && h->nsp.p[0] == '/');
    must(h->attachments >= 0 && h->attachments <= MAX_ATTACHMENTS);
    sio_head_print(&b, h->type, (size_t)h->attachments, h->nsp, h->ack);
    buf_str(&b, h->json);
    must(!b.full && sio_head_parse(buf_view(&b), MAX_ATTACHMENTS, &again));
    must(again.type == h->type && again.attachments == h->attachments && again.ack == h->ack);
    must(str_eq(again.nsp, h->nsp) && str_eq(again.json, h->json));
}

static void check_values(struct cx *cx, const struct sio_head *h, json_t *v)
{
    json_t *values = NULL;
    const struct str text = sio_values_text(h->json);
    const struct str array = str_fmt(cx->arena, "[" STR_FMT "]", STR_ARG(text));
    must(!json_parse(cx, array, &values));
    must(!json_array_remove(v, 0) && json_equal(v, values));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    struct sio_head h;
    json_t *v = NULL;
    cx_begin(&cx, NULL);
    if (!sio_head_parse((struct str){(const char *)data, n}, MAX_ATTACHMENTS, &h) ||
        sio_json_parse(&cx, &h, &v)) {
        return 0;
    }
    check_head(&h);
    if (h.type == SIO_EVENT || h.type == SIO_BINARY_EVENT) {
        check_values(&cx, &h, v);
    }
    return 0;
}
