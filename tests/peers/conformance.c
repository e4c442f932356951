/* A peer that public conformance suites can be pointed to: a small program on the product's own
 * network code, with nothing of the product behind it.
 *
 *     conformance [--port N] [--ping-interval MS] [--ping-timeout MS] [--connect-timeout MS]
 *                 [--max-payload BYTES]
 *
 * Port 0, the default, is any; the others are Engine.IO's and Socket.IO's. The echoes of these are
 * at /engine.io/ and /socket.io/ (realtime.h), with open CORS; GET /bcast?n= broadcasts.
 * POST /echo, and / with any method, return the body. A WebSocket at any path is echoed, messages
 * up to 16 MB. Prints "listening on ADDRESS" when it serves; SIGTERM and SIGINT end it. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "net/ws.h"

#include "realtime.h"

#include <pthread.h>
#include <signal.h>

enum {
    MAX_MESSAGE = 16 * 1024 * 1024,
    HIGH_WATER = 4 * MAX_MESSAGE,
    MAX_CONNECTIONS = 12000,
    DRAIN_S = 2,
};

struct peer {
    struct net_server *server;
    struct pool *pool;
    pthread_t thread;
};

struct option {
    const char *name;
    int64_t value;
    int64_t max;
};

enum {
    OPTION_PORT,
    OPTION_PING_INTERVAL,
    OPTION_PING_TIMEOUT,
    OPTION_CONNECT_TIMEOUT,
    OPTION_MAX_PAYLOAD,
};

static struct option options[] = {
    [OPTION_PORT] = {"--port", 0, 65535},
    [OPTION_PING_INTERVAL] = {"--ping-interval", 25000, 3600000},
    [OPTION_PING_TIMEOUT] = {"--ping-timeout", 20000, 3600000},
    [OPTION_CONNECT_TIMEOUT] = {"--connect-timeout", 45000, 3600000},
    [OPTION_MAX_PAYLOAD] = {"--max-payload", 1000000, MAX_MESSAGE},
};

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "conformance: %s\n", what);
    exit(2);
}

/* --- HTTP --- */

static struct str path_of(const struct net_req *req)
{
    const struct str target = net_req_target(req);
    const ptrdiff_t mark = str_find_char(target, '?', 0);
    return mark < 0 ? target : str_sub(target, 0, (size_t)mark);
}

static void on_head(void *arg, struct net_req *req, struct net_plan *plan)
{
    (void)arg;
    (void)req;
    plan->max_body = MAX_MESSAGE;
}

static void echo_body(struct net_req *req)
{
    const struct extent body = net_req_body(req);
    const struct str given = net_req_header(req, "Content-Type");
    const struct net_header type = {STR("Content-Type"),
                                    given.n ? given : STR("application/octet-stream")};
    net_reply(&req, 200, &type, 1, net_bytes_new(body.bytes));
}

/* --- WebSocket --- */

struct socket {
    struct net_server *server;
    struct net_ref ref;
};

static void on_message(void *arg, enum ws_kind kind, struct str message)
{
    const struct socket *s = arg;
    (void)net_stream_send(s->server, s->ref, net_ws_frame(kind, message));
}

static void on_close(void *arg, int code)
{
    (void)code;
    mem_free(arg);
}

/* Called on the loop, so no callback comes before it returns. */
static void echo_socket(struct peer *p, struct net_req *req)
{
    struct socket *s = mem_new(struct socket);
    const struct net_ws_options usual = {.max_message = MAX_MESSAGE};
    const struct net_ws_ops ops = {.arg = s, .on_message = on_message, .on_close = on_close};
    s->server = p->server;
    s->ref = net_ws_open(&req, p->server, NULL, 0, &usual, &ops);
    if (!s->ref.generation) {
        mem_free(s);
    }
}

static void on_request(void *arg, struct net_req *req)
{
    const struct str path = path_of(req);
    if (realtime_request(&req, path)) {
        return;
    }
    if (net_ws_asked(req)) {
        echo_socket(arg, req);
    } else if (str_is(path, "/") ||
               (str_is(path, "/echo") && str_is(net_req_method(req), "POST"))) {
        echo_body(req);
    } else {
        net_reply(&req, 404, NULL, 0, NULL);
    }
}

/* --- life --- */

static void read_options(int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        size_t o = 0;
        while (o < COUNT(options) && strcmp(options[o].name, argv[i]) != 0) {
            o++;
        }
        if (o == COUNT(options) || i + 1 == argc ||
            !str_to_i64(str_of(argv[i + 1]), 0, options[o].max, &options[o].value)) {
            die("no such option, or no such value");
        }
    }
}

static void *serve(void *arg)
{
    net_server_run(((struct peer *)arg)->server);
    return NULL;
}

static void start(struct peer *p)
{
    char listen[32];
    SCOPED(buf_fini) struct buf why = buf_make(1000);
    const struct net_limits limits = {
        .loops = 1,
        .max_head = 16 * KB,
        .max_connections = MAX_CONNECTIONS,
        .head_timeout_us = 10 * SECOND_US,
        .body_grace_us = 10 * SECOND_US,
        .body_timeout_us = 30 * SECOND_US,
        .idle_timeout_us = 60 * SECOND_US,
        .write_timeout_us = 30 * SECOND_US,
        .output_high_water = HIGH_WATER,
    };
    const struct net_callbacks callbacks = {.arg = p, .on_head = on_head, .on_request = on_request};
    (void)snprintf(listen, sizeof(listen), "127.0.0.1:%d", (int)options[OPTION_PORT].value);
    if (net_server_new(listen, &limits, &callbacks, &p->server, &why)) {
        die(why.p);
    }
    const struct realtime_options realtime = {
        .ping_interval_ms = options[OPTION_PING_INTERVAL].value,
        .ping_timeout_ms = options[OPTION_PING_TIMEOUT].value,
        .connect_timeout_ms = options[OPTION_CONNECT_TIMEOUT].value,
        .max_payload = options[OPTION_MAX_PAYLOAD].value,
    };
    p->pool = pool_new(&(struct pool_limits){.name = "peer", .max_threads = 4, .max_queue = 1000});
    engine_start(p->server, p->pool, &realtime);
    sockets_start(p->server, p->pool, &realtime);
    must(pthread_create(&p->thread, NULL, serve, p) == 0);
    (void)printf("listening on %s\n", net_server_address(p->server));
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct peer p = {};
    sigset_t ends;
    int which;
    read_options(argc, argv);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)sigemptyset(&ends);
    (void)sigaddset(&ends, SIGTERM);
    (void)sigaddset(&ends, SIGINT);
    (void)pthread_sigmask(SIG_BLOCK, &ends, NULL);
    start(&p);
    (void)sigwait(&ends, &which);
    sockets_drain();
    net_server_stop(p.server, clock_mono_us() + DRAIN_S * SECOND_US);
    (void)pthread_join(p.thread, NULL);
    sockets_stop();
    engine_stop();
    pool_free(&p.pool);
    net_server_free(&p.server);
    return 0;
}
