/* The server: what is decided on the loop (row, sizes, media type, lane), and its life. */
#include "http/server.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

#include <sys/resource.h>
#include <unistd.h>

enum { STATUS_MIN = 100, STATUS_MAX = 599 };

static char labels[STATUS_MAX - STATUS_MIN + 1][4];
static pthread_once_t labels_once = PTHREAD_ONCE_INIT;

static void make_labels(void)
{
    for (int i = STATUS_MIN; i <= STATUS_MAX; i++) {
        char *p = labels[i - STATUS_MIN];
        p[0] = (char)('0' + i / 100);
        p[1] = (char)('0' + i / 10 % 10);
        p[2] = (char)('0' + i % 10);
    }
}

const char *status_label(int status)
{
    (void)pthread_once(&labels_once, make_labels);
    must(status >= STATUS_MIN && status <= STATUS_MAX);
    return labels[status - STATUS_MIN];
}

/* --- on the loop --- */

static void plan_refusal(struct net_plan *plan, enum code code)
{
    plan->refuse = code_info(code)->http_status;
    plan->code = code;
}

struct str target_path(struct str target)
{
    const ptrdiff_t mark = str_find_char(target, '?', 0);
    return mark < 0 ? target : str_sub(target, 0, (size_t)mark);
}

static void on_head(void *arg, struct net_req *req, struct net_plan *plan)
{
    const struct http_server *s = arg;
    struct route_hit hit;
    if (cors_asked(s, req)) {
        return;
    }
    switch (router_find(s->router, net_req_method(req), target_path(net_req_target(req)), &hit)) {
    case ROUTE_NO_PATH:
        plan_refusal(plan, CODE_NOT_FOUND);
        return;
    case ROUTE_NO_METHOD:
        plan_refusal(plan, CODE_METHOD_NOT_ALLOWED);
        plan->refuse_header = (struct net_header){STR("Allow"), str_of(hit.allow)};
        return;
    case ROUTE_FOUND:
        break;
    }
    plan->max_body = max_body_of(hit.route, req);
    if (announces_body(req) && hit.route->who != WHO_PUBLIC && !has_credential(req) &&
        !net_req_is_local(req)) {
        /* nobody's body is not even read */
        plan_refusal(plan, CODE_UNAUTHORIZED);
        plan->refuse_header = (struct net_header){STR("WWW-Authenticate"), STR("Bearer")};
    } else if (route_max_body(hit.route) && !media_type_ok(hit.route, req)) {
        plan_refusal(plan, CODE_UNSUPPORTED_MEDIA_TYPE);
    }
}

static void submit(struct exchange *x, void (*run)(void *exchange))
{
    const enum lane lane = x->req.route->lane;
    if (lane == LANE_LOOP) {
        run(x);
    } else if (!pool_submit(x->req.server->lanes[lane], run, x)) {
        exchange_finish(
            x, cx_fail(&x->req.cx, CODE_OVERLOADED, "the lane %s is full", lane_name(lane)));
    }
}

static void begin(struct http_server *s, struct net_req *req, void (*run)(void *exchange))
{
    struct exchange *x = exchange_new(s, req);
    const enum err e = x->req.route->who == WHO_PUBLIC ? limit_address(x) : ERR_OK;
    if (e) {
        exchange_finish(x, e);
    } else {
        submit(x, run);
    }
}

static void on_admit(void *arg, struct net_req *req)
{
    begin(arg, req, exchange_admit);
}

static void on_drop(void *arg, struct net_req *req)
{
    (void)arg;
    exchange_drop(net_req_user(req));
}

static void on_request(void *arg, struct net_req *req)
{
    struct exchange *parked = net_req_user(req);
    if (!parked && cors_asked(arg, req)) {
        cors_answer(arg, &req);
    } else if (parked) {
        exchange_resume(parked, req);
        submit(parked, exchange_run);
    } else {
        begin(arg, req, exchange_run);
    }
}

