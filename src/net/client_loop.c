/* One thread owns the multi handle and every exchange in it; callers own their struct net_call and
 * wait on its condition. The thread waits in an epoll of its own and tells libcurl which sockets
 * are ready, so that one event costs the same however many exchanges are open (letting libcurl poll
 * and walk all of them took most of a core at 512 calls of 50 ms).
 *
 * Invariants:
 * 1. An exchange is in the multi handle from its begin (taken from posts) until it is removed; done
 *    is set after that. Only the outbound thread touches a handle that is in there.
 * 2. Order of locks: the client's, then a call's. A caller never posts while holding its call.
 * 3. A call is freed by its owner when it is done and nothing about it is posted, else by the
 *    outbound thread. Posts are handled under the client's lock, so the two cannot meet.
 *
 * Back-pressure: when a megabyte waits unread, the write callback pauses the transfer, and the
 * reader's next read, which empties the queue, has the outbound thread go on. libcurl then leaves
 * the socket out of its poll, so the other side is held back by TCP. A paused transfer over TLS is
 * known to have spun in some versions; client_test proves for the one we build with that it
 * sleeps, and that every byte arrives. */
#include "net/client_call.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "net/guard.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    MAX_WAIT_MS = 60 * 1000,
    EVENTS_A_ROUND = 256,
};

void call_free(struct net_call *call)
{
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->request_headers);
    mem_free(call->body);
    buf_fini(&call->incoming);
    buf_fini(&call->headers);
    buf_fini(&call->current);
    (void)pthread_cond_destroy(&call->changed);
    (void)pthread_mutex_destroy(&call->lock);
    mem_free(call);
}

static void wake_thread(struct net_client *c)
{
    const uint64_t one = 1;
    /* the only failure is a counter at its maximum, and then the thread is awake anyhow */
    (void)!write(c->wake_fd, &one, sizeof(one));
}

void call_post(struct net_call *call, unsigned want)
{
    struct net_client *c = call->client;
    (void)pthread_mutex_lock(&c->lock);
    const bool first = c->posts == NULL;
    if (!call->wants) {
        call->next_post = c->posts;
        c->posts = call;
    }
    call->wants |= want;
    (void)pthread_mutex_unlock(&c->lock);
    if (first) {
        wake_thread(c);
    }
}

/* The owner is woken once a round, however many lines and parts came: waking costs more than
 * reading them. */
static void has_news(struct net_call *call)
{
    if (!call->has_news) {
        call->has_news = true;
        call->next_news = call->client->news;
        call->client->news = call;
    }
}

/* An owner who sees that its call is done may free it: nothing is touched after that. */
static void tell_owners(struct net_client *c)
{
    while (c->news) {
        struct net_call *call = c->news;
        c->news = call->next_news;
        call->has_news = false;
        (void)pthread_mutex_lock(&call->lock);
        call->done = call->removed;
        (void)pthread_cond_signal(&call->changed);
        (void)pthread_mutex_unlock(&call->lock);
    }
}

/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl gives the type */
static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct net_call *call = arg;
    const struct str line = {p, size * n};
    long status = 0;
    (void)pthread_mutex_lock(&call->lock);
    call->active_us = clock_mono_us();
    if (!call->head_done) { /* what comes later are trailers */
        if (str_starts(line, STR("HTTP/"))) {
            buf_reset(&call->headers);
        }
        buf_str(&call->headers, line);
        (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
        call->status = (int)status;
        if (str_trim(line).n == 0 && status >= 200) {
            call->head_done = true;
            has_news(call);
        }
    }
    call->too_large = call->too_large || call->headers.full;
    const bool go_on = !call->too_large;
    (void)pthread_mutex_unlock(&call->lock);
    return go_on ? line.n : 0;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct net_call *call = arg;
    size_t ret = size * n;
    (void)pthread_mutex_lock(&call->lock);
    call->active_us = clock_mono_us();
    if (call->received + ret > call->max_bytes) {
        call->too_large = true;
        ret = 0;
    } else if (call->incoming.n + ret > MAX_UNREAD) {
        call->paused = true;
        ret = CURL_WRITEFUNC_PAUSE;
    } else {
        call->received += ret;
        buf_add(&call->incoming, p, ret);
        has_news(call);
    }
    (void)pthread_mutex_unlock(&call->lock);
    return ret;
}

static void refuse(struct net_call *call)
{
    (void)pthread_mutex_lock(&call->lock);
    call->refused = true;
    (void)pthread_mutex_unlock(&call->lock);
}

static curl_socket_t on_open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    (void)purpose;
    if (!guard_allows(&a->addr)) {
        refuse(arg);
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* Connected, anew or again, and about to send. A connection that another call opened has not been
 * through this call's guard. */
/* NOLINTNEXTLINE(readability-non-const-parameter): libcurl gives the type */
static int on_connected(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct net_call *call = arg;
    (void)local;
    (void)remote_port;
    (void)local_port;
    if (call->guarded && !guard_allows_text(str_of(remote))) {
        refuse(call);
        return CURL_PREREQFUNC_ABORT;
    }
    (void)pthread_mutex_lock(&call->lock);
    call->connected = true;
    call->active_us = clock_mono_us();
    (void)pthread_mutex_unlock(&call->lock);
    return CURL_PREREQFUNC_OK;
}

void call_set_callbacks(struct net_call *call)
{
    CURL *easy = call->easy;
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->request_headers);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "metachat");
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
    if (call->guarded) {
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    }
}

