#include "ext/extract_window.h"

#include "base/conf.h"

#include <setjmp.h>

#include <cmocka.h>

static void plain_text_is_cut_at_the_best_place(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *first;
        const char *joint;
    } rows[] = {
        {"one two\n\nthree four\n \nfive", "one two\n\nthree four\n \n", "\n\n"},
        {"a\n\nthree four five\nsix seven", "a\n\nthree four five\n", "\n"},
        {"a\nthree four five six seven", "a\nthree four five six ", " "},
        {"abcdefghijklmnopqrst", "abcdefghijklmnop", ""},
        {"aaaaaaaaaaaaa\xe2\x82\xac\xe2\x82\xac", "aaaaaaaaaaaaa", ""},
        {"\x80\x80\x80\x80\x80", "\x80\x80\x80\x80\x80", ""},
        {"a", "a", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str bytes = str_of(rows[i].bytes);
        const struct extract_cut c = extract_cut_plain(bytes);
        print_message("%zu of %zu\n", c.at, bytes.n);
        assert_true(str_is(str_sub(bytes, 0, c.at), rows[i].first));
        assert_string_equal(c.joint, rows[i].joint);
        assert_string_equal(c.fence, "");
    }
}

static void markdown_is_cut_before_a_heading(void **state)
{
    (void)state;
    static const struct {
        const char *fence;
        const char *bytes;
        const char *rest;
        const char *after; /* the fence that the rest begins in */
    } rows[] = {
        {"", "# A\n\ntext\n\n## B\n\nmore\n\n## C\n\nend", "## C\n\nend", ""},
        {"", "# A\n\ntext\n\n## B\n\n### C\n\nend", "## B\n\n### C\n\nend", ""},
        {"", "text\n\n```c\n\n# no heading\n\n```\n\ntext\nmore", "text\nmore", ""},
        {"", "text\n\n~~~\n```\n\n# no\n~~~~\n\n  # yes\nx", "  # yes\nx", ""},
        {"", "text\n\n    # code\n\n- item\n\n  item", "  item", ""},
        {"", "#hash is no heading\n\n#nor is this\n\nparagraph", "paragraph", ""},
        {"", "text\n\n````md\ncode\n```\ncode\nco", "co", "````md"},
        {"```c", "int x;\n```\n\ntext\n\n# B\nx", "# B\nx", ""},
        {"```c", "int x;\n\n# y\nint z;\nint", "int", "```c"},
        {"", "``` not ` code\n\n# B\nx", "# B\nx", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str bytes = str_of(rows[i].bytes);
        const struct extract_cut c = extract_cut_markdown(bytes, rows[i].fence);
        const struct str rest = str_sub(bytes, c.at, bytes.n);
        if (!str_is(rest, rows[i].rest)) {
            fail_msg("row %zu leaves \"" STR_FMT "\"", i, STR_ARG(rest));
        }
        assert_string_equal(c.fence, rows[i].after);
    }
}

/* Paragraphs, code and sections, over many windows. */
static void fill(struct buf *b)
{
    for (int i = 0; i < 60; i++) {
        buf_fmt(b, "%s Part %d\n\nThe %d. heron *costs* `%d`:\n\n- nine\n- ten\n\n", i ? "##" : "#",
                i, i, i);
        buf_fmt(b, "```\nint x = %d;\n\n# no heading\n```\n\nAnd so on.\n\n", i);
    }
}

static void assert_same_in_windows(const char *mime, struct str bytes)
{
    SCOPED(cx_end) struct cx cx;
    struct extracted whole;
    cx_begin(&cx, NULL);
    assert_int_equal(extract(&cx, bytes, str_of(mime), &whole), ERR_OK);
    for (size_t window = 400; window < 4000; window += 177) {
        const struct extent e = extent_of(bytes);
        struct extract_reader r;
        SCOPED(buf_fini) struct buf text = buf_make(MB);
        size_t headings = 0;
        bool more = true;
        assert_int_equal(extract_begin(&cx, &e, str_of(mime), &r), ERR_OK);
        r.window = window;
        while (more) {
            struct extracted ex;
            assert_int_equal(extract_next(&cx, &r, &ex, &more), ERR_OK);
            for (size_t i = 0; i < ex.heading_count; i++) {
                const struct extract_heading *want = &whole.headings[headings++];
                assert_int_equal(text.n + ex.headings[i].start, want->start);
                assert_int_equal(text.n + ex.headings[i].end, want->end);
                assert_int_equal(ex.headings[i].level, want->level);
            }
            buf_str(&text, ex.text);
        }
        assert_true(str_eq(buf_view(&text), whole.text));
        assert_int_equal(headings, whole.heading_count);
    }
}

static void windows_make_no_difference(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    buf_cstr(&b, "\xef\xbb\xbf");
    fill(&b);
    assert_same_in_windows("text/markdown", buf_view(&b));
    assert_same_in_windows("text/plain", buf_view(&b));
}

static enum err read_all(struct cx *cx, const char *mime, struct str bytes, size_t window)
{
    const struct extent e = extent_of(bytes);
    struct extract_reader r;
    struct extracted ex;
    bool more = true;
    TRY(extract_begin(cx, &e, str_of(mime), &r));
    r.window = window;
    while (more) {
        TRY(extract_next(cx, &r, &ex, &more));
    }
    return ERR_OK;
}

static void faults_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *mime;
        struct str bytes;
        const char *why; /* NULL: none */
    } rows[] = {
        {"text/plain", STR(" \n\n \n \n\n \n"), "there is no text in it"},
        {"text/markdown", STR("# A\n\n# B\n\n# C\n\n# D"),
         "there are only headings in it, and no text below them"},
        {"text/markdown", STR("# A\n\n# B\n\n# C\n\nD"), NULL},
        {"text/plain", STR("a\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac"), NULL},
        {"text/plain", STR("a\xe2\x82"),
         "its bytes are not UTF-8; save it as UTF-8, or declare the "
         "charset windows-1252"},
        {"text/plain; charset=windows-1252", STR("a\xe2 b\xe2 c\xe2 d\xe2 e"), NULL},
        {"text/plain", STR("a\0b"), "it is not text: there are NUL bytes in it"},
        {"text/plain", STR("\xff\xfe"), "it is UTF-16; save it as UTF-8"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx;
        cx_begin(&cx, NULL);
        const enum err e = read_all(&cx, rows[i].mime, rows[i].bytes, 8);
        assert_int_equal(e, rows[i].why ? ERR_INVALID : ERR_OK);
        assert_true(!e || str_is(str_of(cx.detail), rows[i].why));
    }
}

