/* WebSockets of the server fixture, and a client of them on a plain socket. */
#ifndef NET_WS_FIXTURE_H
#define NET_WS_FIXTURE_H

#include "net/server_fixture.h"
#include "net/ws_codec.h"

#define WS_ASK                                                                                     \
    "GET /held HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"   \
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

/* The server's side of one: echoes what comes unless it is quiet. */
struct ws_end {
    struct fixture *f;
    struct net_ref ref;
    bool quiet;
    bool pauses; /* before each echo */
    int messages;
    size_t bytes;
    int closed; /* how often on_close came */
    int code;
};

/* Options for most tests: messages up to a megabyte, no pings. */
extern const struct net_ws_options ws_usual;

/* Takes one that has been asked for. */
void ws_take(struct ws_end *e, struct fixture *f, const struct net_ws_options *options);

/* Asks for a WebSocket with the text (WS_ASK and frames, say), and takes it. */
void ws_accept(struct ws_end *e, struct fixture *f, int fd, struct str ask,
               const struct net_ws_options *options);

/* The same, on a connection of its own, past the answer's head. */
int ws_connect(struct ws_end *e, struct fixture *f, const struct net_ws_options *options);

/* Sends a masked frame with this first byte. */
void ws_send(int fd, int first, struct str payload);

/* Appends such a frame. */
void ws_add(struct buf *b, int first, struct str payload);

/* Reads one frame of the server; the payload is the caller's to free. First byte 0: there is none.
 */
struct ws_got {
    int first;
    struct buf payload;
};
struct ws_got ws_read(int fd);

/* Reads one frame and compares; fails the test when it is another. */
void ws_expect(int fd, int first, struct str payload);

/* Reads a close frame with this code, and then the end of the connection. */
void ws_expect_close(int fd, int code);

#endif
