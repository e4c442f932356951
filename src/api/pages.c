/* What is built into the binary for browsers: the reference, the widget, and the demo while
 * `metachat demo` runs. */
#include "api/app.h"
#include "base/embed.h"
#include "domain/account/widget.h"
#include "http/static.h"

extern const struct embed_file web_files[];
extern const size_t web_files_count;

static struct str bytes_of(const struct embed_file *f)
{
    return (struct str){(const char *)f->bytes, f->size};
}

/* Without a variant: there is no such file. */
static struct asset look_for(struct str path)
{
    struct asset asset = {};
    for (size_t i = 0; i < web_files_count; i++) {
        const struct embed_file *f = &web_files[i];
        if (str_is(path, f->path)) {
            must(asset.count < CODING_COUNT);
            struct variant *v = &asset.variants[asset.count++];
            *v = (struct variant){CODING_IDENTITY, bytes_of(f), f->etag};
            must(!*f->encoding || coding_parse(str_of(f->encoding), &v->coding));
            asset.type = f->type;
        }
    }
    return asset;
}

/* Our own pages: one that is missing from the binary is a fault of the build. */
static struct asset find(const char *path)
{
    const struct asset asset = look_for(str_of(path));
    must(asset.count > 0 && asset.variants[0].coding == CODING_IDENTITY);
    return asset;
}

static enum err page(struct req *r, const char *path)
{
    const struct asset asset = find(path);
    return static_reply(r, &asset);
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

/* Asked for again every five minutes, so that every page has a new widget soon. */
static enum err widget_loader_get(struct req *r)
{
    struct asset asset = find("widget/loader.js");
    asset.cache = "public, max-age=300";
    asset.is_shared = true;
    return static_reply(r, &asset);
}

/* Its name tells its bytes: whoever has it never asks again. */
static enum err widget_script_get(struct req *r)
{
    struct asset asset = look_for(str_fmt(r->cx.arena, "widget/" STR_FMT "/" STR_FMT,
                                          STR_ARG(r->hit.params[0]), STR_ARG(r->hit.params[1])));
    if (!asset.count) {
        return cx_fail(&r->cx, CODE_NOT_FOUND,
                       "this server has another widget; /widget.js knows it");
    }
    asset.cache = "public, max-age=31536000, immutable";
    asset.is_shared = true;
    return static_reply(r, &asset);
}

static enum err need_demo(struct req *r)
{
    return uuid_is_nil(app_of(r)->demo.v)
               ? cx_fail(&r->cx, CODE_NOT_FOUND, "the demo page exists only under metachat demo")
               : ERR_OK;
}

static enum err demo_key(struct req *r, struct str *ret)
{
    struct widget_key k;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_tenant(&r->cx, app_of(r)->demo);
    TRY(db_begin_read(&r->cx, &tx));
    TRY(widget_key_get(tx, &k));
    TRY(db_commit(tx));
    *ret = k.key;
    return ERR_OK;
}

/* With the widget key of today: it may have been changed since the start. */
static enum err demo_get(struct req *r)
{
    TRY(need_demo(r));
    const struct asset asset = find("demo/index.html");
    const struct str html = asset.variants[0].bytes;
    const struct str mark = STR("{{key}}");
    const ptrdiff_t at = str_find(html, mark, 0);
    must(at >= 0);
    struct str key = {};
    TRY(demo_key(r, &key));
    const struct str before = str_sub(html, 0, (size_t)at);
    const struct str after = str_sub(html, (size_t)at + mark.n, html.n);
    static_page_headers(r);
    return req_reply_raw(r, 200, asset.type,
                         str_fmt(r->cx.arena, STR_FMT STR_FMT STR_FMT, STR_ARG(before),
                                 STR_ARG(key), STR_ARG(after)));
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
    {METHOD_GET, "/demo", .who = WHO_PUBLIC, .rate = RATE_PUBLIC, .lane = LANE_API, .raw = true,
     .handler = demo_get, .summary = "A page of the demo shop, with its widget"},
    PAGE("/demo/main.js", demo_script_get, "Script of the demo page"),
    PAGE("/demo/style.css", demo_style_get, "Style of the demo page"),
    PAGE("/widget.js", widget_loader_get, "Loads the widget: what a page's script tag names"),
    PAGE("/api/v1/public/widget/sdk", widget_loader_get, "Its address of old: the same script"),
    {METHOD_GET, "/widget/:version/:file", .who = WHO_PUBLIC, .rate = RATE_PUBLIC,
     .lane = LANE_LOOP, .raw = true, .params_text = true, .handler = widget_script_get,
     .summary = "The widget itself, kept for ever"},
    ROUTE_END,
};