/* A code point may stand across two windows of the check, which are not those of the reading. */
static void the_charset_is_seen_across_windows(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    for (size_t shift = 0; shift < 4; shift++) {
        buf_reset(&b);
        for (size_t i = 0; i < shift; i++) {
            buf_char(&b, 'a');
        }
        while (b.n < 2 * EXTENT_WINDOW) {
            buf_cstr(&b, "\xf0\x9f\xa6\xa2");
        }
        for (int broken = 0; broken < 2; broken++) {
            SCOPED(cx_end) struct cx cx;
            cx_begin(&cx, NULL);
            const struct extent e = extent_of(buf_view(&b));
            struct extract_reader r;
            assert_int_equal(extract_begin(&cx, &e, STR("text/plain"), &r),
                             broken ? ERR_INVALID : ERR_OK);
            b.p[EXTENT_WINDOW] = 'x';
        }
    }
}

static void a_page_that_is_too_large_is_refused(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    struct extract_reader r;
    const struct extent page = {.bytes = STR("<p>x"),
                                .n = (uint64_t)conf.extract_max_memory / 4 + 1};
    assert_int_equal(extract_begin(&cx, &page, STR("text/html"), &r), ERR_INVALID);
    assert_true(str_find(str_of(cx.detail), STR("pages of up to"), 0) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_is_cut_at_the_best_place),
        cmocka_unit_test(markdown_is_cut_before_a_heading),
        cmocka_unit_test(windows_make_no_difference),
        cmocka_unit_test(faults_are_told),
        cmocka_unit_test(the_charset_is_seen_across_windows),
        cmocka_unit_test(a_page_that_is_too_large_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
