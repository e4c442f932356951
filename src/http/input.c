/* Everything that a handler reads, decoded and checked. Run anew each time the handler is. */
#include "http/multipart.h"
#include "http/query.h"
#include "http/server.h"

#include "crypto/hash.h"

#include <errno.h>

enum {
    LIMIT_DEFAULT = 25,
    LIMIT_MAX = 100,
    CURSOR_MAX = 255,
    IDEMPOTENCY_MAX = 255,
};

struct page_query {
    int64_t limit;
    struct str cursor;
};

static const struct field page_fields[] = {
    FIELD_INT(struct page_query, limit, .min = 1, .max = LIMIT_MAX),
    FIELD_STR(struct page_query, cursor, .max = CURSOR_MAX),
    FIELD_END,
};

static const struct field no_fields[] = {FIELD_END};

/* --- the head: media types --- */

bool announces_body(const struct net_req *net)
{
    const struct str length = net_req_header(net, "Content-Length");
    return net_req_header_count(net, "Transfer-Encoding") || (length.n && !str_is(length, "0"));
}

static struct str media_type(struct str header)
{
    const ptrdiff_t end = str_find_char(header, ';', 0);
    return str_trim(end < 0 ? header : str_sub(header, 0, (size_t)end));
}

static bool is_multipart(const struct net_req *net)
{
    return str_eq_nocase(media_type(net_req_header(net, "Content-Type")),
                         STR("multipart/form-data"));
}

size_t max_body_of(const struct route *r, const struct net_req *net)
{
    return is_multipart(net) ? route_max_multipart(r) : route_max_body(r);
}

static bool charset_ok(struct str header)
{
    struct arena *a = arena_new();
    struct str charset;
    const bool ok =
        !header_param(a, header, "charset", &charset) || str_eq_nocase(charset, STR("utf-8"));
    arena_free(&a);
    return ok;
}

bool media_type_ok(const struct route *r, const struct net_req *net)
{
    const struct str header = net_req_header(net, "Content-Type");
    const struct str encoding = net_req_header(net, "Content-Encoding");
    if (!announces_body(net) || r->hands_on) {
        return true;
    }
    if (encoding.n && !str_eq_nocase(encoding, STR("identity"))) {
        return false;
    }
    if (is_multipart(net)) {
        return r->takes_multipart;
    }
    return (r->body || !r->takes_multipart) &&
           str_eq_nocase(media_type(header), STR("application/json")) && charset_ok(header);
}

/* --- the parts of the input --- */

static enum err read_params(struct req *r)
{
    struct uuid id;
    if (r->route->params_text) {
        return ERR_OK;
    }
    struct str rest = str_of(r->route->path + 1);
    struct str segment;
    size_t n = 0;
    while (str_split(&rest, '/', &segment)) {
        if (segment.n && segment.p[0] == ':' && !uuid_parse(r->hit.params[n++], &id)) {
            return cx_fail_field(&r->cx, str_dup(r->cx.arena, str_sub(segment, 1, segment.n)).p,
                                 "must be an id");
        }
    }
    return ERR_OK;
}

/* Splits limit and cursor off, which the row's own table does not know. */
static size_t take_page(struct query_pair *pairs, size_t *count, struct query_pair ret[2])
{
    size_t taken = 0;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        if (str_is(pairs[i].name, "limit") || str_is(pairs[i].name, "cursor")) {
            ret[taken++] = pairs[i];
        } else {
            pairs[kept++] = pairs[i];
        }
    }
    *count = kept;
    return taken;
}

static enum err read_query(struct req *r, struct str text)
{
    struct cx *cx = &r->cx;
    struct query_pair *pairs = NULL;
    size_t count = 0;
    if (r->route->raw && !r->route->query) {
        return ERR_OK; /* pages are asked for with all sorts of things behind them */
    }
    TRY(query_parse(cx, text, &pairs, &count));
    if (r->route->is_list) {
        struct query_pair page_pairs[2];
        struct page_query page = {.limit = LIMIT_DEFAULT};
        const size_t n = take_page(pairs, &count, page_pairs);
        TRY(query_decode(cx, page_fields, page_pairs, n, &page));
        r->limit = page.limit;
        r->cursor = page.cursor;
    }
    void *query = r->route->query ? arena_alloc(cx->arena, r->route->query_size) : NULL;
    TRY(query_decode(cx, r->route->query, pairs, count, query));
    r->query = query;
    return ERR_OK;
}

