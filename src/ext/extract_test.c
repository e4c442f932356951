#include "ext/extract.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/conf.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct str text_of(struct cx *cx, const char *mime, struct str bytes)
{
    struct extracted ex = {};
    const enum err e = extract(cx, bytes, str_of(mime), &ex);
    return e ? str_fmt(cx->arena, "!%s", cx->detail) : ex.text;
}

struct row {
    const char *in;
    const char *out;
};

static void check_rows(const char *mime, const struct row *rows, size_t count)
{
    struct cx cx;
    cx_begin(&cx, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct str text = text_of(&cx, mime, str_of(rows[i].in));
        if (!str_is(text, rows[i].out)) {
            print_message("for <<%s>>\ngot <<%s>>\n", rows[i].in, text.p);
        }
        assert_string_equal(text.p, rows[i].out);
    }
    cx_end(&cx);
}

static void test_plain(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"one  two\t three", "one two three"},
        {"a\r\nb\r\n\r\n\r\n\r\nc\n\n", "a\nb\n\nc"},
        {"\xef\xbb\xbfwith mark", "with mark"},
        {"soft\xc2\xadhyphen and\xc2\xa0no-break", "softhyphen and no-break"},
        {"bell\a and escape\x1b", "bell and escape"},
        {"", "!there is no text in it"},
        {" \n\t\r\n \xc2\xa0", "!there is no text in it"},
        {"caf\xe9",
         "!its bytes are not UTF-8; save it as UTF-8, or declare the charset windows-1252"},
    };
    check_rows("text/plain", rows, COUNT(rows));
}

static void test_markdown(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"# Title\n\nSome *soft* and **strong** [link](http://x.example/) text\nthat goes on.",
         "Title\n\nSome soft and strong link text that goes on."},
        {"# T\n\n- one\n- two\n  - deep\n- three\n\nend",
         "T\n\n- one\n- two\n  - deep\n- three\n\nend"},
        {"3. one\n4. two\n\ntext", "3. one\n4. two\n\ntext"},
        {"- one\n\n- two\n\n  more", "- one\n\n- two\n\nmore"},
        {"| A | B |\n|---|:-:|\n| 1 | *x* `y` |\n| 2 | |\n", "A | B\n1 | x y\n2 |"},
        {"A | B\n--- | ---\n1 | 2", "A | B\n1 | 2"},
        {"a | b is no table\nof mine", "a | b is no table of mine"},
        {"```sh\nif x; then\n    y\n\nfi\n```\nafter", "if x; then\n    y\n\nfi\n\nafter"},
        {"> quoted\n> more\n\nfree", "quoted more\n\nfree"},
        {"<div><b>raw</b><script>alert(1)</script></div>\n\ntext <i>in</i> line",
         "raw\n\ntext in line"},
        {"one<br>two\\\nthree  \nfour", "one\ntwo\nthree\nfour"},
        {"&euro;&nbsp;5 &amp; more ![a picture](x.png)", "\xe2\x82\xac 5 & more a picture"},
        {"```\nnever closed\n", "never closed"},
        {"---\ntitle: \"From above\"\ntags:\n- a\n---\nbody", "body"},
        {"# Only\n\n## Headings\n", "!there are only headings in it, and no text below them"},
        {"[a]: http://x.example/\n", "!there is no text in it"},
    };
    check_rows("text/markdown", rows, COUNT(rows));
}

static void test_html(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"<!doctype html><title>T</title><nav>menu</nav><h1>Head</h1><p>One\n two &euro;5</p>"
         "<footer>foot</footer><script>var x = '<p>no</p>'</script>",
         "Head\n\nOne two \xe2\x82\xac"
         "5"},
        {"<main><header><h1>H</h1></header><p>in</p></main><p>out</p>", "H\n\nin"},
        {"<ul><li>a<li><p>b</p><ol><li>x</li><li>y</li></ol></ul>z",
         "- a\n- b\n  1. x\n  2. y\n\nz"},
        {"<table><tr><th>A</th><th>B</th></tr>\n<tr>\n<td><p>1</p></td>\n<td>2<br>3</td></tr></"
         "table>",
         "A | B\n1 | 2 3"},
        {"<form><p>the page is one form</p><input value=no></form>", "the page is one form"},
        {"<p hidden>no</p><p style='color:red; display: none'>no</p><p aria-hidden=true>no</p>yes",
         "yes"},
        {"<pre>a\n  b\n</pre>c", "a\n  b\n\nc"},
        {"a<b>b</b>c d<br>e<img alt='pic'>", "abc d\nepic"},
        {"<p>un<p>closed <b>and <i>mis</b>nested</i>", "un\n\nclosed and misnested"},
        {"<html><body></body></html>", "!there is no text in it"},
        {"<style>p {}</style><nav>only</nav>", "!there is no text in it"},
    };
    check_rows("text/html", rows, COUNT(rows));
}

