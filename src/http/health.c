/* The rows of the house itself: probes, metrics, the OpenAPI document. */
#include "base/conf.h"
#include "base/jw.h"
#include "base/metric.h"
#include "crypto/hash.h"

#include "http/gzip.h"
#include "http/server.h"

enum { DOCUMENT_MAX = 8 * 1024 * 1024 };

enum state {
    STATE_OK,
    STATE_DEGRADED,
    STATE_DOWN,
};

void http_health_add(struct http_server *s, struct health_part part)
{
    (void)pthread_mutex_lock(&s->lock);
    must(s->part_count < MAX_PARTS);
    s->parts[s->part_count++] = part;
    (void)pthread_mutex_unlock(&s->lock);
}

/* A copy, so that no check runs under the lock. */
static size_t copy_parts(struct http_server *s, struct health_part ret[MAX_PARTS])
{
    (void)pthread_mutex_lock(&s->lock);
    const size_t n = s->part_count;
    memcpy(ret, s->parts, n * sizeof(ret[0]));
    (void)pthread_mutex_unlock(&s->lock);
    return n;
}

/* Looks at every part; out gets the array for the operator. */
static enum state check_parts(struct http_server *s, struct buf *out)
{
    struct health_part parts[MAX_PARTS];
    const size_t n = copy_parts(s, parts);
    enum state state = STATE_OK;
    jw_open(out, '[');
    for (size_t i = 0; i < n; i++) {
        SCOPED(buf_fini) struct buf detail = buf_make(KB);
        const bool ok = parts[i].check(parts[i].arg, &detail);
        if (!ok && state != STATE_DOWN) {
            state = parts[i].required ? STATE_DOWN : STATE_DEGRADED;
        }
        metric_set(METRIC_HEALTH_PART, parts[i].name, ok);
        jw_open(out, '{');
        jw_member_str(out, "name", str_of(parts[i].name));
        jw_member_bool(out, "ok", ok);
        jw_member_str(out, "detail", buf_view(&detail));
        jw_close(out, '}');
    }
    jw_close(out, ']');
    return state;
}

static enum err answer(struct req *r, enum state state, struct str parts)
{
    static const char *const names[] = {"ok", "degraded", "down"};
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    jw_open(&b, '{');
    jw_member_str(&b, "status", str_of(names[state]));
    if (parts.n) {
        jw_member_raw(&b, "parts", parts);
    }
    jw_close(&b, '}');
    return req_reply_raw(r, state == STATE_DOWN ? 503 : 200, "application/json; charset=utf-8",
                         buf_view(&b));
}

static enum err get_health(struct req *r)
{
    SCOPED(buf_fini) struct buf parts = buf_make(32 * KB);
    const enum state state = check_parts(r->server, &parts);
    return answer(r, state, r->is_operator ? buf_view(&parts) : STR(""));
}

static enum err get_live(struct req *r)
{
    return answer(r, STATE_OK, STR(""));
}

static enum err get_ready(struct req *r)
{
    SCOPED(buf_fini) struct buf parts = buf_make(32 * KB);
    const enum state state =
        http_server_draining(r->server) ? STATE_DOWN : check_parts(r->server, &parts);
    return answer(r, state, r->is_operator ? buf_view(&parts) : STR(""));
}

/* Asked from this machine, and not by a proxy that stands in for somebody else: the connection's
 * own address counts here, never one that a header tells. */
static bool is_local(const struct req *r)
{
    static const char *const forwarded[] = {
        "Forwarded",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-By",
        "X-Real-Ip",
        "Via",
    };
    for (size_t i = 0; i < COUNT(forwarded); i++) {
        if (net_req_header_count(r->net, forwarded[i])) {
            return false;
        }
    }
    static const struct cidr loopback[] = {
        {{{[10] = 0xff, [11] = 0xff, [12] = 127}}, 96 + 8},
        {{{[15] = 1}}, 128},
    };
    struct ip peer;
    return ip_parse(net_req_peer(r->net), &peer) && !cidr_list_holds(&r->server->proxies, peer) &&
           (cidr_holds(&loopback[0], peer) || cidr_holds(&loopback[1], peer));
}

