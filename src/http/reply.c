/* What goes out: envelopes, errors, headers. */
#include "base/clock.h"
#include "base/jw.h"
#include "base/mem.h"

#include "http/server.h"

#include <unistd.h>

enum { REPLY_MAX = 32 * 1024 * 1024 };

static const char json_content[] = "application/json; charset=utf-8";

void error_envelope(struct buf *out, enum code code, struct str message,
                    const struct field_error *details, int count, struct str request_id)
{
    jw_open(out, '{');
    jw_member_bool(out, "success", false);
    jw_key(out, "error");
    jw_open(out, '{');
    jw_member_str(out, "code", str_of(code_info(code)->name));
    jw_member_str(out, "message", message);
    jw_key(out, "details");
    jw_open(out, '[');
    for (int i = 0; i < count; i++) {
        jw_open(out, '{');
        jw_member_str(out, "field", details[i].field);
        jw_member_str(out, "message", details[i].message);
        jw_close(out, '}');
    }
    jw_close(out, ']');
    jw_member_str(out, "requestId", request_id);
    jw_member_time(out, "timestamp", clock_wall_us());
    jw_close(out, '}');
    jw_close(out, '}');
}

enum code code_seen(const struct cx *cx, enum err e)
{
    return code_info(cx->code)->class == e ? cx->code : code_of_class(e);
}

/* What is ours stays inside: a client reads the fixed sentence of the code. */
struct str words_seen(const struct cx *cx, enum code code)
{
    const struct code_info *info = code_info(code);
    const bool may_explain = info->http_status < 500 && cx->detail[0] && cx->field_count < 2;
    return may_explain && code == cx->code ? str_of(cx->detail) : str_of(info->doc);
}

static struct net_header *find_header(struct net_header *headers, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq_nocase(headers[i].name, name)) {
            return &headers[i];
        }
    }
    return NULL;
}

/* When to come again, unless the handler or the rate limit say it better. */
static void add_retry_after(struct exchange *x, int status)
{
    const bool by_limit = x->limit.any && !x->limit.verdict.allowed;
    if ((status == 503 || (status == 429 && !by_limit)) &&
        !find_header(x->headers, x->header_count, STR("Retry-After"))) {
        req_header(&x->req, "Retry-After", STR("1"));
    }
}

void reply_error(struct exchange *x, enum err e)
{
    struct cx *cx = &x->req.cx;
    const enum code code = code_seen(cx, e);
    const int status = code_info(code)->http_status;
    buf_fini(&x->out);
    x->lasting = (struct str){};
    reply_close_file(x);
    x->out = buf_make(REPLY_MAX);
    const bool by_field = code == CODE_VALIDATION_ERROR;
    error_envelope(&x->out, code, words_seen(cx, code), cx->fields, by_field ? cx->field_count : 0,
                   cx->request_id);
    x->status = status;
    x->content_type = json_content;
    if (status == 401) {
        req_header(&x->req, "WWW-Authenticate", STR("Bearer"));
    }
    add_retry_after(x, status);
}

static enum err begin_reply(struct req *r, int status, const char *content_type)
{
    struct exchange *x = exchange_of(r);
    must(!r->answered && x->stream == STREAM_NONE);
    r->answered = true;
    x->status = status ? status : r->route->status ? r->route->status : 200;
    x->content_type = content_type;
    x->out = buf_make(REPLY_MAX);
    return ERR_OK;
}

static enum err end_reply(struct req *r)
{
    return exchange_of(r)->out.full ? cx_fail(&r->cx, CODE_INTERNAL_ERROR,
                                              "the answer is larger than %d bytes", REPLY_MAX)
                                    : ERR_OK;
}

enum err req_reply(struct req *r, int status, const void *object)
{
    struct buf *out = &exchange_of(r)->out;
    TRY(begin_reply(r, status, json_content));
    must(!object || r->route->reply);
    if (exchange_of(r)->status == 204) {
        return ERR_OK;
    }
    jw_open(out, '{');
    jw_member_bool(out, "success", true);
    jw_key(out, "data");
    if (object) {
        field_encode(out, r->route->reply, object);
    } else {
        jw_null(out);
    }
    jw_close(out, '}');
    return end_reply(r);
}

enum err req_reply_list(struct req *r, struct list items, struct str next)
{
    struct buf *out = &exchange_of(r)->out;
    must(r->route->is_list);
    TRY(begin_reply(r, 0, json_content));
    jw_open(out, '{');
    jw_member_bool(out, "success", true);
    jw_key(out, "data");
    jw_open(out, '[');
    for (size_t i = 0; i < items.count; i++) {
        field_encode(out, r->route->reply, (const char *)items.items + i * r->route->reply_size);
    }
    jw_close(out, ']');
    jw_key(out, "page");
    jw_open(out, '{');
    jw_key(out, "next");
    if (next.n) {
        jw_str(out, next);
    } else {
        jw_null(out);
    }
    jw_close(out, '}');
    jw_close(out, '}');
    return end_reply(r);
}

