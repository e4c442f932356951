/* The address guard: which addresses a URL given by a tenant may reach. Private, loopback,
 * link-local, multicast, carrier-grade NAT, documentation and mapped forms are refused, for every
 * address the name resolves to, at the moment of connecting, so a name cannot change its mind in
 * between. An operator's list of exceptions (CIDR blocks, from METACHAT_OUTGOING_ALLOW) opens
 * single networks. Any thread. */
#ifndef NET_GUARD_H
#define NET_GUARD_H

#include "base/str.h"

#include <sys/socket.h>

/* Whether a connection to the address is allowed. */
bool guard_allows(const struct sockaddr *address);

/* The same for a numeric address as text; false for anything else. */
bool guard_allows_text(struct str address);

/* Sets the exceptions: "10.0.0.0/8,127.0.0.1/32,::1/128"; false (and the first bad part) when
 * malformed. At start. */
bool guard_set_exceptions(struct str list, struct str *ret_bad);

/* http or https with a host, no credentials in it, no control signs, at most 2,000 bytes. */
bool guard_url_ok(struct str url);

#endif
