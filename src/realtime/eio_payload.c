#include "realtime/eio_payload.h"

#include "base/base64.h"
#include "base/utf8.h"

static const char separator = '\x1e';

enum eio_step eio_item_parse(struct str text, struct eio_item *ret)
{
    if (!text.n || text.p[0] < '0' || text.p[0] > '6' || !utf8_valid(text)) {
        return EIO_BAD;
    }
    *ret = (struct eio_item){(enum eio_type)(text.p[0] - '0'), str_sub(text, 1, text.n)};
    return EIO_ITEM;
}

enum eio_step eio_payload_next(struct str *rest, struct eio_item *ret)
{
    struct str packet;
    if (!rest->p) {
        return EIO_END;
    }
    if (!str_split(rest, separator, &packet)) {
        return EIO_END;
    }
    if (packet.n && packet.p[0] == 'b') {
        *ret = (struct eio_item){EIO_BYTES, str_sub(packet, 1, packet.n)};
        return EIO_ITEM;
    }
    return eio_item_parse(packet, ret);
}

bool eio_bytes_decode(struct arena *a, struct str data, struct str *ret)
{
    if (data.n % 4) {
        return false;
    }
    for (int i = 0; i < 2 && str_ends(data, STR("=")); i++) {
        data.n--;
    }
    const size_t room = base64_bytes(data.n);
    char *p = arena_alloc(a, room + 1);
    ret->p = p;
    return base64_decode(BASE64_PLAIN, data, p, room, &ret->n);
}

static void separate(struct buf *out)
{
    if (out->n) {
        buf_char(out, separator);
    }
}

void eio_payload_add(struct buf *out, struct str text)
{
    separate(out);
    buf_str(out, text);
}

size_t eio_bytes_size(size_t n)
{
    return 1 + (n + 2) / 3 * 4;
}

void eio_payload_add_bytes(struct buf *out, struct str bytes)
{
    struct arena *a = arena_new();
    const struct str text = base64_text(a, BASE64_PLAIN, bytes.p, bytes.n);
    separate(out);
    buf_char(out, 'b');
    buf_str(out, text);
    for (size_t i = text.n; i % 4; i++) {
        buf_char(out, '=');
    }
    arena_free(&a);
}
