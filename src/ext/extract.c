#include "ext/extract.h"

#include "base/conf.h"
#include "ext/extract_charset.h"
#include "ext/extract_format.h"
#include "ext/extract_window.h"

#include <errno.h>

enum { PAGE_SHARE = 4 }; /* an HTML page may have this part of what its tree may take */

static enum err read_format(struct cx *cx, struct str text, struct str mime,
                            struct extract_out *out)
{
    static const struct {
        const char *mime;
        enum err (*read)(struct cx *cx, struct str text, struct extract_out *out);
    } formats[] = {
        {"text/plain", extract_plain},
        {"text/markdown", extract_markdown},
        {"text/html", extract_html},
    };
    for (size_t i = 0; i < COUNT(formats); i++) {
        if (str_starts(mime, str_of(formats[i].mime))) {
            return formats[i].read(cx, text, out);
        }
    }
    return cx_fail(cx, CODE_UNSUPPORTED_MEDIA_TYPE, "files of type " STR_FMT " cannot be read",
                   STR_ARG(mime));
}

/* Nothing to answer from is a failure with a reason, not a document without passages. */
static enum err check_words(struct cx *cx, const struct extract_reader *r)
{
    if (!r->text_bytes) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "there is no text in it");
    }
    if (!r->words_outside) {
        return cx_fail(cx, CODE_VALIDATION_ERROR,
                       "there are only headings in it, and no text below them");
    }
    return ERR_OK;
}

static struct str title_of(struct arena *a, const struct extract_out *out,
                           const struct extracted *ex)
{
    if (out->title.n) {
        return str_dup(a, buf_view(&out->title));
    }
    for (size_t i = 0; i < ex->heading_count; i++) {
        const struct extract_heading *h = &ex->headings[i];
        if (h->level == 1) {
            return str_sub(ex->text, h->start, h->end - h->start);
        }
    }
    return (struct str){};
}

static struct str joined(struct arena *a, const char *joint, struct str text)
{
    return text.n && joint[0] ? str_fmt(a, "%s" STR_FMT, joint, STR_ARG(text)) : str_dup(a, text);
}

static void hand_over(struct arena *a, const struct extract_out *out, const char *joint,
                      struct extracted *ret)
{
    ret->text = joined(a, joint, buf_view(&out->text));
    ret->language = str_lower(a, buf_view(&out->language));
    ret->heading_count = out->headings.n / sizeof(struct extract_heading);
    ret->headings = arena_alloc(a, out->headings.n + 1);
    if (out->headings.n) {
        memcpy(ret->headings, out->headings.p, out->headings.n);
    }
    const size_t shift = ret->text.n - out->text.n;
    for (size_t i = 0; i < ret->heading_count; i++) {
        ret->headings[i].start += shift;
        ret->headings[i].end += shift;
    }
    ret->title = title_of(a, out, ret);
}

static bool is_html(const struct extract_reader *r)
{
    return str_starts(r->mime_type, STR("text/html"));
}

/* The whole page is in memory, and the tree is larger than the page. */
static enum err check_page(struct cx *cx, const struct extract_reader *r)
{
    const uint64_t max = (uint64_t)conf.extract_max_memory / PAGE_SHARE;
    return !is_html(r) || r->rest.n <= max
               ? ERR_OK
               : cx_fail(cx, CODE_VALIDATION_ERROR,
                         "it is a page of %" PRIu64 " MB, and its markup needs more memory than "
                         "there is for it; pages of up to %" PRIu64 " MB can be read, and larger "
                         "files as plain text or Markdown",
                         r->rest.n / MB, max / MB);
}

static void skip_mark(struct extract_reader *r)
{
    char mark[3] = {};
    if (r->rest.n >= sizeof(mark) && extent_read(&r->rest, 0, mark, sizeof(mark)) &&
        memcmp(mark, "\xef\xbb\xbf", sizeof(mark)) == 0) {
        r->rest = extent_sub(r->rest, sizeof(mark), UINT64_MAX);
    }
}

enum err extract_begin(struct cx *cx, const struct extent *bytes, struct str mime_type,
                       struct extract_reader *ret)
{
    struct extract_reader r = {
        .rest = *bytes, .mime_type = mime_type, .window = EXTRACT_WINDOW, .joint = ""};
    TRY(check_page(cx, &r));
    r.window = is_html(&r) ? SIZE_MAX : r.window;
    TRY(extract_decide_charset(cx, bytes, mime_type, &r.latin));
    skip_mark(&r);
    *ret = r;
    return ERR_OK;
}

static struct extract_cut cut_of(const struct extract_reader *r, struct str window)
{
    if (window.n == r->rest.n) {
        return (struct extract_cut){.at = window.n, .joint = ""};
    }
    return str_starts(r->mime_type, STR("text/markdown")) ? extract_cut_markdown(window, r->fence)
                                                          : extract_cut_plain(window);
}

/* The bytes of the next window as UTF-8, in code again if the last one ended in code. */
static enum err read_window(struct cx *cx, const struct extract_reader *r,
                            struct extract_cut *ret_cut, struct str *ret)
{
    const struct extent window = extent_sub(r->rest, 0, r->window);
    struct str bytes;
    if (!extent_take(cx->arena, &window, &bytes)) {
        return cx_fail(cx, CODE_DATABASE_ERROR, "it cannot be read: %s", strerror(errno));
    }
    *ret_cut = cut_of(r, bytes);
    bytes = str_sub(bytes, 0, ret_cut->at);
    *ret = r->latin ? extract_from_latin(cx->arena, bytes) : bytes;
    if (r->fence[0]) {
        *ret = str_fmt(cx->arena, "%s\n" STR_FMT, r->fence, STR_ARG(*ret));
    }
    return ERR_OK;
}

static void move_on(struct extract_reader *r, const struct extract_out *out,
                    const struct extract_cut *c)
{
    r->rest = extent_sub(r->rest, c->at, UINT64_MAX);
    r->text_bytes += out->text.n;
    r->words_outside += out->words_outside;
    r->joint = r->text_bytes ? c->joint : "";
    memcpy(r->fence, c->fence, sizeof(r->fence));
}

enum err extract_next(struct cx *cx, struct extract_reader *r, struct extracted *ret,
                      bool *ret_more)
{
    struct extract_cut c = {};
    struct str text = {};
    TRY(read_window(cx, r, &c, &text));
    SCOPED(extract_out_fini) struct extract_out out;
    extract_out_init(&out, 2 * (size_t)conf.document_max_bytes);
    out.continued = r->text_bytes > 0;
    TRY(read_format(cx, text, r->mime_type, &out));
    if (out.text.full || out.headings.full) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "its text is too long");
    }
    hand_over(cx->arena, &out, r->joint, ret);
    move_on(r, &out, &c);
    *ret_more = r->rest.n > 0;
    return *ret_more ? ERR_OK : check_words(cx, r);
}

enum err extract(struct cx *cx, struct str bytes, struct str mime_type, struct extracted *ret)
{
    const struct extent s = extent_of(bytes);
    struct extract_reader r;
    bool more;
    TRY(extract_begin(cx, &s, mime_type, &r));
    r.window = SIZE_MAX;
    return extract_next(cx, &r, ret, &more);
}
