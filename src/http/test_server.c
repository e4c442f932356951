#include "http/test_server.h"

#include "base/clock.h"
#include "base/log.h"

#include "http/static.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static struct http_server *server;
static pthread_t runner;
static int log_fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static bool held;
static int slow;

int test_reruns;
_Atomic int test_runs;

/* --- sample rows --- */

struct thing {
    struct uuid id;
    struct str name;
    int64_t size;
    int64_t made_us;
};

static const struct field thing_fields[] = {
    FIELD_ID(struct thing, id, .required = true),
    FIELD_STR(struct thing, name, .required = true, .min = 1, .max = 20),
    FIELD_INT(struct thing, size, .min = 0, .max = 100),
    {.kind = FIELD_K_TIME, .name = "madeAt", .offset = offsetof(struct thing, made_us)},
    FIELD_END,
};

static const struct field thing_new_fields[] = {
    FIELD_STR(struct thing, name, .required = true, .min = 1, .max = 20),
    FIELD_INT(struct thing, size, .min = 0, .max = 100),
    FIELD_END,
};

struct thing_query {
    struct str kind;
};

static const struct field thing_query_fields[] = {
    FIELD_STR(struct thing_query, kind, .one_of = "big|small"),
    FIELD_END,
};

static enum err list_things(struct req *r)
{
    struct thing *things = arena_many(r->cx.arena, struct thing, (size_t)r->limit);
    bool has = false;
    int64_t at = 0;
    struct uuid id = {};
    TRY(req_cursor(r, &has, &at, &id));
    for (int64_t i = 0; i < r->limit; i++) {
        things[i] = (struct thing){.id = uuid_new(), .name = STR("thing"), .size = at + i};
    }
    return req_reply_list(r, (struct list){things, (size_t)r->limit},
                          at < 40 ? req_make_cursor(r, at + r->limit, things[0].id) : STR(""));
}

static enum err create_thing(struct req *r)
{
    struct thing t = *(const struct thing *)r->body;
    t.id = uuid_new();
    t.made_us = r->cx.now_us;
    return req_reply(r, 0, &t);
}

static enum err get_thing(struct req *r)
{
    const struct thing t = {.id = req_id(r, 0), .name = STR("<thing>")};
    if (uuid_is_nil(t.id)) {
        return cx_fail(&r->cx, CODE_DOCUMENT_NOT_FOUND, "no such thing");
    }
    return req_reply(r, 0, &t);
}

static enum err delete_thing(struct req *r)
{
    return req_reply(r, 0, NULL);
}

static enum err upload(struct req *r)
{
    struct thing t = {.id = uuid_new(), .name = STR("none")};
    for (size_t i = 0; i < r->part_count; i++) {
        t.name = r->parts[i].filename.n ? r->parts[i].filename : r->parts[i].name;
        t.size += (int64_t)r->parts[i].data.n;
    }
    return req_reply(r, 0, &t);
}

static enum err wait_released(struct req *r)
{
    (void)pthread_mutex_lock(&lock);
    slow++;
    (void)pthread_cond_broadcast(&changed);
    while (held) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    slow--;
    (void)pthread_mutex_unlock(&lock);
    return req_reply(r, 0, NULL);
}

static enum err boom(struct req *r)
{
    return cx_fail(&r->cx, CODE_DATABASE_ERROR, "marker: /secret/path is full");
}

static enum err silent(struct req *r)
{
    (void)r;
    return ERR_OK;
}

static enum err rerun(struct req *r)
{
    req_header(r, "X-Run", str_fmt(r->cx.arena, "%d", test_runs));
    const struct thing t = *(const struct thing *)r->body;
    TRY(req_reply(r, 0, &t));
    return ++test_runs <= test_reruns ? cx_fail(&r->cx, CODE_RERUN, "batch lost") : ERR_OK;
}

static enum err stream(struct req *r)
{
    if (!r->wants_stream) {
        return req_reply(r, 0, NULL);
    }
    TRY(req_sse_open(r));
    (void)req_sse_send(r, "delta", STR("1"), STR("{\"text\":\"a\"}"));
    (void)req_sse_send(r, "delta", STR(""), STR("two\nlines"));
    if (str_is(r->who.scopes, "* fails")) {
        return cx_fail(&r->cx, CODE_EXTERNAL_SERVICE_ERROR, "marker");
    }
    return ERR_OK;
}

static enum err page(struct req *r)
{
    static const struct asset asset = {
        "text/html; charset=utf-8",
        {{CODING_IDENTITY, STR("<!doctype html><title>x</title>"), "e1"},
         {CODING_BROTLI, STR("packed by brotli"), "e1-br"},
         {CODING_GZIP, STR("packed by gzip, larger"), "e1-gzip"}},
        3};
    return static_reply(r, &asset);
}

