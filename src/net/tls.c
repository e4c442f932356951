#include "net/tls.h"

#include "base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <sys/stat.h>

enum {
    RECORD = 16 * 1024, /* the most that one record carries */
};

/* What tells one state of a file from another. */
struct stamp {
    struct timespec modified;
    off_t size;
    ino_t inode;
};

struct tls {
    char *certificate;
    char *key;
    pthread_mutex_t lock; /* of what follows */
    SSL_CTX *ctx;
    struct stamp stamps[2];
};

struct tls_session {
    SSL *ssl;
    bool failed;
    bool wants_room;
    bool heard_http;
};

/* --- certificate and key --- */

static struct stamp stamp_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? (struct stamp){} : (struct stamp){st.st_mtim, st.st_size, st.st_ino};
}

static bool same(const struct stamp *a, const struct stamp *b)
{
    return a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec &&
           a->size == b->size && a->inode == b->inode;
}

static enum err refuse(struct buf *why, const char *path, const char *what)
{
    const char *reason = ERR_reason_error_string(ERR_peek_error());
    const int failed = errno;
    char text[128];
    if (ERR_GET_LIB(ERR_peek_error()) == ERR_LIB_SYS) {
        reason = strerror_r(failed, text, sizeof(text));
    }
    buf_fmt(why, "Cannot use %s: %s%s%s.", path, what, reason ? "; " : "", reason ? reason : "");
    ERR_clear_error();
    return ERR_INVALID;
}

/* Nobody is there to be asked for a password. */
// NOLINTNEXTLINE(readability-non-const-parameter): the library's signature
static int no_password(char *to, int n, int writing, void *arg)
{
    (void)to;
    (void)n;
    (void)writing;
    (void)arg;
    return 0;
}

static int choose_protocol(SSL *ssl, const unsigned char **ret, unsigned char *ret_n,
                           const unsigned char *offered, unsigned offered_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1";
    unsigned char *chosen = NULL;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, ret_n, ours, sizeof(ours) - 1, offered, offered_n) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *ret = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *make_context(void)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    must(ctx && SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION));
    must(SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20"));
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_default_passwd_cb(ctx, no_password);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    return ctx;
}

static enum err load(const struct tls *t, SSL_CTX *ctx, struct buf *why)
{
    ERR_clear_error();
    if (SSL_CTX_use_certificate_chain_file(ctx, t->certificate) != 1) {
        return refuse(why, t->certificate, "it is no certificate in PEM form that can be read");
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, t->key, SSL_FILETYPE_PEM) != 1) {
        const bool mismatch = ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH;
        return refuse(why, t->key,
                      mismatch ? "it is the key of another certificate"
                               : "it is no key in PEM form, without a password, that can be read");
    }
    if (SSL_CTX_check_private_key(ctx) != 1) {
        return refuse(why, t->key, "it is the key of another certificate");
    }
    return ERR_OK;
}

enum err tls_reload(struct tls *t, struct buf *why)
{
    /* before they are read: a change in between is seen as one the next time */
    const struct stamp stamps[] = {stamp_of(t->certificate), stamp_of(t->key)};
    SSL_CTX *fresh = make_context();
    const enum err e = load(t, fresh, why);
    (void)pthread_mutex_lock(&t->lock);
    memcpy(t->stamps, stamps, sizeof(stamps));
    SSL_CTX *old = e ? fresh : t->ctx;
    t->ctx = e ? t->ctx : fresh;
    (void)pthread_mutex_unlock(&t->lock);
    SSL_CTX_free(old);
    return e;
}

bool tls_changed(struct tls *t)
{
    const struct stamp stamps[] = {stamp_of(t->certificate), stamp_of(t->key)};
    (void)pthread_mutex_lock(&t->lock);
    const bool changed = !same(&stamps[0], &t->stamps[0]) || !same(&stamps[1], &t->stamps[1]);
    (void)pthread_mutex_unlock(&t->lock);
    return changed;
}

enum err tls_open(const char *certificate, const char *key, struct tls **ret, struct buf *why)
{
    SCOPED(tls_close) struct tls *t = mem_new(struct tls);
    t->certificate = mem_dup(certificate, strlen(certificate));
    t->key = mem_dup(key, strlen(key));
    (void)pthread_mutex_init(&t->lock, NULL);
    TRY(tls_reload(t, why));
    *ret = TAKE(t);
    return ERR_OK;
}

