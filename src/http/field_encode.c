/* The way out: objects as JSON, and tables as JSON Schema. */
#include "base/jw.h"

#include "http/field_value.h"

#include <math.h>

static bool shown(const struct field *f, const void *object)
{
    return !f->has || *(const bool *)((const char *)object + f->has - 1);
}

static bool is_empty(const struct field *f, const void *v)
{
    switch (f->kind) {
    case FIELD_K_STR:
    case FIELD_K_JSON:
        return ((const struct str *)v)->n == 0;
    case FIELD_K_ID:
        return uuid_is_nil(*(const struct uuid *)v);
    case FIELD_K_TIME:
        return *(const int64_t *)v == 0;
    case FIELD_K_LIST:
        return ((const struct list *)v)->count == 0;
    case FIELD_K_END:
    case FIELD_K_INT:
    case FIELD_K_NUM:
    case FIELD_K_BOOL:
    case FIELD_K_OBJ:
        break;
    }
    return false;
}

/* What has no value of its own when empty; an empty text that was set is a text. */
static bool is_null(const struct field *f, const void *v)
{
    if (f->kind == FIELD_K_STR) {
        return !f->required && !((const struct str *)v)->p;
    }
    return f->kind == FIELD_K_JSON                            ? ((const struct str *)v)->n == 0
           : f->kind == FIELD_K_ID || f->kind == FIELD_K_TIME ? is_empty(f, v)
                                                              : false;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the table, which is ours */
static void encode_list(struct buf *out, const struct field *f, const struct list *l)
{
    jw_open(out, '[');
    for (size_t i = 0; i < l->count; i++) {
        if (f->fields) {
            field_encode(out, f->fields, (const char *)l->items + i * f->item_size);
        } else {
            jw_str(out, ((const struct str *)l->items)[i]);
        }
    }
    jw_close(out, ']');
}

static void encode_value(struct buf *out, const struct field *f, const void *v)
{
    switch (f->kind) {
    case FIELD_K_STR:
        jw_str(out, *(const struct str *)v);
        break;
    case FIELD_K_INT:
        jw_i64(out, *(const int64_t *)v);
        break;
    case FIELD_K_NUM:
        jw_f64(out, *(const double *)v);
        break;
    case FIELD_K_BOOL:
        jw_bool(out, *(const bool *)v);
        break;
    case FIELD_K_ID:
        jw_id(out, *(const struct uuid *)v);
        break;
    case FIELD_K_TIME:
        jw_time(out, *(const int64_t *)v);
        break;
    case FIELD_K_OBJ:
        field_encode(out, f->fields, v);
        break;
    case FIELD_K_LIST:
        encode_list(out, f, v);
        break;
    case FIELD_K_JSON:
        jw_raw(out, *(const struct str *)v);
        break;
    case FIELD_K_END:
        break;
    }
}

void field_encode(struct buf *out, const struct field *fields, const void *object)
{
    jw_open(out, '{');
    for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
        const void *v = (const char *)object + f->offset;
        const bool show = shown(f, object);
        if (f->omit_empty && (!show || is_empty(f, v))) {
            continue;
        }
        jw_key(out, f->name);
        if (!show || is_null(f, v)) {
            jw_null(out);
        } else {
            encode_value(out, f, v);
        }
    }
    jw_close(out, '}');
}
/* NOLINTEND(misc-no-recursion) */

static const char *type_of(enum field_kind k)
{
    switch (k) {
    case FIELD_K_INT:
        return "integer";
    case FIELD_K_NUM:
        return "number";
    case FIELD_K_BOOL:
        return "boolean";
    case FIELD_K_LIST:
        return "array";
    case FIELD_K_OBJ:
    case FIELD_K_JSON:
        return "object";
    case FIELD_K_STR:
    case FIELD_K_ID:
    case FIELD_K_TIME:
    case FIELD_K_END:
        break;
    }
    return "string";
}

/* Of a reply: what encode may write as null. Of a request: what null empties. */
static bool nullable(const struct field *f, bool of_request)
{
    const bool empties =
        f->kind != FIELD_K_INT && f->kind != FIELD_K_NUM && f->kind != FIELD_K_BOOL && f->min <= 0;
    if (f->required) {
        return false;
    }
    const bool chosen = f->kind == FIELD_K_STR && f->one_of;
    return of_request ? f->has && empties && !chosen : !f->omit_empty && (f->has || empties);
}

