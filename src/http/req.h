/* One request inside the house, and the pipeline that carries it: find the row, sizes, who is it,
 * tenant, role and scope, rate (for large bodies before they are read), decode, handler (run again
 * when its transaction was lost), encode, log. All of it stands in http/pipeline.c and reads top to
 * bottom; a handler never sees a request that one of the steps refuses. */
#ifndef HTTP_REQ_H
#define HTTP_REQ_H

#include "http/route.h"
#include "net/server.h"

enum principal_kind {
    PRINCIPAL_NONE,
    PRINCIPAL_KEY,
    PRINCIPAL_VISITOR,
    PRINCIPAL_OPERATOR,
    PRINCIPAL_ACTING, /* the operator, who said for which tenant and why */
};

/* Who is asking. */
struct principal {
    enum principal_kind kind;
    enum who role;
    struct tenant_id tenant;
    struct uuid id;         /* of the key, of the visitor, or of the token to act with */
    struct str scopes;      /* of a key: words apart by spaces, "*" for all */
    struct uuid widget_key; /* of a visitor: which one it came by */
    struct str origin;      /* of a visitor: the only one its requests may name */
    int64_t expires_us;     /* of the credential; 0: never */
};

/* Whether a key holds the scope; nobody else has any. */
bool principal_holds(const struct principal *who, const char *scope);

/* One part of multipart/form-data. */
struct part {
    struct str name;
    struct str filename; /* as sent; empty for a plain field */
    struct str content_type;
    struct extent data; /* within the body */
};

struct http_server;

struct req {
    struct cx cx;
    const struct route *route;
    struct route_hit hit;
    struct principal who;
    struct net_req *net; /* NULL once answered */
    struct http_server *server;
    const void *body;  /* decoded, a struct of the row's kind; NULL when multipart came instead */
    const void *query; /* likewise; NULL when the row has no query */
    struct extent raw_body; /* this and parts: until the answer or the stream begins */
    const struct part *parts;
    size_t part_count;
    struct str idempotency_key; /* empty: none; at most 255 signs */
    uint8_t body_hash[32];      /* SHA-256 of the raw body, when there is a key */
    int64_t limit;              /* of a list: 1-100, default 25 */
    struct str cursor;          /* of a list: opaque, decoded by req_cursor */
    bool wants_stream;          /* Accept: text/event-stream */
    bool is_operator;           /* the operator's token came, also on a public row */
    struct str peer; /* address that limits and logs go by: of the client, as far as listed
                        proxies tell it */
    bool answered;
};

/* --- for handlers; the answer is kept back until the handler has returned ERR_OK --- */

/* A header of the request, empty when absent; until the answer or the stream begins. */
struct str req_header_in(const struct req *r, const char *name);

/* The n-th path parameter as an id (the pipeline has checked its form). */
struct uuid req_id(const struct req *r, size_t n);

/* Answers with data encoded by the row's reply table (NULL: data is null). status 0: the row's. */
enum err req_reply(struct req *r, int status, const void *object);

/* Answers with a list; next is the cursor behind the last item, or empty. */
enum err req_reply_list(struct req *r, struct list items, struct str next);

/* Answers with bytes of its own (copied); content_type is a literal. */
enum err req_reply_raw(struct req *r, int status, const char *content_type, struct str bytes);

/* Answers 200 with bytes that outlive the server, without copying them; content_type is a literal.
 */
enum err req_reply_lasting(struct req *r, const char *content_type, struct str bytes);

/* Answers with the bytes of a file, which are sent as the client takes them. take is in_file; its
 * descriptor is taken, also on failure. */
enum err req_reply_file(struct req *r, int status, const char *content_type, struct extent take);

/* A part's bytes in memory: at most max, else PAYLOAD_TOO_LARGE. A view, or in the arena. */
enum err req_part_text(struct req *r, const struct part *p, size_t max, struct str *ret);

/* Adds a header to the answer, instead of the house's own of the same name (Cache-Control,
 * Content-Security-Policy). name is a literal. */
void req_header(struct req *r, const char *name, struct str value);

/* Lists read one row more than the limit. True when it came: there is a next page, and *count is
 * cut to the limit. */
bool req_cut_page(const struct req *r, size_t *count);

/* Cursors: a sort time and an id, bound to the row and sealed against tampering. req_cursor sets
 * *ret_has to false when none came, and fails with INVALID_CURSOR. */
struct str req_make_cursor(struct req *r, int64_t sort_us, struct uuid id);
enum err req_cursor(struct req *r, bool *ret_has, int64_t *ret_sort_us, struct uuid *ret_id);

