/* The inside of a request, and the messages by which other threads reach the loop. */
#ifndef NET_REQUEST_H
#define NET_REQUEST_H

#include "net/http1.h"
#include "net/listener.h"

#include <stdatomic.h>

struct conn;
struct ws;

enum post_kind {
    POST_ADMIT,  /* a request may have its body */
    POST_REPLY,  /* a request's whole answer */
    POST_OPEN,   /* a request's answer becomes a stream */
    POST_CHUNK,  /* one chunk of a stream */
    POST_FINISH, /* the end of a stream */
    POST_MANY,   /* one chunk for many streams, or frame for many WebSockets */
    POST_REFUSE, /* a request is not let through after all */
    POST_WS,     /* a request becomes a WebSocket */
    POST_CLOSE,  /* our close frame */
    POST_END,    /* what came has ended a WebSocket; from the loop to itself */
    POST_PAUSE,  /* a WebSocket is to be read, or not */
};

/* One message to the loop. That of a request is part of it; the others are allocated. */
struct post {
    struct post *next;
    enum post_kind kind;
    struct net_req *req;    /* POST_ADMIT, POST_REPLY, POST_OPEN, POST_REFUSE, POST_WS: owns it */
    struct net_ref ref;     /* whom it concerns */
    struct net_bytes *head; /* status line and headers, without those that the loop adds */
    struct net_bytes *bytes;
    struct extent file; /* behind bytes; owns its descriptor */
    union {
        struct net_stream_ops ops; /* POST_OPEN */
        struct refusal refusal;    /* POST_REFUSE */
        struct ws *ws;             /* POST_WS: owns it */
        int code;                  /* POST_CLOSE */
        bool paused;               /* POST_PAUSE */
        struct {
            struct net_ref *refs; /* POST_MANY: behind the message */
            size_t count;
        } many;
    };
};

/* Life: made by the loop when a head is whole; handed to the floor above when the message is whole;
 * comes back through its post and is freed by the loop. So the loop may touch gone and cancel for
 * as long as its connection lives, whoever holds the request.
 *
 * With a body that is worth a question, it goes out and comes back once more before that: out by
 * on_admit when the head is whole, back by net_admit (or answered, and never read). From net_admit
 * to on_request it is parked: what the floor above hung on it is given back by on_drop if it ends
 * in that time. */
struct net_req {
    struct loop *loop; /* of its connection */
    struct net_ref ref;
    struct http1 http1;
    struct str method;
    struct str target;
    int minor;
    bool expects_continue; /* the client waits for 100 before it sends the body */
    bool parked;
    int64_t started_us;
    void *user;
    struct net_header refuse_header; /* of the plan that refused it */
    atomic_bool gone;                /* the client left before the answer */
    _Atomic(struct cancel *) cancel;
    struct post post;
    char peer[ADDRESS_TEXT];
    size_t header_count;
    struct net_header headers[]; /* behind them the head's bytes, which all slices point into */
};

/* The connection's next request, with copies of everything in head. Its http1 is not begun. */
struct net_req *request_new(const struct conn *c, struct str whole, const struct head *head);

void request_free(struct net_req *r);

/* The client left: tells who watches. */
void request_gone(struct net_req *r);

#endif
