/* Certificates for tests, and a TLS server that has one. */
#ifndef NET_TLS_FIXTURE_H
#define NET_TLS_FIXTURE_H

#include "base/base.h"

/* Writes a new certificate for 127.0.0.1, which trusts itself, and its key. It is valid for so long
 * from now. */
void tls_write_pair(const char *certificate, const char *key, int serial, int64_t valid_s);

struct tls_upstream;

/* Serves one connection on a thread: reads a request, answers with body_bytes bytes, each its
 * offset modulo 251, as fast as they are taken. */
struct tls_upstream *tls_upstream_start(size_t body_bytes);

/* Bytes of the body that were written so far. */
size_t tls_upstream_sent(const struct tls_upstream *u);

int tls_upstream_port(const struct tls_upstream *u);

/* The file with the certificate to trust. */
const char *tls_upstream_ca(const struct tls_upstream *u);

void tls_upstream_stop(struct tls_upstream **u);

#endif
