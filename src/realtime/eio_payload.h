/* Engine.IO 4 on the wire: a packet is a sign for its type and then its data; a payload of polling
 * is packets with 0x1E between them, where bytes are base64 behind a 'b'. Pure. Any thread.
 * Source: Engine.IO protocol 4. */
#ifndef REALTIME_EIO_PAYLOAD_H
#define REALTIME_EIO_PAYLOAD_H

#include "base/buf.h"

enum eio_type {
    EIO_OPEN,
    EIO_CLOSE,
    EIO_PING,
    EIO_PONG,
    EIO_MESSAGE,
    EIO_UPGRADE,
    EIO_NOOP,
    EIO_BYTES, /* a message of bytes; its sign is 'b', and it has none on a WebSocket */
};

struct eio_item {
    enum eio_type type;
    struct str data; /* within what was read; of EIO_BYTES base64 */
};

enum eio_step {
    EIO_ITEM,
    EIO_END,
    EIO_BAD, /* an empty packet, an unknown type, text that is not UTF-8 */
};

/* One packet of text, as a WebSocket message has it: EIO_ITEM or EIO_BAD. */
enum eio_step eio_item_parse(struct str text, struct eio_item *ret);

/* Cuts the next packet off *rest, which begins as the whole payload; an empty payload is EIO_BAD,
 * and *rest is a NULL text at the end. */
enum eio_step eio_payload_next(struct str *rest, struct eio_item *ret);

/* The bytes of a packet of EIO_BYTES, in the arena. False when it is not base64 as an encoder
 * writes it, with its padding. */
bool eio_bytes_decode(struct arena *a, struct str data, struct str *ret);

/* Adds a packet to a payload: text as it is, with its type in front; or bytes. */
void eio_payload_add(struct buf *out, struct str text);
void eio_payload_add_bytes(struct buf *out, struct str bytes);

/* Signs that bytes take in a payload. */
size_t eio_bytes_size(size_t n);

#endif
