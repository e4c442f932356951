#include "base/utf8.h"

#include <setjmp.h>

#include <cmocka.h>

static void well_formed(void **state)
{
    (void)state;
    static const struct {
        struct str text;
        uint32_t point;
    } rows[] = {
        {STR("\0"), 0},
        {STR("A"), 'A'},
        {STR("\x7f"), 0x7f},
        {STR("\xc2\x80"), 0x80},
        {STR("\xdf\xbf"), 0x7ff},
        {STR("\xe0\xa0\x80"), 0x800},
        {STR("\xed\x9f\xbf"), 0xd7ff},
        {STR("\xee\x80\x80"), 0xe000},
        {STR("\xef\xbf\xbf"), 0xffff},
        {STR("\xf0\x90\x80\x80"), 0x10000},
        {STR("\xf0\x9f\x98\x80"), 0x1f600},
        {STR("\xf4\x8f\xbf\xbf"), 0x10ffff},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t at = 0;
        assert_true(utf8_valid(rows[i].text));
        assert_int_equal(utf8_next(rows[i].text, &at), rows[i].point);
        assert_int_equal(at, rows[i].text.n);
        assert_int_equal(utf8_count(rows[i].text), 1);
    }
    assert_true(utf8_valid((struct str){NULL, 0}));
}

static void ill_formed(void **state)
{
    (void)state;
    static const struct str rows[] = {
        STR("\x80"),             /* a continuation alone */
        STR("\xbf"),             /* the same */
        STR("\xc0\x80"),         /* NUL, overlong */
        STR("\xc1\xbf"),         /* overlong */
        STR("\xe0\x80\x80"),     /* overlong */
        STR("\xe0\x9f\xbf"),     /* overlong */
        STR("\xf0\x80\x80\x80"), /* overlong */
        STR("\xf0\x8f\xbf\xbf"), /* overlong */
        STR("\xed\xa0\x80"),     /* first surrogate */
        STR("\xed\xbf\xbf"),     /* last surrogate */
        STR("\xf4\x90\x80\x80"), /* above U+10FFFF */
        STR("\xf5\x80\x80\x80"), /* the same */
        STR("\xfe"),             /* never a byte of UTF-8 */
        STR("\xff"),             /* the same */
        STR("\xc3"),             /* cut */
        STR("\xe2\x82"),         /* cut */
        STR("\xf0\x9f\x98"),     /* cut */
        STR("\xc3("),            /* no continuation */
        STR("\xe2(\xa1"),        /* the second is none */
        STR("\xe2\x82("),        /* the third is none */
        STR("\xf0\x9f\x98("),    /* the fourth is none */
        STR("\xf8\x88\x80\x80\x80"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        if (utf8_valid(rows[i]) || utf8_is_text(rows[i]) ||
            utf8_valid(str_fmt(a, "ok " STR_FMT " ok", STR_ARG(rows[i])))) {
            fail_msg("row %zu", i);
        }
        arena_free(&a);
    }
}

static void text_has_no_control_signs(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char one = (char)c;
        const bool want = (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n' || c == '\r';
        assert_int_equal(utf8_is_text((struct str){&one, 1}), want);
    }
    assert_true(utf8_is_text(STR("Gr\xc3\xbc\xc3\x9f"
                                 "e, 1 \xe2\x82\xac\n")));
}

static void prefixes_cut_no_sign(void **state)
{
    (void)state;
    const struct str s = STR("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z");
    static const size_t floors[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t i = 0; i < COUNT(floors); i++) {
        assert_int_equal(utf8_floor(s, i), floors[i]);
        assert_int_equal(utf8_prefix(s, i).n, floors[i]);
        assert_true(utf8_valid(utf8_prefix(s, i)));
    }
    assert_int_equal(utf8_count(s), 5);
    assert_int_equal(utf8_prefix((struct str){NULL, 0}, 3).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(well_formed),
        cmocka_unit_test(ill_formed),
        cmocka_unit_test(text_has_no_control_signs),
        cmocka_unit_test(prefixes_cut_no_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