static void set_gauges(struct http_server *s)
{
    int connections = 0;
    int streams = 0;
    net_server_load(s->net, &connections, &streams);
    metric_set(METRIC_HTTP_CONNECTIONS, NULL, connections);
    metric_set(METRIC_STREAMS, NULL, streams);
    pool_gauges();
}

static enum err get_metrics(struct req *r)
{
    if (!r->is_operator && !is_local(r)) {
        return cx_fail(&r->cx, CODE_UNAUTHORIZED, "metrics are the operator's");
    }
    SCOPED(buf_fini) struct buf b = buf_make(DOCUMENT_MAX);
    SCOPED(buf_fini) struct buf parts = buf_make(32 * KB);
    (void)check_parts(r->server, &parts); /* for its gauges */
    set_gauges(r->server);
    metric_print(&b);
    return req_reply_raw(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_view(&b));
}

static void keep(struct http_server *s, enum coding c, struct str bytes)
{
    uint8_t digest[HASH_BYTES];
    hash_sha256(bytes.p, bytes.n, digest);
    s->reference.variants[s->reference.count++] =
        (struct variant){c, str_dup(s->kept, bytes), str_hex(s->kept, digest, sizeof(digest)).p};
}

static void make_reference(struct http_server *s)
{
    SCOPED(buf_fini) struct buf b = buf_make(DOCUMENT_MAX);
    SCOPED(buf_fini) struct buf packed = buf_make(DOCUMENT_MAX);
    router_openapi(s->router, conf.public_url, &b);
    must(!b.full);
    s->kept = arena_new();
    s->reference.type = "application/json; charset=utf-8";
    keep(s, CODING_IDENTITY, buf_view(&b));
    if (gzip_pack(buf_view(&b), &packed)) {
        keep(s, CODING_GZIP, buf_view(&packed));
    }
}

/* Made when first asked for, and never changed. */
static enum err get_openapi(struct req *r)
{
    struct http_server *s = r->server;
    (void)pthread_mutex_lock(&s->reference_lock);
    if (!s->reference.count) {
        make_reference(s);
    }
    (void)pthread_mutex_unlock(&s->reference_lock);
    return static_reply(r, &s->reference);
}

#define PROBE                                                                                      \
    .method = METHOD_GET, .who = WHO_PUBLIC, .rate = RATE_PROBE, .lane = LANE_PROBE, .raw = true
#define LIVE                                                                                       \
    .method = METHOD_GET, .who = WHO_PUBLIC, .rate = RATE_PROBE, .lane = LANE_LOOP, .raw = true,   \
    .handler = get_live, .summary = "Whether the process runs"

const struct route http_system_routes[] = {
    {PROBE, .path = "/health", .handler = get_health, .summary = "Overall state"},
    {LIVE, .path = "/health/live"},
    {PROBE, .path = "/health/ready", .handler = get_ready, .summary = "Whether it takes requests"},
    {PROBE, .path = "/api/v1/health", .handler = get_health, .summary = "Overall state"},
    {LIVE, .path = "/api/v1/health/live"},
    {PROBE, .path = "/api/v1/health/ready", .handler = get_ready,
     .summary = "Whether it takes requests"},
    {PROBE, .path = "/metrics", .handler = get_metrics,
     .summary = "Figures for Prometheus; the operator's"},
    {.method = METHOD_GET,
     .path = "/api/v1/openapi.json",
     .who = WHO_PUBLIC,
     .rate = RATE_PUBLIC,
     .raw = true,
     .handler = get_openapi,
     .summary = "This reference, as OpenAPI 3.1"},
    ROUTE_END,
};
