/* The inside of the server: what its loops share. Everything here is set before they run, or says
 * by itself how it is shared. */
#ifndef NET_SERVER_IN_H
#define NET_SERVER_IN_H

#include "net/door.h"
#include "net/peers.h"
#include "net/server.h"
#include "net/slots.h"

struct net_server {
    struct net_limits limits;
    struct net_callbacks callbacks;
    char address[ENDPOINT_TEXT];
    struct tls *tls; /* NULL: the address speaks plain HTTP */
    struct door doors[DOORS];
    atomic_int open; /* loops that may still accept; the last one closes the doors */
    struct slots slots;
    struct peers peers;
    atomic_int streams;
    atomic_size_t messages;     /* bytes held for WebSocket messages that are not whole */
    _Atomic int64_t stop_at_us; /* INT64_MAX: nobody said stop */
    int loop_count;
    struct loop *loops;
};

/* Whether what the reference names is still there. Any thread; it may be gone the next moment. */
bool server_has(const struct net_server *s, struct net_ref ref);

#endif
