/* Who is asking. */
#include "base/conf.h"
#include "base/mem.h"

#include "crypto/hash.h"

#include "http/server.h"

static enum err refuse(struct cx *cx, const char *why)
{
    return cx_fail(cx, CODE_INVALID_TOKEN, "%s", why);
}

static enum err bearer_of(struct cx *cx, struct str header, struct str *ret)
{
    const struct str scheme = STR("Bearer ");
    if (header.n <= scheme.n || !str_eq_nocase(str_sub(header, 0, scheme.n), scheme)) {
        return refuse(cx, "the Authorization header must be: Bearer and a token");
    }
    *ret = str_trim(str_sub(header, scheme.n, header.n));
    return ret->n ? ERR_OK : refuse(cx, "the token is empty");
}

bool has_credential(const struct net_req *net)
{
    return net_req_header_count(net, "Authorization") || net_req_header_count(net, "X-Api-Key");
}

enum err credential_of(struct cx *cx, const struct net_req *net, struct str *ret)
{
    const size_t bearers = net_req_header_count(net, "Authorization");
    const size_t keys = net_req_header_count(net, "X-Api-Key");
    struct str key = str_trim(net_req_header(net, "X-Api-Key"));
    *ret = (struct str){};
    if (!bearers && !keys) {
        return cx_fail(cx, CODE_UNAUTHORIZED, "%s", "");
    }
    if (bearers > 1 || keys > 1) {
        return refuse(cx, "credentials came twice");
    }
    if (keys && !key.n) {
        return refuse(cx, "the X-Api-Key header is empty");
    }
    if (!bearers) {
        *ret = key;
        return ERR_OK;
    }
    TRY(bearer_of(cx, net_req_header(net, "Authorization"), ret));
    if (keys && (key.n != ret->n || !ct_equal(key.p, ret->p, key.n))) {
        *ret = (struct str){};
        return refuse(cx, "two different credentials came");
    }
    return ERR_OK;
}

static bool is_operator(struct str token)
{
    const struct str known = str_of(conf.operator_token);
    return known.n && known.n == token.n && ct_equal(known.p, token.p, known.n);
}

static void be_operator(struct exchange *x)
{
    x->req.is_operator = true;
    x->req.who = (struct principal){.kind = PRINCIPAL_OPERATOR, .role = WHO_PLATFORM};
    if (x->req.route->who == WHO_PLATFORM) {
        cx_for_platform(&x->req.cx);
    }
}

bool principal_holds(const struct principal *who, const char *scope)
{
    struct str rest = who->scopes;
    struct str word;
    while (str_split(&rest, ' ', &word)) {
        if (str_is(word, "*") || str_is(word, scope)) {
            return true;
        }
    }
    return false;
}

/* The platform's rows are the operator's alone, and the operator has no tenant to act for. */
static enum err check_role(struct cx *cx, const struct route *row, const struct principal *who)
{
    const bool of_platform = row->who == WHO_PLATFORM;
    if (of_platform != (who->role == WHO_PLATFORM) || who->role < row->who) {
        return cx_fail(cx, CODE_FORBIDDEN, "this takes the role %s", who_name(row->who));
    }
    if (who->kind == PRINCIPAL_KEY && !principal_holds(who, row->scope)) {
        return cx_fail(cx, CODE_FORBIDDEN, "this takes a key with the scope %s", row->scope);
    }
    return row->visitors_only && who->kind != PRINCIPAL_VISITOR
               ? cx_fail(cx, CODE_FORBIDDEN, "this takes a visitor's token")
               : ERR_OK;
}

/* A visitor's token is for pages of one origin. Who is no browser need not say where it is, for it
 * could say anything. */
static enum err check_origin(struct req *r)
{
    const size_t count = net_req_header_count(r->net, "Origin");
    const struct str origin = net_req_header(r->net, "Origin");
    if (!r->who.origin.n || !count || (count == 1 && str_eq(origin, r->who.origin))) {
        return ERR_OK;
    }
    return cx_fail(&r->cx, CODE_ORIGIN_NOT_ALLOWED, "the token was given for pages of " STR_FMT,
                   STR_ARG(r->who.origin));
}

static char *keep(struct str *s)
{
    char *kept = mem_dup(s->n ? s->p : "", s->n);
    s->p = kept;
    return kept;
}

/* Its texts outlive the arena: a handler may be run again. */
static void keep_texts(struct exchange *x)
{
    x->scopes = keep(&x->req.who.scopes);
    x->origin = keep(&x->req.who.origin);
}

static enum err authenticate(struct exchange *x, struct str token)
{
    struct req *r = &x->req;
    if (is_operator(token)) {
        be_operator(x);
        return ERR_OK;
    }
    TRY(r->server->config.authenticate(&r->cx, token, &r->who));
    must(r->who.role > WHO_PUBLIC && r->who.role < WHO_PLATFORM);
    keep_texts(x);
    return check_origin(r);
}

enum err identify(struct exchange *x)
{
    struct req *r = &x->req;
    struct str token = {};
    if (r->route->who == WHO_PUBLIC && !net_req_is_local(r->net) && !has_credential(r->net)) {
        return ERR_OK;
    }
    /* who comes by the local socket is the operator, unless it says that it acts for a tenant */
    const bool local = net_req_is_local(r->net) && !has_credential(r->net);
    enum err e = local ? ERR_OK : credential_of(&r->cx, r->net, &token);
    if (r->route->who == WHO_PUBLIC) {
        if (local || (!e && is_operator(token))) {
            be_operator(x);
        }
        return ERR_OK;
    }
    if (local) {
        be_operator(x);
    } else {
        e = e ? e : authenticate(x, token);
    }
    if (e) {
        return e == ERR_UNAUTHENTICATED ? limit_refused(x, e) : e;
    }
    if (r->who.kind != PRINCIPAL_OPERATOR) {
        cx_for_tenant(&r->cx, r->who.tenant);
    }
    return check_role(&r->cx, r->route, &r->who);
}
