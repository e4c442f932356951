/* The inside of the Socket.IO server, for its files alone. */
#ifndef REALTIME_SIO_IN_H
#define REALTIME_SIO_IN_H

#include "realtime/eio.h"
#include "realtime/eio_payload.h"
#include "realtime/sio.h"
#include "realtime/sio_packet.h"

#include <pthread.h>
#include <stdatomic.h>

/* What is sent is a packet of Engine.IO; the floor above knows it by its own name. */
static inline struct eio_packet *sio_packet_eio(struct sio_packet *p)
{
    return (struct eio_packet *)p;
}

static inline struct sio_packet *sio_packet_of(struct eio_packet *p)
{
    return (struct sio_packet *)p;
}

enum sio_state {
    SIO_JOINING, /* on_connect runs */
    SIO_JOINED,
    SIO_LEFT, /* nothing is sent any more; the floor above may still have to be told */
    SIO_GONE, /* it was told, or never knew of it */
};

/* A packet for a socket that is joining. */
struct sio_held {
    struct sio_held *next;
    struct eio_packet *packet;
};

struct sio_socket {
    atomic_uint refs;
    _Atomic(enum sio_state) state; /* changes under the lock */
    struct sio_server *server;
    struct eio_session *session; /* held */
    struct sio_socket *next;     /* of the session */
    struct sio_held *held;
    struct sio_held **held_end;
    size_t held_bytes;
    bool left_early; /* sio_disconnect came while it was joining */
    const char *reason;
    void *user;
    size_t nsp_n;
    char nsp[];
};

/* A packet whose attachments are not all there. Belongs to the strand. */
struct sio_partial {
    size_t due;       /* attachments in all */
    size_t count;     /* of them that have come */
    size_t text_n;    /* bytes of the packet itself */
    struct buf bytes; /* the packet, and behind it the attachments */
    size_t ends[];    /* of each of them in bytes */
};

/* What hangs on a session. */
struct sio_conn {
    struct sio_socket *sockets; /* changes on the strand, under the lock */
    struct sio_partial *partial;
    bool settled;
};

struct sio_server {
    struct sio_config config;
    struct eio_server *eio;
    pthread_mutex_t lock; /* of states, of lists of sockets and of what they hold back */
    atomic_int sockets;
};

/* --- sio_conn.c: what a session's strand calls --- */
bool sio_conn_message(void *server, struct eio_session *session, enum ws_kind kind,
                      struct str message);
void sio_conn_wake(void *server, struct eio_session *session);
void sio_conn_close(void *server, struct eio_session *session, const char *reason);

/* --- sio_socket.c --- */

/* A socket that is joining; it is on its session's list, which holds it. */
struct sio_socket *sio_socket_new(struct sio_server *srv, struct eio_session *session,
                                  struct str nsp);

/* What on_connect said, told to the client. */
void sio_socket_accept(struct sio_socket *s);
void sio_socket_refuse(struct sio_socket *s, const struct sio_refusal *why);

/* It leaves, for a reason that the client knows. No-op when it is no longer there. */
void sio_socket_leave(struct sio_socket *s, const char *reason);

/* On the strand: tells the floor above, if it has left and was not told. */
void sio_socket_tell(struct sio_socket *s);

/* On the strand: takes it off the list, and lets go of it. */
void sio_socket_drop(struct sio_socket *s);

/* --- sio_encode.c --- */

/* An event, and the answer to one; NULL when it is too large to be sent. The caller owns them. */
struct eio_packet *sio_encode_event(struct str nsp, const char *name, const struct sio_args *args);
struct eio_packet *sio_encode_ack(struct str nsp, int64_t ack, const struct sio_args *args);

/* A packet with an object, or with nothing. */
struct eio_packet *sio_encode_plain(enum sio_type type, struct str nsp, struct str json);

#endif
