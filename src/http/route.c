/* The router: a tree of path segments. Exact segments come before parameters; when the exact way
 * ends without a row, the parameter's way is tried, so "/a/b/:id" and "/a/:x" may stand together.
 * The tree is built at start and only read afterwards. */
#include "http/route.h"

#include "base/conf.h"
#include "base/mem.h"

enum {
    ALLOW_BYTES = 48,
    MULTIPART_FRAMING = 64 * 1024,
    EMPTY_OBJECT_BYTES = 1024,
};

struct node {
    struct node *next; /* sibling */
    struct node *child;
    struct node *param;
    struct str segment;
    const struct route *rows[METHOD_COUNT];
    bool has_rows;
    char allow[ALLOW_BYTES];
};

struct router {
    struct node *root;
    const struct route **rows;
    size_t count;
};

static const char *const method_names[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *method_name(enum method m)
{
    return method_names[m];
}

const char *who_name(enum who w)
{
    static const char *const names[] = {"unset", "public", "visitor", "viewer",
                                        "agent", "admin",  "owner",   "platform"};
    return names[w];
}

const char *lane_name(enum lane l)
{
    static const char *const names[] = {"api", "turn", "upload", "probe", "loop"};
    return names[l];
}

const char *rate_name(enum rate_class c)
{
    static const char *const names[] = {"unset",  "read",    "write", "chat",   "upload",
                                        "public", "session", "open",  "socket", "probe"};
    return names[c];
}

size_t route_max_body(const struct route *r)
{
    if (r->method == METHOD_GET) {
        return 0;
    }
    if (!r->body && !r->takes_multipart && !r->hands_on) {
        return EMPTY_OBJECT_BYTES;
    }
    if (!r->body && !r->hands_on) {
        return route_max_multipart(r);
    }
    if (r->max_body_conf) {
        return (size_t)*r->max_body_conf;
    }
    return r->max_body ? r->max_body : (size_t)conf.http_max_body;
}

size_t route_max_multipart(const struct route *r)
{
    if (!r->takes_multipart) {
        return 0;
    }
    if (r->max_part_conf) {
        return (size_t)*r->max_part_conf + MULTIPART_FRAMING;
    }
    return r->max_body ? r->max_body : (size_t)conf.http_max_body;
}

/* --- checking rows --- */

static size_t count_params(const char *path)
{
    size_t n = 0;
    for (const char *p = path; (p = strstr(p, "/:")); p += 2) {
        n++;
    }
    return n;
}

static bool path_ok(const struct route *r)
{
    const char *path = r->path;
    const size_t n = strlen(path);
    return path[0] == '/' && !strstr(path, "//") && !strstr(path, "/:/") &&
           (n == 1 || ((path[n - 1] != '/' || r->hands_on) && path[n - 1] != ':')) &&
           !strpbrk(path, "%?# ") && count_params(path) <= ROUTE_MAX_PARAMS;
}

static const char *who_fault(const struct route *r)
{
    if (r->who <= WHO_UNSET || r->who > WHO_PLATFORM) {
        return "does not say who may call it";
    }
    if (r->rate <= RATE_UNSET || r->rate >= RATE_CLASS_COUNT) {
        return "has no rate class";
    }
    if (r->visitors_only && r->who != WHO_VISITOR) {
        return "is for visitors only, but not for visitors";
    }
    const bool without_keys = r->who == WHO_PUBLIC || r->who == WHO_PLATFORM;
    return !without_keys && !r->scope ? "does not say which scope a key needs" : NULL;
}

static const char *form_fault(const struct route *r)
{
    const bool reads = r->method == METHOD_GET;
    if (r->lane >= LANE_COUNT || !r->handler || !r->summary || !*r->summary) {
        return "lacks its lane, handler or summary";
    }
    const bool apart = r->lane == LANE_PROBE || r->lane == LANE_LOOP;
    if (apart && (!reads || r->who != WHO_PUBLIC || !r->raw || r->query || r->streams)) {
        return "is of the lane probe or loop, but is not a plain public page";
    }
    if (reads && (r->body || r->takes_multipart || r->creates)) {
        return "reads, but takes a body or creates";
    }
    if ((r->body && !r->body_size) || (r->query && !r->query_size)) {
        return "has a table without a size";
    }
    if (r->hands_on && (!r->raw || r->body || r->query || r->takes_multipart)) {
        return "hands its requests on, but has tables of its own";
    }
    if (r->is_list && (!reads || !r->reply || !r->reply_size)) {
        return "is a list, but does not read or has no table (ROUTE_REPLY) for its items";
    }
    if (r->status && (r->status < 200 || r->status > 299)) {
        return "has a status that is no success";
    }
    return NULL;
}

static bool tables_ok(const struct route *r, struct buf *why)
{
    return (!r->body || field_table_ok(r->body, false, why)) &&
           (!r->query || field_table_ok(r->query, true, why)) &&
           (!r->reply || field_table_ok(r->reply, false, why));
}

bool route_ok(const struct route *r, struct buf *why)
{
    const char *fault = !path_ok(r)                 ? "has a malformed path"
                        : r->method >= METHOD_COUNT ? "has no method"
                        : who_fault(r)              ? who_fault(r)
                                                    : form_fault(r);
    if (fault) {
        buf_fmt(why, "route %s %s", r->path, fault);
        return false;
    }
    SCOPED(buf_fini) struct buf detail = buf_make(KB);
    if (!tables_ok(r, &detail)) {
        buf_fmt(why, "route %s: " STR_FMT, r->path, STR_ARG(buf_view(&detail)));
        return false;
    }
    return true;
}

/* --- building --- */

static struct node *child_of(struct node *at, struct str segment)
{
    for (struct node *n = at->child; n; n = n->next) {
        if (str_eq(n->segment, segment)) {
            return n;
        }
    }
    return NULL;
}

static struct node *add_child(struct node *at, struct str segment)
{
    const bool is_param = segment.n && segment.p[0] == ':';
    struct node *n = is_param ? at->param : child_of(at, segment);
    if (n) {
        return n;
    }
    n = mem_new(struct node);
    n->segment = segment;
    if (is_param) {
        at->param = n;
    } else {
        n->next = at->child;
        at->child = n;
    }
    return n;
}

static void set_allow(struct node *n)
{
    SCOPED(buf_fini) struct buf b = buf_make(ALLOW_BYTES);
    for (size_t m = 0; m < METHOD_COUNT; m++) {
        if (n->rows[m]) {
            buf_fmt(&b, "%s%s%s", b.n ? ", " : "", method_names[m],
                    m == METHOD_GET ? ", HEAD" : "");
        }
    }
    memcpy(n->allow, b.p, b.n + 1);
}

__attribute__((noreturn)) static void refuse(const char *why)
{
    must_fail(__FILE__, __LINE__, why);
}

static void add_row(struct router *r, const struct route *row)
{
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    if (!route_ok(row, &why)) {
        refuse(why.p);
    }
    struct node *at = r->root;
    struct str rest = str_of(row->path + 1);
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        at = add_child(at, segment);
    }
    if (at->rows[row->method]) {
        buf_fmt(&why, "route %s %s is there twice", method_names[row->method], row->path);
        refuse(why.p);
    }
    at->rows[row->method] = row;
    at->has_rows = true;
    set_allow(at);
    r->rows[r->count++] = row;
}

