/* What a request asks for: a handshake or a session, by polling or by WebSocket; and everything
 * that is wrong with it, in the order in which the reference looks. */
#include "realtime/eio_in.h"

/* A value of the query as it stands: none that means anything here needs an escape. */
static struct str query_value(struct str target, const char *name)
{
    const ptrdiff_t mark = str_find_char(target, '?', 0);
    struct str rest = mark < 0 ? STR("") : str_sub(target, (size_t)mark + 1, target.n);
    struct str value;
    struct str key;
    while (str_split(&rest, '&', &value)) {
        if (str_split(&value, '=', &key) && str_is(key, name)) {
            return value.p ? value : STR("");
        }
    }
    return STR("");
}

struct asked {
    bool websocket;
    bool get;
    bool post;
    struct str sid;
};

static enum eio_fault look_at(const struct net_req *r, struct asked *ret)
{
    const struct str target = net_req_target(r);
    const struct str transport = query_value(target, "transport");
    *ret = (struct asked){
        .websocket = str_is(transport, "websocket"),
        .get = str_is(net_req_method(r), "GET"),
        .post = str_is(net_req_method(r), "POST"),
        .sid = query_value(target, "sid"),
    };
    if (!ret->websocket && !str_is(transport, "polling")) {
        return EIO_UNKNOWN_TRANSPORT;
    }
    if (!ret->sid.n && !ret->get) {
        return EIO_BAD_METHOD;
    }
    if (ret->websocket != net_ws_asked(r) || (!ret->get && !ret->post)) {
        return EIO_BAD_REQUEST;
    }
    return ret->sid.n || str_is(query_value(target, "EIO"), "4") ? EIO_FINE : EIO_BAD_VERSION;
}

void eio_request(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                 size_t count, struct str peer)
{
    struct asked asked;
    const enum eio_fault fault = look_at(*r, &asked);
    if (fault == EIO_FINE && asked.websocket) {
        if (asked.sid.n) {
            eio_ws_upgrade(srv, r, headers, count, asked.sid);
        } else {
            eio_ws_handshake(srv, r, headers, count, peer);
        }
        return;
    }
    struct eio_exchange *x = eio_exchange_new(r, headers, count);
    if (fault != EIO_FINE) {
        x->fault = fault;
        eio_exchange_answer(x);
    } else if (!asked.sid.n) {
        eio_poll_handshake(srv, x, peer);
    } else if (asked.get) {
        eio_poll(srv, x, asked.sid);
    } else {
        eio_post(srv, x, asked.sid);
    }
}
