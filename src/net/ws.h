/* WebSocket (RFC 6455) on a connection of the server: a request becomes one, and from then on
 * messages come in by a callback on the loop and frames go out like the chunks of a stream.
 *
 * What comes is checked at the earliest byte; a connection that breaks the rules gets a close frame
 * that says which, and ends. Extensions are never agreed on, so none of the reserved bits is ever
 * set: no compression, which would cost memory for each connection and give secrets away by sizes.
 * Messages are answered to pings, closed and timed out without the floor above. An idle WebSocket
 * holds no buffers.
 *
 * Policy for who does not keep up: one that leaves more than limits.output_high_water unread, or
 * takes it too slowly, is cut. What it misses, the floor above gives it when it comes again. */
#ifndef NET_WS_H
#define NET_WS_H

#include "net/server.h"

/* As the frames have it. */
enum ws_kind {
    WS_TEXT = 1, /* UTF-8, which has been checked */
    WS_BINARY = 2,
};

/* Codes of close frames (RFC 6455, 7.4.1; the last three are IANA's). */
enum ws_code {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_UNSUPPORTED = 1003,
    WS_NO_CODE = 1005,  /* the close frame had none; never sent */
    WS_ABNORMAL = 1006, /* there was no close frame; never sent */
    WS_NOT_UTF8 = 1007,
    WS_POLICY = 1008,
    WS_TOO_LARGE = 1009,
    WS_INTERNAL_ERROR = 1011,
    WS_RESTART = 1012,
    WS_TRY_AGAIN = 1013,
};

struct net_ws_ops {
    void *arg;
    /* On the loop, one at a time: a whole message, lent. Must not block. */
    void (*on_message)(void *arg, enum ws_kind kind, struct str message);
    /* On the loop, once, and nothing comes behind it, so that arg may be freed: the code of the
     * close frame that came or that we sent first, WS_ABNORMAL when there was none. */
    void (*on_close)(void *arg, int code);
    /* On the loop: the server stops; may send and close. NULL: closed with WS_GOING_AWAY and
     * net_ws_retry_hint. */
    void (*on_drain)(void *arg);
};

struct net_ws_options {
    size_t
        max_message; /* bytes; a larger one is refused at the head of the frame that makes it so */
    int64_t ping_us; /* pause between two pings; who lets one pass without sending a byte is cut.
                        0: no pings of its own */
};

/* Whether a request wants to become a WebSocket, well or badly said. */
bool net_ws_asked(const struct net_req *r);

/* Makes a WebSocket of a request, whose handshake is checked first (RFC 6455, 4.2.1); Origin and
 * credentials are the caller's to check before. Headers are sent with the 101, by the rules of
 * net_reply. When the handshake is at fault the request is refused (400, 426), a zeroed reference
 * returned, and no callback comes; else exactly one on_close comes, also when the client has left
 * meanwhile. Consumes the request. Any thread. */
struct net_ref net_ws_open(struct net_req **r, struct net_server *s,
                           const struct net_header *headers, size_t count,
                           const struct net_ws_options *options, const struct net_ws_ops *ops);

/* A whole frame with a message, for net_stream_send and net_stream_send_many: one may be sent to
 * many. The caller owns the reference. Any thread. */
struct net_bytes *net_ws_frame(enum ws_kind kind, struct str payload);

/* The message in a frame; valid while a reference is held. */
struct str net_ws_payload(const struct net_bytes *frame);

/* Sends what is queued and a close frame, and waits a little for the other side's; on_close comes
 * as soon as the loop knows. code is one that may be sent (net_ws_code_ok); reason is UTF-8, what
 * is over 123 bytes of it is cut. Any thread; stale is a no-op. */
void net_ws_close(struct net_server *s, struct net_ref ref, int code, struct str reason);

/* Stops reading, or goes on: at once when it is called in a callback on the loop. Pings are not
 * sent meanwhile. Any thread; stale is a no-op. */
void net_ws_pause(struct net_server *s, struct net_ref ref, bool paused);

/* Whether a close frame may have this code (RFC 6455, 7.4). */
bool net_ws_code_ok(int code);

enum { NET_WS_HINT = 32 };

/* The reason for a close when the server goes: "retry in N ms", N at random, so that the clients do
 * not come back all at once. */
struct str net_ws_retry_hint(char ret[NET_WS_HINT]);

#endif
