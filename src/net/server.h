/* The HTTP/1.1 server: bytes in, bytes out. Knows nothing of routes, tenants or JSON.
 *
 * A loop is a thread that owns its sockets: accept, strict check of the head, parsing (llhttp),
 * deadlines, keep-alive, pipelining (paused, never recursed), writing, drain. The loops share the
 * listening sockets; a connection belongs to the loop that accepted it for life. The floor above
 * gives callbacks, which run on any loop; it gets a request to work on only when all of it has
 * arrived, and answers from any thread, exactly once. Before a body that is large, of unknown
 * length or waits for "100 Continue" it is asked whether to read it at all (on_admit), and takes
 * its time for that.
 *
 * Others hold only a struct net_ref {loop, slot, generation} of a connection; a stale one is a
 * no-op. Source: RFC 9110, RFC 9112, WHATWG server-sent events. */
#ifndef NET_SERVER_H
#define NET_SERVER_H

#include "base/buf.h"
#include "base/cx.h"
#include "base/extent.h"
#include "net/body.h"

#include <sys/socket.h>

struct net_server;
struct net_req;
struct tls;

/* What happens at the bounds:
 * - All connections are taken: idle ones are closed to make room, those that were idle the longest
 *   first, and answers say "Connection: close"; when none is idle, newcomers wait unaccepted.
 * - An address has as many as it may: its next ones are closed at once.
 * - A head that is not whole in time, a body that comes too slowly: 408, and the connection ends.
 * - A client that takes its answer too slowly is closed. Progress is what its system has
 *   acknowledged.
 * - An answer may be as large as it is; the next request of its connection is not looked at before
 *   all of it is with the system. A stream whose unsent bytes pass output_high_water is closed.
 * - Of WebSocket messages that are not whole there are as many bytes as there may be: the one that
 *   grows is closed with WS_TRY_AGAIN.
 * - Behind a refusal whose request was not read to its end, what still comes is read and dropped
 * for a while, so that the client sees the answer and not a reset. */
struct net_limits {
    int loops;                /* threads that serve connections, 1 or more */
    size_t max_head;          /* bytes of request line and headers */
    int max_connections;      /* in all */
    int max_of_address;       /* of them, of one address (IPv6: of one /64); 0: no such bound */
    int64_t head_timeout_us;  /* absolute, from first byte (or accept) to end of head */
    int64_t body_grace_us;    /* before the rate of a body is looked at */
    int64_t body_min_rate;    /* bytes a second that a body must come with; 0: none */
    int64_t body_timeout_us;  /* longest pause in a body */
    int64_t idle_timeout_us;  /* keep-alive */
    int64_t write_min_rate;   /* bytes a second that a client must take; 0: none */
    int64_t write_timeout_us; /* longest time in which a client takes none of our bytes */
    size_t output_high_water; /* unsent bytes at which a stream's slow reader is closed */
    size_t
        messages_max; /* bytes of WebSocket messages that are not whole yet, in all; 0: no bound */
    struct body_rules body; /* the spool outlives the server */
};

struct net_header {
    struct str name;
    struct str value;
};

/* What the floor above wants done with a request whose head has come. */
struct net_plan {
    uint64_t max_body; /* more is 413; default 0: no body allowed beyond */
    int refuse;        /* a status: answer at once with it, without reading the body (the connection
                          ends then, if there is one); 0: go on */
    enum code code;    /* the code to refuse with */
    int retry_after_s; /* > 0: sent as Retry-After with the refusal */
    struct net_header refuse_header; /* one more header of the refusal (Allow, WWW-Authenticate);
                                        outlives the answer; empty name: none */
};

/* Immutable bytes, counted: one body may be sent to many. Any thread. */
struct net_bytes;
struct net_bytes *net_bytes_new(struct str copy);
struct net_bytes *net_bytes_lasting(struct str bytes); /* not copied: they outlive the server */
struct net_bytes *
net_bytes_take(struct buf *take); /* takes the memory; *take is empty afterwards */
struct net_bytes *net_bytes_ref(struct net_bytes *b);
void net_bytes_unref(struct net_bytes *b); /* NULL is allowed */

