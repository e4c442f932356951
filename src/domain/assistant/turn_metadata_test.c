#include "base/json.h"
#include "base/mem.h"
#include "domain/assistant/turn_work.h"

#include <setjmp.h>

#include <cmocka.h>

enum { TABLE_MAX = 65536 };

static json_t *parse(struct cx *cx, const struct turn *t)
{
    json_t *j = NULL;
    const struct str text = turn_metadata(cx->arena, t);
    assert_true(text.n <= TABLE_MAX);
    assert_int_equal(json_parse(cx, text, &j), ERR_OK);
    assert_true(json_is_object(j));
    return j;
}

static void says_what_was_done(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    struct citation c = {.document_name = STR("a \"b\".md"),
                         .version = 3,
                         .start = 7,
                         .end = 12,
                         .quote = STR("words")};
    memset(c.document.v.b, 2, sizeof(c.document.v.b));
    struct turn t = {.action = STR("review"), .citations = &c, .citation_count = 1};
    assert_string_equal(turn_metadata(cx.arena, &t).p,
                        "{\"action\":\"review\",\"citations\":[{\"n\":1,"
                        "\"documentId\":\"02020202-0202-0202-0202-020202020202\","
                        "\"documentName\":\"a \\\"b\\\".md\",\"version\":3,\"start\":7,\"end\":12,"
                        "\"quote\":\"words\"}]}");
    t.citation_count = 0;
    t.stopped = true;
    assert_string_equal(turn_metadata(cx.arena, &t).p,
                        "{\"action\":\"review\",\"citations\":[],\"stopped\":true}");
}

/* However much is quoted, the table takes it. */
static void is_never_too_large(void **state)
{
    (void)state;
    enum { MANY = 400, LONG = 30000 };
    static const size_t counts[] = {1, 2, 9, 40, MANY};
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    char *signs = mem_alloc(LONG + 1, 1);
    for (size_t i = 0; i + 1 < LONG; i += 2) {
        memcpy(signs + i, i % 6 ? "\xc3\xa9" : "\"\n", 2);
    }
    struct citation *cs = mem_alloc(MANY, sizeof(*cs));
    for (size_t i = 0; i < MANY; i++) {
        cs[i] = (struct citation){.document_name = {signs, 254}, .quote = {signs, LONG}};
    }
    for (size_t i = 0; i < COUNT(counts); i++) {
        const struct turn t = {
            .action = STR("answer"), .citations = cs, .citation_count = counts[i]};
        const json_t *list = json_object_get(parse(&cx, &t), "citations");
        assert_true(json_array_size(list) == (counts[i] == MANY ? MANY / 4 : counts[i]));
        assert_true(counts[i] > 2 || json_get_str(json_array_get(list, 0), "quote").n > 4000);
    }
    mem_free(cs);
    mem_free(signs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_was_done),
        cmocka_unit_test(is_never_too_large),
    };
    return cmocka_run_group_tests_name("turn_metadata", tests, NULL, NULL);
}
