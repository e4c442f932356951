/* The way of a request, top to bottom: row and sizes (on the loop, see server.c), who is it,
 * tenant, role and scope, rate (a large body is read behind this step), input, handler, answer,
 * log. A handler never sees a request that one of the steps refuses. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include "http/server.h"

enum { ATTEMPTS = 3 };

static void list_add(struct http_server *s, struct exchange *x)
{
    (void)pthread_mutex_lock(&s->lock);
    x->next = s->first;
    if (s->first) {
        s->first->prev = x;
    }
    s->first = x;
    (void)pthread_mutex_unlock(&s->lock);
}

static void list_remove(struct http_server *s, struct exchange *x)
{
    (void)pthread_mutex_lock(&s->lock);
    *(x->prev ? &x->prev->next : &s->first) = x->next;
    if (x->next) {
        x->next->prev = x->prev;
    }
    (void)pthread_mutex_unlock(&s->lock);
}

/* Who asks: the connection's other end, or whom a listed proxy there stands for. */
static void find_client(struct exchange *x, const struct net_req *net)
{
    const struct http_server *s = x->req.server;
    struct forwarded_walk w = {.proxies = &s->proxies, .header = s->forwarded_header};
    const struct str peer = str_sub(net_req_peer(net), 0, PEER_BYTES - 1);
    if (s->proxies.count && ip_parse(peer, &w.hop) && cidr_list_holds(w.proxies, w.hop)) {
        const char *name = forwarded_header_name(w.header);
        size_t n = net_req_header_count(net, name);
        while (n > 0 && forwarded_line(&w, net_req_header_nth(net, name, n - 1))) {
            n--;
        }
        ip_text(w.hop, x->peer);
    } else {
        memcpy(x->peer, peer.p, peer.n);
    }
    x->req.peer = str_of(x->peer);
}

static void set_deadline(struct exchange *x)
{
    const int64_t ms =
        x->req.route->lane == LANE_TURN ? conf.turn_timeout_ms : conf.request_timeout_ms;
    x->req.cx.deadline_us = x->began_us + ms * MS_US;
}

static bool asks_for_stream(const struct exchange *x)
{
    if (!x->req.route->streams || x->head_only) {
        return false;
    }
    const struct str accept = str_lower(x->req.cx.arena, net_req_header(x->req.net, "Accept"));
    return str_find(accept, STR("text/event-stream"), 0) >= 0;
}

/* A turn goes on when its reader has left, and what runs on the loop is done at once. */
static void watch(struct exchange *x)
{
    if (x->req.route->lane != LANE_TURN && x->req.route->lane != LANE_LOOP) {
        x->req.cx.cancel = net_req_watch(x->req.net);
    }
}

struct exchange *exchange_new(struct http_server *s, struct net_req *net)
{
    struct exchange *x = mem_new(struct exchange);
    struct req *r = &x->req;
    const struct str target = net_req_target(net);
    cx_begin(&r->cx, s->config.db);
    x->began_us = clock_mono_us();
    x->target = mem_dup(target.p, target.n);
    x->head_only = str_is(net_req_method(net), "HEAD");
    r->net = net;
    r->server = s;
    find_client(x, net);
    r->cx.request_id = request_id_of(r->cx.arena, net);
    must(router_find(s->router, net_req_method(net), target_path(str_of(x->target)), &r->hit) ==
         ROUTE_FOUND);
    r->route = r->hit.route;
    const struct str origin = r->route->cors ? net_req_header(net, "Origin") : STR("");
    x->page = mem_dup(origin.p, origin.n);
    set_deadline(x);
    r->wants_stream = asks_for_stream(x);
    watch(x);
    list_add(s, x);
    return x;
}

/* --- the end --- */

static const char *principal_name(enum principal_kind k)
{
    static const char *const names[] = {"none", "key", "visitor", "operator", "acting"};
    return names[k];
}

static int64_t answered_bytes(const struct exchange *x)
{
    return (int64_t)(x->stream == STREAM_NONE ? x->out.n + x->lasting.n + x->file.n
                                              : x->streamed_bytes);
}

/* One line a request. What we refuse by design is no error: overload is a warning, the client's
 * faults are information. The address stands where it is what an operator would act on: refused
 * credentials and limits. */