static void on_refusal(void *arg, enum code code, int status, const char *detail,
                       struct str request_id, struct buf *body, const char **content_type)
{
    (void)arg;
    const struct code_info *info = code_info(code);
    const struct cx cx = {.request_id = request_id};
    error_envelope(body, code, str_of(status < 500 && detail ? detail : info->doc), NULL, 0,
                   request_id);
    *content_type = "application/json; charset=utf-8";
    metric_add(METRIC_HTTP_REQUESTS, status_label(status), 1);
    metric_add(METRIC_HTTP_REFUSED, info->name, 1);
    log_ev(&cx, LOG_INFO, "request", LOG_CSTR("method", "-"), LOG_CSTR("route", "-"),
           LOG_I64("status", status), LOG_CSTR("code", info->name));
}

/* --- life --- */

static void fix_header(struct http_server *s, const char *name, const char *value)
{
    must(s->fixed_count < MAX_FIXED);
    s->fixed[s->fixed_count++] = (struct net_header){str_of(name), str_of(value)};
}

static void fix_headers(struct http_server *s)
{
    fix_header(s, "X-Content-Type-Options", "nosniff");
    fix_header(s, "X-Frame-Options", "DENY");
    fix_header(s, "Referrer-Policy", "no-referrer");
    fix_header(s, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (str_starts(str_of(conf.public_url), STR("https://"))) {
        fix_header(s, "Strict-Transport-Security", "max-age=31536000; includeSubDomains; preload");
    }
}

static bool read_dates(struct http_server *s, struct buf *why)
{
    int64_t since = 0;
    int64_t sunset = 0;
    if (!clock_parse_rfc3339(str_of(conf.unversioned_deprecated), &since) ||
        !clock_parse_rfc3339(str_of(conf.unversioned_sunset), &sunset)) {
        buf_cstr(why,
                 "METACHAT_UNVERSIONED_DEPRECATED and METACHAT_UNVERSIONED_SUNSET must be times "
                 "like 2026-11-20T00:00:00Z.");
        return false;
    }
    (void)snprintf(s->deprecation, sizeof(s->deprecation), "@%" PRId64, since / SECOND_US);
    clock_http_date(sunset, s->sunset);
    return true;
}

static bool read_proxies(struct http_server *s, struct buf *why)
{
    struct str bad;
    if (!cidr_list_parse(str_of(conf.trusted_proxies), &s->proxies, &bad)) {
        buf_fmt(why, "METACHAT_TRUSTED_PROXIES: '" STR_FMT "' is not a network like 10.1.0.0/16.",
                STR_ARG(bad));
        return false;
    }
    if (!forwarded_header_parse(str_of(conf.forwarded_header), &s->forwarded_header)) {
        buf_fmt(why, "METACHAT_FORWARDED_HEADER must be X-Forwarded-For or Forwarded, is '%s'.",
                conf.forwarded_header);
        return false;
    }
    return true;
}

bool http_server_is_proxy(const struct http_server *s, const struct sockaddr *peer)
{
    struct ip ip;
    return ip_of(peer, &ip) && cidr_list_holds(&s->proxies, ip);
}

static bool is_proxy(void *arg, const struct sockaddr_storage *peer)
{
    return http_server_is_proxy(arg, (const struct sockaddr *)peer);
}

static void make_lanes(struct http_server *s)
{
    const struct pool_limits limits[LANE_POOLS] = {
        [LANE_API] = {.name = "api",
                      .max_threads = (int)conf.api_threads,
                      .max_queue = (int)conf.api_queue},
        [LANE_TURN] = {.name = "turn",
                       .max_threads = (int)conf.turn_threads,
                       .max_queue = (int)conf.turn_queue},
        [LANE_UPLOAD] = {.name = "upload",
                         .max_threads = (int)conf.upload_threads,
                         .max_queue = (int)conf.upload_queue},
        [LANE_PROBE] = {.name = "probe",
                        .max_threads = (int)conf.probe_threads,
                        .max_queue = (int)conf.probe_queue},
    };
    for (size_t i = 0; i < LANE_POOLS; i++) {
        s->lanes[i] = pool_new(&limits[i]);
    }
}

/* A loop feeds the handlers of four cores with ease; beyond four loops the accepting is the limit.
 */
static int loops(void)
{
    const int64_t cores = sysconf(_SC_NPROCESSORS_ONLN);
    const int64_t some = cores < 8 ? 1 : min_i64(cores / 4, 4);
    return (int)(conf.http_loops ? conf.http_loops : some);
}

/* A connection is a file. Some are kept back for the database, for calls to others and for bodies
 * and documents on their way, but never more than half of what the process may open. */
static int connections(void)
{
    enum { FILES = 256 };
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) || l.rlim_cur > INT32_MAX) {
        return (int)conf.http_max_connections;
    }
    const int64_t files = (int64_t)l.rlim_cur;
    const int64_t kept = FILES + conf.turn_threads + conf.upload_queue + conf.upload_threads;
    const int64_t room = files - min_i64(kept, files / 2);
    if (room < conf.http_max_connections) {
        log_ev(NULL, LOG_WARN, "connections_cut", LOG_I64("asked", conf.http_max_connections),
               LOG_I64("possible", room), LOG_I64("filesAllowed", files));
    }
    return (int)min_i64(room, conf.http_max_connections);
}