static void test_headings_and_title(void **state)
{
    (void)state;
    static const struct {
        const char *mime, *in, *title, *language;
    } rows[] = {
        {"text/markdown", "# One *x*\n\ntext\n\n## Two\n\nmore", "One x", ""},
        {"text/html",
         "<html lang=de-AT><title> My\n page </title><h1>One x</h1>text<h2><p>Two</p></h2>more",
         "My page", "de"},
        {"text/markdown", "---\ntitle: Above\n---\n# One x\ntext\n\n## Two\nmore", "Above", ""},
    };
    struct cx cx;
    cx_begin(&cx, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct extracted ex;
        assert_int_equal(extract(&cx, str_of(rows[i].in), str_of(rows[i].mime), &ex), ERR_OK);
        assert_string_equal(ex.title.p ? str_dup(cx.arena, ex.title).p : "", rows[i].title);
        assert_true(str_is(ex.language, rows[i].language));
        assert_int_equal(ex.heading_count, 2);
        const struct extract_heading *h = ex.headings;
        assert_int_equal(h[0].level, 1);
        assert_int_equal(h[1].level, 2);
        assert_true(str_is(str_sub(ex.text, h[0].start, h[0].end - h[0].start), "One x"));
        assert_true(str_is(str_sub(ex.text, h[1].start, h[1].end - h[1].start), "Two"));
    }
    cx_end(&cx);
}

static void test_charset(void **state)
{
    (void)state;
    struct cx cx;
    cx_begin(&cx, NULL);
    const struct str latin = STR("caf\xe9 5 \x80");
    assert_string_equal(text_of(&cx, "text/plain; charset=windows-1252", latin).p,
                        "caf\xc3\xa9 5 \xe2\x82\xac");
    const struct str page = STR("<meta charset=\"ISO-8859-1\"><p>caf\xe9</p>");
    assert_string_equal(text_of(&cx, "text/html", page).p, "caf\xc3\xa9");
    assert_true(str_starts(text_of(&cx, "text/plain",
                                   STR("\xff\xfe"
                                       "a\0")),
                           STR("!it is UTF-16")));
    assert_true(str_starts(text_of(&cx, "text/plain", STR("a\0b")), STR("!it is not text")));
    cx_end(&cx);
}

static void test_type(void **state)
{
    (void)state;
    static const struct {
        const char *name, *declared, *bytes, *mime; /* mime NULL: refused */
    } rows[] = {
        {"a.txt", "", "hello", "text/plain"},
        {"a.md", "text/plain", "hello", "text/markdown"},
        {"A.MARKDOWN", "application/octet-stream", "hello", "text/markdown"},
        {"a.htm", "text/html; charset=utf-8", "<p>hello", "text/html"},
        {"notes", "", "hello", "text/plain"},
        {"notes", "", "<!-- c --> <!DOCTYPE html><p>x", "text/html"},
        {"notes", "text/markdown", "# x", "text/markdown"},
        {"Release v1.2", "text/plain", "hello", "text/plain"},
        {"a.txt", "text/plain; charset=iso-8859-1", "caf\xe9", "text/plain; charset=windows-1252"},
        {"a.txt", "", "caf\xe9", NULL},
        {"a.txt", "text/html", "hello", NULL},
        {"a.html", "text/plain", "<p>hello", NULL},
        {"a.txt", "", "<!doctype html><p>hello", NULL},
        {"a.md", "", "<html><p>hello", NULL},
        {"a.html", "", "no markup at all", NULL},
        {"a.pdf", "", "hello", NULL},
        {"a.txt", "application/pdf", "hello", NULL},
        {"a.txt", "text/plain", "%PDF-1.7\n", NULL},
        {"a.txt", "", "PK\x03\x04zip", NULL},
        {"a.txt", "",
         "\x7f"
         "ELF\x02",
         NULL},
        {"a.md", "", "\x89PNG\r\n", NULL},
        {"a.txt", "", "MZ is how it starts", "text/plain"},
    };
    struct cx cx;
    cx_begin(&cx, NULL);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str mime = {};
        const struct extent bytes = extent_of(str_of(rows[i].bytes));
        const enum err e =
            extract_type(&cx, str_of(rows[i].name), str_of(rows[i].declared), &bytes, &mime);
        print_message("%s %s\n", rows[i].name, e ? cx.detail : mime.p);
        assert_int_equal(e, rows[i].mime ? ERR_OK : ERR_INVALID);
        assert_true(!rows[i].mime || str_is(mime, rows[i].mime));
        assert_true(!e || cx.code == CODE_UNSUPPORTED_MEDIA_TYPE);
    }
    struct str mime;
    const struct extent program = extent_of(STR("MZ\0\0"));
    assert_int_equal(extract_type(&cx, STR("a.txt"), STR(""), &program, &mime), ERR_INVALID);
    cx_end(&cx);
}

