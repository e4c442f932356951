/* The pages that are built into the binary: the reference, and the demo while `metachat demo` runs.
 */
#include "api/app.h"
#include "base/embed.h"
#include "http/static.h"

extern const struct embed_file web_files[];
extern const size_t web_files_count;

/* Our own pages: one that is missing from the binary is a fault of the build. */
static const struct embed_file *find(const char *path)
{
    size_t i = 0;
    while (i < web_files_count && strcmp(web_files[i].path, path) != 0) {
        i++;
    }
    must(i < web_files_count);
    return &web_files[i];
}

static enum err reply(struct req *r, const struct embed_file *f, struct str bytes, struct str etag)
{
    const struct asset asset = {
        .path = f->path,
        .type = f->type,
        .bytes = (const unsigned char *)bytes.p,
        .size = bytes.n,
        .etag = str_fmt(r->cx.arena, "\"" STR_FMT "\"", STR_ARG(etag)).p,
    };
    return static_reply(r, &asset);
}

static struct str bytes_of(const struct embed_file *f)
{
    return (struct str){(const char *)f->bytes, f->size};
}

static enum err page(struct req *r, const char *path)
{
    const struct embed_file *f = find(path);
    return reply(r, f, bytes_of(f), str_of(f->etag));
}

static enum err docs_get(struct req *r)
{
    return page(r, "docs/index.html");
}

static enum err docs_script_get(struct req *r)
{
    return page(r, "docs/main.js");
}

static enum err docs_style_get(struct req *r)
{
    return page(r, "docs/style.css");
}

static enum err need_demo(struct req *r)
{
    return uuid_is_nil(app_of(r)->demo.v)
               ? cx_fail(&r->cx, CODE_NOT_FOUND, "the demo page exists only under metachat demo")
               : ERR_OK;
}

/* Each load gets a token of its own, for a conversation of its own that begins with the first
 * question; so no two loads are the same page. */
static enum err demo_get(struct req *r)
{
    TRY(need_demo(r));
    struct arena *a = r->cx.arena;
    const struct embed_file *f = find("demo/index.html");
    const struct str html = bytes_of(f);
    const struct str mark = STR("{{token}}");
    const ptrdiff_t at = str_find(html, mark, 0);
    must(at >= 0);
    const struct str token = auth_visitor_token(&r->cx, app_of(r)->demo, uuid_new());
    const struct str before = str_sub(html, 0, (size_t)at);
    const struct str after = str_sub(html, (size_t)at + mark.n, html.n);
    const struct str whole =
        str_fmt(a, STR_FMT STR_FMT STR_FMT, STR_ARG(before), STR_ARG(token), STR_ARG(after));
    return reply(r, f, whole, uuid_text(a, uuid_new()));
}

static enum err demo_script_get(struct req *r)
{
    TRY(need_demo(r));
    return page(r, "demo/main.js");
}

static enum err demo_style_get(struct req *r)
{
    TRY(need_demo(r));
    return page(r, "demo/style.css");
}

static enum err root_get(struct req *r)
{
    req_header(r, "Location", uuid_is_nil(app_of(r)->demo.v) ? STR("/docs") : STR("/demo"));
    return req_reply_raw(r, 302, "text/plain; charset=utf-8", STR(""));
}

#define PAGE(path_, handler_, summary_)                                                            \
    {                                                                                              \
        METHOD_GET, (path_), .who = WHO_PUBLIC, .rate = RATE_PUBLIC, .lane = LANE_LOOP,            \
                             .raw = true, .handler = (handler_), .summary = (summary_)             \
    }

const struct route page_routes[] = {
    PAGE("/", root_get, "Goes to the demo or to the reference"),
    PAGE("/docs", docs_get, "This reference, for people"),
    PAGE("/docs/main.js", docs_script_get, "Script of the reference"),
    PAGE("/docs/style.css", docs_style_get, "Style of the reference"),
    PAGE("/demo", demo_get, "A page to ask the demo tenant on"),
    PAGE("/demo/main.js", demo_script_get, "Script of the demo page"),
    PAGE("/demo/style.css", demo_style_get, "Style of the demo page"),
    ROUTE_END,
};
