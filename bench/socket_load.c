/* Many clients of Socket.IO over WebSocket in one light process: connects, holds, answers pings,
 * counts events.
 *
 *     socket_load PORT SOURCES <commands
 *
 * Each line of standard input up to an empty one is what a client joins with (a JSON object; "{}"
 * for nothing); they connect from SOURCES addresses of loopback in turn. When all are there, or
 * refused, a line of JSON says so: {"joined", "refused"}. Then each line is a number of events:
 * {"events", "seconds", "lost"} comes when all clients have got so many together since the last
 * line, or after a minute; seconds: from the first to the last; lost: clients whose connection
 * ended. The end of the input ends it. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AT_ONCE = 64, EVENTS = 256, READ_BYTES = 256 * 1024, LINE_MAX_BYTES = 8192, MAX_FRAME = MB };

static const int64_t patience_us = MINUTE_US;

enum state { AWAITS_ANSWER, AWAITS_GREETING, AWAITS_JOIN, JOINED, GONE };

struct client {
    int fd;
    enum state state;
    struct str auth;
    struct buf rest; /* read, and no whole frame yet */
};

struct load {
    int epoll_fd;
    uint16_t port;
    uint32_t sources;
    struct client *clients;
    size_t count, begun, joined, refused, lost;
    int64_t events, first_us, last_us;
};

static void say(struct client *c, struct str text)
{
    /* masked with zeros: the text as it is (RFC 6455 5.3) */
    char frame[LINE_MAX_BYTES + 16] = {(char)0x81};
    size_t n = 2;
    if (text.n < 126) {
        frame[1] = (char)(0x80 | text.n);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(text.n >> 8);
        frame[3] = (char)text.n;
        n = 4;
    }
    n += 4;
    must(n + text.n <= sizeof(frame));
    memcpy(frame + n, text.p, text.n);
    (void)send(c->fd, frame, n + text.n, MSG_NOSIGNAL);
}

static void end(struct load *l, struct client *c)
{
    *(c->state == JOINED ? &l->lost : &l->refused) += 1;
    c->state = GONE;
    (void)close(c->fd);
    buf_fini(&c->rest);
}

static void begin(struct load *l, struct client *c)
{
    const uint32_t source = INADDR_LOOPBACK + (uint32_t)(l->begun % l->sources);
    const struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(l->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
    const int one = 1;
    char ask[512];
    l->begun++;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    c->state = AWAITS_ANSWER;
    c->rest = buf_make(MAX_FRAME);
    if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&from, sizeof(from)) ||
        connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) ||
        epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, c->fd, &e)) {
        end(l, c);
        return;
    }
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    const int n = snprintf(ask, sizeof(ask),
                           "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\n"
                           "Host: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                           "Sec-WebSocket-Version: 13\r\n"
                           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                           l->port);
    (void)send(c->fd, ask, (size_t)n, MSG_NOSIGNAL);
}

static void join(struct client *c)
{
    char text[LINE_MAX_BYTES];
    const int n = snprintf(text, sizeof(text), "40" STR_FMT, STR_ARG(c->auth));
    say(c, (struct str){text, (size_t)n});
    c->state = AWAITS_JOIN;
}

static void take_text(struct load *l, struct client *c, struct str text)
{
    if (str_is(text, "2")) {
        say(c, STR("3"));
    } else if (c->state == AWAITS_GREETING && str_starts(text, STR("0"))) {
        join(c);
    } else if (c->state == AWAITS_JOIN && str_starts(text, STR("40"))) {
        c->state = JOINED;
        l->joined++;
    } else if (c->state == AWAITS_JOIN) {
        (void)fprintf(stderr, "socket_load: refused: " STR_FMT "\n", STR_ARG(text));
        end(l, c);
    } else if (str_starts(text, STR("42"))) {
        l->last_us = clock_mono_us();
        l->first_us = l->first_us ? l->first_us : l->last_us;
        l->events++;
    }
}

/* The bytes of the frame that stands first, 0 when it is not whole. */
static size_t whole_frame(struct str s, struct str *ret_text)
{
    const uint8_t *b = (const uint8_t *)s.p;
    if (s.n < 2 || (b[1] == 126 && s.n < 4)) {
        return 0;
    }
    must(b[1] < 127); /* unmasked, and none of more than 64 KB is expected */
    const size_t head = b[1] == 126 ? 4 : 2;
    const size_t n = b[1] == 126 ? (size_t)b[2] << 8 | b[3] : b[1];
    *ret_text = str_sub(s, head, n);
    return s.n < head + n ? 0 : head + n;
}

