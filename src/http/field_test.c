#include "http/field.h"

#include "base/clock.h"

#include <setjmp.h>

#include <cmocka.h>

struct part {
    struct str name;
    double weight;
};

struct sample {
    struct str name;
    bool has_name;
    struct str kind;
    int64_t count;
    bool has_count;
    double share;
    bool on;
    struct uuid id;
    bool has_id;
    int64_t at_us;
    struct part inner;
    bool has_inner;
    struct list parts;
    struct list tags;
    struct str meta;
};

static const struct field part_fields[] = {
    FIELD_STR(struct part, name, .required = true, .min = 1, .max = 5),
    FIELD_NUM(struct part, weight, .min = 0, .max = 1),
    FIELD_END,
};

static const struct field fields[] = {
    FIELD_STR(struct sample, name, .required = true, .max = 3, FIELD_HAS(struct sample, has_name)),
    FIELD_STR(struct sample, kind, .one_of = "a|bc", .min = 1, .doc = "What it is."),
    FIELD_INT(struct sample, count, .min = -5, .max = 10, FIELD_HAS(struct sample, has_count)),
    FIELD_NUM(struct sample, share),
    FIELD_BOOL(struct sample, on),
    FIELD_ID(struct sample, id, FIELD_HAS(struct sample, has_id)),
    {.kind = FIELD_K_TIME, .name = "at", .offset = offsetof(struct sample, at_us)},
    FIELD_OBJ(struct sample, inner, .fields = part_fields, FIELD_HAS(struct sample, has_inner),
              .omit_empty = true),
    FIELD_LIST(struct sample, parts, .fields = part_fields, .item_size = sizeof(struct part),
               .max = 2),
    FIELD_LIST(struct sample, tags, .min = 0, .max = 3, .omit_empty = true),
    FIELD_JSON(struct sample, meta, .max = 20),
    FIELD_END,
};

static struct cx cx;
static struct sample s;

static enum err decode(const char *text)
{
    json_t *tree = NULL;
    cx_end(&cx);
    cx_begin(&cx, NULL);
    s = (struct sample){};
    must(json_parse(&cx, str_of(text), &tree) == ERR_OK);
    return field_decode(&cx, fields, tree, &s);
}

static void decodes_every_kind(void **state)
{
    (void)state;
    assert_int_equal(
        decode("{\"name\":\"\xc3\xa4\xc3\xb6\xc3\xbc\",\"kind\":\"bc\",\"count\":-5,\"share\":2,"
               "\"on\":true,\"id\":\"0190f5a0-0000-7000-8000-000000000001\","
               "\"at\":\"2026-11-20T12:00:00.5Z\",\"inner\":{\"name\":\"x\",\"weight\":0.5},"
               "\"parts\":[{\"name\":\"p\"},{\"name\":\"q\"}],\"tags\":[\"t\",\"\"],"
               "\"meta\":{\"b\":1,\"a\":[]}}"),
        ERR_OK);
    assert_true(s.has_name && str_is(s.name, "\xc3\xa4\xc3\xb6\xc3\xbc"));
    assert_true(str_is(s.kind, "bc") && s.has_count && s.count == -5 && s.on);
    assert_true(s.share > 1.99 && s.share < 2.01);
    assert_true(s.has_id && s.id.b[15] == 1);
    assert_int_equal(s.at_us % SECOND_US, 500000);
    assert_true(s.has_inner && str_is(s.inner.name, "x"));
    assert_int_equal(s.parts.count, 2);
    assert_true(str_is(((const struct part *)s.parts.items)[1].name, "q"));
    assert_int_equal(s.tags.count, 2);
    assert_true(str_is(((const struct str *)s.tags.items)[0], "t"));
    assert_string_equal(s.meta.p, "{\"a\":[],\"b\":1}");
}

