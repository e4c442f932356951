/* The metadata of a document: a closed set of fields, each with a bound, kept as a JSON object. */
#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/language.h"

enum {
    MAX_NAME = 255,
    MAX_METADATA = 16384,
};

static const struct field {
    const char *key; /* in JSON */
    size_t offset;   /* in struct document_in */
    size_t max;      /* characters */
} fields[] = {
    {"title", offsetof(struct document_in, title), 300},
    {"sourceUrl", offsetof(struct document_in, source_url), 2000},
    {"author", offsetof(struct document_in, author), 200},
    {"category", offsetof(struct document_in, category), 100},
    {"language", offsetof(struct document_in, language), 35},
    {"tags", offsetof(struct document_in, tags), 500},
};

static struct str value_of(const struct document_in *in, const struct field *f)
{
    return *(const struct str *)((const char *)in + f->offset);
}

static enum err check_field(struct cx *cx, const struct field *f, struct str v)
{
    const struct str path = str_fmt(cx->arena, "metadata.%s", f->key);
    if (!utf8_is_text(v)) {
        return cx_fail_field(cx, path.p, "must be text without control signs");
    }
    if (utf8_count(v) > f->max) {
        return cx_fail_field(cx, path.p, "must have at most %zu characters", f->max);
    }
    const bool url = str_is(str_of(f->key), "sourceUrl");
    if (url && !str_starts(v, STR("https://")) && !str_starts(v, STR("http://"))) {
        return cx_fail_field(cx, path.p, "must begin with https:// or http://");
    }
    if (str_is(str_of(f->key), "language") && !language_code(cx->arena, v).n) {
        return cx_fail_field(cx, path.p, "must be a language tag such as en or de-AT");
    }
    return ERR_OK;
}

enum err document_metadata_json(struct cx *cx, const struct document_in *in, struct str *ret)
{
    SCOPED(buf_fini) struct buf b = buf_make(MAX_METADATA);
    jw_open(&b, '{');
    for (size_t i = 0; i < COUNT(fields); i++) {
        const struct str v = str_trim(value_of(in, &fields[i]));
        if (v.n) {
            TRY(check_field(cx, &fields[i], v));
            jw_member_str(&b, fields[i].key, v);
        }
    }
    jw_close(&b, '}');
    if (b.full) {
        return cx_fail_field(cx, "metadata", "must be smaller");
    }
    *ret = str_dup(cx->arena, buf_view(&b));
    return ERR_OK;
}

struct str document_metadata(struct cx *cx, const struct document *d, const char *field)
{
    json_t *o;
    if (json_parse(cx, d->metadata, &o)) {
        return (struct str){};
    }
    return json_get_str(o, field);
}

enum err document_name(struct cx *cx, struct str name, struct str *ret)
{
    for (size_t i = name.n; i > 0; i--) {
        if (name.p[i - 1] == '/' || name.p[i - 1] == '\\') {
            name = str_sub(name, i, name.n);
            break;
        }
    }
    name = str_trim(name);
    if (!name.n || str_is(name, ".") || str_is(name, "..")) {
        return cx_fail_field(cx, "name", "must be the name of a file, of 1 to 255 characters");
    }
    if (!utf8_is_text(name) || str_find_char(name, '\n', 0) >= 0 ||
        str_find_char(name, '\r', 0) >= 0 || str_find_char(name, '\t', 0) >= 0) {
        return cx_fail_field(cx, "name", "must be text without control signs");
    }
    if (utf8_count(name) > MAX_NAME) {
        return cx_fail_field(cx, "name", "must have at most %d characters", MAX_NAME);
    }
    *ret = str_dup(cx->arena, name);
    return ERR_OK;
}
