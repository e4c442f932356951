/* How many connections each address has, and the bound on it. An IPv6 address counts by its /64,
 * which is what one subscriber gets; an IPv4 address that is mapped into IPv6 counts as IPv4. Each
 * step costs the same for any number of addresses. Any thread. */
#ifndef NET_PEERS_H
#define NET_PEERS_H

#include "base/base.h"

#include <pthread.h>
#include <sys/socket.h>

struct peer;

struct peers {
    uint32_t bound; /* connections of one address; 0: no bound */
    uint64_t seed;
    uint32_t mask;
    uint32_t *heads; /* of the chains; an index in all, plus 1; 0: empty */
    struct peer *all;
    uint32_t free; /* as heads */
    pthread_mutex_t lock;
};

/* Room for max_peers addresses: no fewer than there can be connections. */
void peers_init(struct peers *p, uint32_t max_peers, uint32_t bound);
void peers_fini(struct peers *p);

/* What an address counts as. */
uint64_t peer_key(const struct sockaddr_storage *address);

/* Counts one more connection; false when the address has as many as it may have. */
bool peers_enter(struct peers *p, uint64_t key);

/* One that was counted has gone. */
void peers_leave(struct peers *p, uint64_t key);

#endif
