/* Requests and their answers: what the protocol says, in words of HTTP. */
#include "base/jw.h"
#include "base/mem.h"
#include "realtime/eio_in.h"

enum { FAULT_BODY = 256 };

static const struct {
    int status;
    int code;
    const char *message;
} faults[] = {
    [EIO_UNKNOWN_TRANSPORT] = {400, 0, "Transport unknown"},
    [EIO_UNKNOWN_SID] = {400, 1, "Session ID unknown"},
    [EIO_BAD_METHOD] = {400, 2, "Bad handshake method"},
    [EIO_BAD_REQUEST] = {400, 3, "Bad request"},
    [EIO_FORBIDDEN] = {403, 4, "Forbidden"},
    [EIO_BAD_VERSION] = {400, 5, "Unsupported protocol version"},
    [EIO_TOO_LARGE] = {413, 3, "Payload too large"},
    [EIO_TOO_MANY] = {503, 4, "Too many sessions"},
};

static struct str copy_text(char **at, struct str s)
{
    const struct str copy = {*at, s.n};
    if (s.n) {
        memcpy(*at, s.p, s.n);
    }
    *at += s.n;
    return copy;
}

struct eio_exchange *eio_exchange_new(struct net_req **r, const struct net_header *headers,
                                      size_t count)
{
    size_t text = 0;
    for (size_t i = 0; i < count; i++) {
        text += headers[i].name.n + headers[i].value.n;
    }
    struct eio_exchange *x = mem_alloc(1, sizeof(*x) + count * sizeof(*headers) + text);
    char *at = (char *)&x->headers[count];
    for (size_t i = 0; i < count; i++) {
        x->headers[i].name = copy_text(&at, headers[i].name);
        x->headers[i].value = copy_text(&at, headers[i].value);
    }
    x->header_count = count;
    x->fault = EIO_FINE;
    x->req = TAKE(*r);
    return x;
}

void eio_out_free(struct eio_out *list)
{
    for (struct eio_out *next; list; list = next) {
        next = list->next;
        eio_packet_unref(list->packet);
        mem_free(list);
    }
}

static struct net_bytes *payload_of(const struct eio_out *list)
{
    size_t max = 0;
    for (const struct eio_out *o = list; o; o = o->next) {
        max += eio_packet_size(o->packet);
    }
    struct buf b = buf_make(max);
    (void)buf_room(&b, max);
    for (const struct eio_out *o = list; o; o = o->next) {
        eio_packet_add(&b, o->packet);
    }
    must(!b.full);
    return net_bytes_take(&b);
}

static struct net_bytes *fault_body(enum eio_fault fault)
{
    struct buf b = buf_make(FAULT_BODY);
    jw_open(&b, '{');
    jw_member_i64(&b, "code", faults[fault].code);
    jw_member_str(&b, "message", str_of(faults[fault].message));
    jw_close(&b, '}');
    return net_bytes_take(&b);
}

/* Its body, with its type. */
static struct net_bytes *body_of(const struct eio_exchange *x, struct str *ret_type)
{
    if (x->fault != EIO_FINE) {
        *ret_type = STR("application/json");
        return fault_body(x->fault);
    }
    if (x->packets) {
        *ret_type = STR("text/plain; charset=UTF-8");
        return payload_of(x->packets);
    }
    *ret_type = STR("text/html");
    return net_bytes_lasting(str_of(x->text));
}

void eio_exchange_answer(struct eio_exchange *x)
{
    const int status = x->fault == EIO_FINE ? 200 : faults[x->fault].status;
    struct net_header *headers = mem_alloc(x->header_count + 3, sizeof(*headers));
    size_t n = x->header_count;
    if (n) {
        memcpy(headers, x->headers, n * sizeof(*headers));
    }
    if (x->watched) {
        cancel_off(net_req_watch(x->req));
    }
    headers[n].name = STR("Content-Type");
    struct net_bytes *body = body_of(x, &headers[n++].value);
    headers[n++] = (struct net_header){STR("Cache-Control"), STR("no-store")};
    if (status == 503) {
        headers[n++] = (struct net_header){STR("Retry-After"), STR("5")};
    }
    net_reply(&x->req, status, headers, n, body);
    eio_out_free(x->packets);
    if (x->session) {
        eio_unref(x->session);
    }
    mem_free(headers);
    mem_free(x->body);
    mem_free(x);
}

void eio_exchange_ready(struct eio_server *srv, struct eio_exchange *x, enum eio_fault fault)
{
    x->fault = fault;
    x->next = srv->ready;
    srv->ready = x;
}

void eio_forbid(struct net_req **r, const struct net_header *headers, size_t count)
{
    struct eio_exchange *x = eio_exchange_new(r, headers, count);
    x->fault = EIO_FORBIDDEN;
    eio_exchange_answer(x);
}
