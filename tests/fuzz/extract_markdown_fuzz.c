/* fuzz: extract */
/* Any bytes as text/markdown: text in the form that extract.h promises, or a reason. */
#include "base/conf.h"
#include "base/utf8.h"
#include "ext/extract.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_text(const struct extracted *ex)
{
    must(ex->text.n && utf8_is_text(ex->text) && str_trim(ex->text).n == ex->text.n);
    must(str_find(ex->text, STR("\n\n\n"), 0) < 0);
    size_t at = 0;
    for (size_t i = 0; i < ex->heading_count; i++) {
        const struct extract_heading *h = &ex->headings[i];
        must(h->level >= 1 && h->level <= 6);
        must(h->start >= at && h->start < h->end && h->end <= ex->text.n);
        must(str_find_char(str_sub(ex->text, h->start, h->end - h->start), '\n', 0) < 0);
        at = h->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    conf.extract_timeout_ms = 500;
    struct cx cx;
    cx_begin(&cx, NULL);
    struct extracted ex = {};
    const enum err e = extract(&cx, (struct str){(const char *)data, n}, STR("text/markdown"), &ex);
    if (e) {
        must(e == ERR_INVALID && cx.detail[0]);
    } else {
        check_text(&ex);
    }
    cx_end(&cx);
    return 0;
}
