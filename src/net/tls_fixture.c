#include "net/tls_fixture.h"

#include "base/mem.h"

#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

struct tls_upstream {
    SSL_CTX *ctx;
    int listen_fd;
    int port;
    size_t body_bytes;
    _Atomic size_t sent;
    pthread_t thread;
    char ca[64];
};

static void add_name(X509 *cert)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "IP:127.0.0.1");
    must(e && X509_add_ext(cert, e, -1));
    X509_EXTENSION_free(e);
}

static X509 *certificate_of(EVP_PKEY *key, int serial, int64_t valid_s)
{
    X509 *cert = X509_new();
    must(X509_set_version(cert, 2) && ASN1_INTEGER_set(X509_get_serialNumber(cert), serial));
    must(X509_gmtime_adj(X509_getm_notBefore(cert), -3600));
    must(X509_gmtime_adj(X509_getm_notAfter(cert), (long)valid_s));
    must(X509_set_pubkey(cert, key));
    X509_NAME *name = X509_get_subject_name(cert);
    must(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1,
                                    0));
    must(X509_set_issuer_name(cert, name));
    add_name(cert);
    must(X509_sign(cert, key, EVP_sha256()));
    return cert;
}

void tls_write_pair(const char *certificate, const char *key, int serial, int64_t valid_s)
{
    EVP_PKEY *pkey = EVP_EC_gen("P-256");
    X509 *cert = certificate_of(pkey, serial, valid_s);
    FILE *file = fopen(certificate, "we");
    must(file && PEM_write_X509(file, cert) && fclose(file) == 0);
    file = fopen(key, "we");
    must(file && PEM_write_PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL) && fclose(file) == 0);
    X509_free(cert);
    EVP_PKEY_free(pkey);
}

static void write_ca(struct tls_upstream *u, X509 *cert)
{
    (void)snprintf(u->ca, sizeof(u->ca), "%s", "metachat-test-ca-XXXXXX");
    const int fd = mkstemp(u->ca);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    must(file && PEM_write_X509(file, cert) && fclose(file) == 0);
}

static void make_context(struct tls_upstream *u)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    must(key);
    X509 *cert = certificate_of(key, 1, 3600);
    u->ctx = SSL_CTX_new(TLS_server_method());
    must(u->ctx && SSL_CTX_use_certificate(u->ctx, cert) == 1);
    must(SSL_CTX_use_PrivateKey(u->ctx, key) == 1);
    write_ca(u, cert);
    X509_free(cert);
    EVP_PKEY_free(key);
}

static void send_body(struct tls_upstream *u, SSL *ssl)
{
    const size_t n = u->body_bytes;
    unsigned char part[8192];
    for (size_t at = 0; at < n; at += sizeof(part)) {
        for (size_t i = 0; i < sizeof(part); i++) {
            part[i] = (unsigned char)((at + i) % 251);
        }
        const size_t left = n - at;
        if (SSL_write(ssl, part, (int)(left < sizeof(part) ? left : sizeof(part))) <= 0) {
            return;
        }
        u->sent = at + sizeof(part);
    }
}

static void *serve(void *arg)
{
    struct tls_upstream *u = arg;
    char request[4096];
    char head[128];
    const int fd = accept(u->listen_fd, NULL, NULL);
    SSL *ssl = SSL_new(u->ctx);
    if (fd >= 0 && ssl && SSL_set_fd(ssl, fd) && SSL_accept(ssl) == 1 &&
        SSL_read(ssl, request, sizeof(request)) > 0) {
        const int n = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n",
                               u->body_bytes);
        if (SSL_write(ssl, head, n) == n) {
            send_body(u, ssl);
        }
        (void)SSL_shutdown(ssl);
    }
    SSL_free(ssl);
    if (fd >= 0) {
        (void)close(fd);
    }
    return NULL;
}

struct tls_upstream *tls_upstream_start(size_t body_bytes)
{
    struct tls_upstream *u = mem_new(struct tls_upstream);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    u->body_bytes = body_bytes;
    make_context(u);
    u->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(bind(u->listen_fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
    must(listen(u->listen_fd, 8) == 0);
    must(getsockname(u->listen_fd, (struct sockaddr *)&a, &n) == 0);
    u->port = ntohs(a.sin_port);
    must(pthread_create(&u->thread, NULL, serve, u) == 0);
    return u;
}

int tls_upstream_port(const struct tls_upstream *u)
{
    return u->port;
}

size_t tls_upstream_sent(const struct tls_upstream *u)
{
    return u->sent;
}

const char *tls_upstream_ca(const struct tls_upstream *u)
{
    return u->ca;
}

void tls_upstream_stop(struct tls_upstream **upstream)
{
    struct tls_upstream *u = *upstream;
    (void)shutdown(u->listen_fd, SHUT_RDWR);
    (void)pthread_join(u->thread, NULL);
    (void)close(u->listen_fd);
    (void)unlink(u->ca);
    SSL_CTX_free(u->ctx);
    mem_free(u);
    *upstream = NULL;
}
