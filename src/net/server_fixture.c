#include "net/server_fixture.h"

#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

int fixture_loops = 1;
bool fixture_uncounted;
struct tls *fixture_tls;

static void on_head(void *arg, struct net_req *req, struct net_plan *plan)
{
    (void)arg;
    const struct str target = net_req_target(req);
    plan->max_body = MB;
    if (str_is(target, "/tiny")) {
        plan->max_body = 10;
    } else if (str_is(target, "/no")) {
        plan->refuse = 401;
        plan->code = CODE_UNAUTHORIZED;
    } else if (str_is(target, "/busy")) {
        plan->refuse = 503;
        plan->code = CODE_OVERLOADED;
        plan->retry_after_s = 7;
    }
}

static void hold(struct fixture *f, struct net_req *req)
{
    (void)pthread_mutex_lock(&f->lock);
    must(f->held_count < FIXTURE_HELD);
    f->held[f->held_count++] = req;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void echo(struct net_req *req)
{
    SCOPED(buf_fini) struct buf b = buf_make(2 * MB);
    buf_str(&b, net_req_method(req));
    buf_char(&b, ' ');
    buf_str(&b, net_req_target(req));
    buf_char(&b, '\n');
    const struct extent body = net_req_body(req);
    char *room = buf_room(&b, (size_t)body.n);
    must(extent_read(&body, 0, room, (size_t)body.n));
    buf_wrote(&b, (size_t)body.n);
    const struct net_header type = {STR("Content-Type"), STR("text/plain")};
    net_reply(&req, 200, &type, 1, net_bytes_take(&b));
}

unsigned char fixture_big(size_t at)
{
    return (unsigned char)(at % 251);
}

static void big(struct net_req *req)
{
    struct buf b = buf_make(2 * (size_t)FIXTURE_BIG);
    char *p = buf_room(&b, FIXTURE_BIG);
    for (size_t i = 0; i < FIXTURE_BIG; i++) {
        p[i] = (char)fixture_big(i);
    }
    buf_wrote(&b, FIXTURE_BIG);
    net_reply(&req, 200, NULL, 0, net_bytes_take(&b));
}

static void file(struct net_req *req)
{
    const int fd = memfd_create("file", MFD_CLOEXEC);
    char part[251 * 1024];
    for (size_t i = 0; i < sizeof(part); i++) {
        part[i] = (char)fixture_big(i);
    }
    for (size_t n = 0; n < FIXTURE_BIG; n += sizeof(part)) {
        must(write(fd, part, sizeof(part)) == (ssize_t)sizeof(part));
    }
    net_reply_file(&req, 200, NULL, 0, extent_of_file(fd, 0, FIXTURE_BIG));
}

static void on_admit(void *arg, struct net_req *req)
{
    net_req_set_user(req, arg);
    if (str_is(net_req_target(req), "/ask")) {
        hold(arg, req);
    } else {
        net_admit(&req);
    }
}

static void on_drop(void *arg, struct net_req *req)
{
    struct fixture *f = arg;
    must(net_req_user(req) == f);
    (void)pthread_mutex_lock(&f->lock);
    f->dropped++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void on_stream_close(void *arg)
{
    struct fixture *f = arg;
    (void)pthread_mutex_lock(&f->lock);
    f->closed_streams++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void stream(struct fixture *f, struct net_req *req)
{
    const struct net_stream_ops ops = {.arg = f, .on_close = on_stream_close};
    const struct net_ref ref = net_stream_open(&req, f->server, 200, NULL, 0, &ops);
    (void)net_stream_send(f->server, ref, net_bytes_new(STR("first")));
    (void)pthread_mutex_lock(&f->lock);
    f->stream = ref;
    f->opened_streams++;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static void on_request(void *arg, struct net_req *req)
{
    const struct str target = net_req_target(req);
    if (str_is(target, "/held")) {
        hold(arg, req);
    } else if (str_is(target, "/stream")) {
        stream(arg, req);
    } else if (str_is(target, "/big")) {
        big(req);
    } else if (str_is(target, "/file")) {
        file(req);
    } else if (str_is(target, "/peer")) {
        struct net_bytes *b = net_bytes_new(net_req_peer(req));
        net_reply(&req, 200, NULL, 0, b);
    } else if (str_is(target, "/empty")) {
        net_reply(&req, 204, NULL, 0, net_bytes_new(STR("never sent")));
    } else {
        echo(req);
    }
}

static void on_refusal(void *arg, enum code code, int status, const char *detail,
                       struct str request_id, struct buf *body, const char **content_type)
{
    struct fixture *f = arg;
    must(request_id.n > 0);
    buf_fmt(body, "%d %s: %s\n", status, code_info(code)->name, detail);
    *content_type = "text/plain";
    (void)pthread_mutex_lock(&f->lock);
    f->refusals++;
    f->last_code = code;
    (void)pthread_cond_broadcast(&f->changed);
    (void)pthread_mutex_unlock(&f->lock);
}

static bool uncounted(void *arg, const struct sockaddr_storage *peer)
{
    (void)arg;
    return fixture_uncounted && peer->ss_family == AF_INET;
}

static void *run(void *arg)
{
    net_server_run(((struct fixture *)arg)->server);
    return NULL;
}

struct net_limits fixture_limits(void)
{
    return (struct net_limits){
        .loops = fixture_loops,
        .max_head = 16 * KB,
        .max_connections = 100,
        .head_timeout_us = 10 * SECOND_US,
        .body_grace_us = 10 * SECOND_US,
        .body_min_rate = 1024,
        .body_timeout_us = 10 * SECOND_US,
        .idle_timeout_us = 10 * SECOND_US,
        .write_min_rate = 1024,
        .write_timeout_us = 10 * SECOND_US,
        .output_high_water = 64 * KB,
        .body = {.max_memory = 64 * KB},
    };
}

void fixture_start(struct fixture *f, const struct net_limits *limits)
{
    *f = (struct fixture){};
    (void)pthread_mutex_init(&f->lock, NULL);
    (void)pthread_cond_init(&f->changed, NULL);
    const struct net_callbacks callbacks = {
        .arg = f,
        .on_head = on_head,
        .on_admit = on_admit,
        .on_drop = on_drop,
        .on_request = on_request,
        .on_refusal = on_refusal,
        .uncounted = uncounted,
    };
    SCOPED(buf_fini) struct buf why = buf_make(1000);
    must(net_server_new("127.0.0.1:0", limits, &callbacks, &f->server, &why) == ERR_OK);
    net_server_use_tls(f->server, fixture_tls);
    must(pthread_create(&f->thread, NULL, run, f) == 0);
}

void fixture_stop(struct fixture *f, int64_t grace_us)
{
    net_server_stop(f->server, clock_mono_us() + grace_us);
    (void)pthread_join(f->thread, NULL);
    net_server_free(&f->server);
    (void)pthread_mutex_destroy(&f->lock);
    (void)pthread_cond_destroy(&f->changed);
}

int fixture_set_up(void **state)
{
    const struct net_limits l = fixture_limits();
    fixture_start(*state, &l);
    return 0;
}

int fixture_tear_down(void **state)
{
    fixture_stop(*state, 2 * SECOND_US);
    return 0;
}

struct net_req *fixture_take(struct fixture *f)
{
    fixture_wait(f, &f->held_count, 1);
    (void)pthread_mutex_lock(&f->lock);
    struct net_req *r = f->held[0];
    f->held_count--;
    memmove(f->held, f->held + 1, sizeof(f->held[0]) * (size_t)f->held_count);
    (void)pthread_mutex_unlock(&f->lock);
    return r;
}

void fixture_wait(struct fixture *f, const int *counter, int value)
{
    (void)pthread_mutex_lock(&f->lock);
    while (*counter < value) {
        (void)pthread_cond_wait(&f->changed, &f->lock);
    }
    (void)pthread_mutex_unlock(&f->lock);
}

int client_connect(const struct fixture *f)
{
    const char *colon = strrchr(net_server_address(f->server), ':');
    int64_t port;
    must(str_to_i64(str_of(colon + 1), 1, 65535, &port));
    const struct sockaddr_in a = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    const struct timeval patience = {.tv_sec = 10};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0);
    return fd;
}

void client_send(int fd, struct str bytes)
{
    while (bytes.n) {
        const ssize_t n = send(fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0) {
            return; /* the server has said its last word; the answer tells */
        }
        bytes = str_sub(bytes, (size_t)n, bytes.n);
    }
}

void client_send_text(int fd, const char *text)
{
    client_send(fd, str_of(text));
}

/* False at the end, or after ten seconds of silence. */
static bool read_some(int fd, struct buf *b, size_t n)
{
    char *room = buf_room(b, n);
    must(room);
    const ssize_t got = recv(fd, room, n, 0);
    if (got > 0) {
        buf_wrote(b, (size_t)got);
    }
    return got > 0;
}

/* The size of the whole answer as far as its head tells; 0: not known yet. */
static size_t answer_size(struct str s)
{
    const ptrdiff_t end = str_find(s, STR("\r\n\r\n"), 0);
    const ptrdiff_t at = str_find(s, STR("Content-Length: "), 0);
    if (end < 0) {
        return 0;
    }
    if (at < 0 || at > end) {
        const bool chunked = str_find(s, STR("Transfer-Encoding: chunked"), 0) >= 0;
        return !chunked ? (size_t)end + 4 : str_ends(s, STR("0\r\n\r\n")) ? s.n : 0;
    }
    int64_t n = 0;
    const size_t from = (size_t)at + strlen("Content-Length: ");
    const size_t eol = (size_t)str_find_char(s, '\r', from);
    must(str_to_i64(str_sub(s, from, eol - from), 0, INT32_MAX, &n));
    return (size_t)end + 4 + (size_t)n;
}

struct buf client_answer(int fd)
{
    struct buf b = buf_make(8 * MB);
    size_t size = 0;
    while (size == 0 || b.n < size) {
        /* one byte at a time up to the end of the head, so as not to take the next answer's */
        if (!read_some(fd, &b, size ? size - b.n : 1)) {
            break;
        }
        size = size ? size : answer_size(buf_view(&b));
    }
    return b;
}

struct buf client_rest(int fd)
{
    struct buf b = buf_make(64 * MB);
    while (read_some(fd, &b, 64 * KB)) {
    }
    return b;
}

struct buf client_exchange(const struct fixture *f, struct str bytes)
{
    const int fd = client_connect(f);
    client_send(fd, bytes);
    struct buf b = client_rest(fd);
    (void)close(fd);
    return b;
}

int status_of(const struct buf *answer)
{
    int64_t status = 0;
    const struct str s = buf_view(answer);
    return s.n > 12 && str_to_i64(str_sub(s, 9, 3), 100, 599, &status) ? (int)status : 0;
}
