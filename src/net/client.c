/* One thread owns the multi handle and every exchange in it; callers own their struct net_call and
 * wait on its condition. The thread waits in an epoll of its own and tells libcurl which sockets
 * are ready, so that one event costs the same however many exchanges are open (letting libcurl poll
 * and walk all of them took most of a core at 512 calls of 50 ms).
 *
 * Invariants:
 * 1. An exchange is in the multi handle from its begin (taken from posts) until done is set, which
 *    happens after it was removed. Only the outbound thread touches a handle that is in there.
 * 2. Order of locks: the client's, then a call's. A caller never posts while holding its call.
 * 3. A call is freed by its owner when it is done and nothing about it is posted, else by the
 *    outbound thread. Posts are handled under the client's lock, so the two cannot meet.
 *
 * Back-pressure: when a megabyte waits unread, the write callback pauses the transfer, and the
 * reader's next read, which empties the queue, has the outbound thread go on. libcurl then leaves
 * the socket out of its poll, so the other side is held back by TCP. A paused transfer over TLS is
 * known to have spun in some versions; client_test proves for the one we build with that it
 * sleeps, and that every byte arrives. */
#include "net/client.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "net/guard.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    WANT_BEGIN = 1,
    WANT_RESUME = 2,
    WANT_END = 4,

    MAX_UNREAD = 1024 * 1024,
    MAX_HEADERS = 64 * 1024,
    MAX_HEADER_LINE = 16 * 1024,
    MAX_WAIT_MS = 60 * 1000,
    EVENTS_A_ROUND = 256,
};

struct net_client {
    CURLM *multi;
    int epoll_fd;
    int wake_fd;      /* an eventfd: posts came */
    int64_t timer_us; /* when libcurl wants to be called; INT64_MAX: not */
    pthread_t thread;
    pthread_mutex_t lock;
    struct net_call *posts; /* with something in wants */
    int calls;              /* not yet freed */
    bool stop;
};

struct net_call {
    struct net_client *client;
    CURL *easy;
    struct curl_slist *request_headers;
    char *body;
    bool guarded;
    size_t max_bytes;
    int64_t stall_us;
    char error[CURL_ERROR_SIZE];

    /* under the client's lock */
    struct net_call *next_post;
    unsigned wants;

    /* under this lock; the cond is for the owner */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf incoming;
    struct buf headers; /* of the answer, as lines; not changed once head_done */
    int64_t active_us;  /* when the other side was heard last */
    size_t received;
    int status;
    bool connected;
    bool head_done;
    bool paused;
    bool refused; /* by the guard */
    bool too_large;
    bool done;
    CURLcode result;

    struct buf current; /* what the owner reads */
};

static void call_free(struct net_call *call)
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

static void post(struct net_call *call, unsigned want)
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

/* --- on the outbound thread --- */

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
            (void)pthread_cond_signal(&call->changed);
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
        (void)pthread_cond_signal(&call->changed);
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
    (void)pthread_cond_signal(&call->changed);
    (void)pthread_mutex_unlock(&call->lock);
    return CURL_PREREQFUNC_OK;
}

static void finish(struct net_client *c, struct net_call *call, CURLcode result)
{
    (void)curl_multi_remove_handle(c->multi, call->easy);
    (void)pthread_mutex_lock(&call->lock);
    call->result = result;
    call->done = true;
    (void)pthread_cond_signal(&call->changed);
    (void)pthread_mutex_unlock(&call->lock);
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
    if ((wants & WANT_RESUME) && !call->done) {
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

/* --- on the owner's thread --- */

static bool add_header(struct net_call *call, struct str line)
{
    char text[MAX_HEADER_LINE];
    if (line.n >= sizeof(text)) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        const unsigned char c = (unsigned char)line.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    memcpy(text, line.p, line.n);
    text[line.n] = '\0';
    call->request_headers = curl_slist_append(call->request_headers, text);
    must(call->request_headers);
    return true;
}

static bool add_headers(struct net_call *call, const struct net_call_spec *spec)
{
    bool typed = false;
    for (size_t i = 0; i < spec->header_count; i++) {
        const struct str line = spec->headers[i];
        typed = typed || str_eq_nocase(str_sub(line, 0, 13), STR("Content-Type:"));
        if (!add_header(call, line)) {
            return false;
        }
    }
    /* libcurl would wait a second for a "100 Continue", and would call any body a form */
    return add_header(call, STR("Expect:")) && (typed || add_header(call, STR("Content-Type:")));
}

static void set_method(struct net_call *call, const struct net_call_spec *spec)
{
    const bool is_get = strcmp(spec->method, "GET") == 0;
    if (strcmp(spec->method, "HEAD") == 0) {
        (void)curl_easy_setopt(call->easy, CURLOPT_NOBODY, 1L);
        return;
    }
    if (spec->body.n || !is_get) {
        call->body = mem_dup(spec->body.p, spec->body.n);
        (void)curl_easy_setopt(call->easy, CURLOPT_POST, 1L);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)spec->body.n);
        (void)curl_easy_setopt(call->easy, CURLOPT_POSTFIELDS, call->body);
        (void)curl_easy_setopt(call->easy, CURLOPT_CUSTOMREQUEST, spec->method);
    }
}

