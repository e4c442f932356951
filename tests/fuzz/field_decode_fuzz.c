/* fuzz: http */
/* Any JSON against a table of every kind. What is taken comes back the same after writing and
 * reading it again. */
#include "http/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct item {
    struct str name;
    struct uuid id;
};

struct sample {
    struct str name;
    int64_t count;
    double share;
    bool on;
    struct uuid id;
    int64_t at;
    struct item inner;
    bool has_inner;
    struct list items;
    struct list tags;
    struct str meta;
};

static const struct field item_fields[] = {
    FIELD_STR(struct item, name, .required = true, .max = 10),
    FIELD_ID(struct item, id),
    FIELD_END,
};

static const struct field fields[] = {
    FIELD_STR(struct sample, name, .required = true, .max = 10),
    FIELD_INT(struct sample, count, .min = -10, .max = 1000),
    FIELD_NUM(struct sample, share, .min = -1, .max = 1),
    FIELD_BOOL(struct sample, on),
    FIELD_ID(struct sample, id),
    FIELD_TIME(struct sample, at),
    FIELD_OBJ(struct sample, inner, .fields = item_fields, FIELD_HAS(struct sample, has_inner),
              .omit_empty = true),
    FIELD_LIST(struct sample, items, .fields = item_fields, .item_size = sizeof(struct item),
               .max = 5),
    FIELD_LIST(struct sample, tags, .max = 5),
    FIELD_JSON(struct sample, meta, .max = 1000),
    FIELD_END,
};

static enum err decode(struct cx *cx, struct str text, struct sample *ret)
{
    json_t *tree = NULL;
    TRY(json_parse(cx, text, &tree));
    return field_decode(cx, fields, tree, ret);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(buf_fini) struct buf once = buf_make(8 * MB);
    SCOPED(buf_fini) struct buf twice = buf_make(8 * MB);
    struct sample a = {};
    struct sample b = {};
    struct cx cx;
    cx_begin(&cx, NULL);
    if (decode(&cx, (struct str){(const char *)data, n}, &a) == ERR_OK) {
        /* null for an object with a has stands for an empty one, which has no name to write */
        a.has_inner = a.has_inner && a.inner.name.p;
        field_encode(&once, fields, &a);
        must(decode(&cx, buf_view(&once), &b) == ERR_OK);
        field_encode(&twice, fields, &b);
        must(str_eq(buf_view(&once), buf_view(&twice)));
    } else {
        must(cx.detail[0]);
    }
    cx_end(&cx);
    return 0;
}
