/* The echo of Engine.IO. */
#include "base/clock.h"
#include "realtime/eio.h"

#include "realtime.h"

static struct eio_server *server;

static bool echo(void *arg, struct eio_session *s, enum ws_kind kind, struct str message)
{
    SCOPED(buf_fini) struct buf text = buf_make(message.n + 1);
    (void)arg;
    if (kind == WS_TEXT) {
        buf_char(&text, '4');
        buf_str(&text, message);
        message = buf_view(&text);
    }
    struct eio_packet *p = eio_packet_new(&(struct eio_part){kind, message}, 1);
    eio_send(s, p);
    eio_packet_unref(p);
    return true;
}

void engine_start(struct net_server *net, struct pool *pool, const struct realtime_options *o)
{
    server = eio_new(&(struct eio_config){
        .net = net,
        .pool = pool,
        .ping_interval_us = o->ping_interval_ms * MS_US,
        .ping_timeout_us = o->ping_timeout_ms * MS_US,
        .upgrade_timeout_us = o->connect_timeout_ms * MS_US,
        .max_payload = (size_t)o->max_payload,
        .max_buffered = 16 * MB,
        .max_queued = 100,
        .max_sessions = 10000,
        .on_message = echo,
    });
}

void engine_request(struct net_req **r, const struct net_header *headers, size_t count)
{
    eio_request(server, r, headers, count, net_req_peer(*r));
}

void engine_stop(void)
{
    eio_free(&server);
}
