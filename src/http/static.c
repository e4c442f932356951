#include "http/static.h"

static const char page_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

/* If-None-Match: a list of entity tags, weak ones too, or "*" (RFC 9110 §13.1.2). */
static bool has_it(struct str header, const char *etag)
{
    struct str rest = header.n ? header : (struct str){};
    struct str tag;
    while (str_split(&rest, ',', &tag)) {
        tag = str_trim(tag);
        if (str_starts(tag, STR("W/"))) {
            tag = str_sub(tag, 2, tag.n);
        }
        if (str_is(tag, "*") || str_is(tag, etag)) {
            return true;
        }
    }
    return false;
}

enum err static_reply(struct req *r, const struct asset *asset)
{
    const bool is_page = str_starts(str_of(asset->type), STR("text/html"));
    req_header(r, "ETag", str_of(asset->etag));
    /* the paths have no version in them: always ask, mostly hear 304 */
    req_header(r, "Cache-Control", STR("no-cache"));
    if (is_page) {
        req_header(r, "Content-Security-Policy", str_of(page_policy));
    }
    if (has_it(req_header_in(r, "If-None-Match"), asset->etag)) {
        return req_reply_raw(r, 304, asset->type, STR(""));
    }
    return req_reply_raw(r, 200, asset->type,
                         (struct str){(const char *)asset->bytes, asset->size});
}

const struct asset *static_find(const struct asset *assets, size_t count, struct str path)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(path, assets[i].path)) {
            return &assets[i];
        }
    }
    return NULL;
}
