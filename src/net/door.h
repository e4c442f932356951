/* The listening sockets, and the way in: each loop waits at every door, and who accepts a
 * connection keeps it. */
#ifndef NET_DOOR_H
#define NET_DOOR_H

#include "net/listener.h"

struct loop;

enum {
    DOOR_ADDRESS,
    DOOR_LOCAL,
    DOORS,
};

/* A listening socket. */
struct door {
    int fd;     /* -1: closed */
    char *path; /* of the local socket; NULL for an address */
};

/* Accepts what waits at a door, up to a bound for each round. */
void door_accept(struct loop *l, const struct door *d);

/* Whether the loop waits at the doors. On its thread. */
void doors_listen(struct loop *l, bool on);

/* Once a round: opens the doors again when there is room, and makes room where others want it. */
void doors_tend(struct loop *l);

/* The loop accepts what still waits and goes from the doors; the last one closes them. */
void doors_leave(struct loop *l);

/* Closes it; on one that is closed nothing happens. */
void door_close(struct door *d);

#endif
