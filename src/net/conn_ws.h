/* The WebSocket side of a connection: states CONN_WS and CONN_WS_CLOSE. Belongs to the loop. */
#ifndef NET_CONN_WS_H
#define NET_CONN_WS_H

#include "net/conn.h"
#include "net/ws_codec.h"

/* How long the other side's close frame is awaited behind ours. */
#define WS_CLOSE_US (5 * SECOND_US)

/* What makes a connection a WebSocket. */
struct ws {
    struct net_ws_ops ops;
    int64_t ping_us; /* 0: no pings */
    bool pinged;     /* a ping was sent, and */
    bool heard;      /* since then a byte has come */
    bool paused;     /* reading is off because the floor above wants so */
    size_t held;     /* bytes that are counted in the server's messages */
    bool over;       /* the codec has met a close frame or a fault */
    int client_code; /* of the close frame that came */
    const char *why; /* it ends: a label of METRIC_WEBSOCKETS_CLOSED */
    struct ws_codec codec;
};

/* A WebSocket to be; the caller owns it, and it ends with ws_free. Any thread. */
struct ws *ws_new(const struct net_ws_options *options, const struct net_ws_ops *ops);

/* Frees, after on_close with the code unless that is 0. *ws is NULL afterwards. */
void ws_free(struct ws **ws, int code);

/* The request's answer makes a WebSocket of its connection; takes what the post owns. */
void conn_ws_open(struct conn *c, struct post *p);

/* Goes on with what was kept, or with what came (which is unmasked where it stands). */
void conn_ws_take(struct conn *c, struct ws_bytes came);

/* Queues our close frame (consumed), says the end to the floor above, and awaits the other side's.
 */
void conn_ws_close(struct conn *c, int code, struct net_bytes *frame, const char *why);

/* What came has ended it, by a close frame or a fault: queues ours and lets the connection end. */
void conn_ws_end(struct conn *c);

/* Stops reading or goes on. */
void conn_ws_pause(struct conn *c, bool paused);

/* Everything queued is sent. */
void conn_ws_flushed(struct conn *c);

/* Its timer has run out. */
void conn_ws_expired(struct conn *c);

/* The server stops. */
void conn_ws_drain(struct conn *c);

/* The connection was closed; open: before any close frame. */
void conn_ws_gone(struct conn *c, bool open);

/* A whole frame. Any thread. */
struct net_bytes *ws_frame(int opcode, struct str payload);

/* A close frame; the reason is cut to what fits. Any thread. */
struct net_bytes *ws_close_frame(int code, struct str reason);

#endif
