#include "http/query.h"

#include "base/utf8.h"

#include "http/field_value.h"

#include <math.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool unescape(struct arena *a, struct str s, struct str *ret)
{
    char *p = arena_alloc(a, s.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '%') {
            p[n++] = s.p[i] == '+' ? ' ' : s.p[i];
            continue;
        }
        const int hi = i + 2 < s.n ? hex_digit(s.p[i + 1]) : -1;
        const int lo = i + 2 < s.n ? hex_digit(s.p[i + 2]) : -1;
        if (hi < 0 || lo < 0) {
            return false;
        }
        p[n++] = (char)(hi * 16 + lo);
        i += 2;
    }
    *ret = (struct str){p, n};
    return utf8_is_text(*ret);
}

static bool is_twice(const struct query_pair *pairs, size_t count, struct str name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_eq(pairs[i].name, name)) {
            return true;
        }
    }
    return false;
}

enum err query_parse(struct cx *cx, struct str text, struct query_pair **ret, size_t *ret_count)
{
    struct query_pair *pairs = arena_many(cx->arena, struct query_pair, QUERY_MAX_PAIRS);
    struct str rest = text.n ? text : (struct str){};
    struct str part;
    size_t n = 0;
    while (str_split(&rest, '&', &part)) {
        if (!part.n) {
            continue;
        }
        if (n == QUERY_MAX_PAIRS) {
            return cx_fail_field(cx, "query", "must have at most %d names", QUERY_MAX_PAIRS);
        }
        const ptrdiff_t eq = str_find_char(part, '=', 0);
        const size_t name_n = eq < 0 ? part.n : (size_t)eq;
        struct query_pair *p = &pairs[n];
        if (!unescape(cx->arena, str_sub(part, 0, name_n), &p->name) ||
            !unescape(cx->arena, str_sub(part, name_n + 1, part.n), &p->value)) {
            return cx_fail_field(cx, "query", "must be percent-encoded UTF-8 text");
        }
        if (is_twice(pairs, n, p->name)) {
            return cx_fail_field(cx, utf8_prefix(p->name, 64).n < p->name.n ? "query" : p->name.p,
                                 "is there twice");
        }
        n++;
    }
    *ret = pairs;
    *ret_count = n;
    return ERR_OK;
}

static void decode_whole(struct field_check *c, const struct field_path *at, const struct field *f,
                         struct str s, int64_t *ret)
{
    int64_t v = 0;
    if (!str_to_i64(s, INT64_MIN, INT64_MAX, &v)) {
        field_fault(c, at, "must be a whole number");
    } else if (field_int(c, at, f, v)) {
        *ret = v;
    }
}

static void decode_bool(struct field_check *c, const struct field_path *at, struct str s, bool *ret)
{
    *ret = str_is(s, "true");
    if (!*ret && !str_is(s, "false")) {
        field_fault(c, at, "must be true or false");
    }
}

static void decode_pair(struct field_check *c, const struct field_path *at, const struct field *f,
                        struct str s, void *to)
{
    double num = 0;
    switch (f->kind) {
    case FIELD_K_STR:
        if (field_text(c, at, f, s)) {
            *(struct str *)to = s;
        }
        break;
    case FIELD_K_INT:
        decode_whole(c, at, f, s, to);
        break;
    case FIELD_K_NUM:
        if (!str_to_f64(s, -HUGE_VAL, HUGE_VAL, &num)) {
            field_fault(c, at, "must be a number");
        } else if (field_num(c, at, f, num)) {
            *(double *)to = num;
        }
        break;
    case FIELD_K_BOOL:
        decode_bool(c, at, s, to);
        break;
    case FIELD_K_ID:
        (void)field_id(c, at, s, to);
        break;
    case FIELD_K_TIME:
        (void)field_time(c, at, s, to);
        break;
    case FIELD_K_END:
    case FIELD_K_OBJ:
    case FIELD_K_LIST:
    case FIELD_K_JSON:
        field_fault(c, at, "cannot stand in a query");
    }
}

static const struct query_pair *find_pair(const struct query_pair *pairs, size_t count,
                                          const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (str_is(pairs[i].name, name)) {
            return &pairs[i];
        }
    }
    return NULL;
}

static bool is_known(const struct field *fields, struct str name)
{
    for (const struct field *f = fields; f && f->kind != FIELD_K_END; f++) {
        if (str_is(name, f->name)) {
            return true;
        }
    }
    return false;
}

enum err query_decode(struct cx *cx, const struct field *fields, const struct query_pair *pairs,
                      size_t count, void *ret)
{
    struct field_check c = {.cx = cx};
    for (const struct field *f = fields; f && f->kind != FIELD_K_END; f++) {
        const struct field_path at = {.name = str_of(f->name)};
        const struct query_pair *p = find_pair(pairs, count, f->name);
        bool *has = field_has(f, ret);
        if (p) {
            decode_pair(&c, &at, f, p->value, (char *)ret + f->offset);
            if (has) {
                *has = true;
            }
        } else if (f->required) {
            field_fault(&c, &at, "is required");
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (!is_known(fields, pairs[i].name)) {
            const struct field_path at = {.name = pairs[i].name.n ? pairs[i].name
                                                                  : STR("(empty name)")};
            field_fault(&c, &at, "is not known here");
        }
    }
    return c.faults ? ERR_INVALID : ERR_OK;
}

enum err field_decode_query(struct cx *cx, const struct field *fields, struct str query, void *ret)
{
    struct query_pair *pairs = NULL;
    size_t count = 0;
    TRY(query_parse(cx, query, &pairs, &count));
    return query_decode(cx, fields, pairs, count, ret);
}