static void set_bounds(CURL *easy, struct net_call *call, const struct net_call_spec *spec)
{
    (void)curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    (void)curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* none from the environment */
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                           (long)(spec->connect_timeout_us / MS_US));
    if (conf.outgoing_ca_file && conf.outgoing_ca_file[0]) {
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, conf.outgoing_ca_file);
    }
    if (spec->guarded) {
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
        (void)curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, call);
    }
}

static void set_callbacks(CURL *easy, struct net_call *call)
{
    (void)curl_easy_setopt(easy, CURLOPT_PRIVATE, call);
    (void)curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->error);
    (void)curl_easy_setopt(easy, CURLOPT_HTTPHEADER, call->request_headers);
    (void)curl_easy_setopt(easy, CURLOPT_USERAGENT, "metachat");
    (void)curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    (void)curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected);
    (void)curl_easy_setopt(easy, CURLOPT_PREREQDATA, call);
}

static struct net_call *call_new(struct net_client *c, const struct net_call_spec *spec)
{
    struct net_call *call = mem_new(struct net_call);
    pthread_condattr_t attr;
    call->client = c;
    call->guarded = spec->guarded;
    call->max_bytes = spec->max_bytes;
    call->stall_us = spec->stall_timeout_us;
    call->incoming = buf_make(MAX_UNREAD);
    call->headers = buf_make(MAX_HEADERS);
    call->current = buf_make(MAX_UNREAD);
    (void)pthread_mutex_init(&call->lock, NULL);
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&call->changed, &attr);
    (void)pthread_condattr_destroy(&attr);
    call->easy = curl_easy_init();
    must(call->easy);
    return call;
}

static enum err prepare(struct cx *cx, struct net_call *call, const struct net_call_spec *spec)
{
    if (spec->guarded && !guard_url_ok(spec->url)) {
        return cx_fail(cx, CODE_VALIDATION_ERROR,
                       "The URL must be http or https with a host and without credentials.");
    }
    if (!add_headers(call, spec)) {
        return cx_fail(cx, CODE_VALIDATION_ERROR,
                       "A header of an outgoing request is too long or has control signs.");
    }
    const struct str url = str_dup(cx->arena, spec->url);
    if (strlen(url.p) != url.n || curl_easy_setopt(call->easy, CURLOPT_URL, url.p) != CURLE_OK) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "The URL is malformed.");
    }
    if (spec->unix_path) {
        (void)curl_easy_setopt(call->easy, CURLOPT_UNIX_SOCKET_PATH, spec->unix_path);
    }
    set_method(call, spec);
    set_bounds(call->easy, call, spec);
    set_callbacks(call->easy, call);
    return ERR_OK;
}

static void wake(void *arg)
{
    struct net_call *call = arg;
    (void)pthread_mutex_lock(&call->lock);
    (void)pthread_cond_signal(&call->changed);
    (void)pthread_mutex_unlock(&call->lock);
}

static bool head_ready(const struct net_call *call)
{
    return call->head_done || call->done;
}

static bool part_ready(const struct net_call *call)
{
    return call->incoming.n || call->done;
}

/* Under the call's lock: waits until ready. Only time in which somebody waits counts as silence of
 * the other side, and connecting has its own limit. */
static enum err wait_under_lock(struct cx *cx, struct net_call *call,
                                bool (*ready)(const struct net_call *call))
{
    const int64_t began = clock_mono_us();
    while (!ready(call)) {
        TRY(cx_check(cx));
        const int64_t now = clock_mono_us();
        int64_t until = cx->deadline_us ? cx->deadline_us : INT64_MAX;
        if (call->connected && call->stall_us) {
            const int64_t silent_at = max_i64(call->active_us, began) + call->stall_us;
            if (silent_at <= now) {
                return cx_fail(cx, CODE_DEADLINE_EXCEEDED,
                               "the service was silent for %" PRId64 " ms", call->stall_us / MS_US);
            }
            until = min_i64(until, silent_at);
        }
        if (until == INT64_MAX) {
            (void)pthread_cond_wait(&call->changed, &call->lock);
        } else {
            const struct timespec t = {until / SECOND_US, until % SECOND_US * 1000};
            (void)pthread_cond_timedwait(&call->changed, &call->lock, &t);
        }
    }
    return ERR_OK;
}

