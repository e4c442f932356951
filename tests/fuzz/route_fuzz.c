/* fuzz: http */
/* Any method and path (the input's first line and the rest): what is found agrees with the row,
 * segment by segment. */
#include "http/route.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static enum err nothing(struct req *r)
{
    (void)r;
    return ERR_OK;
}

#define ROW(path_)                                                                                 \
    {                                                                                              \
        .method = METHOD_GET, .path = (path_), .who = WHO_PUBLIC, .rate = RATE_PUBLIC,             \
        .handler = nothing, .summary = "A row"                                                     \
    }

static const struct route rows[] = {
    ROW("/"),
    ROW("/api/v1/a"),
    ROW("/api/v1/a/:id"),
    ROW("/api/v1/a/:id/b/:n"),
    ROW("/api/v1/a/new/b"),
    ROW("/api/v1/:x/b/:y"),
    ROUTE_END,
};

static struct str row_path(const struct route_hit *hit)
{
    const struct str path = str_of(hit->route->path);
    return hit->unversioned ? str_sub(path, strlen("/api/v1"), path.n) : path;
}

static void check(const struct route_hit *hit, struct str path)
{
    struct str want = row_path(hit);
    struct str got = hit->unversioned ? str_sub(path, strlen("/api"), path.n) : path;
    struct str a;
    struct str b;
    size_t params = 0;
    while (str_split(&want, '/', &a)) {
        must(str_split(&got, '/', &b));
        if (a.n && a.p[0] == ':') {
            must(params < hit->param_count && str_eq(hit->params[params], b));
            must(b.n && str_find_char(b, '%', 0) < 0);
            params++;
        } else {
            must(str_eq(a, b));
        }
    }
    must(!got.p && params == hit->param_count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const struct route *const groups[] = {rows, NULL};
    static struct router *router;
    const struct str in = {(const char *)data, n};
    const ptrdiff_t end = str_find_char(in, '\n', 0);
    struct route_hit hit;
    if (!router) {
        router = router_new(groups);
    }
    const struct str path = end < 0 ? in : str_sub(in, (size_t)end + 1, n);
    const struct str method = end < 0 ? STR("GET") : str_sub(in, 0, (size_t)end);
    switch (router_find(router, method, path, &hit)) {
    case ROUTE_FOUND:
        check(&hit, path);
        break;
    case ROUTE_NO_METHOD:
        must(str_is(str_of(hit.allow), "GET, HEAD"));
        break;
    case ROUTE_NO_PATH:
        break;
    }
    return 0;
}
