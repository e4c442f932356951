/* Decoding by field tables. A fault never ends the walk: all of them are wanted. */
#include "http/field.h"

#include "http/field_value.h"

static void decode_object(struct field_check *c, const struct field_path *at,
                          const struct field *fields, const json_t *object, void *ret);

static const struct field *find(const struct field *fields, const char *name)
{
    for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

static struct str text_of(const json_t *v)
{
    return (struct str){json_string_value(v), json_string_length(v)};
}

static void decode_text(struct field_check *c, const struct field_path *at, const struct field *f,
                        const json_t *v, struct str *ret)
{
    if (!json_is_string(v)) {
        field_fault(c, at, "must be a text");
    } else if (field_text(c, at, f, text_of(v))) {
        *ret = text_of(v);
    }
}

static void decode_number(struct field_check *c, const struct field_path *at, const struct field *f,
                          const json_t *v, void *ret)
{
    if (f->kind == FIELD_K_INT) {
        if (!json_is_integer(v)) {
            field_fault(c, at, "must be a whole number");
        } else if (field_int(c, at, f, json_integer_value(v))) {
            *(int64_t *)ret = json_integer_value(v);
        }
    } else if (!json_is_number(v)) {
        field_fault(c, at, "must be a number");
    } else if (field_num(c, at, f, json_number_value(v))) {
        *(double *)ret = json_number_value(v);
    }
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the table, which is ours */
static void decode_list(struct field_check *c, const struct field_path *at, const struct field *f,
                        const json_t *v, struct list *ret)
{
    if (!json_is_array(v)) {
        field_fault(c, at, "must be a list");
        return;
    }
    const size_t n = json_array_size(v);
    if (!field_count(c, at, f, n)) {
        return;
    }
    const struct field item = {.kind = FIELD_K_STR, .one_of = f->one_of};
    const size_t size = f->fields ? f->item_size : sizeof(struct str);
    char *items = arena_alloc(c->cx->arena, n * size);
    for (size_t i = 0; i < n; i++) {
        const struct field_path step = {.up = at, .index = i};
        if (f->fields) {
            decode_object(c, &step, f->fields, json_array_get(v, i), items + i * size);
        } else {
            decode_text(c, &step, &item, json_array_get(v, i), (struct str *)(items + i * size));
        }
    }
    *ret = (struct list){items, n};
}

static void decode_json(struct field_check *c, const struct field_path *at, const struct field *f,
                        const json_t *v, struct str *ret)
{
    if (!json_is_object(v)) {
        field_fault(c, at, "must be an object");
        return;
    }
    const struct str text = json_text(c->cx->arena, v);
    if ((double)text.n > field_max(f)) {
        field_fault(c, at, "must have at most %.0f bytes", field_max(f));
        return;
    }
    *ret = text;
}

static void decode_value(struct field_check *c, const struct field_path *at, const struct field *f,
                         const json_t *v, void *to)
{
    switch (f->kind) {
    case FIELD_K_STR:
        decode_text(c, at, f, v, to);
        break;
    case FIELD_K_INT:
    case FIELD_K_NUM:
        decode_number(c, at, f, v, to);
        break;
    case FIELD_K_BOOL:
        if (!json_is_boolean(v)) {
            field_fault(c, at, "must be true or false");
        } else {
            *(bool *)to = json_is_true(v);
        }
        break;
    case FIELD_K_ID:
        (void)field_id(c, at, json_is_string(v) ? text_of(v) : STR(""), to);
        break;
    case FIELD_K_TIME:
        (void)field_time(c, at, json_is_string(v) ? text_of(v) : STR(""), to);
        break;
    case FIELD_K_OBJ:
        decode_object(c, at, f->fields, v, to);
        break;
    case FIELD_K_LIST:
        decode_list(c, at, f, v, to);
        break;
    case FIELD_K_JSON:
        decode_json(c, at, f, v, to);
        break;
    case FIELD_K_END:
        break;
    }
}

/* null stands for "empty" where the kind has an empty value that its bounds allow. */
static bool null_is_empty(const struct field *f)
{
    switch (f->kind) {
    case FIELD_K_STR:
        return f->min <= 0 && !f->one_of;
    case FIELD_K_LIST:
        return f->min <= 0;
    case FIELD_K_ID:
    case FIELD_K_TIME:
    case FIELD_K_OBJ:
    case FIELD_K_JSON:
        return true;
    case FIELD_K_END:
    case FIELD_K_INT:
    case FIELD_K_NUM:
    case FIELD_K_BOOL:
        break;
    }
    return false;
}

static void decode_null(struct field_check *c, const struct field_path *at, const struct field *f,
                        bool *has)
{
    if (f->required || (has && !null_is_empty(f))) {
        field_fault(c, at, "must not be null");
    } else if (has) {
        *has = true;
    }
}

static void decode_member(struct field_check *c, const struct field_path *at, const struct field *f,
                          const json_t *v, void *ret)
{
    bool *has = field_has(f, ret);
    if (!v) {
        if (f->required) {
            field_fault(c, at, "is required");
        }
    } else if (json_is_null(v)) {
        decode_null(c, at, f, has);
    } else {
        if (has) {
            *has = true;
        }
        decode_value(c, at, f, v, (char *)ret + f->offset);
    }
}

static void refuse_unknown(struct field_check *c, const struct field_path *at,
                           const struct field *fields, const json_t *object)
{
    /* jansson's iterators take what they only read without const. */
    json_t *o = (json_t *)(uintptr_t)object;
    for (void *it = json_object_iter(o); it && c->faults < CX_FIELDS;
         it = json_object_iter_next(o, it)) {
        const char *name = json_object_iter_key(it);
        if (!find(fields, name)) {
            const struct field_path step = {.up = at,
                                            .name = *name ? str_of(name) : STR("(empty name)")};
            field_fault(c, &step, "is not known here");
        }
    }
}

static void decode_object(struct field_check *c, const struct field_path *at,
                          const struct field *fields, const json_t *object, void *ret)
{
    if (!json_is_object(object)) {
        field_fault(c, at, "must be an object");
        return;
    }
    for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
        const struct field_path step = {.up = at, .name = str_of(f->name)};
        decode_member(c, &step, f, json_object_get(object, f->name), ret);
    }
    refuse_unknown(c, at, fields, object);
}
/* NOLINTEND(misc-no-recursion) */

enum err field_decode(struct cx *cx, const struct field *fields, const json_t *object, void *ret)
{
    struct field_check c = {.cx = cx};
    decode_object(&c, NULL, fields, object, ret);
    return c.faults ? ERR_INVALID : ERR_OK;
}

static bool is_simple(enum field_kind k)
{
    return k == FIELD_K_STR || k == FIELD_K_INT || k == FIELD_K_NUM || k == FIELD_K_BOOL ||
           k == FIELD_K_ID || k == FIELD_K_TIME;
}

/* What is wrong with the row itself; NULL: nothing. */
static const char *fault_of(const struct field *fields, const struct field *f, bool of_query)
{
    if (!f->name || !*f->name) {
        return "has no name";
    }
    if (find(fields, f->name) != f) {
        return "is there twice";
    }
    if (of_query && !is_simple(f->kind)) {
        return "cannot stand in a query";
    }
    if (f->kind == FIELD_K_OBJ && !f->fields) {
        return "has no table";
    }
    if (f->kind == FIELD_K_LIST && f->fields && !f->item_size) {
        return "has no item_size";
    }
    return f->max < f->min && f->max != 0 ? "has max below min" : NULL;
}

/* NOLINTBEGIN(misc-no-recursion): as deep as the table, which is ours */
static bool field_ok(const struct field *fields, const struct field *f, bool of_query,
                     struct buf *why)
{
    const bool nests = f->kind == FIELD_K_OBJ || (f->kind == FIELD_K_LIST && f->fields);
    const char *fault = fault_of(fields, f, of_query);
    if (fault) {
        buf_fmt(why, "field %s %s", f->name ? f->name : "(none)", fault);
        return false;
    }
    return !nests || field_table_ok(f->fields, false, why);
}

bool field_table_ok(const struct field *fields, bool of_query, struct buf *why)
{
    for (const struct field *f = fields; f->kind != FIELD_K_END; f++) {
        if (!field_ok(fields, f, of_query, why)) {
            return false;
        }
    }
    return true;
}
/* NOLINTEND(misc-no-recursion) */
