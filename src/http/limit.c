/* Which budgets a request takes from. Identity first: an address counts only for the anonymous, for
 * refused credentials, and on the demo page, whose visitors cost nothing to make. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"

#include "http/server.h"

enum { KEY_MAX = 24 };

static int64_t per_minute(enum rate_class c)
{
    switch (c) {
    case RATE_READ:
        return conf.rate_read_per_min;
    case RATE_WRITE:
        return conf.rate_write_per_min;
    case RATE_CHAT:
        return conf.rate_chat_per_min;
    case RATE_UPLOAD:
        return conf.rate_upload_per_min;
    case RATE_PUBLIC:
        return conf.rate_public_per_min;
    case RATE_DEMO:
        return conf.rate_demo_per_min;
    case RATE_UNSET:
    case RATE_PROBE:
    case RATE_CLASS_COUNT:
        break;
    }
    return INT64_MAX;
}

static enum err refused(struct cx *cx, const char *label, struct rate_verdict v)
{
    metric_add(METRIC_RATE_LIMITED, label, 1);
    return cx_fail(cx, CODE_RATE_LIMITED, "too many requests; come again in %" PRId64 " s",
                   v.retry_after_s);
}

static enum err take(struct exchange *x, struct str key, enum rate_class c, int64_t budget)
{
    const struct rate_verdict v = rate_take(x->req.server->rates, key, budget, clock_mono_us());
    if (!x->has_verdict || !v.allowed) {
        x->has_verdict = true;
        x->verdict = v;
        x->limited_by = c;
    }
    return v.allowed ? ERR_OK : refused(&x->req.cx, rate_name(c), v);
}

/* "a" + class + address. */
static struct str address_key(struct exchange *x, char kind)
{
    const struct str address = rate_address_key(x->req.cx.arena, x->req.peer);
    return str_fmt(x->req.cx.arena, "a%c" STR_FMT, kind, STR_ARG(address));
}

static char letter(enum rate_class c)
{
    return (char)('0' + (int)c);
}

/* What is counted (p: principal, t: tenant), class, id. */
static struct str id_key(char what, enum rate_class c, struct uuid id, char room[KEY_MAX])
{
    room[0] = what;
    room[1] = letter(c);
    memcpy(room + 2, id.b, sizeof(id.b));
    return (struct str){room, 2 + sizeof(id.b)};
}

static enum err take_of_address(struct exchange *x, enum rate_class c)
{
    return take(x, address_key(x, letter(c)), c, per_minute(c));
}

enum err limit_address(struct exchange *x)
{
    const enum rate_class c = x->req.route->rate;
    return c == RATE_PROBE ? ERR_OK : take_of_address(x, c);
}

enum err limit_principal(struct exchange *x)
{
    const enum rate_class c = x->req.route->rate;
    const struct principal *who = &x->req.who;
    const int64_t budget = per_minute(c);
    char room[KEY_MAX];
    if (c == RATE_PROBE || who->kind == PRINCIPAL_OPERATOR) {
        return ERR_OK;
    }
    if (c == RATE_DEMO || who->kind == PRINCIPAL_VISITOR) {
        return take_of_address(x, RATE_DEMO);
    }
    if (c == RATE_UPLOAD) {
        return take(x, id_key('t', c, who->tenant.v, room), c, budget);
    }
    TRY(take(x, id_key('p', c, who->id, room), c, budget));
    return take(x, id_key('t', c, who->tenant.v, room), c, budget * conf.rate_tenant_factor);
}

enum err limit_refused(struct exchange *x, enum err e)
{
    const struct rate_verdict v = rate_take(x->req.server->rates, address_key(x, 'x'),
                                            conf.rate_auth_per_min, clock_mono_us());
    if (v.allowed) {
        return e;
    }
    x->has_verdict = true;
    x->verdict = v;
    x->limited_by = RATE_UNSET;
    return refused(&x->req.cx, "auth", v);
}

enum err http_spend(struct http_server *s, struct cx *cx, enum rate_class class, struct str key,
                    int64_t per_minute, int64_t *ret_retry_after_s)
{
    const struct rate_verdict v = rate_take(s->rates, key, per_minute, clock_mono_us());
    if (v.allowed) {
        return ERR_OK;
    }
    if (ret_retry_after_s) {
        *ret_retry_after_s = v.retry_after_s;
    }
    return refused(cx, rate_name(class), v);
}

/* Both the fields of the draft (RateLimit, RateLimit-Policy) and the older ones that clients know.
 */
void limit_headers(struct exchange *x)
{
    struct req *r = &x->req;
    struct arena *a = r->cx.arena;
    const struct rate_verdict *v = &x->verdict;
    const char *name = x->limited_by == RATE_UNSET ? "auth" : rate_name(x->limited_by);
    req_header(r, "RateLimit-Policy", str_fmt(a, "\"%s\";q=%" PRId64 ";w=60", name, v->limit));
    req_header(r, "RateLimit",
               str_fmt(a, "\"%s\";r=%" PRId64 ";t=%" PRId64, name, v->remaining, v->reset_s));
    req_header(r, "X-RateLimit-Limit", str_fmt(a, "%" PRId64, v->limit));
    req_header(r, "X-RateLimit-Remaining", str_fmt(a, "%" PRId64, v->remaining));
    req_header(r, "X-RateLimit-Reset", str_fmt(a, "%" PRId64, v->reset_s));
    if (!v->allowed) {
        req_header(r, "Retry-After", str_fmt(a, "%" PRId64, v->retry_after_s));
    }
}