enum err req_reply_raw(struct req *r, int status, const char *content_type, struct str bytes)
{
    TRY(begin_reply(r, status, content_type));
    buf_str(&exchange_of(r)->out, bytes);
    return end_reply(r);
}

enum err req_reply_lasting(struct req *r, const char *content_type, struct str bytes)
{
    TRY(begin_reply(r, 200, content_type));
    exchange_of(r)->lasting = bytes;
    return ERR_OK;
}

enum err req_reply_file(struct req *r, int status, const char *content_type, struct extent take)
{
    must(take.in_file);
    exchange_of(r)->file = take;
    return begin_reply(r, status, content_type);
}

void reply_close_file(struct exchange *x)
{
    if (x->file.in_file) {
        (void)close(x->file.fd);
    }
    x->file = (struct extent){};
}

void req_header(struct req *r, const char *name, struct str value)
{
    struct exchange *x = exchange_of(r);
    const struct net_header h = {str_of(name), str_dup(r->cx.arena, value)};
    struct net_header *same = find_header(x->headers, x->header_count, h.name);
    must(same || x->header_count < MAX_HEADERS);
    if (same) {
        *same = h;
    } else {
        x->headers[x->header_count++] = h;
    }
}

struct str req_header_in(const struct req *r, const char *name)
{
    return r->net ? net_req_header(r->net, name) : STR("");
}

void reply_reset(struct exchange *x)
{
    buf_fini(&x->out);
    x->lasting = (struct str){};
    reply_close_file(x);
    x->status = 0;
    x->header_count = 0;
    x->req.answered = false;
}

static bool is_safe_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '-' && c != '_' && c != '.') {
            return false;
        }
    }
    return s.n > 0 && s.n <= 128;
}

struct str request_id_of(struct arena *a, const struct net_req *net)
{
    const struct str given = net_req_header(net, "X-Request-Id");
    return is_safe_id(given) ? str_dup(a, given) : uuid_text(a, uuid_new());
}

static void add(struct net_header *ret, size_t *count, const char *name, struct str value)
{
    ret[(*count)++] = (struct net_header){str_of(name), value};
}

static void add_deprecation(struct exchange *x, struct net_header *ret, size_t *n)
{
    const struct http_server *s = x->req.server;
    const struct str path = str_sub(target_path(str_of(x->target)), strlen("/api"), SIZE_MAX);
    add(ret, n, "Deprecation", str_of(s->deprecation));
    add(ret, n, "Sunset", str_of(s->sunset));
    add(ret, n, "Link",
        str_fmt(x->req.cx.arena, "</api/v1" STR_FMT ">; rel=\"successor-version\"", STR_ARG(path)));
}

size_t reply_headers(struct exchange *x, struct net_header ret[REPLY_HEADERS])
{
    const struct http_server *s = x->req.server;
    size_t n = 0;
    if (x->limit.any) {
        limit_headers(x);
    }
    cors_headers(x);
    for (size_t i = 0; i < x->header_count; i++) {
        ret[n++] = x->headers[i];
    }
    for (size_t i = 0; i < s->fixed_count; i++) {
        if (!find_header(x->headers, x->header_count, s->fixed[i].name)) {
            ret[n++] = s->fixed[i];
        }
    }
    if (!find_header(x->headers, x->header_count, STR("Cache-Control"))) {
        add(ret, &n, "Cache-Control", STR("no-store"));
    }
    add(ret, &n, "X-Request-Id", x->req.cx.request_id);
    if (x->req.hit.unversioned) {
        add_deprecation(x, ret, &n);
    }
    return n;
}

struct net_req *req_hand_on(struct req *r, struct net_header ret_headers[HAND_ON_HEADERS],
                            size_t *ret_count)
{
    struct exchange *x = exchange_of(r);
    struct net_header all[REPLY_HEADERS];
    must(r->route->hands_on && !r->answered && x->stream == STREAM_NONE);
    *ret_count = reply_headers(x, all);
    must(*ret_count <= HAND_ON_HEADERS);
    memcpy(ret_headers, all, *ret_count * sizeof(*all));
    x->status = 200;
    r->answered = true;
    r->cx.cancel = NULL;
    r->raw_body = (struct extent){};
    return TAKE(r->net);
}

void reply_send(struct exchange *x)
{
    struct net_header headers[REPLY_HEADERS];
    size_t n = reply_headers(x, headers);
    if (x->content_type && x->status != 204 && x->status != 304) {
        add(headers, &n, "Content-Type", str_of(x->content_type));
    }
    x->req.cx.cancel = NULL; /* it ends with the request */
    if (x->file.in_file) {
        const struct extent file = x->file;
        x->file = (struct extent){};
        net_reply_file(&x->req.net, x->status, headers, n, file);
    } else {
        struct net_bytes *body = x->lasting.n ? net_bytes_lasting(x->lasting)
                                 : x->out.n   ? net_bytes_take(&x->out)
                                              : NULL;
        net_reply(&x->req.net, x->status, headers, n, body);
    }
}
