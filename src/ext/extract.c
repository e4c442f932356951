#include "ext/extract.h"

#include "base/conf.h"
#include "base/utf8.h"
#include "ext/extract_charset.h"
#include "ext/extract_format.h"

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
static enum err check(struct cx *cx, const struct extract_out *out)
{
    if (out->text.full || out->headings.full) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "its text is too long");
    }
    if (!out->text.n) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "there is no text in it");
    }
    if (!out->words_outside) {
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

static void hand_over(struct arena *a, const struct extract_out *out, struct extracted *ret)
{
    ret->text = str_dup(a, buf_view(&out->text));
    ret->language = str_lower(a, buf_view(&out->language));
    ret->heading_count = out->headings.n / sizeof(struct extract_heading);
    ret->headings = arena_alloc(a, out->headings.n + 1);
    if (out->headings.n) {
        memcpy(ret->headings, out->headings.p, out->headings.n);
    }
    ret->title = title_of(a, out, ret);
}

enum err extract(struct cx *cx, struct str bytes, struct str mime_type, struct extracted *ret)
{
    struct str text;
    TRY(extract_utf8(cx, bytes, mime_type, &text));
    SCOPED(extract_out_fini) struct extract_out out;
    extract_out_init(&out, 2 * (size_t)conf.document_max_bytes);
    TRY(read_format(cx, text, mime_type, &out));
    TRY(check(cx, &out));
    hand_over(cx->arena, &out, ret);
    return ERR_OK;
}