/* A body that went to a file does not come back from it. */
static enum err unreadable(struct req *r)
{
    return cx_fail(&r->cx, CODE_DATABASE_ERROR, "the body cannot be read: %s", strerror(errno));
}

/* A structured string in quotes, or bare as most clients send it. */
static enum err read_idempotency_key(struct req *r)
{
    const char *const name = "Idempotency-Key";
    struct str key = net_req_header(r->net, name);
    if (!r->route->creates || !net_req_header_count(r->net, name)) {
        return ERR_OK;
    }
    if (key.n >= 2 && key.p[0] == '"' && key.p[key.n - 1] == '"') {
        key = str_sub(key, 1, key.n - 2);
    }
    bool ok = key.n > 0 && key.n <= IDEMPOTENCY_MAX && net_req_header_count(r->net, name) == 1;
    for (size_t i = 0; i < key.n && ok; i++) {
        ok = key.p[i] > ' ' && key.p[i] <= '~' && key.p[i] != '"' && key.p[i] != '\\';
    }
    if (!ok) {
        return cx_fail_field(&r->cx, name, "must be 1-%d printable signs without spaces or quotes",
                             IDEMPOTENCY_MAX);
    }
    r->idempotency_key = str_dup(r->cx.arena, key);
    return hash_extent(&r->raw_body, r->body_hash) ? ERR_OK : unreadable(r);
}

static enum err read_multipart(struct req *r)
{
    struct part *parts = NULL;
    TRY(multipart_parse(&r->cx, net_req_header(r->net, "Content-Type"), &r->raw_body, EXTENT_WINDOW,
                        &parts, &r->part_count));
    r->parts = parts;
    return ERR_OK;
}

static enum err read_json(struct req *r)
{
    const struct field *fields = r->route->body ? r->route->body : no_fields;
    struct str text;
    json_t *tree = NULL;
    if (!extent_take(r->cx.arena, &r->raw_body, &text)) {
        return unreadable(r);
    }
    text = text.n ? text : STR("{}");
    TRY(json_parse(&r->cx, text, &tree));
    void *body = arena_alloc(r->cx.arena, r->route->body_size + 1);
    TRY(field_decode(&r->cx, fields, tree, body));
    r->body = r->route->body ? body : NULL;
    return ERR_OK;
}

static enum err read_body(struct req *r)
{
    r->raw_body = net_req_body(r->net);
    if (r->route->method == METHOD_GET || r->route->hands_on) {
        return ERR_OK;
    }
    if (r->route->takes_multipart && (is_multipart(r->net) || !r->route->body)) {
        return read_multipart(r);
    }
    return read_json(r);
}

enum err req_part_text(struct req *r, const struct part *p, size_t max, struct str *ret)
{
    if (p->data.n > max) {
        return cx_fail(&r->cx, CODE_PAYLOAD_TOO_LARGE,
                       "the part " STR_FMT " has more than %zu bytes", STR_ARG(p->name), max);
    }
    return extent_take(r->cx.arena, &p->data, ret) ? ERR_OK : unreadable(r);
}

enum err read_input(struct exchange *x)
{
    struct req *r = &x->req;
    const struct str target = str_of(x->target);
    const ptrdiff_t mark = str_find_char(target, '?', 0);
    r->body = r->query = NULL;
    r->parts = NULL;
    r->part_count = 0;
    TRY(read_params(r));
    const enum err query =
        read_query(r, mark < 0 ? STR("") : str_sub(target, (size_t)mark + 1, target.n));
    const enum err body = read_body(r);
    if (query || body) {
        return query ? query : body;
    }
    return read_idempotency_key(r);
}