static int by_path(const void *a, const void *b)
{
    const struct route *x = *(const struct route *const *)a;
    const struct route *y = *(const struct route *const *)b;
    const int order = strcmp(x->path, y->path);
    return order ? order : (int)x->method - (int)y->method;
}

struct router *router_new(const struct route *const *groups)
{
    struct router *r = mem_new(struct router);
    size_t count = 0;
    for (size_t g = 0; groups[g]; g++) {
        for (const struct route *row = groups[g]; row->path; row++) {
            count++;
        }
    }
    r->root = mem_new(struct node);
    r->rows = mem_alloc(count + 1, sizeof(*r->rows));
    for (size_t g = 0; groups[g]; g++) {
        for (const struct route *row = groups[g]; row->path; row++) {
            add_row(r, row);
        }
    }
    qsort(r->rows, r->count, sizeof(*r->rows), by_path);
    return r;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as our longest path */
static void free_node(struct node *n)
{
    while (n) {
        struct node *next = n->next;
        free_node(n->child);
        free_node(n->param);
        mem_free(n);
        n = next;
    }
}

void router_free(struct router **r)
{
    if (*r) {
        free_node((*r)->root);
        mem_free((*r)->rows);
        mem_free(*r);
        *r = NULL;
    }
}

const struct route *const *router_rows(const struct router *r, size_t *ret_count)
{
    *ret_count = r->count;
    return r->rows;
}

/* --- finding --- */

/* What a parameter may hold: no escapes, no dots alone, nothing that a path gives a meaning to. */
static bool param_ok(struct str s)
{
    if (!s.n || s.n > 255 || str_is(s, ".") || str_is(s, "..")) {
        return false;
    }
    for (size_t i = 0; i < s.n; i++) {
        const char c = s.p[i];
        const bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && !memchr("-._~:@=+", c, 8)) {
            return false;
        }
    }
    return true;
}

/* rest has no pointer behind the last segment. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as our longest path */
static const struct node *walk(const struct node *at, struct str rest, struct route_hit *hit)
{
    struct str segment;
    if (!str_split(&rest, '/', &segment)) {
        return at->has_rows ? at : NULL;
    }
    const struct node *exact = child_of((struct node *)(uintptr_t)at, segment);
    const struct node *found = exact ? walk(exact, rest, hit) : NULL;
    if (found || !at->param || !param_ok(segment)) {
        return found;
    }
    const size_t n = hit->param_count++;
    must(n < ROUTE_MAX_PARAMS);
    hit->params[n] = segment;
    found = walk(at->param, rest, hit);
    if (!found) {
        hit->param_count = n;
    }
    return found;
}

static const struct node *find_node(const struct router *r, struct str path, struct route_hit *hit)
{
    if (!path.n || path.p[0] != '/') {
        return NULL;
    }
    const struct node *at = r->root;
    struct str rest = str_sub(path, 1, path.n);
    if (str_starts(path, STR("/api/")) && !str_starts(path, STR("/api/v1/"))) {
        hit->unversioned = true;
        rest = str_sub(path, 5, path.n);
        for (const char *const *s = (const char *const[]){"api", "v1", NULL}; *s && at; s++) {
            at = child_of((struct node *)(uintptr_t)at, str_of(*s));
        }
    }
    return at ? walk(at, rest, hit) : NULL;
}

enum route_match router_find(const struct router *r, struct str method, struct str path,
                             struct route_hit *ret)
{
    *ret = (struct route_hit){};
    const struct node *n = find_node(r, path, ret);
    if (!n) {
        return ROUTE_NO_PATH;
    }
    const struct str wanted = str_is(method, "HEAD") ? STR("GET") : method;
    for (size_t m = 0; m < METHOD_COUNT; m++) {
        if (n->rows[m] && str_is(wanted, method_names[m])) {
            ret->route = n->rows[m];
            return ROUTE_FOUND;
        }
    }
    ret->allow = n->allow;
    return ROUTE_NO_METHOD;
}