/* Somebody else who answers, later as far as this floor can tell. */
static enum err hand_on(struct req *r)
{
    struct net_header headers[HAND_ON_HEADERS];
    size_t n;
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    struct net_req *net = req_hand_on(r, headers, &n);
    const struct extent body = net_req_body(net);
    buf_fmt(&b, STR_FMT " %zu", STR_ARG(net_req_target(net)), (size_t)body.n);
    net_reply(&net, 202, headers, n, net_bytes_take(&b));
    return ERR_OK;
}

#define ROW(method_, path_, who_, handler_)                                                        \
    .method = METHOD_##method_, .path = (path_), .who = WHO_##who_, .rate = RATE_READ,             \
    .handler = (handler_), .summary = "a row of the tests"

static const struct route rows[] = {
    {ROW(GET, "/api/v1/things", VIEWER, list_things), .scope = "things:read", .is_list = true,
     ROUTE_QUERY(struct thing_query, thing_query_fields), ROUTE_REPLY(struct thing, thing_fields)},
    {ROW(POST, "/api/v1/things", AGENT, create_thing), .scope = "things:write", .status = 201,
     .creates = true, .max_body = 1000, ROUTE_BODY(struct thing, thing_new_fields),
     .reply = thing_fields},
    {ROW(GET, "/api/v1/things/:id", VIEWER, get_thing), .scope = "things:read",
     .reply = thing_fields},
    {ROW(DELETE, "/api/v1/things/:id", ADMIN, delete_thing), .scope = "things:write",
     .status = 204},
    {ROW(POST, "/api/v1/files", VISITOR, upload), .scope = "things:write", .lane = LANE_UPLOAD,
     .takes_multipart = true, .reply = thing_fields},
    {ROW(GET, "/api/v1/slow", VIEWER, wait_released), .scope = "things:read"},
    {ROW(GET, "/api/v1/slow/turn", VIEWER, wait_released), .scope = "things:read",
     .lane = LANE_TURN},
    {ROW(GET, "/api/v1/slow/upload", VIEWER, wait_released), .scope = "things:read",
     .lane = LANE_UPLOAD},
    {ROW(GET, "/api/v1/boom", VIEWER, boom), .scope = "things:read"},
    {ROW(GET, "/api/v1/silent", VIEWER, silent), .scope = "things:read"},
    {ROW(POST, "/api/v1/rerun", VIEWER, rerun), .scope = "things:write",
     ROUTE_BODY(struct thing, thing_new_fields), .reply = thing_fields},
    {ROW(GET, "/api/v1/stream", VIEWER, stream), .scope = "*", .streams = true},
    {ROW(POST, "/api/v1/tenants", PLATFORM, delete_thing)},
    {ROW(GET, "/page", PUBLIC, page), .raw = true, .lane = LANE_LOOP},
    {ROW(GET, "/handed/", PUBLIC, hand_on), .raw = true, .lane = LANE_LOOP, .hands_on = true},
    {ROW(POST, "/handed/", PUBLIC, hand_on), .raw = true, .cors = true, .hands_on = true},
    {ROW(POST, "/api/v1/open", VISITOR, create_thing), .scope = "things:write", .cors = true,
     .status = 201, ROUTE_BODY(struct thing, thing_new_fields), .reply = thing_fields},
    ROUTE_END,
};

static enum err authenticate(struct cx *cx, struct str credential, struct principal *ret)
{
    static const struct {
        const char *credential;
        enum principal_kind kind;
        enum who role;
        const char *scopes;
    } known[] = {
        {"reader", PRINCIPAL_KEY, WHO_VIEWER, "things:read other"},
        {"writer", PRINCIPAL_KEY, WHO_AGENT, "things:read things:write"},
        {"admin", PRINCIPAL_KEY, WHO_ADMIN, "*"},
        {"failing", PRINCIPAL_KEY, WHO_ADMIN, "fails"},
        {"fresh", PRINCIPAL_KEY, WHO_VIEWER, "things:read"},
        {"star", PRINCIPAL_KEY, WHO_VIEWER, "* fails"},
        {"visitor", PRINCIPAL_VISITOR, WHO_VISITOR, ""},
    };
    must(cx->who == SCOPE_NONE);
    for (size_t i = 0; i < COUNT(known); i++) {
        if (str_is(credential, known[i].credential)) {
            *ret = (struct principal){
                .kind = known[i].kind, .role = known[i].role, .scopes = str_of(known[i].scopes)};
            memset(ret->tenant.v.b, 7, sizeof(ret->tenant.v.b));
            memset(ret->id.b, (int)i + 1, sizeof(ret->id.b));
            return ERR_OK;
        }
    }
    return cx_fail(cx, CODE_INVALID_TOKEN, "the credentials are not known");
}

