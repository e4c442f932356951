/* The contract of one endpoint, as data. From the rows come dispatch, authentication, tenant,
 * scope, rate, sizes, decoding, the OpenAPI document, `metachat routes`, and the probes of the test
 * suite. */
#ifndef HTTP_ROUTE_H
#define HTTP_ROUTE_H

#include "http/field.h"

struct req;

enum method {
    METHOD_GET,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_COUNT,
};

/* Roles, each with the ones before it. A row with no who does not exist: 0 is refused at start. */
enum who {
    WHO_UNSET,
    WHO_PUBLIC,
    WHO_VISITOR,
    WHO_VIEWER,
    WHO_AGENT,
    WHO_ADMIN,
    WHO_OWNER,
    WHO_PLATFORM, /* the operator of the installation: apart from the tenants' roles */
};

/* Where the handler runs. The first ones have threads and a bounded queue each; when one is full
 * its rows are refused, and the others go on. So that health answers whatever is full, its rows
 * stand apart: they are public, read, take no query and answer with bytes of their own, so that
 * nothing before the handler asks the database either. */
enum lane {
    LANE_API,
    LANE_TURN,
    LANE_UPLOAD,
    LANE_PROBE, /* health and metrics: handlers that look at the house, and wait for nobody long */
    LANE_POOLS,
    LANE_LOOP = LANE_POOLS, /* at once, on the loop: handlers that never block and take
                               microseconds; only bytes that are ready in memory */
    LANE_COUNT,
};

/* Every row has one; the figures are settings. 0 is refused at start. */
enum rate_class {
    RATE_UNSET,
    RATE_READ,
    RATE_WRITE,
    RATE_CHAT,
    RATE_UPLOAD,
    RATE_PUBLIC,
    RATE_SESSION, /* visitors' sessions that are begun or renewed */
    RATE_OPEN,    /* conversations that visitors begin; no row's */
    RATE_SOCKET,  /* handshakes and polls of sockets */
    RATE_PROBE,   /* health and metrics: not counted */
    RATE_CLASS_COUNT,
};

struct route {
    enum method method;
    const char *path; /* "/api/v1/documents/:id"; a parameter is one whole segment and an id unless
                         params_text */
    enum who who;
    bool visitors_only; /* no key does, whatever it holds */
    const char *scope;  /* what a key must hold, "documents:write"; NULL only for public rows */
    enum rate_class rate;
    enum lane lane;
    size_t max_body;              /* bytes; 0: conf.http_max_body for rows with a body, else none */
    const int64_t *max_body_conf; /* bytes, a setting that wins over max_body */
    const int64_t *max_part_conf; /* bytes, a setting: of a multipart body, which may have 64 KB of
                                     framing besides; NULL: as any other body */
    const struct field *body;     /* NULL: no body, or an empty object */
    size_t body_size;             /* of the struct it is decoded into */
    const struct field *query;    /* NULL: no query */
    size_t query_size;
    const struct field *reply; /* of data, or of one item when is_list; NULL: no data or not JSON */
    size_t reply_size;         /* of the struct it is encoded from; lists need it */
    int status;                /* of success; 0: 200 */
    bool is_list; /* data is an array; limit and cursor are understood; page.next is answered */
    bool takes_multipart; /* besides JSON (or instead, when body is NULL): the handler reads
                             r->parts */
    bool streams;         /* may answer as text/event-stream */
    bool may_find;        /* may answer 200 with what was there, besides 201 */
    bool may_accept;      /* may answer 202 with the same data, before the work is done */
    bool creates;         /* Idempotency-Key is honoured */
    bool params_text;     /* parameters are checked text, not ids */
    bool raw;             /* the handler answers with bytes of its own (pages, metrics) */
    bool admits;          /* public, but the handler lets in by a key of its own in query or body:
                             401, 403 and 404 may be its answers */
    bool cors;            /* pages of other sites may call it, with credentials that they add */
    bool hands_on;        /* the handler gives the request to somebody else, who reads query and
                             body and answers (req_hand_on); the path may end with a slash */
    enum err (*handler)(struct req *r);
    const char *summary; /* one line for the reference */
};

#define ROUTE_BODY(type, table)  .body = (table), .body_size = sizeof(type)
#define ROUTE_QUERY(type, table) .query = (table), .query_size = sizeof(type)
#define ROUTE_REPLY(type, table) .reply = (table), .reply_size = sizeof(type)
#define ROUTE_END                                                                                  \
    {                                                                                              \
        .path = NULL                                                                               \
    }

/* All rows of the program: arrays that each end with ROUTE_END, in a list that ends with NULL. */
struct router;

/* Whether one row can be served (path, who, scope, rate, tables, sizes); why gets what is wrong. */
bool route_ok(const struct route *r, struct buf *why);

/* The names of the columns, as documents and logs show them: "GET", "agent", "api", "write". */
const char *method_name(enum method m);
const char *who_name(enum who w);
const char *lane_name(enum lane l);
const char *rate_name(enum rate_class c);

/* Largest body that the row takes, in bytes; 0: it takes none. */
size_t route_max_body(const struct route *r);
/* The same for multipart/form-data; 0: it takes none of that form. */
size_t route_max_multipart(const struct route *r);

/* Checks every row (route_ok, and that none is there twice); a fault is a bug of ours and asserts
 * with the row's path.
 * "/api/v1/x" is also served as "/api/x", with a Deprecation header. The caller frees. */
struct router *router_new(const struct route *const *groups);
void router_free(struct router **r);

enum route_match {
    ROUTE_FOUND,
    ROUTE_NO_PATH,
    ROUTE_NO_METHOD,
};

enum { ROUTE_MAX_PARAMS = 4 };

struct route_hit {
    const struct route *route;
    struct str params[ROUTE_MAX_PARAMS]; /* in the order of the path; a percent sign is refused in
                                            them */
    size_t param_count;
    bool unversioned;
    const char *allow; /* of ROUTE_NO_METHOD: "GET, POST" */
};

/* Any thread, does not block. Paths are compared byte by byte: no trailing slash, case or encoding
 * variants. */
enum route_match router_find(const struct router *r, struct str method, struct str path,
                             struct route_hit *ret);

/* All rows, by path and method; belongs to the router. */
const struct route *const *router_rows(const struct router *r, size_t *ret_count);

/* The OpenAPI 3.1 document, and the table for `metachat routes` (one line a row; or JSON with every
 * contract column, for the probes). */
void router_openapi(const struct router *r, const char *server_url, struct buf *out);
void router_print(const struct router *r, bool as_json, struct buf *out);

#endif
