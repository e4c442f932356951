/* What extract.h promises of every text that it gives, for the targets that read documents. */
#ifndef FUZZ_EXTRACTED_H
#define FUZZ_EXTRACTED_H

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
}

#endif