/* Weak handle of an open stream. Any thread; stale is a no-op. */
struct net_ref {
    uint32_t loop;
    uint32_t slot;
    uint32_t generation;
};

struct net_callbacks {
    void *arg;
    /* On a loop, must not block: the head is complete and well-formed. method, target, headers
     * can be read. */
    void (*on_head)(void *arg, struct net_req *req, struct net_plan *plan);
    /* On a loop, must not block: the head of a request whose body is announced as larger than
     * limits.body.max_memory, or comes in chunks, or waits for "100 Continue". Nothing more is read
     * until the request, which this takes, is answered (net_reply: the body is not read, and the
     * connection ends) or given back with net_admit, from any thread. NULL: nobody is asked. */
    void (*on_admit)(void *arg, struct net_req *req);
    /* On a loop: a request that was given back with net_admit ends before it is whole, because
     * the client left, was too slow or sent too much, or the server stops. The request is gone when
     * this returns; what net_req_set_user has hung on it is the callee's to free. */
    void (*on_drop)(void *arg, struct net_req *req);
    /* On a loop, must not block: the whole request. Takes the request: it must be answered or
     * streamed once. */
    void (*on_request)(void *arg, struct net_req *req);
    /* On the loop: the body (and content type, a literal) for a refusal that the server itself
     * decides: 400, 408, 413, 414, 431, 501, 505 and refused plans. detail is a literal sentence
     * for a person. request_id is the client's X-Request-Id when that is plain (64 signs of
     * letters, digits, '-', '_' and '.' at most), else a new one; the server sends it as
     * X-Request-Id. May be NULL: refusals have no body then. */
    void (*on_refusal)(void *arg, enum code code, int status, const char *detail,
                       struct str request_id, struct buf *body, const char **content_type);
    /* On a loop, must not block: whether connections from an address are not counted for
     * max_of_address (a proxy that stands for many). May be NULL: all are counted. Those of the
     * local socket never are. */
    bool (*uncounted)(void *arg, const struct sockaddr_storage *peer);
    /* Sent with every refusal besides the server's own (security headers); they outlive the
     * server. */
    const struct net_header *refusal_headers;
    size_t refusal_header_count;
};

/* Binds and listens (host:port, [v6]:port; port 0: any; NULL: on no address). On failure why gets a
 * sentence with cause and remedy; ERR_CONFLICT: somebody else listens there. The caller frees with
 * net_server_free. */
enum err net_server_new(const char *listen, const struct net_limits *limits,
                        const struct net_callbacks *callbacks, struct net_server **ret,
                        struct buf *why);

/* Listens on a Unix socket too, which only this user (or root) can open; before the loop runs,
 * once. The socket goes with the drain. */
enum err net_server_listen_local(struct net_server *s, const char *path, struct buf *why);

/* Connections of the address speak TLS; before the loops run. tls outlives the server. */
void net_server_use_tls(struct net_server *s, struct tls *tls);

/* The address that is really served, "127.0.0.1:3007". */
const char *net_server_address(const struct net_server *s);

/* Runs the first loop on the calling thread, the others on threads of their own, until
 * net_server_stop was called and every connection is closed. A request that is still out may be
 * answered later, up to net_server_free; its answer is dropped. */
void net_server_run(struct net_server *s);

/* Drain, from any thread, also from a signal-handling thread: stops accepting, closes idle
 * connections, sends "Connection: close" on the rest, ends streams (each gets its on_drain), and
 * lets running requests finish until the monotonic time; then closes what is left. Calling it again
 * with an earlier time brings the end nearer. */
void net_server_stop(struct net_server *s, int64_t until_mono_us);

/* Frees; *s may be NULL and is NULL afterwards. Every request must have been answered, and
 * net_server_run must have returned (or never been called). */
void net_server_free(struct net_server **s);

