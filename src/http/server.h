/* The inside of the pipeline: the server, and one request on its way (an exchange). Private to
 * http/.
 *
 * An exchange is made on the loop when the request is whole, runs on one worker of its row's lane,
 * and is freed by whoever sends its answer. Before a large body it is made when the head is whole:
 * a worker finds out who is asking, and refuses, or parks the exchange with the loop (admitted)
 * until the body has come; then a worker goes on behind that step.
 *
 * Invariants:
 * 1. It is in the server's list while it waits for a worker or has one, so that work which a
 * stopping lane drops is still answered; a parked one is not, and ends by on_drop or goes on by
 * on_request.
 * 2. Who is asking, and what its budgets say, is found out once. */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/pool.h"

#include "http/forwarded.h"
#include "http/places.h"
#include "http/rate.h"
#include "http/static.h"
#include "net/spool.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    MAX_HEADERS = 32,
    MAX_FIXED = 8,
    MAX_PARTS = 16,
    PEER_BYTES = IP_TEXT,
    REPLY_HEADERS = MAX_HEADERS + MAX_FIXED + 8,
};

enum stream_state {
    STREAM_NONE,
    STREAM_OPEN,
    STREAM_ENDED,
    STREAM_DETACHED,
};

/* Work of others on a thread of ours. */
struct errand {
    struct errand *prev;
    struct errand *next;
    struct http_server *server;
    void (*fn)(void *arg, bool dropped);
    void *arg;
};

struct http_server {
    struct http_config config;
    struct router *router;
    struct net_server *net;
    struct pool *lanes[LANE_POOLS];
    struct spool *spool;
    struct rate_store *rates;
    struct places *streams;                 /* by tenant */
    struct cidr_list proxies;               /* whose word on a client's address counts */
    enum forwarded_header forwarded_header; /* where they write it */
    atomic_bool draining;
    _Atomic int64_t stop_at_us;
    struct net_header fixed[MAX_FIXED]; /* on every answer */
    size_t fixed_count;
    char deprecation[32];
    char sunset[30];
    pthread_mutex_t reference_lock;
    struct asset reference; /* the OpenAPI document; empty until it is asked for */
    struct arena *kept;     /* its bytes */
    pthread_mutex_t lock;   /* of what follows */
    struct exchange *first;
    struct errand *errands; /* that wait for a thread */
    bool lanes_ended;
    struct health_part parts[MAX_PARTS];
    size_t part_count;
};

/* The first budget that was taken from, or the one that refused: for the headers that tell of it.
 */
struct limit_seen {
    bool any;
    struct rate_verdict verdict;
    enum rate_class by; /* RATE_UNSET: refused credentials */
};

struct exchange {
    struct req req;
    struct exchange *prev;
    struct exchange *next;
    int64_t began_us; /* monotonic: the request was whole */
    bool head_only;
    bool admitted; /* the steps before the body are done */
    bool reached_handler;
    char *target; /* what route_hit points into */
    char *page;   /* the origin that asks, for a row that other sites may call; empty: none */
    char *scopes; /* what req.who's texts point into */
    char *origin;
    char peer[PEER_BYTES];

    int status; /* of the answer that is kept back; 0: none */
    const char *content_type;
    struct buf out;
    struct str lasting; /* instead of out, when not empty */
    struct extent file; /* instead of out, when in_file; owns its descriptor */
    struct net_header headers[MAX_HEADERS];
    size_t header_count;
    struct limit_seen limit;

    bool has_place; /* for a stream, whether it has begun or not */
    enum stream_state stream;
    struct net_ref ref;
    size_t streamed_bytes;
};

static inline struct exchange *exchange_of(struct req *r)
{
    return container_of(r, struct exchange, req);
}

/* --- pipeline.c --- */

/* Made on the loop; takes the request. */
struct exchange *exchange_new(struct http_server *s, struct net_req *net);

/* The loop has read the body of a parked one; the request is the floor's again. On the loop. */
void exchange_resume(struct exchange *x, struct net_req *net);

