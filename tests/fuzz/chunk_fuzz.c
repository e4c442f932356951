/* fuzz: knowledge */
/* Any Markdown, cut with any aim: what chunker.h promises of the passages. */
#include "base/conf.h"
#include "base/utf8.h"
#include "domain/knowledge/chunker.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t skip_blanks(struct str s, size_t at, size_t to)
{
    for (; at < to; at++) {
        must(is_blank(s.p[at]));
    }
    return at;
}

static void check_spans(struct str text, size_t aim, const struct chunk_span *v, size_t count)
{
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        must(v[i].start >= at && v[i].start < v[i].end && v[i].end <= text.n);
        (void)skip_blanks(text, at, v[i].start);
        const struct str s = str_sub(text, v[i].start, v[i].end - v[i].start);
        must(utf8_valid(s) && utf8_valid(v[i].heading) && s.n <= aim + aim / 4);
        must(!is_blank(s.p[0]) && !is_blank(s.p[s.n - 1]));
        at = v[i].end;
    }
    (void)skip_blanks(text, at, text.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (!n) {
        return 0;
    }
    conf.extract_timeout_ms = 500;
    struct cx cx;
    cx_begin(&cx, NULL);
    struct extracted ex = {};
    const size_t aim = 16 + 4 * (size_t)data[0];
    if (!extract(&cx, (struct str){(const char *)data + 1, n - 1}, STR("text/markdown"), &ex)) {
        struct chunk_span *v;
        size_t count;
        chunk_text(cx.arena, &ex, aim, &(struct chunk_path){}, &v, &count);
        must(count > 0);
        check_spans(ex.text, aim, v, count);
    }
    cx_end(&cx);
    return 0;
}
