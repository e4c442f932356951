/* The inside of struct net_bytes (net/server.h). */
#ifndef NET_BYTES_H
#define NET_BYTES_H

#include "net/server.h"

struct net_bytes;

/* What is in it; valid while a reference is held. */
struct str net_bytes_view(const struct net_bytes *b);

/* Copies of both, one behind the other. */
struct net_bytes *net_bytes_pair(struct str first, struct str second);

/* Takes n more references. */
void net_bytes_ref_many(struct net_bytes *b, unsigned int n);

#endif
