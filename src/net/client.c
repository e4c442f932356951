/* The owner's side of outgoing exchanges: preparing, waiting, reading. */
#include "net/client_call.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "net/guard.h"

enum {
    MAX_HEADER_LINE = 16 * 1024,
};

static bool add_header(struct net_call *call, struct str line)
{
    if (line.n >= MAX_HEADER_LINE) {
        return false;
    }
    for (size_t i = 0; i < line.n; i++) {
        const unsigned char c = (unsigned char)line.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    SCOPED(buf_fini) struct buf text = buf_make(MAX_HEADER_LINE); /* ends with NUL */
    buf_str(&text, line);
    call->request_headers = curl_slist_append(call->request_headers, text.p);
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

static void set_bounds(CURL *easy, const struct net_call_spec *spec)
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
    set_bounds(call->easy, spec);
    call_set_callbacks(call);
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

/* When the other side will have been silent for too long; INT64_MAX when it may be. Only time in
 * which somebody waits counts, and connecting has its own limit: until then, when to look again. */
static int64_t silent_at(const struct net_call *call, int64_t began_us, int64_t now_us)
{
    if (!call->stall_us) {
        return INT64_MAX;
    }
    return (call->connected ? max_i64(call->active_us, began_us) : now_us) + call->stall_us;
}

/* Under the call's lock: waits until ready. */
static enum err wait_under_lock(struct cx *cx, struct net_call *call,
                                bool (*ready)(const struct net_call *call))
{
    const int64_t began = clock_mono_us();
    while (!ready(call)) {
        TRY(cx_check(cx));
        const int64_t now = clock_mono_us();
        const int64_t silent = silent_at(call, began, now);
        if (silent <= now) {
            return cx_fail(cx, CODE_DEADLINE_EXCEEDED, "the service was silent for %" PRId64 " ms",
                           call->stall_us / MS_US);
        }
        const int64_t until = min_i64(cx->deadline_us ? cx->deadline_us : INT64_MAX, silent);
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
    /* not the handle's own words: they name host and port, and these words may be shown to a tenant
     */
    const char *why = curl_easy_strerror(call->result);
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
    call_post(call, WANT_BEGIN);
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
    const bool failed = call->current.n == 0 && call->done && call->result != CURLE_OK;
    (void)pthread_mutex_unlock(&call->lock);
    if (resume) {
        call_post(call, WANT_RESUME);
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
    struct str part = {};
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
        call_post(call, WANT_END);
    }
}
