#include "main/certificate.h"

#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"

#include <pthread.h>
#include <sys/stat.h>

enum { DAY_S = 24 * 3600, SOON_DAYS = 14 };

struct certificate {
    struct tls *tls;
    pthread_mutex_t lock; /* of why */
    struct buf why;       /* the files cannot be used; empty: they can */
};

/* What is a warning in development is refused in production. */
static enum exit_code check(const struct certificate *c)
{
    const bool production = strcmp(conf.env, "production") == 0;
    const int64_t left_s = tls_expires_in_s(c->tls);
    struct stat st;
    if (left_s < SOON_DAYS * DAY_S) {
        log_ev(NULL, LOG_WARN, "certificate_expires", LOG_I64("days", left_s / DAY_S));
    }
    if (production && left_s < 0) {
        complain("METACHAT_TLS_CERT_FILE: the certificate in %s has expired", conf.tls_cert_file);
        return EXIT_CONFIG;
    }
    if (production && stat(conf.tls_key_file, &st) == 0 && (st.st_mode & S_IROTH)) {
        complain("METACHAT_TLS_KEY_FILE: every user of this machine can read %s; take that away "
                 "with chmod o-r",
                 conf.tls_key_file);
        return EXIT_CONFIG;
    }
    return EXIT_OK;
}

enum exit_code certificate_open(struct certificate **ret)
{
    *ret = NULL;
    if (!conf.tls_cert_file[0]) {
        return EXIT_OK;
    }
    struct certificate *c = mem_new(struct certificate);
    c->why = buf_make(KB);
    (void)pthread_mutex_init(&c->lock, NULL);
    enum exit_code code = EXIT_OK;
    if (tls_open(conf.tls_cert_file, conf.tls_key_file, &c->tls, &c->why)) {
        complain("METACHAT_TLS_CERT_FILE, METACHAT_TLS_KEY_FILE: " STR_FMT,
                 STR_ARG(buf_view(&c->why)));
        code = EXIT_CONFIG;
    } else {
        code = check(c);
    }
    if (code) {
        certificate_free(&c);
    }
    *ret = c;
    return code;
}

struct tls *certificate_tls(struct certificate *c)
{
    return c ? c->tls : NULL;
}

void certificate_tend(struct certificate *c, bool asked)
{
    if (!c || (!asked && !tls_changed(c->tls))) {
        return;
    }
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    if (tls_reload(c->tls, &why)) {
        log_ev(NULL, LOG_ERROR, "certificate_refused", LOG_STR("why", buf_view(&why)));
    } else {
        log_ev(NULL, LOG_INFO, "certificate_read",
               LOG_I64("days", tls_expires_in_s(c->tls) / DAY_S));
    }
    (void)pthread_mutex_lock(&c->lock);
    buf_reset(&c->why);
    buf_str(&c->why, buf_view(&why));
    (void)pthread_mutex_unlock(&c->lock);
}

bool certificate_check(void *arg, struct buf *detail)
{
    struct certificate *c = arg;
    const int64_t days = tls_expires_in_s(c->tls) / DAY_S;
    buf_fmt(detail, "the certificate in use is good for %" PRId64 " days", days);
    (void)pthread_mutex_lock(&c->lock);
    const bool refused = c->why.n > 0;
    if (refused) {
        buf_fmt(detail, "; the files were refused: " STR_FMT, STR_ARG(buf_view(&c->why)));
    }
    (void)pthread_mutex_unlock(&c->lock);
    return !refused && days >= SOON_DAYS;
}

void certificate_free(struct certificate **certificate)
{
    struct certificate *c = *certificate;
    if (c) {
        tls_close(&c->tls);
        (void)pthread_mutex_destroy(&c->lock);
        buf_fini(&c->why);
        mem_free(c);
        *certificate = NULL;
    }
}
