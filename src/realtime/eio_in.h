/* The inside of the Engine.IO server, for its files alone. */
#ifndef REALTIME_EIO_IN_H
#define REALTIME_EIO_IN_H

#include "net/timers.h"
#include "realtime/eio.h"
#include "realtime/eio_payload.h"
#include "realtime/strand.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    EIO_ID = 15, /* bytes of a session's id: 20 signs */
    EIO_ID_TEXT = 20,
    EIO_BUCKETS = 4096, /* of the table of sessions */
};

enum eio_timer {
    EIO_TIMER_PING = 1, /* the next ping is due */
    EIO_TIMER_PONG,     /* the client has not answered the last one */
    EIO_TIMER_SETTLE,
    EIO_TIMER_UPGRADE,
};

/* The errors of the protocol, in its numbers, and those that HTTP has a word for. */
enum eio_fault {
    EIO_UNKNOWN_TRANSPORT,
    EIO_UNKNOWN_SID,
    EIO_BAD_METHOD,
    EIO_BAD_REQUEST,
    EIO_FORBIDDEN,
    EIO_BAD_VERSION,
    EIO_TOO_LARGE,
    EIO_TOO_MANY,
    EIO_FINE,
};

struct eio_id {
    uint8_t b[EIO_ID];
};

/* A packet that waits for a poll. */
struct eio_out {
    struct eio_out *next;
    struct eio_packet *packet;
};

/* A message that waits for the strand. */
struct eio_message {
    struct eio_message *next;
    enum ws_kind kind;
    size_t n;
    char bytes[];
};

/* A request that is answered later: a poll that waits, a post whose packets are taken by the
 * strand. Whoever takes it out of its session answers it. */
struct eio_exchange {
    struct eio_exchange *next;   /* among those to be answered */
    struct eio_server *server;   /* of a poll */
    struct eio_session *session; /* held; NULL: none */
    struct net_req *req;
    bool watched; /* a poll: whether its client leaves */
    bool gone;    /* it has */
    enum eio_fault fault;
    struct eio_out *packets; /* of a poll's answer */
    const char *text;        /* of another answer; a literal */
    struct str rest;         /* of a post: what the strand has not taken */
    char *body;              /* of a post, when it had to be read out of a file */
    size_t header_count;
    struct net_header headers[];
};

/* A WebSocket; lives until its on_close. */
struct eio_ws {
    struct eio_session *session; /* held */
    struct net_ref ref;
    struct timer upgrade;
    bool probed;
};

struct eio_session {
    struct eio_server *server;
    atomic_uint refs;
    struct eio_id id;
    bool is_ws;   /* the transport is ws; else polling, and ws is one that wants to become it */
    bool closing; /* polling: ends with the next poll, which brings the rest */
    bool closed;  /* out of the table */
    bool deaf;    /* what still comes is dropped */
    bool failed;  /* because it broke the rules */
    bool told;    /* on_close has been called */
    bool awaits_pong;
    bool paused;               /* ws is not read */
    bool woken;                /* on_wake is to be called */
    atomic_bool to_wake;       /* is on the server's list */
    struct eio_session *next;  /* in its bucket */
    struct eio_session *newer; /* of all whose end has not been told */
    struct eio_session *older;
    struct eio_session *next_to_wake;
    struct timer beat;
    struct timer settle;
    struct eio_ws *ws;
    struct eio_exchange *poll;
    struct eio_exchange *post;
    struct eio_out *out; /* polling: wait for a poll */
    struct eio_out **out_end;
    size_t out_bytes;
    struct eio_message *in;
    struct eio_message **in_end;
    int in_count;
    struct strand strand;
    const char *reason; /* of the close */
    struct str origin;  /* both behind user */
    struct str peer;
    max_align_t user[];
};

struct eio_server {
    struct eio_config config;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* for the clock */
    pthread_t clock;
    bool stopping;
    bool draining;
    bool starved;           /* strands found the pool full */
    int64_t clock_until_us; /* when the clock looks next */
    struct timers timers;
    int session_count;
    struct eio_session *newest;
    struct eio_exchange *gone;   /* polls whose clients left; answered by the clock */
    struct eio_exchange *ready;  /* to be answered behind the lock */
    struct eio_session *to_wake; /* their strands, behind the lock */
    struct strands strands;
    struct eio_packet *ping;
    struct eio_packet *noop;
    struct eio_packet *bye;
    struct eio_packet *probed;
    struct eio_session *buckets[EIO_BUCKETS];
};