/* Frees a parked one whose request has ended. On the loop. */
void exchange_drop(struct exchange *x);

/* Everything before the body, then parks; on a worker. */
void exchange_admit(void *exchange);

/* Answers (with the failure e, unless it is ERR_OK), logs, counts and frees. Any thread. */
void exchange_finish(struct exchange *x, enum err e);

/* Everything from who is asking to the end; on a worker. */
void exchange_run(void *exchange);

/* --- identify.c --- */

/* The token that the request came with. ERR_UNAUTHENTICATED when there is none (*ret is empty), or
 * when two differ or one is malformed. */
enum err credential_of(struct cx *cx, const struct net_req *net, struct str *ret);

/* Whether any credential came at all; on the loop. */
bool has_credential(const struct net_req *net);

/* Who is asking, and whether it may call the row at all. */
enum err identify(struct exchange *x);

/* --- limit.c --- */

/* Takes from the budget of the address, for public rows. RATE_LIMITED when it is used up. */
enum err limit_address(struct exchange *x);
/* Takes from the budgets of key and tenant. */
enum err limit_principal(struct exchange *x);
/* Counts refused credentials of the address; gives e back, or RATE_LIMITED. */
enum err limit_refused(struct exchange *x, enum err e);
/* The headers that tell about the budget. */
void limit_headers(struct exchange *x);

/* --- cors.c --- */

/* Whether it is a browser's question before a request to a row that other sites may call. On the
 * loop. */
bool cors_asked(const struct http_server *s, const struct net_req *net);

/* Answers it. On the loop. */
void cors_answer(struct http_server *s, struct net_req **net);

/* The headers that let the page which asked read the answer. */
void cors_headers(struct exchange *x);

/* --- input.c --- */

/* Whether the media type of the request is one that the row takes. Head only. */
bool media_type_ok(const struct route *r, const struct net_req *net);

/* Largest body that the row takes of the request's media type. Head only. */
size_t max_body_of(const struct route *r, const struct net_req *net);

/* Whether the head announces a body. */
bool announces_body(const struct net_req *net);

/* Path parameters, query, limit and cursor, Idempotency-Key, body: all that a handler reads. */
enum err read_input(struct exchange *x);

/* --- reply.c --- */

/* The error body. details may be NULL. */
void error_envelope(struct buf *out, enum code code, struct str message,
                    const struct field_error *details, int count, struct str request_id);

/* The code that the client sees for a failure of cx, and the words to it. */
enum code code_seen(const struct cx *cx, enum err e);
struct str words_seen(const struct cx *cx, enum code code);

/* Puts the error in the place of what the handler answered. */
void reply_error(struct exchange *x, enum err e);

/* Sends what is kept back. */
void reply_send(struct exchange *x);

/* Drops a file that is kept back. */
void reply_close_file(struct exchange *x);

/* Forgets what the handler answered, before it is run again. */
void reply_reset(struct exchange *x);

/* The headers that every answer of this exchange has, besides its own. */
size_t reply_headers(struct exchange *x, struct net_header ret[REPLY_HEADERS]);

/* The words of a request's id: the client's when fit to be repeated, else a new one. In the arena.
 */
struct str request_id_of(struct arena *a, const struct net_req *net);

/* --- stream.c --- */

/* A place for the stream that is asked for, before the handler does anything. TOO_MANY_STREAMS or
 * OVERLOADED when there is none. */
enum err stream_admit(struct exchange *x);

/* Gives the place back, unless a stream that was handed on has it. */
void stream_leave(struct exchange *x);

/* After the handler: ends an open stream, with an "error" frame when it failed. */
void stream_finish(struct exchange *x, enum err e);

/* --- server.c --- */

/* Whether a connection's other end is a listed proxy, which stands for many clients. Any thread. */
bool http_server_is_proxy(const struct http_server *s, const struct sockaddr *peer);

/* A request's target without its query. */
struct str target_path(struct str target);

/* A label that lives as long as the process: "200". */
const char *status_label(int status);

#endif
