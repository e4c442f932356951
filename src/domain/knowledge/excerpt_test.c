#include "domain/knowledge/excerpt.h"

#include "base/utf8.h"

#include <setjmp.h>

#include <cmocka.h>

/* The quote is marked with [ and ]; | stands where the excerpt must begin and end. */
struct row {
    const char *text;
    bool first, last;
};

static void begins_and_ends_with_sentences(void **state)
{
    (void)state;
    static const struct row rows[] = {
        {"|A first one. [Quote here.] And the rest|", true, true},
        {"cut off. |A first one. [Quote here.] And the rest.| Cut", false, false},
        {"cut\n|A line [of] words|\nmore", false, false},
        {"cut\n|[of]|\nmore", false, false},
        {"is 3.50 for it! |Then [quote.] Costs 4.20 or 5?| Perhaps 6.", false, false},
        {"cut |without any end [quote] and none| behi", false, false},
        {"|cutoff[quote]|", false, true},
        {"schlecht。|日本[語の]文。|続き", false, false},
        {"|[all]|", true, true},
        {"|[all]|", false, false},
        {"  |x [all] y|  ", true, true},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char text[200];
        size_t at[4] = {};
        size_t marks = 0;
        size_t n = 0;
        for (const char *p = rows[i].text; *p; p++) {
            if (strchr("|[]", *p)) {
                at[marks++] = n;
            } else {
                text[n++] = *p;
            }
        }
        assert_int_equal(marks, 4);
        const struct str piece = {text, n};
        const struct excerpt e = excerpt_cut(piece, at[1], at[2], rows[i].first, rows[i].last);
        if (e.before.p != text + at[0] || e.before.n != at[1] - at[0] ||
            e.quote.p != text + at[1] || e.quote.n != at[2] - at[1] || e.after.p != text + at[2] ||
            e.after.n != at[3] - at[2]) {
            fail_msg("row %zu: " STR_FMT "[" STR_FMT "]" STR_FMT, i, STR_ARG(e.before),
                     STR_ARG(e.quote), STR_ARG(e.after));
        }
    }
}

/* However the piece was cut, what comes out are whole code points. */
static void no_code_point_is_cut(void **state)
{
    (void)state;
    const struct str text = STR("äöü€𝄞ßéñ[QUOTE]日本語𝄞€ñéüöä");
    const size_t start = (size_t)str_find(text, STR("[QUOTE]"), 0);
    const size_t end = start + 7;
    for (size_t from = 0; from <= start; from++) {
        for (size_t to = end; to <= text.n; to++) {
            const struct str piece = str_sub(text, from, to - from);
            const struct excerpt e = excerpt_cut(piece, start - from, end - from, false, false);
            assert_true(utf8_valid(e.before) && utf8_valid(e.after));
            assert_true(str_is(e.quote, "[QUOTE]"));
            assert_true(start - from - e.before.n < 4 && to - end - e.after.n < 4);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begins_and_ends_with_sentences),
        cmocka_unit_test(no_code_point_is_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
