/* Broadcasts over WebSocket: each message goes to all clients by one net_stream_send_many.
 *
 *     ws_broadcast CLIENTS MESSAGES BYTES WINDOW
 *
 * The clients are a process of its own that reads and counts. WINDOW: messages that may be on their
 * way before the next is sent; 1: each alone. Prints one line of JSON: deliveries a second, the
 * server's processor time for each in ns, and memory for each idle WebSocket before the first
 * message (heap in use, in bytes). */
#include "base/clock.h"
#include "base/mem.h"
#include "net/ws.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { READ_BYTES = 64 * 1024, MAX_ANSWER = 1000 };

struct shared {
    _Atomic int64_t received; /* bytes, by all clients, behind the handshake */
    _Atomic int connected;
};

struct bench {
    struct net_server *server;
    struct shared *shared;
    struct net_ref *refs;
    _Atomic size_t open;
    size_t clients;
};

static void on_head(void *arg, struct net_req *req, struct net_plan *plan)
{
    (void)arg;
    (void)req;
    (void)plan;
}

static void on_request(void *arg, struct net_req *req)
{
    struct bench *b = arg;
    const struct net_ws_options options = {.max_message = KB};
    const struct net_ws_ops ops = {};
    b->refs[b->open] = net_ws_open(&req, b->server, NULL, 0, &options, &ops);
    (void)atomic_fetch_add(&b->open, 1);
}

static void *serve(void *arg)
{
    net_server_run(((struct bench *)arg)->server);
    return NULL;
}

/* --- the clients --- */

static int connect_one(uint16_t port)
{
    static const char ask[] = "GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
                              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    const struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char answer[MAX_ANSWER];
    size_t n = 0;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&a, sizeof(a)) == 0);
    must(send(fd, ask, sizeof(ask) - 1, 0) == sizeof(ask) - 1);
    while (n < 4 || memcmp(answer + n - 4, "\r\n\r\n", 4) != 0) {
        must(n < sizeof(answer) && recv(fd, answer + n, 1, 0) == 1);
        n++;
    }
    return fd;
}

__attribute__((noreturn)) static void be_clients(struct shared *shared, uint16_t port, size_t count)
{
    static char bytes[READ_BYTES];
    struct epoll_event events[256];
    const int ep = epoll_create1(0);
    for (size_t i = 0; i < count; i++) {
        const int fd = connect_one(port);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e) == 0);
        (void)atomic_fetch_add(&shared->connected, 1);
    }
    for (;;) {
        const int n = epoll_wait(ep, events, COUNT(events), -1);
        int64_t got = 0;
        for (int i = 0; i < n; i++) {
            const ssize_t r = recv(events[i].data.fd, bytes, sizeof(bytes), 0);
            if (r <= 0) {
                _exit(0);
            }
            got += r;
        }
        (void)atomic_fetch_add(&shared->received, got);
    }
}

/* --- the run --- */

static void await(const _Atomic int64_t *counter, int64_t least)
{
    while (atomic_load(counter) < least) {
        clock_sleep_us(100);
    }
}

static double cpu_s(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void broadcast(struct bench *b, int64_t messages, size_t bytes, int64_t window)
{
    char *text = mem_alloc(1, bytes);
    memset(text, 'x', bytes);
    struct net_bytes *frame = net_ws_frame(WS_TEXT, (struct str){text, bytes});
    const int64_t size = (int64_t)bytes + (bytes < 126 ? 2 : bytes < 65536 ? 4 : 10);
    const int64_t each = size * (int64_t)b->clients;
    const int64_t began = clock_mono_us();
    const double cpu = cpu_s();
    for (int64_t i = 0; i < messages; i++) {
        await(&b->shared->received, (i - window + 1) * each);
        must(net_stream_send_many(b->server, b->refs, b->clients, net_bytes_ref(frame)) ==
             b->clients);
    }
    await(&b->shared->received, messages * each);
    const double took = (double)(clock_mono_us() - began) / 1e6;
    const double deliveries = (double)messages * (double)b->clients;
    (void)printf("\"deliveriesPerSecond\": %.0f, \"cpuNs\": %.0f}\n", deliveries / took,
                 (cpu_s() - cpu) / deliveries * 1e9);
    net_bytes_unref(frame);
    mem_free(text);
}

static void start(struct bench *b)
{
    SCOPED(buf_fini) struct buf why = buf_make(1000);
    const struct net_limits limits = {
        .loops = 1,
        .max_head = 16 * KB,
        .max_connections = 20000,
        .head_timeout_us = 60 * SECOND_US,
        .body_timeout_us = 60 * SECOND_US,
        .idle_timeout_us = 60 * SECOND_US,
        .write_timeout_us = 60 * SECOND_US,
        .output_high_water = 64 * MB,
    };
    const struct net_callbacks callbacks = {.arg = b, .on_head = on_head, .on_request = on_request};
    must(net_server_new("127.0.0.1:0", &limits, &callbacks, &b->server, &why) == ERR_OK);
}

int main(int argc, char **argv)
{
    int64_t n[4];
    struct rlimit files;
    struct bench b = {};
    pthread_t thread;
    int64_t port;
    for (int i = 0; i < 4; i++) {
        must(argc == 5 && str_to_i64(str_of(argv[i + 1]), 1, INT32_MAX, &n[i]));
    }
    must(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    b.clients = (size_t)n[0];
    b.refs = mem_alloc(b.clients, sizeof(*b.refs));
    b.shared =
        mmap(NULL, sizeof(*b.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(b.shared != MAP_FAILED);
    start(&b);
    const char *colon = strrchr(net_server_address(b.server), ':');
    must(str_to_i64(str_of(colon + 1), 1, 65535, &port));
    const pid_t child = fork();
    if (child == 0) {
        be_clients(b.shared, (uint16_t)port, b.clients);
    }
    const size_t before = mallinfo2().uordblks;
    must(pthread_create(&thread, NULL, serve, &b) == 0);
    while (atomic_load(&b.shared->connected) < (int)b.clients) {
        clock_sleep_us(1000);
    }
    (void)printf("{\"clients\": %zu, \"bytes\": %d, \"window\": %d, \"heapEach\": %zu, ", b.clients,
                 (int)n[2], (int)n[3], (mallinfo2().uordblks - before) / b.clients);
    broadcast(&b, n[1], (size_t)n[2], n[3]);
    (void)fflush(stdout);
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    net_server_stop(b.server, clock_mono_us());
    (void)pthread_join(thread, NULL);
    net_server_free(&b.server);
    mem_free(b.refs);
    return 0;
}
