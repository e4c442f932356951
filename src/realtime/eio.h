/* The Engine.IO server (protocol 4): sessions of clients that send and get messages, by polling or
 * by WebSocket, and change from the one to the other while messages flow.
 *
 * Messages of one session come one at a time, in order, on a worker; they may block. What is sent
 * to a session leaves in the order of the calls. A poll that waits holds no thread.
 *
 * Source: Engine.IO protocol 4. */
#ifndef REALTIME_EIO_H
#define REALTIME_EIO_H

#include "net/server.h"
#include "net/ws.h"

struct pool;
struct eio_server;
struct eio_session;
struct eio_packet;

/* What the members without a comment mean, and what happens at the bounds, stands at struct
 * sio_config. */
struct eio_config {
    struct net_server *net;
    struct pool *pool;
    int64_t ping_interval_us;
    int64_t ping_timeout_us;
    int64_t settle_timeout_us; /* a session that eio_settle is not called for in this time is
                                  closed; 0: none is */
    int64_t upgrade_timeout_us;
    size_t max_payload;
    size_t max_buffered;
    int max_queued;
    int max_sessions;
    size_t user_bytes; /* room in each session for the floor above */
    void *arg;
    /* Worker. False: what came makes no sense, the session is closed and nothing more is read. */
    bool (*on_message)(void *arg, struct eio_session *s, enum ws_kind kind, struct str message);
    /* Worker: somebody has called eio_wake since. May be NULL. */
    void (*on_wake)(void *arg, struct eio_session *s);
    /* Worker, once for each session, the last of it. May be NULL. */
    void (*on_close)(void *arg, struct eio_session *s, const char *reason);
};

/* As sio_new and sio_free. */
struct eio_server *eio_new(const struct eio_config *c);
void eio_free(struct eio_server **s);

/* As sio_request, sio_forbid, sio_drain. */
void eio_request(struct eio_server *s, struct net_req **r, const struct net_header *headers,
                 size_t count, struct str peer);
void eio_forbid(struct net_req **r, const struct net_header *headers, size_t count);
void eio_drain(struct eio_server *s);

/* Open sessions. Any thread. */
int eio_load(struct eio_server *s);

/* A part of what is sent: a packet with its type in front ("4hello"), or a message of bytes. */
struct eio_part {
    enum ws_kind kind;
    struct str data;
};

/* Parts that are sent behind one another with nothing in between, encoded once. The caller ends it
 * with eio_packet_unref. Any thread. */
struct eio_packet *eio_packet_new(const struct eio_part *parts, size_t count);
struct eio_packet *eio_packet_ref(struct eio_packet *p);
void eio_packet_unref(struct eio_packet *p); /* NULL is allowed */

/* Bytes that it takes in a payload of polling, at most. */
size_t eio_packet_size(const struct eio_packet *p);

/* Sends a packet, which is lent, to a session or to many of one server; those that are closed are
 * passed over. Any thread. */
void eio_send(struct eio_session *s, struct eio_packet *p);
void eio_send_many(struct eio_session *const *all, size_t n, struct eio_packet *p);

/* Ends a session when everything that was sent to it has left. Any thread. */
void eio_close(struct eio_session *s, const char *reason);

/* on_wake will be called. Any thread. */
void eio_wake(struct eio_session *s);

/* The session may stay. Any thread. */
void eio_settle(struct eio_session *s);

/* The callbacks lend a session. Any thread. */
struct eio_session *eio_ref(struct eio_session *s);
void eio_unref(struct eio_session *s);

/* The floor above's room, zeroed at first. */
void *eio_user(struct eio_session *s);

/* Of the handshake; valid while the session is held. */
struct str eio_origin(const struct eio_session *s);
struct str eio_peer(const struct eio_session *s);

#endif
