/* Who really asks, when a proxy asks for somebody else: X-Forwarded-For, or Forwarded (RFC 7239).
 *
 * What a client writes into these headers proves nothing; what a proxy of ours appends does. So
 * they count only when the connection comes from a listed proxy, and are read from the right, the
 * end that ours wrote: the client is the first address that is no listed proxy. What cannot be read
 * (a malformed element, "unknown", a hidden name, more than 32 hops or 4 KB) ends the walk at the
 * hop before it.
 *
 * One of the two headers counts, by setting, and the other is never looked at: a proxy writes one
 * and passes the other through as the client sent it. Pure; any thread. */
#ifndef HTTP_FORWARDED_H
#define HTTP_FORWARDED_H

#include "net/cidr.h"

enum forwarded_header {
    FORWARDED_X_FOR,
    FORWARDED_RFC7239,
};

struct forwarded_walk {
    const struct cidr_list *proxies;
    enum forwarded_header header;
    struct ip hop; /* the last one that is sure: at first a listed proxy, in the end the client */
    int hops;
    size_t bytes;
};

/* Goes through one line of the header from its right end. False when the walk has ended; true while
 * every hop was a listed proxy, so that the line before this one, if there is any, goes on. */
bool forwarded_line(struct forwarded_walk *w, struct str line);

/* The value of the setting: "x-forwarded-for" or "forwarded"; false for anything else. */
bool forwarded_header_parse(struct str name, enum forwarded_header *ret);

/* The header's name as it is sent. */
const char *forwarded_header_name(enum forwarded_header h);

#endif