static void repeat(struct buf *b, const char *s, int times)
{
    for (int i = 0; i < times; i++) {
        buf_cstr(b, s);
    }
}

struct hostile {
    const char *mime, *open, *middle, *close;
    int times;
};

/* Depth and breadth that would break a recursive or quadratic reader: it must end in bounded time,
 * with text or with a reason, on the small stack of a job's thread. */
static void *run_hostile(void *arg)
{
    const struct hostile *h = arg;
    struct cx cx;
    cx_begin(&cx, NULL);
    SCOPED(buf_fini) struct buf b = buf_make(64 * MB);
    repeat(&b, h->open, h->times);
    buf_cstr(&b, h->middle);
    repeat(&b, h->close, h->times);
    const int64_t start = clock_mono_us();
    struct extracted ex;
    const enum err e = extract(&cx, buf_view(&b), str_of(h->mime), &ex);
    const int64_t us = clock_mono_us() - start;
    print_message("%-14s %-10s x %-8d %6" PRId64 " ms: %s\n", h->mime, h->open, h->times, us / 1000,
                  e ? cx.detail : "text");
    assert_true(e == ERR_OK || e == ERR_INVALID);
    cx_end(&cx);
    return NULL;
}

static void test_hostile(void **state)
{
    (void)state;
    static const struct hostile rows[] = {
        {"text/html", "<div>", "x", "", 100000},
        {"text/html", "<div>", "x", "</div>", 100000},
        {"text/html", "<b>", "x", "", 100000},
        {"text/html", "<b><p>", "x", "", 20000},
        {"text/html", "<a><i><p>", "x", "</p></i></a>", 20000},
        {"text/html", "<table><td>", "x", "", 20000},
        {"text/html", "<ul><li>", "x", "", 50000},
        {"text/html", "<svg><g>", "x", "", 50000},
        {"text/html", "<!--", "x", "", 100000},
        {"text/html", "&amp", "x", "", 1000000},
        {"text/html", "<p a b=c>", "x", "", 200000},
        {"text/markdown", "> ", "x", "", 100000},
        {"text/markdown", "- ", "x", "", 100000},
        {"text/markdown", "1. ", "x", "", 100000},
        {"text/markdown", "[", "x", "]", 100000},
        {"text/markdown", "*", "x", "*", 100000},
        {"text/markdown", "*a **b ", "x", "", 100000},
        {"text/markdown", "![](", "x", ")", 100000},
        {"text/markdown", "<!--", "x", "", 100000},
        {"text/markdown", "<div>\n\n", "x", "", 100000},
        {"text/markdown", "`a``b", "x", "", 100000},
        {"text/markdown", "a|b\n-|-\n", "x", "", 100000},
        {"text/markdown", "# h\n\nt\n\n", "x", "", 100000},
        {"text/plain", "endless ", "x", "", 1300000},
        {"text/plain", "\n", "x", "", 1300000},
    };
    conf.extract_timeout_ms = 500;
    for (size_t i = 0; i < COUNT(rows); i++) {
        pthread_attr_t attr;
        pthread_t t;
        assert_int_equal(pthread_attr_init(&attr), 0);
        assert_int_equal(pthread_attr_setstacksize(&attr, 256 * KB), 0);
        struct hostile row = rows[i];
        assert_int_equal(pthread_create(&t, &attr, run_hostile, &row), 0);
        assert_int_equal(pthread_join(t, NULL), 0);
        (void)pthread_attr_destroy(&attr);
    }
}

static void test_deadline(void **state)
{
    (void)state;
    struct cx cx;
    cx_begin(&cx, NULL);
    cx.deadline_us = 1;
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    repeat(&b, "<p>x", 10000);
    struct extracted ex;
    assert_int_equal(extract(&cx, buf_view(&b), STR("text/html"), &ex), ERR_TIMEOUT);
    assert_int_equal(extract(&cx, buf_view(&b), STR("text/markdown"), &ex), ERR_TIMEOUT);
    cx_end(&cx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_markdown),
        cmocka_unit_test(test_html),    cmocka_unit_test(test_headings_and_title),
        cmocka_unit_test(test_charset), cmocka_unit_test(test_type),
        cmocka_unit_test(test_hostile), cmocka_unit_test(test_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
