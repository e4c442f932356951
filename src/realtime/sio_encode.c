/* Packets as they leave: Socket.IO's text in Engine.IO's message, and the attachments behind it. */
#include "base/jw.h"
#include "base/mem.h"
#include "realtime/sio_in.h"

enum { ROOM = 1024 }; /* for all but the values and the names */

static struct buf begin(size_t n, enum sio_type type, const struct sio_args *args, struct str nsp,
                        int64_t ack)
{
    struct buf b = buf_make(ROOM + n + nsp.n);
    buf_u64(&b, EIO_MESSAGE);
    sio_head_print(&b, type, args ? args->attachment_count : 0, nsp, ack);
    return b;
}

/* The text, which this takes, and what goes with it. */
static struct eio_packet *packet_of(struct buf *text, const struct sio_args *args)
{
    const size_t n = args ? args->attachment_count : 0;
    struct eio_part *parts = mem_alloc(n + 1, sizeof(*parts));
    must(!text->full);
    parts[0] = (struct eio_part){WS_TEXT, buf_view(text)};
    for (size_t i = 0; i < n; i++) {
        parts[i + 1] = (struct eio_part){WS_BINARY, args->attachments[i]};
    }
    struct eio_packet *p = eio_packet_new(parts, n + 1);
    mem_free(parts);
    buf_fini(text);
    return p;
}

struct eio_packet *sio_encode_event(struct str nsp, const char *name, const struct sio_args *args)
{
    const size_t max_name = 6 * strlen(name) + 2; /* every sign escaped */
    struct buf b =
        begin(args->json.n + max_name, args->attachment_count ? SIO_BINARY_EVENT : SIO_EVENT, args,
              nsp, SIO_NO_ACK);
    buf_char(&b, '[');
    jw_str(&b, str_of(name));
    buf_cstr(&b, args->json.n ? "," : "");
    buf_str(&b, args->json);
    buf_char(&b, ']');
    return packet_of(&b, args);
}

struct eio_packet *sio_encode_ack(struct str nsp, int64_t ack, const struct sio_args *args)
{
    struct buf b =
        begin(args->json.n, args->attachment_count ? SIO_BINARY_ACK : SIO_ACK, args, nsp, ack);
    buf_char(&b, '[');
    buf_str(&b, args->json);
    buf_char(&b, ']');
    return packet_of(&b, args);
}

struct eio_packet *sio_encode_plain(enum sio_type type, struct str nsp, struct str json)
{
    struct buf b = begin(json.n, type, NULL, nsp, SIO_NO_ACK);
    buf_str(&b, json);
    return packet_of(&b, NULL);
}