static void finish(struct net_client *c, struct net_call *call, CURLcode result)
{
    (void)curl_multi_remove_handle(c->multi, call->easy);
    call->result = result;
    call->removed = true;
    has_news(call);
}

/* Under the client's lock. */
static void handle_post(struct net_client *c, struct net_call *call)
{
    const unsigned wants = call->wants;
    call->wants = 0;
    if (wants & WANT_END) {
        (void)curl_multi_remove_handle(c->multi, call->easy);
        call_free(call);
        c->calls--;
        return;
    }
    if (wants & WANT_BEGIN) {
        must(curl_multi_add_handle(c->multi, call->easy) == CURLM_OK);
    }
    if ((wants & WANT_RESUME) && !call->removed) {
        (void)curl_easy_pause(call->easy, CURLPAUSE_CONT);
    }
}

/* False when the client is to stop. */
static bool handle_posts(struct net_client *c)
{
    (void)pthread_mutex_lock(&c->lock);
    while (c->posts) {
        struct net_call *call = c->posts;
        c->posts = call->next_post;
        handle_post(c, call);
    }
    const bool go_on = !c->stop;
    (void)pthread_mutex_unlock(&c->lock);
    return go_on;
}

static void finish_all(struct net_client *c)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct net_call *call = NULL;
        const CURLcode result = m->data.result;
        if (m->msg == CURLMSG_DONE) {
            (void)curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &call);
            finish(c, call, result);
        }
    }
}

/* libcurl says which events of a socket it wants. */
static int on_interest(CURL *easy, curl_socket_t fd, int what, void *arg, void *per_socket)
{
    const struct net_client *c = arg;
    struct epoll_event e = {.data.fd = fd};
    (void)easy;
    (void)per_socket;
    if (what == CURL_POLL_REMOVE) {
        (void)epoll_ctl(c->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be closed already */
        return 0;
    }
    e.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    if (epoll_ctl(c->epoll_fd, EPOLL_CTL_MOD, fd, &e) != 0 && errno == ENOENT) {
        must(epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0);
    }
    return 0;
}

static int on_timer(CURLM *multi, long ms, void *arg)
{
    struct net_client *c = arg;
    (void)multi;
    c->timer_us = ms < 0 ? INT64_MAX : clock_mono_us() + ms * MS_US;
    return 0;
}

static void act(struct net_client *c, curl_socket_t fd, int events)
{
    int running;
    (void)curl_multi_socket_action(c->multi, fd, events, &running);
}

static void on_ready(struct net_client *c, const struct epoll_event *e)
{
    if (e->data.fd == c->wake_fd) {
        uint64_t n;
        (void)!read(c->wake_fd, &n, sizeof(n));
        return;
    }
    act(c, e->data.fd,
        (e->events & EPOLLIN ? CURL_CSELECT_IN : 0) |
            (e->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
            (e->events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0));
}

static int wait_ms(const struct net_client *c)
{
    const int64_t left = max_i64(0, c->timer_us - clock_mono_us());
    return c->timer_us == INT64_MAX ? MAX_WAIT_MS
                                    : (int)min_i64((left + MS_US - 1) / MS_US, MAX_WAIT_MS);
}

static void *run(void *arg)
{
    struct net_client *c = arg;
    struct epoll_event events[EVENTS_A_ROUND];
    while (handle_posts(c)) {
        const int n = epoll_wait(c->epoll_fd, events, EVENTS_A_ROUND, wait_ms(c));
        must(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++) {
            on_ready(c, &events[i]);
        }
        if (c->timer_us <= clock_mono_us()) {
            c->timer_us = INT64_MAX;
            act(c, CURL_SOCKET_TIMEOUT, 0);
        }
        finish_all(c);
        tell_owners(c);
    }
    return NULL;
}

static void init_library(void)
{
    must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

static void open_epoll(struct net_client *c)
{
    c->timer_us = INT64_MAX;
    c->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    c->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = c->wake_fd};
    must(c->epoll_fd >= 0 && c->wake_fd >= 0);
    must(epoll_ctl(c->epoll_fd, EPOLL_CTL_ADD, c->wake_fd, &e) == 0);
}

struct net_client *net_client_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, init_library);
    struct net_client *c = mem_new(struct net_client);
    c->multi = curl_multi_init();
    must(c->multi);
    open_epoll(c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)conf.outgoing_keep);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_interest);
    (void)curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    (void)curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    (void)pthread_mutex_init(&c->lock, NULL);
    must(pthread_create(&c->thread, NULL, run, c) == 0);
    return c;
}

void net_client_free(struct net_client **client)
{
    struct net_client *c = *client;
    if (!c) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->stop = true;
    (void)pthread_mutex_unlock(&c->lock);
    wake_thread(c);
    (void)pthread_join(c->thread, NULL);
    must(c->calls == 0);
    (void)curl_multi_cleanup(c->multi);
    (void)close(c->epoll_fd);
    (void)close(c->wake_fd);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c);
    *client = NULL;
}
