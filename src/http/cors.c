/* Rows that pages of other sites may call (Fetch Standard, "CORS protocol"). Which site may do what
 * is decided by the row's own credentials, which a page must add itself: no cookie counts for these
 * rows, so every origin may read their answers, and none is told to send credentials. */
#include "base/metric.h"

#include "http/server.h"

static const char allowed_headers[] =
    "Authorization, Content-Type, Idempotency-Key, Last-Event-ID, X-Api-Key, X-Request-Id";
static const char exposed_headers[] =
    "Deprecation, RateLimit, RateLimit-Policy, Retry-After, Sunset, X-Request-Id";
static const char remember_s[] = "7200"; /* the longest that Chromium keeps */

bool cors_asked(const struct http_server *s, const struct net_req *net)
{
    struct route_hit hit;
    const struct str method = net_req_header(net, "Access-Control-Request-Method");
    return str_is(net_req_method(net), "OPTIONS") && net_req_header(net, "Origin").n && method.n &&
           router_find(s->router, method, target_path(net_req_target(net)), &hit) == ROUTE_FOUND &&
           hit.route->cors;
}

void cors_answer(struct http_server *s, struct net_req **net)
{
    const struct net_header own[] = {
        {STR("Access-Control-Allow-Origin"), net_req_header(*net, "Origin")},
        {STR("Access-Control-Allow-Methods"),
         net_req_header(*net, "Access-Control-Request-Method")},
        {STR("Access-Control-Allow-Headers"), str_of(allowed_headers)},
        {STR("Access-Control-Max-Age"), str_of(remember_s)},
        {STR("Vary"), STR("Origin, Access-Control-Request-Method, Access-Control-Request-Headers")},
    };
    struct net_header headers[COUNT(own) + MAX_FIXED];
    size_t n = 0;
    for (size_t i = 0; i < COUNT(own); i++) {
        headers[n++] = own[i];
    }
    for (size_t i = 0; i < s->fixed_count; i++) {
        headers[n++] = s->fixed[i];
    }
    metric_add(METRIC_HTTP_REQUESTS, status_label(204), 1);
    net_reply(net, 204, headers, n, NULL);
}

void cors_headers(struct exchange *x)
{
    struct req *r = &x->req;
    const struct str origin = str_of(x->page);
    if (!origin.n) {
        return;
    }
    req_header(r, "Access-Control-Allow-Origin", origin);
    req_header(r, "Access-Control-Expose-Headers", str_of(exposed_headers));
    req_header(r, "Cross-Origin-Resource-Policy", STR("cross-origin"));
    req_header(r, "Vary", STR("Origin"));
}
