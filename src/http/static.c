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

void static_page_headers(struct req *r)
{
    req_header(r, "Content-Security-Policy", str_of(page_policy));
}

static void cache_headers(struct req *r, const struct asset *asset, struct str etag)
{
    req_header(r, "ETag", etag);
    /* where the path has no version in it: always ask, mostly hear 304 */
    req_header(r, "Cache-Control", str_of(asset->cache ? asset->cache : "no-cache"));
    if (asset->count > 1) {
        req_header(r, "Vary", STR("Accept-Encoding"));
    }
}

/* For everybody, without credentials: what a script with an integrity hash needs, and a page that
 * isolates itself. */
static void sharing_headers(struct req *r)
{
    req_header(r, "Access-Control-Allow-Origin", STR("*"));
    req_header(r, "Cross-Origin-Resource-Policy", STR("cross-origin"));
}

static const struct variant *choose(const struct req *r, const struct asset *asset)
{
    static const char name[] = "Accept-Encoding";
    struct accepted accepted = {};
    const struct variant *best = &asset->variants[0];
    int best_weight = 0; /* when nothing is taken, plain bytes are still better than none */
    const size_t lines = net_req_header_count(r->net, name);
    for (size_t i = 0; i < lines; i++) {
        accept_line(&accepted, net_req_header_nth(r->net, name, i));
    }
    for (size_t i = 0; i < asset->count; i++) {
        const struct variant *v = &asset->variants[i];
        const int weight = accept_weight(&accepted, v->coding);
        if (weight > best_weight ||
            (weight && weight == best_weight && v->bytes.n < best->bytes.n)) {
            best = v;
            best_weight = weight;
        }
    }
    return best;
}

enum err static_reply(struct req *r, const struct asset *asset)
{
    const bool is_page = str_starts(str_of(asset->type), STR("text/html"));
    const struct variant *v = choose(r, asset);
    const struct str etag = str_fmt(r->cx.arena, "\"%s\"", v->etag);
    cache_headers(r, asset, etag);
    if (asset->is_shared) {
        sharing_headers(r);
    }
    if (is_page) {
        static_page_headers(r);
    }
    if (has_it(req_header_in(r, "If-None-Match"), etag.p)) {
        return req_reply_raw(r, 304, asset->type, STR(""));
    }
    if (v->coding != CODING_IDENTITY) {
        req_header(r, "Content-Encoding", str_of(coding_name(v->coding)));
    }
    return req_reply_lasting(r, asset->type, v->bytes);
}
