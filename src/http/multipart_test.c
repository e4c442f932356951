#include "http/multipart.h"

#include <setjmp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#define TYPE "multipart/form-data; boundary=xyz"
#define NAME "Content-Disposition: form-data; name=\"n\"\r\n"

static struct cx cx;
static struct part *parts;
static size_t count;

/* Windows of any size find the same in a file. */
static void same_from_a_file(const char *type, struct str body, enum err want)
{
    enum { SMALL = 80, LARGE = 130 };
    const int fd = memfd_create("body", MFD_CLOEXEC);
    assert_int_equal(write(fd, body.p, body.n), body.n);
    const struct extent bytes = extent_of_file(fd, 0, body.n);
    for (size_t window = SMALL; window < LARGE; window++) {
        SCOPED(cx_end) struct cx own;
        struct part *got = NULL;
        size_t n = 0;
        cx_begin(&own, NULL);
        assert_int_equal(multipart_parse(&own, str_of(type), &bytes, window, &got, &n), want);
        for (size_t i = 0; i < count && !want; i++) {
            struct str data;
            assert_int_equal(n, count);
            assert_true(extent_take(own.arena, &got[i].data, &data));
            assert_true(str_eq(data, parts[i].data.bytes));
            assert_true(str_eq(got[i].name, parts[i].name));
        }
    }
    (void)close(fd);
}

static enum err parse(const char *type, const char *body)
{
    const struct extent bytes = extent_of(str_of(body));
    cx_end(&cx);
    cx_begin(&cx, NULL);
    parts = NULL;
    count = 0;
    const enum err e = multipart_parse(&cx, str_of(type), &bytes, EXTENT_WINDOW, &parts, &count);
    same_from_a_file(type, str_of(body), e);
    return e;
}

static void reads_parts(void **state)
{
    (void)state;
    assert_int_equal(
        parse("Multipart/Form-Data; charset=x; boundary=\"a b\"",
              "--a b\r\nContent-Disposition: form-data; name=\"file\"; "
              "filename=\"q\\\"\xc3\xa4.md\"\r\n"
              "Content-Type: text/markdown\r\n\r\nline\r\n--a\r\n--a b  \r\n"
              "content-disposition:form-data;name=plain\r\n\r\n\r\n--a b--\r\nepilogue"),
        ERR_OK);
    assert_int_equal(count, 2);
    assert_true(str_is(parts[0].name, "file"));
    assert_true(str_is(parts[0].filename, "q\"\xc3\xa4.md"));
    assert_true(str_is(parts[0].content_type, "text/markdown"));
    assert_true(str_is(parts[0].data.bytes, "line\r\n--a"));
    assert_true(str_is(parts[1].name, "plain"));
    assert_int_equal(parts[1].filename.n + parts[1].data.n, 0);
    assert_int_equal(parse(TYPE, "--xyz\r\n" NAME "\r\n--xyz--"), ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(parse(TYPE, "--xyz--"), ERR_OK);
    assert_int_equal(count, 0);
}

static void refuses_what_is_broken(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        const char *body;
    } cases[] = {
        {"multipart/form-data", "--xyz--"},
        {"multipart/form-data; boundary=", "----"},
        {"multipart/form-data; boundary=\"x", "--x--"},
        {"multipart/form-data; boundary="
         "12345678901234567890123456789012345678901234567890123456789012345678901",
         "--12345678901234567890123456789012345678901234567890123456789012345678901--"},
        {TYPE, ""},
        {TYPE, "--xy"},
        {TYPE, "preamble\r\n--xyz--"},
        {TYPE, "--xyz"},
        {TYPE, "--xyz\n" NAME "\r\nx\r\n--xyz--"},
        {TYPE, "--xyzz\r\n" NAME "\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\n" NAME "x\r\n--xyz--"},
        {TYPE, "--xyz\r\n" NAME "\r\nx"},
        {TYPE, "--xyz\r\n" NAME "\r\nx\r\n--xyz"},
        {TYPE, "--xyz\r\n" NAME "\r\nx\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Type: a/b\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Disposition: form-data\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Disposition: form-data; name=\"\"\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\nContent-Disposition: form-data; name=\"\xff\"\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\n" NAME "Content-Transfer-Encoding: base64\r\n\r\nx\r\n--xyz--"},
        {TYPE, "--xyz\r\n" NAME ": x\r\n\r\nx\r\n--xyz--"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (parse(cases[i].type, cases[i].body) != ERR_INVALID) {
            fail_msg("case %zu was taken", i);
        }
        assert_int_equal(cx.code, CODE_VALIDATION_ERROR);
        assert_string_equal(cx.fields[0].field.p, "body");
    }
}

static void is_bounded(void **state)
{
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        SCOPED(buf_fini) struct buf b = buf_make(MB);
        for (int i = 0; i < MULTIPART_MAX_PARTS + extra; i++) {
            buf_cstr(&b, "--xyz\r\n" NAME "\r\nx\r\n");
        }
        buf_cstr(&b, "--xyz--");
        assert_int_equal(parse(TYPE, b.p), extra ? ERR_INVALID : ERR_OK);
    }
    SCOPED(buf_fini) struct buf b = buf_make(MB);
    buf_cstr(&b, "--xyz\r\n" NAME "X: ");
    for (int i = 0; i < MULTIPART_MAX_HEAD; i++) {
        buf_char(&b, 'x');
    }
    buf_cstr(&b, "\r\n\r\nx\r\n--xyz--");
    assert_int_equal(parse(TYPE, b.p), ERR_INVALID);
}

static void reads_parameters(void **state)
{
    (void)state;
    static const struct {
        const char *value;
        const char *want; /* NULL: none */
    } cases[] = {
        {"a/b; charset=utf-8", "utf-8"},
        {"a/b;x=\"; charset=no\"; Charset = \"Y\"", "Y"},
        {"a/b", NULL},
        {"a/b; charset", NULL},
        {"a/b; charset=", NULL},
        {"a/b; charset=\"x", NULL},
        {"a/b; charset=\"a\\\\b\\c\"", "a\\b\\c"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct str got;
        assert_int_equal(header_param(a, str_of(cases[i].value), "charset", &got),
                         cases[i].want != NULL);
        assert_true(!cases[i].want || str_is(got, cases[i].want));
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_parts),
        cmocka_unit_test(refuses_what_is_broken),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(reads_parameters),
    };
    cx_begin(&cx, NULL);
    const int failed = cmocka_run_group_tests_name("multipart", tests, NULL, NULL);
    cx_end(&cx);
    return failed;
}
