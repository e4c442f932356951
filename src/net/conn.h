/* One client's connection. Everything here belongs to the loop. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "net/listener.h"
#include "net/output.h"
#include "net/pace.h"
#include "net/refusal.h"
#include "net/timers.h"

struct loop;
struct post;
struct tls_session;
struct ws;

enum conn_state {
    CONN_IDLE,     /* no byte of the next request has come */
    CONN_HEAD,     /* a part of a head has come */
    CONN_ADMIT,    /* the request is out with the floor above: is its body to be read? */
    CONN_BODY,     /* the head is accepted, its body is coming */
    CONN_BUSY,     /* the request is out with the floor above */
    CONN_ANSWER,   /* its whole answer is queued */
    CONN_STREAM,   /* its answer is a stream that is open */
    CONN_WS,       /* it is a WebSocket */
    CONN_WS_CLOSE, /* our close frame is queued, the other side's is awaited */
    CONN_LINGER,   /* everything is said; what still comes is thrown away, so that the client can
                      read our last words before a reset */
    CONN_DEAD,     /* closed; freed at the end of the round */
};

/* Who has connected. */
struct caller {
    char text[ADDRESS_TEXT]; /* the address */
    uint64_t key;            /* what it counts as */
    bool counted;            /* for the bound of its address */
};

struct conn {
    struct loop *loop;
    int fd;
    struct tls_session *tls; /* NULL: plain */
    enum conn_state state;
    uint32_t slot;
    uint32_t armed;   /* epoll's events */
    bool known;       /* to epoll */
    bool muted;       /* reading is off until the answer is out */
    bool half_closed; /* the client has sent its FIN */
    bool closing;     /* the current answer is the last one */
    bool linger;      /* behind it, what comes is read and dropped for a while */
    bool chunked;     /* how the stream is framed */
    bool dirty;       /* is on the loop's list */
    bool out_waiting; /* the socket takes no more now */
    struct timer timer;
    struct pace pace;        /* CONN_BODY: of the body; with TIMER_WRITE: of the client's taking */
    uint64_t taken;          /* bytes of ours that the client's system had acknowledged by then */
    int64_t linger_until_us; /* CONN_LINGER */
    size_t dropped;          /* CONN_LINGER: bytes */
    struct buf in;           /* read but not yet parsed */
    size_t scanned;          /* of in: where the search for the head's end goes on */
    struct net_req *req; /* CONN_BODY: ours; CONN_ADMIT, CONN_BUSY: out, may only be told that we
                            are gone */
    struct output out;
    struct net_stream_ops stream;
    struct ws *ws;     /* CONN_WS, CONN_WS_CLOSE; else NULL */
    struct conn *prev; /* in the list of all of the loop */
    struct conn *next;
    struct conn *next_dirty;
    struct conn *next_grave;
    struct caller caller;
};

/* A new connection of an accepted socket, which it owns; and its TLS, unless that is NULL. */
void conn_open(struct loop *l, int fd, struct tls_session *tls, uint32_t slot,
               const struct caller *caller);

/* What epoll says about it. */
void conn_event(struct conn *c, uint32_t events);

/* (Re)starts its timer; TIMER_NONE clears it. */
void conn_set_timer(struct conn *c, enum timer_class class);

/* Its timer has run out. */
void conn_expired(struct conn *c);

/* A message for its current request or stream. */
void conn_post(struct conn *c, struct post *p);

/* Queues a chunk of its stream, or a frame of its WebSocket; consumes it. May close the connection.
 */
void conn_send(struct conn *c, struct net_bytes *bytes);

/* Sends what is queued, and goes on with what is next. */
void conn_flush(struct conn *c);

/* Others want its place: closes it, if it is idle and has nothing to say. */
void conn_yield(struct conn *c);

/* The server stops: ends what is idle, tells streams. */
void conn_drain(struct conn *c);

/* Closes at once; tells whoever waits. */
void conn_close(struct conn *c);

/* Queues the whole answer to the current request; head and body are consumed, body may be NULL.
 * closing says whether it is the last one. */
void conn_answer(struct conn *c, struct net_bytes *head, struct net_bytes *body, int minor);

/* Queues the server's own answer to a request that it does not let through. req is consumed; it is
 * NULL when there is no head to speak of. */
void conn_refuse(struct conn *c, struct refusal refusal, int retry_after_s, struct net_req *req);

#endif
