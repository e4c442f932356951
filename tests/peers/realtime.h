/* The parts of the conformance peer that speak Engine.IO and Socket.IO. */
#ifndef PEERS_REALTIME_H
#define PEERS_REALTIME_H

#include "net/server.h"

struct pool;

struct realtime_options {
    int64_t ping_interval_ms;
    int64_t ping_timeout_ms;
    int64_t connect_timeout_ms;
    int64_t max_payload; /* bytes */
};

/* /engine.io/: whatever message comes goes back. */
void engine_start(struct net_server *net, struct pool *pool, const struct realtime_options *o);
void engine_request(struct net_req **r, const struct net_header *headers, size_t count);
void engine_stop(void);

/* /socket.io/: in the namespaces "/" and "/custom", a socket gets "auth" with what it joined with;
 * "message" comes back as "message-back", "message-with-ack" is acknowledged with what it carries.
 */
void sockets_start(struct net_server *net, struct pool *pool, const struct realtime_options *o);
void sockets_request(struct net_req **r, const struct net_header *headers, size_t count);
void sockets_drain(void);
void sockets_stop(void);

/* /bcast?n=: n events "message" to everybody in "/", each with a text of 120 signs; answers with
 * the milliseconds that it took to send them. */
void sockets_broadcast(struct net_req **r);

/* Takes a request for one of these paths, with open CORS; false: for none of them. */
bool realtime_request(struct net_req **r, struct str path);

#endif