static enum err wait_until(struct cx *cx, struct net_call *call,
                           bool (*ready)(const struct net_call *call))
{
    must(!cx->in_tx);
    cancel_on(cx->cancel, wake, call);
    (void)pthread_mutex_lock(&call->lock);
    const enum err e = wait_under_lock(cx, call, ready);
    (void)pthread_mutex_unlock(&call->lock);
    cancel_off(cx->cancel);
    return e;
}

/* Why an exchange that is done has failed. */
static enum err failure(struct cx *cx, const struct net_call *call)
{
    if (call->refused) {
        return cx_fail(cx, CODE_VALIDATION_ERROR,
                       "The URL leads to an address that is not public.");
    }
    if (call->too_large) {
        return cx_fail(cx, CODE_PAYLOAD_TOO_LARGE, "the answer has more than %zu bytes",
                       call->max_bytes);
    }
    /* once connected, an unsupported protocol is what the other side spoke */
    if (!call->connected &&
        (call->result == CURLE_URL_MALFORMAT || call->result == CURLE_UNSUPPORTED_PROTOCOL)) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "The URL is malformed.");
    }
    const char *why = call->error[0] ? call->error : curl_easy_strerror(call->result);
    return cx_fail(cx, CODE_EXTERNAL_SERVICE_ERROR, "%s: %s",
                   call->head_done ? "the answer was cut off" : "the service cannot be reached",
                   why);
}

enum err net_call_begin(struct cx *cx, struct net_client *c, const struct net_call_spec *spec,
                        struct net_call **ret)
{
    must(!cx->in_tx);
    TRY(cx_check(cx));
    struct net_call *fresh = call_new(c, spec);
    const enum err e = prepare(cx, fresh, spec);
    if (e) {
        call_free(fresh);
        return e;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->calls++;
    (void)pthread_mutex_unlock(&c->lock);
    SCOPED(net_call_end) struct net_call *call = fresh;
    post(call, WANT_BEGIN);
    TRY(wait_until(cx, call, head_ready));
    if (!call->head_done) {
        return failure(cx, call);
    }
    *ret = TAKE(call);
    return ERR_OK;
}

int net_call_status(const struct net_call *call)
{
    return call->status;
}

struct str net_call_header(const struct net_call *call, const char *name)
{
    struct str rest = buf_view(&call->headers);
    struct str found = STR("");
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        const ptrdiff_t colon = str_find_char(line, ':', 0);
        if (colon > 0 && str_eq_nocase(str_sub(line, 0, (size_t)colon), str_of(name))) {
            found = str_trim(str_sub(line, (size_t)colon + 1, line.n));
        }
    }
    return found;
}

/* Under the call's lock: hands the queue to the reader; true when the transfer is to go on. */
static bool take_incoming(struct net_call *call)
{
    const struct buf emptied = call->current;
    const bool resume = call->paused;
    call->current = call->incoming;
    call->incoming = emptied;
    buf_reset(&call->incoming);
    call->paused = false;
    return resume;
}

enum err net_call_read(struct cx *cx, struct net_call *call, struct str *ret_part)
{
    TRY(wait_until(cx, call, part_ready));
    (void)pthread_mutex_lock(&call->lock);
    const bool resume = take_incoming(call);
    const bool failed = call->current.n == 0 && call->result != CURLE_OK;
    (void)pthread_mutex_unlock(&call->lock);
    if (resume) {
        post(call, WANT_RESUME);
    }
    if (failed) {
        return failure(cx, call);
    }
    *ret_part = buf_view(&call->current);
    return ERR_OK;
}

enum err net_call_read_all(struct cx *cx, struct net_call *call, struct str *ret_body)
{
    SCOPED(buf_fini) struct buf all = buf_make(call->max_bytes);
    struct str part;
    do {
        TRY(net_call_read(cx, call, &part));
        buf_str(&all, part);
    } while (part.n);
    *ret_body = str_dup(cx->arena, buf_view(&all));
    return ERR_OK;
}

/* Whether the owner may free the call itself: then no post about it is left. */
static bool forget_if_done(struct net_call *call)
{
    struct net_client *c = call->client;
    (void)pthread_mutex_lock(&c->lock);
    (void)pthread_mutex_lock(&call->lock);
    const bool idle = call->done && !call->wants;
    (void)pthread_mutex_unlock(&call->lock);
    c->calls -= idle;
    (void)pthread_mutex_unlock(&c->lock);
    return idle;
}

void net_call_end(struct net_call **ended)
{
    struct net_call *call = TAKE(*ended);
    if (!call) {
        return;
    }
    if (forget_if_done(call)) {
        call_free(call);
    } else {
        post(call, WANT_END);
    }
}
