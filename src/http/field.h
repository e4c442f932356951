/* Field tables: one description of a JSON object, from which come decoding and validation of
 * requests, encoding of replies, and the schema in the OpenAPI document. A table is an array of
 * struct field that ends with FIELD_END. */
#ifndef HTTP_FIELD_H
#define HTTP_FIELD_H

#include "base/buf.h"
#include "base/cx.h"
#include "base/json.h"

enum field_kind {
    FIELD_K_END,
    FIELD_K_STR, /* struct str; UTF-8 without control signs but tab and line ends; min and max count
                    characters */
    FIELD_K_INT, /* int64_t within [min, max] */
    FIELD_K_NUM, /* double within [min, max] */
    FIELD_K_BOOL, /* bool */
    FIELD_K_ID,   /* struct uuid (or any id type); canonical text outside */
    FIELD_K_TIME, /* int64_t microseconds; RFC 3339 outside; 0 is shown as null */
    FIELD_K_OBJ,  /* a nested struct, described by fields */
    FIELD_K_LIST, /* struct list of structs (fields) or of struct str (fields NULL); min and max
                     count items */
    FIELD_K_JSON, /* struct str: any JSON object, kept as text; max counts bytes */
};

/* Bounds of a kind where the field names none. */
enum {
    FIELD_TEXT_MAX = 10000, /* characters */
    FIELD_LIST_MAX = 1000,  /* items */
    FIELD_JSON_MAX = 65536, /* bytes */
};

/* Items one after another in the arena, each item_size bytes as the field says. */
struct list {
    const void *items;
    size_t count;
};

struct field {
    enum field_kind kind;
    const char *name; /* camelCase */
    size_t offset;
    bool required;   /* of a request: must be there and not null; of a reply: never null */
    bool omit_empty; /* of a reply: left out when empty text, nil id, 0 time, empty list or has is
                        false */
    size_t has; /* 1 + offset of a bool that is set when the member was there (and, in a reply, says
                   whether it is shown); 0: none */
    double min, max;    /* both 0: the kind's own bounds; max 0 below min: the kind's own max */
    const char *one_of; /* text: "a|b|c" */
    const struct field *fields;
    size_t item_size;
    const char *doc;
};

#define FIELD_STR(type, member, ...)                                                               \
    {                                                                                              \
        .kind = FIELD_K_STR, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__      \
    }
#define FIELD_INT(type, member, ...)                                                               \
    {                                                                                              \
        .kind = FIELD_K_INT, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__      \
    }
#define FIELD_NUM(type, member, ...)                                                               \
    {                                                                                              \
        .kind = FIELD_K_NUM, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__      \
    }
#define FIELD_BOOL(type, member, ...)                                                              \
    {                                                                                              \
        .kind = FIELD_K_BOOL, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__     \
    }
#define FIELD_ID(type, member, ...)                                                                \
    {                                                                                              \
        .kind = FIELD_K_ID, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__       \
    }
#define FIELD_TIME(type, member, ...)                                                              \
    {                                                                                              \
        .kind = FIELD_K_TIME, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__     \
    }
#define FIELD_OBJ(type, member, ...)                                                               \
    {                                                                                              \
        .kind = FIELD_K_OBJ, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__      \
    }
#define FIELD_LIST(type, member, ...)                                                              \
    {                                                                                              \
        .kind = FIELD_K_LIST, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__     \
    }
#define FIELD_JSON(type, member, ...)                                                              \
    {                                                                                              \
        .kind = FIELD_K_JSON, .name = #member, .offset = offsetof(type, member), ##__VA_ARGS__     \
    }
#define FIELD_END                                                                                  \
    {                                                                                              \
        .kind = FIELD_K_END                                                                        \
    }
#define FIELD_HAS(type, member) .has = (offsetof(type, member) + 1)

/* Decodes the object into *ret (zeroed by the caller). Every fault is added to cx->fields with its
 * dotted path ("items.0.name"): a missing required member, a wrong type, out of bounds, an unknown
 * member. ERR_INVALID when there is one. null for a member that is not required: a text without
 * min or choices, id, time, object, list without min or JSON is set to its empty value with has
 * true; for the others it is a fault when they have a has, and as good as absent when not. Texts
 * borrow from the tree. Any thread. */
enum err field_decode(struct cx *cx, const struct field *fields, const json_t *object, void *ret);

/* Decodes "a=b&c=d" by the same tables (text, numbers, bool, id and time only); unknown names are
 * faults too. */
enum err field_decode_query(struct cx *cx, const struct field *fields, struct str query, void *ret);

/* Writes the object. What is empty and not required is null: text without a pointer, nil id, time
 * 0, JSON without text, an object or list whose has is false. */
void field_encode(struct buf *out, const struct field *fields, const void *object);

/* Writes the JSON Schema (as OpenAPI 3.1 has it) of the object. */
void field_schema(struct buf *out, const struct field *fields, bool of_request);

/* Writes the schema of one field alone: for parameters. */
void field_schema_value(struct buf *out, const struct field *f, bool of_request);

/* Whether a table can work (names, bounds, nested tables, sizes); why gets what is wrong. of_query:
 * only what field_decode_query understands. At start. */
bool field_table_ok(const struct field *fields, bool of_query, struct buf *why);

#endif