static void schema_type(struct buf *out, const struct field *f, bool with_null)
{
    jw_key(out, "type");
    if (with_null) {
        jw_open(out, '[');
        jw_str(out, str_of(type_of(f->kind)));
        jw_str(out, STR("null"));
        jw_close(out, ']');
    } else {
        jw_str(out, str_of(type_of(f->kind)));
    }
    if (f->kind == FIELD_K_ID || f->kind == FIELD_K_TIME) {
        jw_member_str(out, "format", f->kind == FIELD_K_ID ? STR("uuid") : STR("date-time"));
    }
}

static void schema_choices(struct buf *out, const char *one_of, bool with_null)
{
    if (!one_of) {
        return;
    }
    struct str rest = str_of(one_of);
    struct str choice;
    jw_key(out, "enum");
    jw_open(out, '[');
    while (field_choice(&rest, &choice)) {
        jw_str(out, choice);
    }
    if (with_null) {
        jw_null(out);
    }
    jw_close(out, ']');
}

static void bound(struct buf *out, const char *key, double v)
{
    if (isfinite(v) && fabs(v) < 9e18) {
        jw_key(out, key);
        jw_f64(out, v);
    }
}

static void schema_bounds(struct buf *out, const struct field *f)
{
    if (f->kind == FIELD_K_STR && !f->one_of) {
        bound(out, "minLength", field_min(f));
        bound(out, "maxLength", field_max(f));
    } else if (f->kind == FIELD_K_LIST) {
        bound(out, "minItems", field_min(f));
        bound(out, "maxItems", field_max(f));
    } else if (f->kind == FIELD_K_INT || f->kind == FIELD_K_NUM) {
        bound(out, "minimum", field_min(f));
        bound(out, "maximum", field_max(f));
    }
}

static void schema_object(struct buf *out, const struct field *fields, bool of_request);

/* NOLINTBEGIN(misc-no-recursion): as deep as the table, which is ours */
static void schema_items(struct buf *out, const struct field *f, bool of_request)
{
    jw_key(out, "items");
    jw_open(out, '{');
    if (f->fields) {
        jw_member_str(out, "type", STR("object"));
        schema_object(out, f->fields, of_request);
    } else {
        jw_member_str(out, "type", STR("string"));
        schema_choices(out, f->one_of, false);
    }
    jw_close(out, '}');
}

static void schema_value(struct buf *out, const struct field *f, bool of_request)
{
    const bool with_null = nullable(f, of_request);
    jw_open(out, '{');
    schema_type(out, f, with_null);
    if (f->kind == FIELD_K_LIST) {
        schema_items(out, f, of_request);
    } else {
        schema_choices(out, f->one_of, with_null);
    }
    if (of_request) {
        schema_bounds(out, f);
    }
    if (f->kind == FIELD_K_OBJ) {
        schema_object(out, f->fields, of_request);
    }
    if (f->doc) {
        jw_member_str(out, "description", str_of(f->doc));
    }
    jw_close(out, '}');
}

/* Everything of an object's schema but its type. */
static void schema_object(struct buf *out, const struct field *fields, bool of_request)
{
    size_t required = 0;
    jw_key(out, "properties");
    jw_open(out, '{');
    for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
        jw_key(out, f->name);
        schema_value(out, f, of_request);
        required += of_request ? f->required : !f->omit_empty;
    }
    jw_close(out, '}');
    if (required) {
        jw_key(out, "required");
        jw_open(out, '[');
        for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
            if (of_request ? f->required : !f->omit_empty) {
                jw_str(out, str_of(f->name));
            }
        }
        jw_close(out, ']');
    }
    if (of_request) {
        jw_key(out, "additionalProperties");
        jw_bool(out, false);
    }
}
/* NOLINTEND(misc-no-recursion) */

void field_schema(struct buf *out, const struct field *fields, bool of_request)
{
    jw_open(out, '{');
    jw_member_str(out, "type", STR("object"));
    schema_object(out, fields, of_request);
    jw_close(out, '}');
}

void field_schema_value(struct buf *out, const struct field *f, bool of_request)
{
    schema_value(out, f, of_request);
}
