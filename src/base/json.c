#include "base/json.h"

bool json_depth_ok(struct str text, int max)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < text.n; i++) {
        const char c = text.p[i];
        if (in_string) {
            if (c == '\\') {
                i++;
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > max) {
                return false;
            }
        } else if (c == '}' || c == ']') {
            depth--;
        }
    }
    return true;
}

static void unref(void *tree)
{
    json_decref(tree);
}

enum err json_parse(struct cx *cx, struct str text, json_t **ret)
{
    json_error_t e;
    if (!json_depth_ok(text, JSON_MAX_DEPTH)) {
        return cx_fail(cx, CODE_MALFORMED_JSON, "nested more than %d levels deep", JSON_MAX_DEPTH);
    }
    json_t *v =
        json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
    if (!v) {
        return cx_fail(cx, CODE_MALFORMED_JSON, "not JSON at line %d, column %d", e.line, e.column);
    }
    arena_defer(cx->arena, unref, v);
    *ret = v;
    return ERR_OK;
}

struct str json_get_str(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)} : STR("");
}

int64_t json_get_i64(const json_t *o, const char *key, int64_t fallback)
{
    const json_t *v = json_object_get(o, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
}

double json_get_f64(const json_t *o, const char *key, double fallback)
{
    const json_t *v = json_object_get(o, key);
    return json_is_number(v) ? json_number_value(v) : fallback;
}

bool json_get_bool(const json_t *o, const char *key, bool fallback)
{
    const json_t *v = json_object_get(o, key);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

static void free_text(void *p)
{
    free(p);
}

struct str json_text(struct arena *a, const json_t *v)
{
    char *p = json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    must(p);
    arena_defer(a, free_text, p);
    return str_of(p);
}