int64_t tls_expires_in_s(struct tls *t)
{
    int days = 0;
    int seconds = 0;
    (void)pthread_mutex_lock(&t->lock);
    const X509 *certificate = SSL_CTX_get0_certificate(t->ctx);
    must(ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(certificate)));
    (void)pthread_mutex_unlock(&t->lock);
    return (int64_t)days * 24 * 3600 + seconds;
}

void tls_close(struct tls **tls)
{
    struct tls *t = *tls;
    if (!t) {
        return;
    }
    SSL_CTX_free(t->ctx);
    (void)pthread_mutex_destroy(&t->lock);
    mem_free(t->certificate);
    mem_free(t->key);
    mem_free(t);
    *tls = NULL;
}

/* --- one connection --- */

struct tls_session *tls_accept(struct tls *t, int fd)
{
    (void)pthread_mutex_lock(&t->lock);
    SSL *ssl = SSL_new(t->ctx);
    (void)pthread_mutex_unlock(&t->lock);
    must(ssl && SSL_set_fd(ssl, fd)); /* they fail for want of memory alone */
    SSL_set_accept_state(ssl);
    struct tls_session *s = mem_new(struct tls_session);
    s->ssl = ssl;
    return s;
}

/* What a call of OpenSSL that moved nothing means: as of recv and writev. */
static ssize_t outcome(struct tls_session *s, int result)
{
    const int error = SSL_get_error(s->ssl, result);
    s->wants_room = error == SSL_ERROR_WANT_WRITE;
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
        errno = EAGAIN;
        return -1;
    }
    if (error == SSL_ERROR_ZERO_RETURN) {
        return 0;
    }
    const int reason = ERR_GET_REASON(ERR_peek_error());
    s->heard_http = error == SSL_ERROR_SSL && reason == SSL_R_HTTP_REQUEST;
    s->failed = true;
    ERR_clear_error();
    errno = EPROTO;
    return -1;
}

ssize_t tls_read(struct tls_session *s, char *to, size_t n)
{
    size_t done = 0;
    /* Whole records only: what stayed behind inside of OpenSSL would be seen by no epoll. */
    while (!s->failed && n - done >= RECORD) {
        ERR_clear_error();
        const int got = SSL_read(s->ssl, to + done, RECORD);
        if (got <= 0) {
            const ssize_t why = outcome(s, got);
            return done ? (ssize_t)done : why;
        }
        s->wants_room = false;
        done += (size_t)got;
    }
    if (s->failed) {
        errno = EPROTO;
        return -1;
    }
    return (ssize_t)done;
}

/* One record's worth: where it lies when it lies in one piece, else gathered. */
static const void *one_record(const struct iovec *iov, int n, char gathered[RECORD], size_t *ret_n)
{
    if (n > 0 && iov[0].iov_len >= RECORD) {
        *ret_n = RECORD;
        return iov[0].iov_base;
    }
    size_t done = 0;
    for (int i = 0; i < n && done < RECORD; i++) {
        const size_t part = iov[i].iov_len < RECORD - done ? iov[i].iov_len : RECORD - done;
        memcpy(gathered + done, iov[i].iov_base, part);
        done += part;
    }
    *ret_n = done;
    return gathered;
}

ssize_t tls_write(struct tls_session *s, const struct iovec *iov, int n)
{
    char gathered[RECORD];
    size_t size = 0;
    const void *record = one_record(iov, n, gathered, &size);
    if (s->failed) {
        errno = EPROTO;
        return -1;
    }
    ERR_clear_error();
    const int done = SSL_write(s->ssl, record, (int)size);
    if (done > 0) {
        return done;
    }
    const ssize_t why = outcome(s, done);
    errno = why ? errno : EPIPE;
    return -1;
}

bool tls_is_open(const struct tls_session *s)
{
    return SSL_is_init_finished(s->ssl);
}

bool tls_wants_room(const struct tls_session *s)
{
    return s->wants_room;
}

bool tls_heard_http(const struct tls_session *s)
{
    return s->heard_http;
}

void tls_say_end(struct tls_session *s)
{
    if (!s->failed && tls_is_open(s)) {
        ERR_clear_error();
        (void)SSL_shutdown(s->ssl);
        ERR_clear_error();
    }
}

void tls_end(struct tls_session **session)
{
    struct tls_session *s = *session;
    if (s) {
        SSL_free(s->ssl);
        mem_free(s);
        *session = NULL;
    }
}
