/* The Socket.IO server (protocol 5, over Engine.IO 4: polling, WebSocket, and the way from the one
 * to the other). A connection of a client carries one socket for each namespace that it joined.
 *
 * Callbacks of one connection come one at a time, in the order in which its packets came, on a
 * worker of config.pool; they may block. What is emitted to a socket leaves in the order of the
 * calls, whatever carries it and also while that changes. Nothing is kept for a client that is
 * gone: who comes again is a new socket.
 *
 * Source: Socket.IO protocol 5, Engine.IO protocol 4. */
#ifndef REALTIME_SIO_H
#define REALTIME_SIO_H

#include "base/json.h"
#include "net/server.h"

struct pool;
struct sio_server;
struct sio_socket;
struct sio_packet;

/* What an event or an acknowledgement carries. */
struct sio_args {
    struct str json; /* values with commas between them, without brackets; may be empty. Where an
                        attachment belongs stands {"_placeholder":true,"num":n} */
    const struct str *attachments; /* their bytes, by n */
    size_t attachment_count;
};

/* An event from a client; everything lives until on_event returns. */
struct sio_event {
    struct str name;
    struct sio_args args; /* checked JSON */
    const json_t *values; /* the same, read: an array without the name */
    int64_t ack;          /* what to give to sio_ack; < 0: the client wants none */
    const char *fault;    /* NULL; or why what has an array's brackets cannot be read (half a
                             surrogate, a NUL): then there are no name and no values. The client is
                             honest, and would send it again over every connection */
};

/* Why a socket may not join: goes to the client as connect_error. */
struct sio_refusal {
    struct arena *arena; /* for the texts; lives until they are sent */
    struct str message;
    struct str data; /* a JSON object; empty: none */
};

/* What happens at the bounds:
 * - As many sessions as there may be: handshakes are answered with 503.
 * - A body or a message of more than max_payload bytes: 413, or WebSocket's 1009.
 * - max_queued messages of a connection wait for a worker: nothing more is read from it until half
 *   of them are done. By polling, a POST is answered when all in it was taken.
 * - The pool is full: tried again a little later; nothing is lost.
 * - More than max_buffered bytes wait for a polling client: it is closed. A slow WebSocket is
 * closed by net (limits.output_high_water). */
struct sio_config {
    struct net_server *net;
    struct pool *pool;
    int64_t ping_interval_us;
    int64_t ping_timeout_us;    /* for the client's pong */
    int64_t connect_timeout_us; /* from the handshake to the first socket */
    int64_t upgrade_timeout_us;
    size_t max_payload; /* of one message, and of one packet with all its attachments */
    size_t max_buffered;
    int max_queued;
    int max_attachments;
    int max_sessions;
    void *arg;
    /* Worker. A client wants to join nsp; auth is the JSON object that it sent ("{}" for none).
     * True: it has joined. What is emitted to it here follows the packet that says so. False: it
     * gets *ret, and the socket is gone. */
    bool (*on_connect)(void *arg, struct sio_socket *s, struct str nsp, struct str auth,
                       struct sio_refusal *ret);
    /* Worker. */
    void (*on_event)(void *arg, struct sio_socket *s, const struct sio_event *e);
    /* Worker, once, after on_connect said true, the last of the socket. reason is one of
     * Socket.IO's
     * ("transport close", "ping timeout", "client namespace disconnect" …). */
    void (*on_disconnect)(void *arg, struct sio_socket *s, const char *reason);
};

/* The net server of the config, and the pool, outlive it. */
struct sio_server *sio_new(const struct sio_config *c);

/* After net_server_run has returned, and when nobody but the callbacks uses a socket any more. Ends
 * what is left: the last callbacks run on the calling thread if the pool takes no more work. *s may
 * be NULL and is NULL afterwards. */
void sio_free(struct sio_server **s);

/* Takes a request for the server's path, whole, of any method: a handshake, a poll, a post, a
 * WebSocket; answers it, at once or later. headers go with every answer (copied). peer: the address
 * of the client. Any thread, also a loop; does not block. */
void sio_request(struct sio_server *s, struct net_req **r, const struct net_header *headers,
                 size_t count, struct str peer);

/* Answers a handshake that the floor above does not let through, in Engine.IO's words: 403, code 4.
 * Any thread. */
void sio_forbid(struct net_req **r, const struct net_header *headers, size_t count);

/* On the server's stop: no session begins any more, all that are open end: WebSockets with 1001 and
 * a time after which to come again. Before net_server_stop; any thread. */
void sio_drain(struct sio_server *s);

/* For metrics. Any thread. */
void sio_load(struct sio_server *s, int *ret_sessions, int *ret_sockets);

/* An event for sockets of one namespace ("/" is the main one), encoded once however many it is sent
 * to. The caller ends it with sio_packet_unref. */
struct sio_packet *sio_event_packet(struct str nsp, const char *name, struct sio_args args);
struct sio_packet *sio_packet_ref(struct sio_packet *p);
void sio_packet_unref(struct sio_packet *p); /* NULL is allowed */

/* Sends a packet; a socket that is gone is passed over. They lend the packet. All sockets of
 * sio_emit_many belong to one server. Any thread. */
void sio_emit(struct sio_socket *s, struct sio_packet *p);
void sio_emit_many(struct sio_socket *const *all, size_t n, struct sio_packet *p);

/* Acknowledges an event; < 0: does nothing. At most once each. Any thread. */
void sio_ack(struct sio_socket *s, int64_t ack, struct sio_args args);

/* The socket leaves its namespace, by our will: the client is told, and does not come again by
 * itself. close_transport: its whole connection ends. on_disconnect follows. Any thread. */
void sio_disconnect(struct sio_socket *s, bool close_transport);

/* The callbacks lend a socket; who keeps it takes a reference. A socket that is gone stays valid
 * while it is held. Any thread. */
struct sio_socket *sio_ref(struct sio_socket *s);
void sio_unref(struct sio_socket *s); /* NULL is allowed */

/* Room for the floor above: one pointer, neither read nor freed. Set in on_connect. */
void sio_set_user(struct sio_socket *s, void *user);
void *sio_user(const struct sio_socket *s);

/* Of the socket's handshake; valid while it is held. The Origin is empty when none was sent. */
struct str sio_nsp(const struct sio_socket *s);
struct str sio_origin(const struct sio_socket *s);
struct str sio_peer(const struct sio_socket *s);

#endif
