/* Which budgets a request takes from. Identity first: an address counts only for the anonymous, for
 * refused credentials, and for visitors, who cost nothing to make. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"

#include "http/server.h"

enum { KEY_MAX = 24 };

/* Whom a budget is taken from, and what it said. */
struct taker {
    struct http_server *server;
    struct cx *cx;
    const struct principal *who;
    struct str peer;
    struct limit_seen *seen;
};

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
    case RATE_SESSION:
        return conf.rate_session_per_min;
    case RATE_OPEN:
        return conf.rate_open_per_min;
    case RATE_SOCKET:
        return conf.rate_socket_per_min;
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

static enum err take(const struct taker *t, struct str key, enum rate_class c, int64_t budget)
{
    const struct rate_verdict v = rate_take(t->server->rates, key, budget, clock_mono_us());
    if (!t->seen->any || !v.allowed) {
        *t->seen = (struct limit_seen){.any = true, .verdict = v, .by = c};
    }
    return v.allowed ? ERR_OK : refused(t->cx, rate_name(c), v);
}

/* "a" + class + address. */
static struct str address_key(const struct taker *t, char kind)
{
    const struct str address = rate_address_key(t->cx->arena, t->peer);
    return str_fmt(t->cx->arena, "a%c" STR_FMT, kind, STR_ARG(address));
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

static enum err take_of_address(const struct taker *t, enum rate_class c, int64_t budget)
{
    return take(t, address_key(t, letter(c)), c, budget);
}

static enum err take_of_id(const struct taker *t, char what, struct uuid id, enum rate_class c,
                           int64_t budget)
{
    char room[KEY_MAX];
    return take(t, id_key(what, c, id, room), c, budget);
}

static enum err take_of_tenant(const struct taker *t, enum rate_class c)
{
    return take_of_id(t, 't', t->who->tenant.v, c, per_minute(c) * conf.rate_tenant_factor);
}

/* A visitor has small budgets of its own. Its address has larger ones, for there may be more of
 * them behind it; the tenant's are those of its keys. */
static enum err take_of_visitor(const struct taker *t, enum rate_class c)
{
    const int64_t own = c == RATE_CHAT ? conf.rate_visitor_chat_per_min : conf.rate_visitor_per_min;
    if (c == RATE_OPEN) {
        return take_of_address(t, c, per_minute(c));
    }
    TRY(take_of_id(t, 'p', t->who->id, c, own));
    TRY(take_of_address(t, c, own * conf.rate_address_factor));
    return take_of_tenant(t, c);
}

static enum err take_of_all(const struct taker *t, enum rate_class c)
{
    if (c == RATE_PROBE || t->who->kind == PRINCIPAL_OPERATOR) {
        return ERR_OK;
    }
    if (t->who->kind == PRINCIPAL_VISITOR) {
        return take_of_visitor(t, c);
    }
    if (c == RATE_UPLOAD) {
        return take_of_id(t, 't', t->who->tenant.v, c, per_minute(c));
    }
    TRY(take_of_id(t, 'p', t->who->id, c, per_minute(c)));
    return take_of_tenant(t, c);
}

static struct taker taker_of(struct exchange *x)
{
    return (struct taker){
        .server = x->req.server,
        .cx = &x->req.cx,
        .who = &x->req.who,
        .peer = x->req.peer,
        .seen = &x->limit,
    };
}

enum err limit_address(struct exchange *x)
{
    const struct taker t = taker_of(x);
    const enum rate_class c = x->req.route->rate;
    return c == RATE_PROBE ? ERR_OK : take_of_address(&t, c, per_minute(c));
}

enum err limit_principal(struct exchange *x)
{
    const struct taker t = taker_of(x);
    return take_of_all(&t, x->req.route->rate);
}

enum err req_limit(struct req *r, enum rate_class c)
{
    const struct taker t = taker_of(exchange_of(r));
    return take_of_all(&t, c);
}

enum err http_limit(struct http_server *s, struct cx *cx, const struct principal *who,
                    struct str peer, enum rate_class c, int64_t *ret_retry_s)
{
    struct limit_seen seen = {};
    const struct taker t = {.server = s, .cx = cx, .who = who, .peer = peer, .seen = &seen};
    const enum err e = take_of_all(&t, c);
    if (ret_retry_s) {
        *ret_retry_s = e ? seen.verdict.retry_after_s : 0;
    }
    return e;
}

enum err limit_refused(struct exchange *x, enum err e)
{
    const struct taker t = taker_of(x);
    const struct rate_verdict v = rate_take(x->req.server->rates, address_key(&t, 'x'),
                                            conf.rate_auth_per_min, clock_mono_us());
    if (v.allowed) {
        return e;
    }
    x->limit = (struct limit_seen){.any = true, .verdict = v, .by = RATE_UNSET};
    return refused(t.cx, "auth", v);
}

/* Both the fields of the draft (RateLimit, RateLimit-Policy) and the older ones that clients know.
 */
void limit_headers(struct exchange *x)
{
    struct req *r = &x->req;
    struct arena *a = r->cx.arena;
    const struct rate_verdict *v = &x->limit.verdict;
    const char *name = x->limit.by == RATE_UNSET ? "auth" : rate_name(x->limit.by);
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
