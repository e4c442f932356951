#include "domain/knowledge/chunker.h"

#include "base/buf.h"
#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* What chunker.h promises of every result. */
static void check(const struct extracted *ex, size_t aim, const struct chunk_span *v, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        assert_true(v[i].start < v[i].end && v[i].end <= ex->text.n);
        for (; at < v[i].start; at++) {
            assert_true(is_blank(ex->text.p[at]));
        }
        assert_int_equal(at, v[i].start);
        const struct str s = str_sub(ex->text, v[i].start, v[i].end - v[i].start);
        assert_true(utf8_valid(s) && str_trim(s).n == s.n);
        assert_true(s.n <= aim + aim / 4);
        at = v[i].end;
    }
    for (; at < ex->text.n; at++) {
        assert_true(is_blank(ex->text.p[at]));
    }
}

static void extract_markdown_text(struct cx *cx, struct str md, struct extracted *ex)
{
    assert_int_equal(extract(cx, md, STR("text/markdown"), ex), ERR_OK);
}

static void test_sections(void **state)
{
    (void)state;
    struct cx cx;
    cx_begin(&cx, NULL);
    struct extracted ex;
    extract_markdown_text(
        &cx,
        STR("# Shop\n\n## Returns\n\nThirty days.\n\n### Refunds\n\nFive days.\n\n"
            "#### Small\n\nprint\n\n#### More\n\nprint\n\n## Last\n\nend"),
        &ex);
    struct chunk_span *v;
    size_t n;
    chunk_text(cx.arena, &ex, 400, &(struct chunk_path){}, &v, &n);
    check(&ex, 400, v, n);
    assert_int_equal(n, 3);
    assert_string_equal(v[0].heading.p, "Shop \xe2\x80\xba Returns");
    assert_string_equal(v[1].heading.p, "Shop \xe2\x80\xba Returns \xe2\x80\xba Refunds");
    assert_string_equal(v[2].heading.p, "Shop \xe2\x80\xba Last");
    assert_true(str_starts(str_sub(ex.text, v[0].start, 100), STR("Shop\n\nReturns\n\nThirty")));
    assert_true(str_find(str_sub(ex.text, v[1].start, v[1].end - v[1].start), STR("More"), 0) > 0);
    cx_end(&cx);
}

static void test_cuts(void **state)
{
    (void)state;
    static const struct {
        const char *text, *first;
    } rows[] = {
        {"Aaa bbb ccc ddd eee.\n\nFff ggg hhh iii jjj kkk lll mmm.", "Aaa bbb ccc ddd eee."},
        {"Aaa bbb ccc ddd eee. Fff\nggg hhh iii jjj kkk lll mmm nnn.", "Aaa bbb ccc ddd eee. Fff"},
        {"Aaa bbb ccc ddd eee! Fff ggg hhh iii jjj kkk lll mmm nnn.", "Aaa bbb ccc ddd eee!"},
        {"Aaa bbb ccc ddd eee fff ggg hhh iii jjj kkk lll mmm nnn ooo.",
         "Aaa bbb ccc ddd eee fff ggg hhh"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xe2\x82\xac\xe2\x82\xac"
         "aaaaaaaaaaaaaaaaaaaaaaaaaa",
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct extracted ex = {.text = str_of(rows[i].text)};
        struct chunk_span *v;
        size_t n;
        chunk_text(a, &ex, 32, &(struct chunk_path){}, &v, &n);
        check(&ex, 32, v, n);
        assert_string_equal(str_dup(a, str_sub(ex.text, v[0].start, v[0].end - v[0].start)).p,
                            rows[i].first);
    }
    arena_free(&a);
}

/* Random texts of words, blanks, signs of several bytes and headings hold the promises too. */
static void test_random(void **state)
{
    (void)state;
    static const char *const parts[] = {"word",        " ",
                                        ". ",          "\n",
                                        "\n\n",        "\xc3\xa4",
                                        "x",           "\xf0\x9f\x98\x80",
                                        "\n\n# h\n\n", "\n\n##### h\n\n",
                                        "longerword"};
    uint64_t seed = 42;
    for (int round = 0; round < 300; round++) {
        struct cx cx;
        cx_begin(&cx, NULL);
        SCOPED(buf_fini) struct buf b = buf_make(MB);
        buf_cstr(&b, "start\n\n");
        for (int i = 0; i < 400; i++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            buf_cstr(&b, parts[(seed >> 33) % COUNT(parts)]);
        }
        struct extracted ex;
        extract_markdown_text(&cx, buf_view(&b), &ex);
        struct chunk_span *v;
        size_t n;
        const size_t aim = 16 + (seed >> 40) % 300;
        chunk_text(cx.arena, &ex, aim, &(struct chunk_path){}, &v, &n);
        check(&ex, aim, v, n);
        cx_end(&cx);
    }
}

static void test_no_text(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    const struct extracted ex = {.text = STR(" \n ")};
    struct chunk_span *v;
    size_t n = 7;
    chunk_text(a, &ex, 100, &(struct chunk_path){}, &v, &n);
    assert_int_equal(n, 0);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_cuts),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
