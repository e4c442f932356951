/* fuzz: knowledge */
/* What an upload says of itself, a field a line: its name, and its metadata. What is taken is text
 * within its bounds, and the metadata can be read again. */
#include "base/utf8.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_name(struct cx *cx, struct str name)
{
    struct str got;
    struct str again;
    if (document_name(cx, name, &got)) {
        must(cx->field_count > 0);
        return;
    }
    must(got.n && utf8_is_text(got) && utf8_count(got) <= 255 && !str_is(got, ".."));
    must(str_find_char(got, '/', 0) < 0 && str_find_char(got, '\\', 0) < 0);
    must(!document_name(cx, got, &again) && str_eq(got, again));
    (void)document_folded(cx->arena, got);
}

static void check_metadata(struct cx *cx, struct str lines)
{
    struct document_in in = {};
    struct document d = {};
    struct str *const fields[] = {&in.title,    &in.source_url, &in.author,
                                  &in.category, &in.language,   &in.tags};
    for (size_t i = 0; i < COUNT(fields) && str_split(&lines, '\n', fields[i]); i++) {
    }
    if (document_metadata_json(cx, &in, &d.metadata)) {
        must(cx->field_count > 0);
        return;
    }
    must(str_eq(document_metadata(cx, &d, "title"), str_trim(in.title)));
    must(str_eq(document_metadata(cx, &d, "tags"), str_trim(in.tags)));
    must(!str_trim(in.language).n || language_code(cx->arena, str_trim(in.language)).n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    struct str lines = {(const char *)data, n};
    struct str name = {};
    cx_begin(&cx, NULL);
    (void)str_split(&lines, '\n', &name);
    check_name(&cx, name);
    cx.field_count = 0;
    check_metadata(&cx, lines);
    return 0;
}
