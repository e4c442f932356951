/* Outgoing HTTP: one thread runs every exchange in one libcurl multi handle; the caller waits on
 * its own thread with the deadline of its unit of work and can be cancelled. No transaction may be
 * open while waiting (asserted). */
#ifndef NET_CLIENT_H
#define NET_CLIENT_H

#include "base/buf.h"
#include "base/cx.h"

struct net_client;
struct net_call;

/* Starts the outbound thread, with the settings of conf. The caller frees it. */
struct net_client *net_client_new(void);

/* Ends the thread and frees; every call must have been ended. *c may be NULL and is NULL
 * afterwards. */
void net_client_free(struct net_client **c);

struct net_call_spec {
    const char *method;        /* "POST" */
    struct str url;            /* http or https */
    const char *unix_path;     /* connect to this Unix socket instead of the URL's host; NULL: no */
    const struct str *headers; /* whole lines, "Authorization: Bearer …" */
    size_t header_count;
    struct str body;            /* copied */
    int64_t connect_timeout_us; /* name, connection and TLS; 0: libcurl's 300 s */
    int64_t stall_timeout_us;   /* longest silence while somebody waits, once connected; 0: none */
    size_t max_bytes;           /* of the answer's body; more ends the call with ERR_TOO_LARGE */
    bool guarded; /* the URL came from a tenant: only public addresses (net/guard.h) */
};

/* Begins an exchange and waits for the status line and headers. Redirects are never followed, and
 * no proxy of the environment is used. ERR_UNAVAILABLE
 * (EXTERNAL_SERVICE_ERROR) with a sentence when it cannot be reached, ERR_TIMEOUT, ERR_CANCELLED,
 * ERR_INVALID for a URL that the guard refuses. On success *ret must be ended with net_call_end
 * (SCOPED works). */
enum err net_call_begin(struct cx *cx, struct net_client *c, const struct net_call_spec *spec,
                        struct net_call **ret);

/* Status of the answer. */
int net_call_status(const struct net_call *call);

/* Value of a response header (last one), any case; empty text if absent. Valid until the end of the
 * call. */
struct str net_call_header(const struct net_call *call, const char *name);

/* The next part of the body as it comes; *ret_part is empty at the end of the body. The text is
 * valid until the next read. ERR_UNAVAILABLE when cut off in the middle; ERR_TIMEOUT,
 * ERR_CANCELLED, ERR_TOO_LARGE. Back-pressure: at most 1 MB waits unread. */
enum err net_call_read(struct cx *cx, struct net_call *call, struct str *ret_part);

/* The rest of the body into the arena. */
enum err net_call_read_all(struct cx *cx, struct net_call *call, struct str *ret_body);

/* Ends and frees; gives the exchange up if it still runs; *ended may be NULL and is NULL
 * afterwards.
 */
void net_call_end(struct net_call **ended);

#endif
