/* What is sent, encoded once: the frames of all parts in one piece of memory, so that nothing can
 * come between them on a WebSocket, and a view of each part for polling. */
#include "base/mem.h"
#include "net/bytes.h"
#include "realtime/eio_in.h"

enum { FRAME_HEAD = 10 }; /* bytes before the payload of a frame at most */

struct eio_packet {
    atomic_uint refs;
    struct net_bytes *wire;
    size_t count;
    struct eio_part parts[]; /* data is within wire */
};

/* The frames behind one another. */
static struct net_bytes *frames_of(struct eio_packet *p, const struct eio_part *parts)
{
    size_t max = 0;
    for (size_t i = 0; i < p->count; i++) {
        max += parts[i].data.n + FRAME_HEAD;
    }
    struct buf all = buf_make(max);
    (void)buf_room(&all, max); /* so that it does not move */
    for (size_t i = 0; i < p->count; i++) {
        struct net_bytes *frame = net_ws_frame(parts[i].kind, parts[i].data);
        buf_str(&all, net_bytes_view(frame));
        const size_t n = parts[i].data.n;
        p->parts[i] = (struct eio_part){parts[i].kind, {all.p + all.n - n, n}};
        net_bytes_unref(frame);
    }
    must(!all.full);
    return net_bytes_take(&all);
}

struct eio_packet *eio_packet_new(const struct eio_part *parts, size_t count)
{
    struct eio_packet *p = mem_alloc(1, sizeof(*p) + count * sizeof(*parts));
    must(count > 0);
    atomic_init(&p->refs, 1);
    p->count = count;
    if (count == 1) {
        p->wire = net_ws_frame(parts->kind, parts->data);
        p->parts[0] = (struct eio_part){parts->kind, net_ws_payload(p->wire)};
    } else {
        p->wire = frames_of(p, parts);
    }
    return p;
}

struct eio_packet *eio_packet_of(const char *text)
{
    return eio_packet_new(&(struct eio_part){WS_TEXT, str_of(text)}, 1);
}

struct eio_packet *eio_packet_ref(struct eio_packet *p)
{
    (void)atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void eio_packet_unref(struct eio_packet *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1) {
        net_bytes_unref(p->wire);
        mem_free(p);
    }
}

struct net_bytes *eio_packet_wire(struct eio_packet *p)
{
    return net_bytes_ref(p->wire);
}

size_t eio_packet_size(const struct eio_packet *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->count; i++) {
        const struct eio_part *part = &p->parts[i];
        n += 1 + (part->kind == WS_TEXT ? part->data.n : eio_bytes_size(part->data.n));
    }
    return n;
}

void eio_packet_add(struct buf *out, const struct eio_packet *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct eio_part *part = &p->parts[i];
        if (part->kind == WS_TEXT) {
            eio_payload_add(out, part->data);
        } else {
            eio_payload_add_bytes(out, part->data);
        }
    }
}
