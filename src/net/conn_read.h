/* The reading side of a connection. Belongs to the loop. */
#ifndef NET_CONN_READ_H
#define NET_CONN_READ_H

#include "net/conn.h"

/* Whether bytes from the client are wanted now. */
bool conn_reads(const struct conn *c);

/* Reads once from the socket and goes on with what came. */
void conn_read(struct conn *c);

/* Goes on with what was kept and with part. At most one request leaves; the rest is kept until it
 * is answered. */
void conn_take(struct conn *c, struct str part);

#endif
