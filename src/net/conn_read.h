/* The reading side of a connection. Belongs to the loop. */
#ifndef NET_CONN_READ_H
#define NET_CONN_READ_H

#include "net/conn.h"

/* Behind a last answer to a request that was not read to its end: so long, in silence and in all,
 * and so much is read and dropped. Closing with bytes unread makes the system send a reset, which
 * can overtake the answer. Most clients stop sending when they see it; one that does not may send
 * the largest body that any route takes, and half as much. */
#define LINGER_SILENCE_US (2 * SECOND_US)
#define LINGER_US         (30 * SECOND_US)
#define LINGER_BYTES      ((size_t)150 * 1024 * 1024)

/* Whether bytes from the client are wanted now. */
bool conn_reads(const struct conn *c);

/* Reads once from the socket and goes on with what came. */
void conn_read(struct conn *c);

/* Goes on with what was kept and with part. At most one request leaves; the rest is kept until it
 * is answered. */
void conn_take(struct conn *c, struct str part);

/* The floor above wants the body of the current request: reads on. */
void conn_admitted(struct conn *c);

#endif
