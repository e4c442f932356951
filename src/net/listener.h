/* Addresses as text, and the listening socket. */
#ifndef NET_LISTENER_H
#define NET_LISTENER_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/socket.h>

enum {
    ADDRESS_TEXT = 46,                    /* an address, with its NUL */
    ENDPOINT_TEXT = ADDRESS_TEXT + 2 + 6, /* "[address]:port" */
};

/* Listens on "host:port" or "[v6]:port" without blocking; port 0 takes any. On failure why gets a
 * sentence with cause and remedy. The caller closes *ret_fd. */
enum err listener_open(const char *where, int *ret_fd, struct buf *why);

/* Listens on a Unix socket that only this user can open (mode 0600); what stands at the path is
 * replaced, so the caller must own the folder. On failure why gets a sentence. */
enum err listener_open_local(const char *path, int *ret_fd, struct buf *why);

/* Whether the other side of a Unix connection is this process's user, or root; the kernel says so.
 */
bool listener_same_user(int fd);

/* What the peer of such a connection is shown as, in the place of an address. */
#define LOCAL_PEER "local"

/* The endpoint that a socket is bound to. */
void listener_endpoint(int fd, char ret[ENDPOINT_TEXT]);

/* The address without port; an IPv4 address that is mapped into IPv6 is shown as IPv4. */
void address_text(const struct sockaddr_storage *address, char ret[ADDRESS_TEXT]);

#endif
