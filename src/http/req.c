/* Small things that handlers ask of a request. */
#include "http/req.h"
#include "http/cursor.h"
#include "http/server.h"

struct uuid req_id(const struct req *r, size_t n)
{
    struct uuid id = {};
    must(n < r->hit.param_count && !r->route->params_text && uuid_parse(r->hit.params[n], &id));
    return id;
}

static struct str bound_to(struct req *r)
{
    const struct str tenant = uuid_text(r->cx.arena, r->cx.tenant.v);
    return str_fmt(r->cx.arena, STR_FMT "%s", STR_ARG(tenant), r->route->path);
}

bool req_cut_page(const struct req *r, size_t *count)
{
    const bool more = *count > (size_t)r->limit;
    *count = more ? (size_t)r->limit : *count;
    return more;
}

struct str req_make_cursor(struct req *r, int64_t sort_us, struct uuid id)
{
    return cursor_seal(r->cx.arena, r->server->config.cursor_secret, bound_to(r),
                       (struct cursor){sort_us, id});
}

enum err req_cursor(struct req *r, bool *ret_has, int64_t *ret_sort_us, struct uuid *ret_id)
{
    struct cursor c;
    *ret_has = r->cursor.n > 0;
    if (!*ret_has) {
        return ERR_OK;
    }
    if (!cursor_open(r->cx.arena, r->server->config.cursor_secret, bound_to(r), r->cursor, &c)) {
        return cx_fail(&r->cx, CODE_INVALID_CURSOR, "the cursor was not made by this list");
    }
    *ret_sort_us = c.sort_us;
    *ret_id = c.id;
    return ERR_OK;
}