static struct str past_answer(struct load *l, struct client *c, struct str all)
{
    const ptrdiff_t at = str_find(all, STR("\r\n\r\n"), 0);
    if (at < 0) {
        return all;
    }
    if (!str_starts(all, STR("HTTP/1.1 101"))) {
        (void)fprintf(stderr, "socket_load: refused: " STR_FMT "\n", STR_ARG(all));
        end(l, c);
        return STR("");
    }
    c->state = AWAITS_GREETING;
    return str_sub(all, (size_t)at + 4, all.n);
}

static void take_bytes(struct load *l, struct client *c, struct str all)
{
    struct str text;
    size_t n;
    if (c->state == AWAITS_ANSWER) {
        all = past_answer(l, c, all);
    }
    while (c->state != AWAITS_ANSWER && c->state != GONE && (n = whole_frame(all, &text))) {
        if ((all.p[0] & 0x0f) == 8) {
            end(l, c);
        } else {
            take_text(l, c, text);
        }
        all = str_sub(all, n, all.n);
    }
    if (c->state == GONE) {
        return;
    }
    SCOPED(buf_fini) struct buf old = c->rest; /* all may stand in it */
    c->rest = buf_make(MAX_FRAME);
    buf_str(&c->rest, all);
}

static void on_readable(struct load *l, struct client *c)
{
    static char bytes[READ_BYTES];
    if (c->state == GONE) {
        return;
    }
    const ssize_t n = recv(c->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (n <= 0) {
        end(l, c);
    } else if (c->rest.n) {
        buf_add(&c->rest, bytes, (size_t)n);
        take_bytes(l, c, buf_view(&c->rest));
    } else {
        take_bytes(l, c, (struct str){bytes, (size_t)n});
    }
}

/* True: the commands can be read. */
static bool serve_round(struct load *l, int wait_ms)
{
    struct epoll_event events[EVENTS];
    const int n = epoll_wait(l->epoll_fd, events, EVENTS, wait_ms);
    bool commands = false;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            on_readable(l, events[i].data.ptr);
        } else {
            commands = true;
        }
    }
    return commands;
}

static void connect_all(struct load *l)
{
    while (l->joined + l->refused < l->count) {
        while (l->begun < l->count && l->begun - l->joined - l->refused < AT_ONCE) {
            begin(l, &l->clients[l->begun]);
        }
        (void)serve_round(l, 100);
    }
    (void)printf("{\"joined\": %zu, \"refused\": %zu}\n", l->joined, l->refused);
    (void)fflush(stdout);
}

static void count_events(struct load *l, int64_t wanted)
{
    const int64_t until = clock_mono_us() + patience_us;
    while (l->events < wanted && clock_mono_us() < until) {
        (void)serve_round(l, 100);
    }
    (void)printf("{\"events\": %" PRId64 ", \"seconds\": %.6f, \"lost\": %zu}\n", l->events,
                 (double)(l->last_us - l->first_us) / SECOND_US, l->lost);
    (void)fflush(stdout);
    l->events = l->first_us = l->last_us = 0;
}

/* Without its end; false at the end of the input. */
static bool read_line(char line[LINE_MAX_BYTES])
{
    if (!fgets(line, LINE_MAX_BYTES, stdin)) {
        return false;
    }
    line[strcspn(line, "\n")] = '\0';
    return true;
}

static void read_clients(struct load *l, struct arena *texts)
{
    char line[LINE_MAX_BYTES];
    size_t room = 0;
    while (read_line(line) && line[0]) {
        if (l->count == room) {
            room = room ? 2 * room : 64;
            l->clients = mem_realloc(l->clients, room * sizeof(*l->clients));
        }
        l->clients[l->count++] = (struct client){.auth = str_dup(texts, str_of(line))};
    }
}

int main(int argc, char **argv)
{
    struct load l = {.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
    struct epoll_event commands = {.events = EPOLLIN};
    struct rlimit files;
    char line[LINE_MAX_BYTES];
    int64_t port;
    int64_t sources;
    int64_t wanted;
    must(argc == 3 && str_to_i64(str_of(argv[1]), 1, UINT16_MAX, &port) &&
         str_to_i64(str_of(argv[2]), 1, 200, &sources));
    l.port = (uint16_t)port;
    l.sources = (uint32_t)sources;
    (void)setvbuf(stdin, NULL, _IONBF, 0); /* what is read is what epoll saw */
    must(getrlimit(RLIMIT_NOFILE, &files) == 0);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    read_clients(&l, arena_new());
    connect_all(&l);
    must(epoll_ctl(l.epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &commands) == 0);
    for (;;) {
        if (!serve_round(&l, -1)) {
            continue;
        }
        if (!read_line(line)) {
            return 0;
        }
        must(str_to_i64(str_of(line), 1, INT64_MAX, &wanted));
        count_events(&l, wanted);
    }
}
