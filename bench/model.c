/* A model that costs next to nothing, so that what a bench measures is the server before it: an
 * OpenAI-compatible provider on loopback with a fixed delay and a fixed answer, streamed when the
 * request asks for a stream, whole when it does not.
 *
 *     model DELAY_MS [GAP_MS]
 *
 * Prints its port, and serves until it is ended. With GAP_MS a streamed answer comes word by word,
 * GAP_MS apart, and each word is the time at which it was sent: microseconds of the monotonic
 * clock, which every process of the machine reads alike.
 *
 * One thread. All waits of a kind are equally long, so what is due stands in a list in the order in
 * which it was begun. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, REQUEST_MAX = 4 * 1024 * 1024, WORDS = 20 };

struct caller {
    int fd;
    int said; /* words of the answer that is being streamed */
    bool streamed;
    bool waits; /* stands in a queue */
    bool gone;
    int64_t due_us;
    struct buf in;
    struct caller *next;
};

struct queue {
    int64_t wait_us;
    struct caller *first;
    struct caller **last;
};

struct model {
    int epoll_fd, listen_fd;
    struct queue begin;       /* from the request to the answer, or its first word */
    struct queue words;       /* from word to word; wait_us 0: all at once */
    struct buf stream, whole; /* answers, with their heads */
};

static const char answer[] = "You can return any item within 30 days. Go to Orders and select "
                             "Return; a label comes by mail.";
static const char stream_head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n";

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "model: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void put_frame(struct buf *b, const char *delta, const char *finish)
{
    buf_fmt(b,
            "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1,"
            "\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}],"
            "\"usage\":null}\n\n",
            delta, finish);
}

static void put_words(struct buf *b)
{
    struct str rest = str_of(answer);
    struct str word;
    while (str_split(&rest, ' ', &word)) {
        char delta[64];
        (void)snprintf(delta, sizeof(delta), "{\"content\":\"" STR_FMT "%s\"}", STR_ARG(word),
                       rest.n ? " " : "");
        put_frame(b, delta, "null");
    }
}

static void put_end(struct buf *b)
{
    put_frame(b, "{}", "\"stop\"");
    buf_cstr(b,
             "data: {\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion.chunk\",\"created\":1,"
             "\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":50,"
             "\"completion_tokens\":40,\"total_tokens\":90}}\n\ndata: [DONE]\n\n");
}

static void make_answers(struct model *m)
{
    SCOPED(buf_fini) struct buf body = buf_make(REQUEST_MAX);
    m->stream = buf_make(REQUEST_MAX);
    m->whole = buf_make(REQUEST_MAX);
    put_frame(&body, "{\"role\":\"assistant\",\"content\":\"\"}", "null");
    put_words(&body);
    put_end(&body);
    buf_fmt(&m->stream, "%sContent-Length: %zu\r\n\r\n", stream_head, body.n);
    buf_str(&m->stream, buf_view(&body));
    buf_reset(&body);
    buf_fmt(&body,
            "{\"id\":\"chatcmpl-bench\",\"object\":\"chat.completion\",\"created\":1,\"model\":"
            "\"bench\",\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":"
            "\"%s\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":50,"
            "\"completion_tokens\":40,\"total_tokens\":90}}",
            answer);
    buf_fmt(&m->whole,
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
            body.n);
    buf_str(&m->whole, buf_view(&body));
}

/* The answers are smaller than a socket's buffer; a caller that does not read is given up. */
static void say(struct caller *c, struct str s)
{
    c->gone = c->gone || write(c->fd, s.p, s.n) != (ssize_t)s.n;
}

static void enqueue(struct queue *q, struct caller *c)
{
    c->due_us = clock_mono_us() + q->wait_us;
    c->waits = true;
    c->next = NULL;
    *q->last = c;
    q->last = &c->next;
}

static struct caller *take_due(struct queue *q, int64_t now_us)
{
    struct caller *c = q->first;
    if (!c || c->due_us > now_us) {
        return NULL;
    }
    q->first = c->next;
    q->last = q->first ? q->last : &q->first;
    c->waits = false;
    return c;
}

static void caller_free(struct caller *c)
{
    (void)close(c->fd);
    buf_fini(&c->in);
    mem_free(c);
}

/* One word, and after the last the end; with a chunk each, for its length is not known before. */
static void say_word(struct model *m, struct caller *c)
{
    SCOPED(buf_fini) struct buf frame = buf_make(REQUEST_MAX);
    SCOPED(buf_fini) struct buf out = buf_make(REQUEST_MAX);
    const bool last = ++c->said > WORDS;
    if (last) {
        put_end(&frame);
    } else {
        char delta[64];
        (void)snprintf(delta, sizeof(delta), "{\"content\":\"%" PRId64 " \"}", clock_mono_us());
        put_frame(&frame, delta, "null");
    }
    if (c->said == 1) {
        buf_fmt(&out, "%sTransfer-Encoding: chunked\r\n\r\n", stream_head);
    }
    buf_fmt(&out, "%zx\r\n" STR_FMT "\r\n%s", frame.n, STR_ARG(buf_view(&frame)),
            last ? "0\r\n\r\n" : "");
    say(c, buf_view(&out));
    if (!last) {
        enqueue(&m->words, c);
    }
}

