/* The certificate of the settings: read at start, read anew when its files change or somebody asks,
 * and its part of health. */
#ifndef MAIN_CERTIFICATE_H
#define MAIN_CERTIFICATE_H

#include "main/command.h"
#include "net/tls.h"

struct certificate;

/* *ret is NULL when the settings name none. On failure the exit code, after complaining. The caller
 * frees with certificate_free. */
enum exit_code certificate_open(struct certificate **ret);

/* Lives as long as c; NULL for NULL. */
struct tls *certificate_tls(struct certificate *c);

/* Reads the files again when they have changed, or when asked. A pair that cannot be used changes
 * nothing, and is an error in the log. c may be NULL. One thread. */
void certificate_tend(struct certificate *c, bool asked);

/* For health: false when the files hold no usable pair, or when it expires within 14 days. arg is
 * the certificate; any thread. */
bool certificate_check(void *arg, struct buf *detail);

/* *c may be NULL and is NULL afterwards. */
void certificate_free(struct certificate **c);

#endif