/* --- life --- */

static void *run(void *arg)
{
    http_server_run(arg);
    return NULL;
}

struct http_server *test_server(void)
{
    return server;
}

void test_server_start(void)
{
    static const struct route *const groups[] = {rows, http_system_routes, NULL};
    const struct http_config config = {
        .routes = groups, .listen = "127.0.0.1:0", .authenticate = authenticate, .user = &held};
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    log_fd = memfd_create("log", MFD_CLOEXEC);
    log_set_fd(log_fd);
    must(http_server_new(&config, &server, &why) == ERR_OK);
    must(pthread_create(&runner, NULL, run, server) == 0);
}

void test_server_stop(void)
{
    test_hold(false);
    http_server_stop(server, clock_mono_us() + 10 * SECOND_US);
    (void)pthread_join(runner, NULL);
    http_server_free(&server);
    log_set_fd(STDERR_FILENO);
    (void)close(log_fd);
}

void test_hold(bool hold)
{
    (void)pthread_mutex_lock(&lock);
    held = hold;
    (void)pthread_cond_broadcast(&changed);
    (void)pthread_mutex_unlock(&lock);
}

void test_wait_slow(int count)
{
    (void)pthread_mutex_lock(&lock);
    while (slow < count) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    (void)pthread_mutex_unlock(&lock);
}

/* --- the client --- */

static int dial(void)
{
    const struct str address = str_of(http_server_address(server));
    int64_t port = 0;
    must(str_to_i64(str_sub(address, strlen("127.0.0.1:"), 8), 1, 65535, &port));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

int test_connect(void)
{
    const int fd = dial();
    must(fd >= 0);
    return fd;
}

void test_wait_closed(void)
{
    for (int fd; (fd = dial()) >= 0;) {
        (void)close(fd);
    }
}

void test_send(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n) {
        const ssize_t sent = send(fd, text, n, MSG_NOSIGNAL);
        if (sent <= 0) {
            return;
        }
        text += sent;
        n -= (size_t)sent;
    }
}

static void note_answer(struct answer *a)
{
    int64_t status = 0;
    a->bytes[a->n] = '\0';
    (void)str_to_i64(str_sub((struct str){a->bytes, a->n}, 9, 3), 100, 599, &status);
    a->status = (int)status;
    const char *end = strstr(a->bytes, "\r\n\r\n");
    a->body = end ? end + 4 : a->bytes + a->n;
}

bool test_read_until(int fd, struct answer *a, const char *text)
{
    for (;;) {
        note_answer(a);
        if (text && strstr(a->bytes, text)) {
            return true;
        }
        must(a->n + 1 < sizeof(a->bytes));
        struct pollfd p = {.fd = fd, .events = POLLIN};
        must(poll(&p, 1, 20 * 1000) == 1);
        const ssize_t n = recv(fd, a->bytes + a->n, sizeof(a->bytes) - 1 - a->n, 0);
        if (n <= 0) {
            return false;
        }
        a->n += (size_t)n;
    }
}

void test_ask(struct answer *a, const char *head, const char *body)
{
    struct arena *arena = arena_new();
    const int fd = test_connect();
    const struct str length =
        body ? str_fmt(arena, "Content-Length: %zu\r\n", strlen(body)) : STR("");
    a->n = 0;
    test_send(fd, str_fmt(arena, "%sHost: test\r\nConnection: close\r\n%s\r\n%s", head, length.p,
                          body ? body : "")
                      .p);
    (void)test_read_until(fd, a, NULL);
    (void)close(fd);
    arena_free(&arena);
}

const char *test_header(const struct answer *a, const char *name)
{
    static char value[1024];
    struct str rest = {a->bytes, (size_t)(a->body - a->bytes)};
    struct str line;
    value[0] = '\0';
    while (str_split(&rest, '\n', &line)) {
        const ptrdiff_t colon = str_find_char(line, ':', 0);
        if (colon > 0 && str_eq_nocase(str_sub(line, 0, (size_t)colon), str_of(name))) {
            const struct str v = str_trim(str_sub(line, (size_t)colon + 1, line.n));
            (void)snprintf(value, sizeof(value), STR_FMT, STR_ARG(v));
        }
    }
    return value;
}

const char *test_log(void)
{
    static char text[ANSWER_MAX];
    static off_t from;
    const ssize_t n = pread(log_fd, text, sizeof(text) - 1, from);
    from += n > 0 ? n : 0;
    text[n > 0 ? n : 0] = '\0';
    return text;
}