static void names_faults_by_path(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *field;
        const char *message;
    } cases[] = {
        {"{}", "name", "is required"},
        {"{\"name\":null}", "name", "must not be null"},
        {"{\"name\":1}", "name", "must be a text"},
        {"{\"name\":\"abcd\"}", "name", "must have at most 3 characters"},
        {"{\"name\":\"\\u0007\"}", "name", "must be UTF-8 text without control signs"},
        {"{\"name\":\"\",\"kind\":\"\"}", "kind", "must have at least 1 characters"},
        {"{\"name\":\"\",\"kind\":\"b\"}", "kind", "must be one of a|bc"},
        {"{\"name\":\"\",\"count\":-6}", "count", "must be at least -5"},
        {"{\"name\":\"\",\"count\":11}", "count", "must be at most 10"},
        {"{\"name\":\"\",\"count\":1.0}", "count", "must be a whole number"},
        {"{\"name\":\"\",\"count\":null}", "count", "must not be null"},
        {"{\"name\":\"\",\"share\":\"1\"}", "share", "must be a number"},
        {"{\"name\":\"\",\"on\":1}", "on", "must be true or false"},
        {"{\"name\":\"\",\"id\":\"1\"}", "id", "must be an id"},
        {"{\"name\":\"\",\"id\":7}", "id", "must be an id"},
        {"{\"name\":\"\",\"at\":\"today\"}", "at", "must be a time as in RFC 3339"},
        {"{\"name\":\"\",\"inner\":[]}", "inner", "must be an object"},
        {"{\"name\":\"\",\"inner\":{}}", "inner.name", "is required"},
        {"{\"name\":\"\",\"inner\":{\"name\":\"n\",\"x\":1}}", "inner.x", "is not known here"},
        {"{\"name\":\"\",\"parts\":{}}", "parts", "must be a list"},
        {"{\"name\":\"\",\"parts\":[{\"name\":\"a\"},{\"name\":\"b\",\"weight\":2}]}",
         "parts.1.weight", "must be at most 1"},
        {"{\"name\":\"\",\"parts\":[{},{},{}]}", "parts", "must have at most 2 items"},
        {"{\"name\":\"\",\"tags\":[\"a\",1]}", "tags.1", "must be a text"},
        {"{\"name\":\"\",\"meta\":[]}", "meta", "must be an object"},
        {"{\"name\":\"\",\"meta\":{\"k\":\"12345678901234567890\"}}", "meta",
         "must have at most 20 bytes"},
        {"{\"name\":\"\",\"Name\":\"\"}", "Name", "is not known here"},
        {"{\"name\":\"\",\"\":\"\"}", "(empty name)", "is not known here"},
        {"[]", "body", "must be an object"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(decode(cases[i].text), ERR_INVALID);
        assert_int_equal(cx.field_count, 1);
        assert_int_equal(cx.code, CODE_VALIDATION_ERROR);
        assert_string_equal(cx.fields[0].field.p, cases[i].field);
        assert_string_equal(cx.fields[0].message.p, cases[i].message);
    }
}

static void names_all_faults_at_once(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"kind\":1,\"count\":99,\"inner\":{},\"zzz\":0}"), ERR_INVALID);
    assert_int_equal(cx.field_count, 5);
    /* more than a reply can name: still a fault, and no harm */
    assert_int_equal(decode("{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
                            "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,\"n\":1,\"o\":1,\"p\":1,"
                            "\"q\":1,\"r\":1,\"s\":1}"),
                     ERR_INVALID);
    assert_int_equal(cx.field_count, CX_FIELDS);
}

static void null_empties_what_can_be_empty(void **state)
{
    (void)state;
    assert_int_equal(decode("{\"name\":\"\",\"id\":null,\"inner\":null,\"share\":null,"
                            "\"parts\":null,\"kind\":null}"),
                     ERR_OK);
    assert_true(s.has_id && uuid_is_nil(s.id) && s.has_inner && !s.has_count);
}

static void a_long_unknown_name_is_cut(void **state)
{
    (void)state;
    static char text[2000] = "{\"name\":\"\",\"";
    memset(text + strlen(text), 'x', 1000);
    (void)snprintf(text + strlen(text), 100, "\":1}");
    assert_int_equal(decode(text), ERR_INVALID);
    assert_int_equal(cx.fields[0].field.n, 64);
}

static void encodes(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    s = (struct sample){.name = STR("<n>"), .count = 3};
    field_encode(&b, fields, &s);
    assert_string_equal(b.p, "{\"name\":null,\"kind\":null,\"count\":null,\"share\":0,\"on\":false,"
                             "\"id\":null,\"at\":null,\"parts\":[],\"meta\":null}");
    buf_reset(&b);
    const struct part parts[] = {{STR("p"), 0.25}};
    const struct str tags[] = {STR("t"), STR("\"")};
    s.has_name = s.has_count = s.has_inner = true;
    s.kind = STR("a");
    s.inner = (struct part){STR("i"), 1};
    s.parts = (struct list){parts, 1};
    s.tags = (struct list){tags, 2};
    s.meta = STR("{\"a\":1}");
    s.at_us = 1500000;
    field_encode(&b, fields, &s);
    assert_string_equal(b.p,
                        "{\"name\":\"\\u003cn\\u003e\",\"kind\":\"a\",\"count\":3,\"share\":0,"
                        "\"on\":false,\"id\":null,\"at\":\"1970-01-01T00:00:01.500Z\","
                        "\"inner\":{\"name\":\"i\",\"weight\":1},"
                        "\"parts\":[{\"name\":\"p\",\"weight\":0.25}],\"tags\":[\"t\",\"\\\"\"],"
                        "\"meta\":{\"a\":1}}");
}