static void log_request(struct exchange *x, enum err e, double seconds)
{
    const struct cx *cx = &x->req.cx;
    const enum code code = code_seen(cx, e);
    const bool ours = e && code_info(code)->http_status >= 500;
    const bool busy = e && (code == CODE_OVERLOADED || code == CODE_SHUTTING_DOWN);
    const bool by_address = e == ERR_UNAUTHENTICATED || e == ERR_LIMIT;
    const struct log_field fields[] = {
        LOG_CSTR("method", x->head_only ? "HEAD" : method_name(x->req.route->method)),
        LOG_CSTR("route", x->req.route->path),
        LOG_I64("status", x->status),
        LOG_F64("ms", seconds * 1000),
        LOG_I64("bytes", answered_bytes(x)),
        LOG_CSTR("principal", principal_name(x->req.who.kind)),
        LOG_CSTR("code", e ? code_info(code)->name : ""),
        ours ? LOG_CSTR("detail", cx->detail) : LOG_STR("address", x->req.peer),
    };
    const size_t count = ours || by_address ? COUNT(fields) : COUNT(fields) - (e ? 1 : 2);
    log_fields(cx,
               ours && !busy ? LOG_ERROR
               : busy        ? LOG_WARN
                             : LOG_INFO,
               "request", fields, count);
}

static void count_request(struct exchange *x, enum err e, double seconds)
{
    metric_add(METRIC_HTTP_REQUESTS, status_label(x->status), 1);
    metric_seen(METRIC_HTTP_DURATION, x->req.route->path, seconds);
    if (e && !x->reached_handler) {
        metric_add(METRIC_HTTP_REFUSED, code_info(code_seen(&x->req.cx, e))->name, 1);
    }
}

static void exchange_free(struct exchange *x)
{
    stream_leave(x);
    buf_fini(&x->out);
    reply_close_file(x);
    mem_free(x->target);
    mem_free(x->page);
    mem_free(x->scopes);
    mem_free(x->origin);
    cx_end(&x->req.cx);
    mem_free(x);
}

void exchange_finish(struct exchange *x, enum err e)
{
    const double seconds = (double)(clock_mono_us() - x->began_us) / (double)SECOND_US;
    if (!e && !x->req.answered) {
        e = cx_fail(&x->req.cx, CODE_INTERNAL_ERROR, "the handler did not answer");
    }
    if (x->stream != STREAM_NONE) {
        stream_finish(x, e);
    } else if (e) {
        reply_error(x, e);
    }
    /* before the answer goes, so that whoever has it also finds it counted and logged */
    count_request(x, e, seconds);
    log_request(x, e, seconds);
    if (x->req.net) {
        reply_send(x);
    }
    list_remove(x->req.server, x);
    exchange_free(x);
}

/* --- a large body --- */

/* Given back, the request may come again at once on the loop, with the exchange. */
static void park(struct exchange *x)
{
    struct net_req *net = TAKE(x->req.net);
    x->admitted = true;
    x->req.cx.cancel = NULL;
    list_remove(x->req.server, x);
    net_req_set_user(net, x);
    net_admit(&net);
}

void exchange_resume(struct exchange *x, struct net_req *net)
{
    x->req.net = net;
    x->prev = NULL;
    x->began_us = clock_mono_us();
    cx_again(&x->req.cx);
    set_deadline(x);
    watch(x);
    list_add(x->req.server, x);
}

void exchange_drop(struct exchange *x)
{
    exchange_free(x);
}

/* --- the middle --- */

static enum err admit(struct exchange *x)
{
    TRY(cx_check(&x->req.cx));
    TRY(identify(x));
    TRY(x->req.route->who == WHO_PUBLIC ? ERR_OK : limit_principal(x));
    return x->req.wants_stream ? stream_admit(x) : ERR_OK;
}

static enum err attempt(struct exchange *x)
{
    TRY(read_input(x));
    x->reached_handler = true;
    const enum err e = x->req.route->handler(&x->req);
    must(!x->req.cx.in_tx);
    return e;
}

/* Lost again and again: that is the database, and not bad luck. */
static enum err give_up(struct cx *cx)
{
    const struct str why = str_dup(cx->arena, str_of(cx->detail));
    return cx_fail(cx, CODE_DATABASE_ERROR, STR_FMT, STR_ARG(why));
}

/* The transaction was lost through no fault of its own: the same work again, as if for the first
 * time. What has been sent cannot be taken back, so never after a stream has begun. */
static enum err attempts(struct exchange *x)
{
    enum err e = attempt(x);
    for (int i = 1; e == ERR_RERUN && i < ATTEMPTS && x->stream == STREAM_NONE; i++) {
        reply_reset(x);
        cx_again(&x->req.cx);
        TRY(cx_check(&x->req.cx));
        e = attempt(x);
    }
    return e == ERR_RERUN ? give_up(&x->req.cx) : e;
}

void exchange_admit(void *exchange)
{
    struct exchange *x = exchange;
    const enum err e = admit(x);
    if (e) {
        exchange_finish(x, e);
    } else {
        park(x);
    }
}

void exchange_run(void *exchange)
{
    struct exchange *x = exchange;
    const enum err e = x->admitted ? ERR_OK : admit(x);
    exchange_finish(x, e ? e : attempts(x));
}