static void serve_due(struct model *m)
{
    const int64_t now = clock_mono_us();
    struct queue *const queues[] = {&m->begin, &m->words};
    for (size_t i = 0; i < COUNT(queues); i++) {
        struct caller *c;
        while ((c = take_due(queues[i], now))) {
            if (c->gone) {
                caller_free(c);
            } else if (c->streamed && m->words.wait_us) {
                say_word(m, c);
            } else {
                say(c, buf_view(c->streamed ? &m->stream : &m->whole));
            }
        }
    }
}

/* The length of a whole request at the start of s, 0 when it is not whole yet. */
static size_t whole_request(struct str s)
{
    const ptrdiff_t end = str_find(s, STR("\r\n\r\n"), 0);
    int64_t length = 0;
    struct str rest = str_sub(s, 0, end < 0 ? 0 : (size_t)end);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        const struct str name = STR("content-length:");
        if (str_eq_nocase(str_sub(line, 0, name.n), name)) {
            (void)str_to_i64(str_trim(str_sub(line, name.n, line.n)), 0, REQUEST_MAX, &length);
        }
    }
    const size_t n = (size_t)end + 4 + (size_t)length;
    return end < 0 || s.n < n ? 0 : n;
}

static void take_request(struct model *m, struct caller *c)
{
    const size_t n = whole_request(buf_view(&c->in));
    if (n && !c->waits) {
        const struct str request = str_sub(buf_view(&c->in), 0, n);
        c->streamed = str_find(request, STR("\"stream\":true"), 0) >= 0;
        c->said = 0;
        buf_drop(&c->in, n);
        enqueue(&m->begin, c);
    }
}

static void on_readable(struct model *m, struct caller *c)
{
    enum { PART = 64 * 1024 };
    char *room = buf_room(&c->in, PART);
    const ssize_t n = room ? read(c->fd, room, PART) : 0;
    if (n < 0 && errno == EAGAIN) {
        return;
    }
    if (n > 0) {
        buf_wrote(&c->in, (size_t)n);
        take_request(m, c);
        return;
    }
    (void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
    c->gone = true;
    if (!c->waits) {
        caller_free(c);
    }
}

static void watch(const struct model *m, int fd, void *who)
{
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = who};
    if (epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &e)) {
        die("epoll");
    }
}

static void on_caller(struct model *m)
{
    const int fd = accept4(m->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int one = 1;
    if (fd < 0) {
        return;
    }
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct caller *c = mem_new(struct caller);
    c->fd = fd;
    c->in = buf_make(REQUEST_MAX);
    watch(m, fd, c);
}

static int64_t next_due(const struct model *m)
{
    const int64_t a = m->begin.first ? m->begin.first->due_us : INT64_MAX;
    return m->words.first ? min_i64(a, m->words.first->due_us) : a;
}

static void serve_round(struct model *m)
{
    struct epoll_event events[EVENTS];
    const int64_t due = next_due(m);
    const int64_t left = max_i64(0, due == INT64_MAX ? 0 : due - clock_mono_us());
    const struct timespec wait = {left / SECOND_US, left % SECOND_US * 1000};
    const int n = epoll_pwait2(m->epoll_fd, events, EVENTS, due == INT64_MAX ? NULL : &wait, NULL);
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr) {
            on_readable(m, events[i].data.ptr);
        } else {
            on_caller(m);
        }
    }
    serve_due(m);
}

static void listen_on_loopback(struct model *m)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(a);
    m->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (m->listen_fd < 0 || m->epoll_fd < 0 || bind(m->listen_fd, (struct sockaddr *)&a, n) ||
        listen(m->listen_fd, 4096) || getsockname(m->listen_fd, (struct sockaddr *)&a, &n)) {
        die("listen");
    }
    watch(m, m->listen_fd, NULL);
    (void)printf("%d\n", ntohs(a.sin_port));
    (void)fflush(stdout);
}

static int64_t argument_us(int argc, char **argv, int i)
{
    int64_t ms = 0;
    if (argc > i && !str_to_i64(str_of(argv[i]), 0, 3600 * 1000, &ms)) {
        die("usage: model DELAY_MS [GAP_MS]");
    }
    return ms * MS_US;
}

int main(int argc, char **argv)
{
    struct model m = {.begin.wait_us = argument_us(argc, argv, 1),
                      .words.wait_us = argument_us(argc, argv, 2)};
    m.begin.last = &m.begin.first;
    m.words.last = &m.words.first;
    make_answers(&m);
    listen_on_loopback(&m);
    for (;;) {
        serve_round(&m);
    }
}