static void makes_schemas(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(8 * KB);
    field_schema(&b, fields, true);
    json_t *v = json_loads(b.p, 0, NULL);
    assert_non_null(v);
    const json_t *p = json_object_get(v, "properties");
    assert_int_equal(json_object_size(p), COUNT(fields) - 1);
    assert_true(json_is_false(json_object_get(v, "additionalProperties")));
    assert_int_equal(json_array_size(json_object_get(v, "required")), 1);
    assert_int_equal(json_get_i64(json_object_get(p, "name"), "maxLength", 0), 3);
    assert_int_equal(json_array_size(json_object_get(json_object_get(p, "kind"), "enum")), 2);
    assert_int_equal(json_get_i64(json_object_get(p, "count"), "minimum", 0), -5);
    assert_true(str_is(json_get_str(json_object_get(p, "at"), "format"), "date-time"));
    assert_true(json_is_array(json_object_get(json_object_get(p, "id"), "type")));
    const json_t *items = json_object_get(json_object_get(p, "parts"), "items");
    assert_int_equal(json_object_size(json_object_get(items, "properties")), 2);
    json_decref(v);
    buf_reset(&b);
    field_schema(&b, fields, false);
    v = json_loads(b.p, 0, NULL);
    assert_non_null(v);
    assert_null(json_object_get(v, "additionalProperties"));
    json_decref(v);
}

static void tables_are_checked(void **state)
{
    (void)state;
    static const struct field twice[] = {FIELD_INT(struct sample, count),
                                         FIELD_INT(struct sample, count), FIELD_END};
    static const struct field no_table[] = {FIELD_OBJ(struct sample, inner), FIELD_END};
    static const struct field no_size[] = {FIELD_LIST(struct sample, parts, .fields = part_fields),
                                           FIELD_END};
    static const struct field bounds[] = {FIELD_INT(struct sample, count, .min = 5, .max = 2),
                                          FIELD_END};
    const struct field *const bad[] = {twice, no_table, no_size, bounds};
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    for (size_t i = 0; i < COUNT(bad); i++) {
        buf_reset(&why);
        assert_false(field_table_ok(bad[i], false, &why));
        assert_true(why.n > 0);
    }
    assert_true(field_table_ok(fields, false, &why));
    assert_false(field_table_ok(fields, true, &why));
}

/* --- queries --- */

struct query {
    struct str q;
    int64_t n;
    bool has_n;
    double f;
    bool on;
    struct uuid id;
    int64_t at_us;
};

static const struct field query_fields[] = {
    FIELD_STR(struct query, q, .max = 10),
    FIELD_INT(struct query, n, .min = 1, .max = 9, FIELD_HAS(struct query, has_n)),
    FIELD_NUM(struct query, f),
    FIELD_BOOL(struct query, on),
    FIELD_ID(struct query, id),
    {.kind = FIELD_K_TIME, .name = "at", .offset = offsetof(struct query, at_us)},
    FIELD_END,
};

static enum err query(const char *text, struct query *ret)
{
    cx_end(&cx);
    cx_begin(&cx, NULL);
    *ret = (struct query){};
    return field_decode_query(&cx, query_fields, str_of(text), ret);
}

static void decodes_queries(void **state)
{
    (void)state;
    struct query q;
    assert_int_equal(query("", &q), ERR_OK);
    assert_int_equal(query("q=a%20b+c%C3%A4&n=9&f=-1.5&on=true&at=1970-01-01T00:00:01Z&&"
                           "id=0190f5a0-0000-7000-8000-000000000001",
                           &q),
                     ERR_OK);
    assert_string_equal(q.q.p, "a b c\xc3\xa4");
    assert_true(q.has_n && q.n == 9 && q.on && q.f < -1.4 && q.at_us == SECOND_US);
    assert_int_equal(q.id.b[15], 1);
    static const char *const bad[] = {
        "x=1",   "n=0",   "n=10",  "n=",      "n=1x", "q=%",   "q=%4",    "q=%4g",
        "q=%00", "q=%ff", "q=%0",  "on=yes",  "id=1", "at=1",  "n=1&n=1", "q=12345678901",
        "f=nan", "=1",    "q=%80", "%71=a&q", "n=+1", "f=inf",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (query(bad[i], &q) != ERR_INVALID) {
            fail_msg("%s was taken", bad[i]);
        }
        assert_int_equal(cx.field_count, 1);
    }
    char many[300] = "";
    for (int i = 0; i < 33; i++) {
        (void)snprintf(many + strlen(many), 10, "a%d=1&", i);
    }
    assert_int_equal(query(many, &q), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_every_kind),
        cmocka_unit_test(names_faults_by_path),
        cmocka_unit_test(names_all_faults_at_once),
        cmocka_unit_test(null_empties_what_can_be_empty),
        cmocka_unit_test(a_long_unknown_name_is_cut),
        cmocka_unit_test(encodes),
        cmocka_unit_test(makes_schemas),
        cmocka_unit_test(tables_are_checked),
        cmocka_unit_test(decodes_queries),
    };
    cx_begin(&cx, NULL);
    const int failed = cmocka_run_group_tests_name("fields", tests, NULL, NULL);
    cx_end(&cx);
    return failed;
}