/* --- eio_server.c: the lock; what is put off while it is held is done when it is given up --- */
void eio_lock(struct eio_server *srv);
void eio_unlock(struct eio_server *srv);

/* --- eio_packet.c --- */
struct eio_packet *eio_packet_of(const char *text);
struct net_bytes *eio_packet_wire(struct eio_packet *p);
/* Adds the parts to a payload of polling. */
void eio_packet_add(struct buf *out, const struct eio_packet *p);

/* --- eio_session.c; all under the lock --- */

/* A new session that nobody knows yet. */
struct eio_session *eio_session_new(struct eio_server *srv, struct str origin, struct str peer);

/* Whether one more may begin. */
bool eio_has_room(const struct eio_server *srv);

/* Its transport is there: it can be found from now on, is greeted, and its heart beats. */
void eio_session_open(struct eio_session *s);

/* By its id as text; NULL when there is none. Lent. */
struct eio_session *eio_session_find(struct eio_server *srv, struct str sid);

/* Hands a packet to the transport, or puts it where the next poll finds it. */
void eio_session_push(struct eio_session *s, struct eio_packet *p);

/* Everything that waits for a poll goes to the one that is there. */
void eio_session_answer_poll(struct eio_session *s);

/* The WebSocket is its transport from now on, and gets what waits. */
void eio_session_become_ws(struct eio_session *s);

/* Ends it at once: a poll that waits gets last, a WebSocket code. What has come is still taken,
 * unless it is deaf. No-op when it is closed. */
void eio_session_close(struct eio_session *s, const char *reason, struct eio_packet *last,
                       int code);

/* The same because the client broke the rules. */
void eio_session_fail(struct eio_session *s);

/* The client is alive. */
void eio_session_pong(struct eio_session *s);

/* Its strand is to look. */
void eio_session_wake(struct eio_session *s);

/* A message for the strand, which is taken over. */
void eio_session_take(struct eio_session *s, struct eio_message *m);

/* Not under the lock: copies a message. */
struct eio_message *eio_message_new(enum ws_kind kind, struct str bytes);

/* --- eio_strand.c --- */
void eio_strands_init(struct eio_server *srv);

/* --- eio_exchange.c --- */

/* Takes the request. */
struct eio_exchange *eio_exchange_new(struct net_req **r, const struct net_header *headers,
                                      size_t count);
/* Answers with what was set, and frees. Never under the lock. */
void eio_exchange_answer(struct eio_exchange *x);
/* Under the lock: answers it behind the lock. */
void eio_exchange_ready(struct eio_server *srv, struct eio_exchange *x, enum eio_fault fault);
/* Frees a list of packets. */
void eio_out_free(struct eio_out *list);

/* --- eio_poll.c, eio_ws.c: take requests, not under the lock. sid may be unknown --- */
void eio_poll(struct eio_server *srv, struct eio_exchange *x, struct str sid);
void eio_post(struct eio_server *srv, struct eio_exchange *x, struct str sid);
void eio_poll_handshake(struct eio_server *srv, struct eio_exchange *x, struct str peer);
void eio_ws_handshake(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                      size_t count, struct str peer);
void eio_ws_upgrade(struct eio_server *srv, struct net_req **r, const struct net_header *headers,
                    size_t count, struct str sid);
/* Under the lock: the session lets go of its WebSocket, which closes. */
void eio_ws_drop(struct eio_session *s, int code);

/* --- eio_clock.c --- */
void eio_clock_start(struct eio_server *srv);
void eio_clock_stop(struct eio_server *srv);
/* Under the lock: does everything that is due. */
void eio_clock_tick(struct eio_server *srv);
/* Under the lock: (re)starts a timer from a time on; TIMER_NONE clears it. */
void eio_clock_set(struct eio_server *srv, struct timer *t, int class, int64_t from_us);

#endif
