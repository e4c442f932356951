/* What extract.h promises of every text that it gives, for the targets that read documents. */
#ifndef FUZZ_EXTRACTED_H
#define FUZZ_EXTRACTED_H

#include "base/buf.h"
#include "base/utf8.h"
#include "ext/extract.h"

static inline void check_extracted(const struct extracted *ex)
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

/* The same of all windows together, which are small here. HTML has only one. */
static inline void check_windows(struct cx *cx, struct str bytes, struct str mime)
{
    enum { SMALLEST = 16, SIZES = 300 };
    const struct extent all = extent_of(bytes);
    struct extract_reader r;
    SCOPED(buf_fini) struct buf text = buf_make(SIZE_MAX / 2);
    bool more = true;
    if (extract_begin(cx, &all, mime, &r)) {
        return;
    }
    r.window = str_starts(mime, STR("text/html")) ? r.window : SMALLEST + str_hash(bytes) % SIZES;
    while (more) {
        struct extracted ex;
        if (extract_next(cx, &r, &ex, &more)) {
            return;
        }
        for (size_t i = 0; i < ex.heading_count; i++) {
            must(ex.headings[i].start < ex.headings[i].end && ex.headings[i].end <= ex.text.n);
        }
        buf_str(&text, ex.text);
    }
    check_extracted(&(struct extracted){.text = buf_view(&text)});
}

/* Bytes of a type: text in the form that is promised, or a reason. */
static inline void check_extract(struct cx *cx, struct str bytes, struct str mime)
{
    struct extracted ex = {};
    const enum err e = extract(cx, bytes, mime, &ex);
    if (e) {
        must(e == ERR_INVALID && cx->detail[0]);
    } else {
        check_extracted(&ex);
    }
    check_windows(cx, bytes, mime);
}

#endif