/* --- server-sent events; after open the answer is the stream, and a failure becomes an "error"
 * frame --- */

/* Begins the stream. From here on the work is no longer cancelled when the client leaves, and the
 * handler is not run again. */
enum err req_sse_open(struct req *r);

/* One frame: "id: …\nevent: …\ndata: …\n\n"; id may be empty. False when the client has left. */
bool req_sse_send(struct req *r, const char *event, struct str id, struct str json);
enum err req_sse_end(struct req *r);

/* Writes such a frame: for others who send on a stream. Line ends in data make more data lines. */
void sse_frame(struct buf *out, const char *event, struct str id, struct str data);

/* Begins the stream (instead of req_sse_open) and hands it to somebody else (the hub), who ends it:
 * no worker is held. ops as in net/server.h; on_close may come before this returns. */
enum err req_sse_detach(struct req *r, const struct net_stream_ops *ops, struct net_ref *ret);

/* --- a request that somebody else answers --- */

enum { HAND_ON_HEADERS = 32 };

/* Takes the request out of the pipeline, whose row hands_on: from now on it is the caller's, who
 * gives it to somebody who answers it with net's functions and these headers; they are lent until
 * the handler returns. */
struct net_req *req_hand_on(struct req *r, struct net_header ret_headers[HAND_ON_HEADERS],
                            size_t *ret_count);

/* Takes one more from a budget for this request; RATE_LIMITED when it is used up. */
enum err req_limit(struct req *r, enum rate_class c);

/* Takes one from the budgets of somebody who comes by another way than a request of this class (a
 * message on a socket; RATE_OPEN: a conversation that a visitor begins). peer: the client's
 * address. RATE_LIMITED when one is used up; then *ret_retry_s (may be NULL) is when to come again.
 * Any thread. */
enum err http_limit(struct http_server *s, struct cx *cx, const struct principal *who,
                    struct str peer, enum rate_class c, int64_t *ret_retry_s);

/* --- the server --- */

struct http_config {
    const struct route *const *routes;
    struct db *db;
    const char *listen;       /* NULL: on no address */
    struct tls *tls;          /* of the address; NULL: plain HTTP. Outlives the server */
    const char *admin_socket; /* the operator's way in, a Unix socket; NULL: none */
    const char *spool;        /* folder of large bodies; NULL: they stay in memory */
    /* Who a credential belongs to: UNAUTHORIZED / INVALID_TOKEN when unknown. Runs on a worker; cx
     * has no scope yet. The tenant's state is checked here too. */
    enum err (*authenticate)(struct cx *cx, struct str credential, struct principal *ret);
    uint8_t cursor_secret[32];
    void *user; /* for handlers: http_user */
};

/* Rows of the house itself: health, metrics, the OpenAPI document. To be listed among the routes.
 */
extern const struct route http_system_routes[];

/* Makes lanes and listener; why gets a sentence. The caller frees. */
enum err http_server_new(const struct http_config *config, struct http_server **ret,
                         struct buf *why);
const char *http_server_address(const struct http_server *s);
struct net_server *http_server_net(struct http_server *s);
void *http_user(const struct req *r);

/* Readiness turns 503 from now on, everything else goes on: so that a load balancer looks away
 * before the stop. Any thread. */
void http_server_announce_stop(struct http_server *s);

/* Serves on this thread until told to stop (any thread): readiness turns 503, then net's drain,
 * then the lanes': what waits for a thread when the time is over is dropped, what runs ends by its
 * own deadline. No handler runs when this returns. */
void http_server_run(struct http_server *s);
void http_server_stop(struct http_server *s, int64_t until_mono_us);
/* fn(arg, false) will run once on a thread of the lane; fn(arg, true) on another, when the server
 * ends before there was one. False when the lane is full or ends: then neither comes. Any thread;
 * never blocks. */
bool http_server_run_in(struct http_server *s, enum lane lane, void (*fn)(void *arg, bool dropped),
                        void *arg);
bool http_server_draining(const struct http_server *s);
void http_server_free(struct http_server **s);
struct router *http_server_router(struct http_server *s);

/* --- health: parts that make up the state --- */
struct health_part {
    const char *name;
    bool required; /* overall 503 when it is down */
    /* true when well; detail gets words for the operator. Any worker; must be quick. */
    bool (*check)(void *arg, struct buf *detail);
    void *arg;
};
void http_health_add(struct http_server *s, struct health_part part);

#endif