/* --- a request; valid until answered; one owner at a time --- */
struct str net_req_method(const struct net_req *r);
struct str net_req_target(const struct net_req *r); /* as sent: path and query */
struct str net_req_header(const struct net_req *r,
                          const char *name); /* first one, any case; empty text if absent */
size_t net_req_header_count(const struct net_req *r, const char *name);
/* The n-th one of the name, in the order of their coming; empty text if there are not so many. */
struct str net_req_header_nth(const struct net_req *r, const char *name, size_t n);
struct extent net_req_body(const struct net_req *r); /* until the request is answered */
struct str net_req_peer(const struct net_req *r);    /* address without port */
bool net_req_is_local(const struct net_req *r);      /* came by the Unix socket */
int64_t net_req_started_us(const struct net_req *r); /* monotonic: end of head */

/* Cancelled when the client goes away before the answer (it closes, or only its sending half, which
 * looks the same), or is cut off at the end of a drain. Owned by the request: not to be touched
 * once net_reply or net_stream_open was called. The owner of the request calls this, on any thread;
 * the wake-up of cancel_on runs on the loop and must not block. */
struct cancel *net_req_watch(struct net_req *r);

/* Room for the floor above: one pointer per request, which the server neither reads nor frees. What
 * must be freed is set no earlier than on_admit or on_request: a request that ends before that is
 * dropped without a word. */
void net_req_set_user(struct net_req *r, void *user);
void *net_req_user(const struct net_req *r);

/* Says that the body of a request that on_admit gave may be read: "100 Continue" goes out if the
 * client waits for it, and the request comes again by on_request, or ends by on_drop. Consumes the
 * request (*r is NULL afterwards). Any thread. */
void net_admit(struct net_req **r);

/* --- answers: any thread, exactly once, consumes the request (*r is NULL afterwards) --- */

/* Headers are copied, control signs in their values become spaces; Date, Content-Length and
 * Connection are added and must not be among them. status is 200-599. body may be NULL; it is
 * consumed. For HEAD, 204 and 304 the body is not sent. */
void net_reply(struct net_req **r, int status, const struct net_header *headers, size_t count,
               struct net_bytes *body);

/* The same with the bytes of a file, which must be in_file and whose descriptor this takes. They
 * are read on the loop as the client takes them, so they should be in the page cache; a file that
 * turns out shorter ends the connection. */
void net_reply_file(struct net_req **r, int status, const struct net_header *headers, size_t count,
                    struct extent take);

struct net_stream_ops {
    void *arg;
    void (*on_close)(void *arg); /* on the loop, once, when the client left or the stream ended; arg
                                    may be freed */
    void (*on_drain)(
        void *arg); /* on the loop: the server stops; may send and end. NULL: the stream is ended */
};

/* Begins a chunked answer (server-sent events, long downloads); to HTTP/1.0 it ends with the
 * connection, to HEAD at once. The stream lives until net_stream_end or the client leaves; on_close
 * comes exactly once, also when the client left before this call. status may not be 204 or 304. */
struct net_ref net_stream_open(struct net_req **r, struct net_server *s, int status,
                               const struct net_header *headers, size_t count,
                               const struct net_stream_ops *ops);

/* Queues one chunk, or one frame of a WebSocket; consumes bytes. False when the stream is gone (the
 * bytes are dropped). A reader that leaves more than output_high_water unread is closed. Any
 * thread. */
bool net_stream_send(struct net_server *s, struct net_ref ref, struct net_bytes *bytes);

/* The same for many at once, with one message to each loop; consumes bytes. How many of the streams
 * were still there. Any thread. */
size_t net_stream_send_many(struct net_server *s, const struct net_ref *refs, size_t count,
                            struct net_bytes *bytes);

/* Sends what is queued and the last chunk. Any thread. */
void net_stream_end(struct net_server *s, struct net_ref ref);

/* Open connections and streams, for health and metrics. */
void net_server_load(const struct net_server *s, int *ret_connections, int *ret_streams);

#endif
