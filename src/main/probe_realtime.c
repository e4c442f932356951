/* Probes of what clients of the realtime channel send. */
#include "base/conf.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "main/probe.h"
#include "realtime/eio_payload.h"
#include "realtime/sio_packet.h"

enum { MAX_ATTACHMENTS = 10 };

static const char *const eio_names[] = {
    [EIO_OPEN] = "open",       [EIO_CLOSE] = "close", [EIO_PING] = "ping",
    [EIO_PONG] = "pong",       [EIO_NOOP] = "noop",   [EIO_UPGRADE] = "upgrade",
    [EIO_MESSAGE] = "message", [EIO_BYTES] = "bytes",
};

static const char *const sio_names[] = {
    [SIO_CONNECT] = "connect",
    [SIO_DISCONNECT] = "disconnect",
    [SIO_EVENT] = "event",
    [SIO_ACK] = "ack",
    [SIO_CONNECT_ERROR] = "connectError",
    [SIO_BINARY_EVENT] = "binaryEvent",
    [SIO_BINARY_ACK] = "binaryAck",
};

/* One packet; of bytes only their number is shown. */
static enum err add_item(struct probe *p, const struct eio_item *item)
{
    struct str data = item->data;
    if (item->type == EIO_BYTES && !eio_bytes_decode(p->cx.arena, item->data, &data)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR, "bytes that are not base64 with its padding");
    }
    jw_open(&p->out, '{');
    jw_member_str(&p->out, "type", str_of(eio_names[item->type]));
    jw_member_i64(&p->out, "size", (int64_t)data.n);
    if (item->type != EIO_BYTES) {
        jw_member_str(&p->out, "data", utf8_prefix(data, PROBE_PREVIEW));
    }
    jw_close(&p->out, '}');
    return ERR_OK;
}

static enum err add_items(struct probe *p, struct str payload, int64_t *count)
{
    struct eio_item item;
    enum eio_step step;
    while ((step = eio_payload_next(&payload, &item)) == EIO_ITEM) {
        if ((*count)++ < PROBE_ITEMS) {
            TRY(add_item(p, &item));
        }
    }
    return step == EIO_BAD ? cx_fail(&p->cx, CODE_VALIDATION_ERROR,
                                     "a packet is empty, of no known type, or not UTF-8")
                           : ERR_OK;
}

static enum err probe_eio_payload(struct probe *p)
{
    int64_t count = 0;
    const struct str line = probe_line(p);
    TRY(probe_bound(p, (size_t)conf.socket_max_payload));
    jw_key(&p->out, "packets");
    jw_open(&p->out, '[');
    const enum err e = add_items(p, line.p ? line : STR(""), &count);
    jw_close(&p->out, ']');
    jw_member_i64(&p->out, "count", count);
    return e;
}

static enum err probe_sio_packet(struct probe *p)
{
    struct sio_head head;
    json_t *json = NULL;
    TRY(probe_bound(p, (size_t)conf.socket_max_payload));
    TRY(probe_utf8(p));
    if (!sio_head_parse(probe_line(p), MAX_ATTACHMENTS, &head)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR, "it is no packet that a client may send");
    }
    jw_member_str(&p->out, "type", str_of(sio_names[head.type]));
    jw_member_str(&p->out, "namespace", head.nsp);
    jw_member_i64(&p->out, "attachments", head.attachments);
    if (head.ack != SIO_NO_ACK) {
        jw_member_i64(&p->out, "ack", head.ack);
    }
    TRY(sio_json_parse(&p->cx, &head, &json));
    if (json) {
        jw_member_raw(&p->out, "json", json_text(p->cx.arena, json));
    }
    return ERR_OK;
}

const struct probe_row probe_realtime_rows[] = {
    {"eio-payload", "a payload of Engine.IO's polling, packets with 0x1E between them", 0,
     probe_eio_payload},
    {"sio-packet", "a packet of Socket.IO as text", 0, probe_sio_packet},
    {},
};
