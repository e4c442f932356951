/* TLS below a connection of the server: OpenSSL on a socket that does not block. The process must
 * ignore SIGPIPE, as OpenSSL writes plainly.
 *
 * TLS 1.2 and 1.3, no renegotiation, no compression; with 1.2 only suites of ephemeral keys and
 * authenticated encryption. ALPN knows http/1.1 alone. Sessions are resumed by tickets, whose keys
 * change with the certificate; the server keeps no sessions. The name that a client asks for (SNI)
 * is not looked at. Source: RFC 8446, RFC 5246, RFC 7301, RFC 9325. */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/buf.h"
#include "base/err.h"

#include <sys/types.h>
#include <sys/uio.h>

/* A certificate and its key, from files that may change. Any thread. */
struct tls;

/* Reads the files: PEM, the certificate first and then its chain; the key without a password. On
 * failure why gets a sentence with cause and remedy. The paths are copied. */
enum err tls_open(const char *certificate, const char *key, struct tls **ret, struct buf *why);

/* Whether the files are others than those that were read last. */
bool tls_changed(struct tls *t);

/* Reads the files again: connections from now on get the new certificate, open ones keep theirs. On
 * failure why gets a sentence, and all stays as it is. */
enum err tls_reload(struct tls *t, struct buf *why);

/* Seconds until the certificate in use expires; negative when it has. */
int64_t tls_expires_in_s(struct tls *t);

/* Every session may live on; *t may be NULL and is NULL afterwards. */
void tls_close(struct tls **t);

/* One connection's TLS. Belongs to its loop. */
struct tls_session;

/* The server's side of an accepted socket, which stays the caller's. */
struct tls_session *tls_accept(struct tls *t, int fd);

/* As recv: shakes hands first; 0 is the end, whether it was announced or not. -1 with errno:
 * EAGAIN, else it has failed for good. */
ssize_t tls_read(struct tls_session *s, char *to, size_t n);

/* As writev. After EAGAIN the next call must begin with the same bytes. */
ssize_t tls_write(struct tls_session *s, const struct iovec *iov, int n);

/* Whether hands are shaken. */
bool tls_is_open(const struct tls_session *s);

/* Whether reading can go on only when the socket takes more. */
bool tls_wants_room(const struct tls_session *s);

/* Whether it failed because the client speaks plain HTTP. */
bool tls_heard_http(const struct tls_session *s);

/* Says that no more will be sent, if that can be said at once. */
void tls_say_end(struct tls_session *s);

/* Frees; *s may be NULL and is NULL afterwards. */
void tls_end(struct tls_session **s);

#endif