static struct net_limits net_limits(struct spool *spool)
{
    return (struct net_limits){
        .loops = loops(),
        .max_head = (size_t)conf.http_max_head,
        .max_connections = connections(),
        .max_of_address = (int)conf.http_max_connections_per_address,
        .head_timeout_us = conf.http_head_timeout_ms * MS_US,
        .body_grace_us = conf.http_body_grace_ms * MS_US,
        .body_min_rate = conf.http_body_min_rate,
        .body_timeout_us = conf.http_body_timeout_ms * MS_US,
        .idle_timeout_us = conf.http_idle_timeout_ms * MS_US,
        .write_min_rate = conf.http_write_min_rate,
        .write_timeout_us = conf.http_write_timeout_ms * MS_US,
        .output_high_water = (size_t)conf.http_output_high_water,
        .messages_max = (size_t)conf.socket_buffered_max,
        .body = {.spool = spool, .max_memory = (size_t)conf.http_body_memory},
    };
}

enum err http_server_new(const struct http_config *config, struct http_server **ret,
                         struct buf *why)
{
    SCOPED(http_server_free) struct http_server *s = mem_new(struct http_server);
    s->config = *config;
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_mutex_init(&s->reference_lock, NULL);
    atomic_init(&s->stop_at_us, INT64_MAX);
    if (!read_dates(s, why) || !read_proxies(s, why)) {
        return ERR_INVALID;
    }
    fix_headers(s);
    s->router = router_new(config->routes);
    s->rates = rate_store_memory((size_t)conf.rate_max_keys);
    s->streams = places_new(conf.streams_max, conf.streams_per_tenant);
    make_lanes(s);
    if (config->spool) {
        TRY(spool_open(config->spool, (uint64_t)conf.http_spool_max, &s->spool, why));
    }
    const struct net_limits limits = net_limits(s->spool);
    const struct net_callbacks callbacks = {
        .arg = s,
        .on_head = on_head,
        .on_admit = on_admit,
        .on_drop = on_drop,
        .on_request = on_request,
        .on_refusal = on_refusal,
        .uncounted = is_proxy,
        .refusal_headers = s->fixed,
        .refusal_header_count = s->fixed_count,
    };
    TRY(net_server_new(config->listen, &limits, &callbacks, &s->net, why));
    net_server_use_tls(s->net, config->tls);
    if (config->admin_socket) {
        TRY(net_server_listen_local(s->net, config->admin_socket, why));
    }
    *ret = TAKE(s);
    return ERR_OK;
}

const char *http_server_address(const struct http_server *s)
{
    return net_server_address(s->net);
}

