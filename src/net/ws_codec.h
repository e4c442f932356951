/* The frames of WebSocket (RFC 6455, section 5) as a server reads and writes them. Pure: no
 * sockets, no clock. One thread at a time.
 *
 * Bytes may come cut anywhere; what they say does not depend on the cuts. A fault is found at the
 * earliest byte that shows it: reserved bits and opcodes at a frame's first byte, a missing mask at
 * its second, a length that is too large or not the shortest form while it comes, text that is not
 * UTF-8 at the byte that cannot go on. Nothing is taken after a fault or a close frame. */
#ifndef NET_WS_CODEC_H
#define NET_WS_CODEC_H

#include "base/buf.h"
#include "base/utf8.h"
#include "net/ws.h"

/* The opcodes beside enum ws_kind. */
enum {
    WS_CONTINUATION = 0,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

enum {
    WS_MAX_HEAD = 10,     /* bytes of a frame's head without a mask */
    WS_MAX_CONTROL = 125, /* bytes of a control frame's payload */
    WS_MAX_REASON = WS_MAX_CONTROL - 2,
};

/* What is wrong: the code to close with, and a literal sentence; code 0: nothing. */
struct ws_fault {
    int code;
    const char *why;
};

/* Zeroed but for max_message: no byte has come. */
struct ws_codec {
    size_t max_message;
    struct ws_fault fault;
    uint64_t left;      /* of the frame's payload: still to come; of its head: the length so far */
    struct buf message; /* what has come of a message that is not whole */
    struct utf8_parts utf8; /* of a text, or of a close frame's reason */
    uint8_t opcode;         /* of the frame */
    uint8_t kind;           /* of the message that is not whole; 0: none */
    bool final;             /* the frame is its message's last */
    bool in_payload;
    bool given;          /* message was lent by the last call */
    bool closed;         /* a close frame has come */
    uint8_t head_n;      /* bytes of the head that have come */
    uint8_t length_size; /* bytes of the extended length: 0, 2 or 8 */
    uint8_t length_left;
    uint8_t mask_n; /* bytes of the mask that have come */
    uint8_t turn;   /* which of them is next */
    uint8_t control_n;
    uint8_t mask[4];
    char control[WS_MAX_CONTROL]; /* the payload of a control frame */
};

void ws_codec_fini(struct ws_codec *c);

/* Bytes from the client; they are unmasked where they stand. */
struct ws_bytes {
    char *p;
    size_t n;
};

struct ws_item {
    int opcode;         /* WS_TEXT, WS_BINARY: a whole message; WS_CLOSE, WS_PING, WS_PONG */
    struct str payload; /* lent until the next call; of a close frame: its reason */
    int code;           /* of a close frame; WS_NO_CODE when it has none */
};

enum ws_result {
    WS_MORE,   /* every byte is taken */
    WS_ITEM,   /* *ret holds one; there may be more in the rest */
    WS_BROKEN, /* c->fault says why */
};

/* Takes bytes off the rest up to the end of the next item. */
enum ws_result ws_next(struct ws_codec *c, struct ws_bytes *rest, struct ws_item *ret);

/* Gives the codec a fault from outside: what it holds is freed, and nothing more is taken. */
void ws_give_up(struct ws_codec *c, int code, const char *why);

/* The head of an unmasked, unfragmented frame with n bytes of payload; returns its size. */
size_t ws_head(char ret[WS_MAX_HEAD], int opcode, uint64_t n);

/* The size of the head of such a frame. */
size_t ws_head_size(struct str frame);

#endif