struct net_server *http_server_net(struct http_server *s)
{
    return s->net;
}

struct router *http_server_router(struct http_server *s)
{
    return s->router;
}

void *http_user(const struct req *r)
{
    return r->server->config.user;
}

bool http_server_draining(const struct http_server *s)
{
    return atomic_load(&s->draining);
}

void http_server_announce_stop(struct http_server *s)
{
    atomic_store(&s->draining, true);
}

void http_server_stop(struct http_server *s, int64_t until_mono_us)
{
    atomic_store(&s->draining, true);
    int64_t before = atomic_load(&s->stop_at_us);
    while (until_mono_us < before &&
           !atomic_compare_exchange_weak(&s->stop_at_us, &before, until_mono_us)) {
    }
    net_server_stop(s->net, until_mono_us);
}

/* --- work of others --- */

/* Both under the lock. */
static void errand_list(struct http_server *s, struct errand *e)
{
    e->next = s->errands;
    if (e->next) {
        e->next->prev = e;
    }
    s->errands = e;
}

static void errand_unlist(struct http_server *s, struct errand *e)
{
    if (e->next) {
        e->next->prev = e->prev;
    }
    *(e->prev ? &e->prev->next : &s->errands) = e->next;
}

static void errand_finish(struct errand *e, bool dropped)
{
    (void)pthread_mutex_lock(&e->server->lock);
    errand_unlist(e->server, e);
    (void)pthread_mutex_unlock(&e->server->lock);
    e->fn(e->arg, dropped);
    mem_free(e);
}

static void errand_run(void *arg)
{
    errand_finish(arg, false);
}

bool http_server_run_in(struct http_server *s, enum lane lane, void (*fn)(void *arg, bool dropped),
                        void *arg)
{
    struct errand *e = mem_new(struct errand);
    *e = (struct errand){.server = s, .fn = fn, .arg = arg};
    (void)pthread_mutex_lock(&s->lock);
    errand_list(s, e);
    const bool taken = !s->lanes_ended && pool_submit(s->lanes[lane], errand_run, e);
    if (!taken) {
        errand_unlist(s, e);
    }
    (void)pthread_mutex_unlock(&s->lock);
    if (!taken) {
        mem_free(e);
    }
    return taken;
}

/* Work that a lane dropped: nobody else knows it any more. Its clients have been closed. */
static void finish_dropped(struct http_server *s)
{
    while (s->errands) {
        errand_finish(s->errands, true);
    }
    while (s->first) {
        struct exchange *x = s->first;
        exchange_finish(x, cx_fail(&x->req.cx, CODE_SHUTTING_DOWN, "dropped by the drain"));
    }
}

/* Handlers that run have deadlines of their own; after this none is running. */
static void end_lanes(struct http_server *s)
{
    (void)pthread_mutex_lock(&s->lock);
    s->lanes_ended = true;
    (void)pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < LANE_POOLS; i++) {
        pool_free(&s->lanes[i]);
    }
    finish_dropped(s);
}

void http_server_run(struct http_server *s)
{
    net_server_run(s->net);
    for (size_t i = 0; i < LANE_POOLS; i++) {
        int dropped = 0;
        (void)pool_drain(s->lanes[i], atomic_load(&s->stop_at_us), &dropped);
        if (dropped) {
            log_ev(NULL, LOG_WARN, "drain_dropped", LOG_CSTR("lane", lane_name((enum lane)i)),
                   LOG_I64("requests", dropped));
        }
    }
    end_lanes(s);
}

void http_server_free(struct http_server **server)
{
    struct http_server *s = *server;
    if (!s) {
        return;
    }
    end_lanes(s);
    net_server_free(&s->net);
    spool_close(&s->spool);
    rate_store_free(&s->rates);
    places_free(&s->streams);
    router_free(&s->router);
    arena_free(&s->kept);
    (void)pthread_mutex_destroy(&s->reference_lock);
    (void)pthread_mutex_destroy(&s->lock);
    mem_free(s);
    *server = NULL;
}
