#include "domain/assistant/markers.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

/* What passes, and the markers as "number@place:quote". */
static struct str run(struct arena *a, struct str text, size_t first, size_t step)
{
    struct marker_filter f = markers_make(a, 65536);
    SCOPED(buf_fini) struct buf shown = buf_make(65536);
    SCOPED(buf_fini) struct buf out = buf_make(65536);
    for (size_t at = 0; at < text.n;) {
        const size_t n = at ? step : first;
        buf_str(&shown, markers_feed(&f, str_sub(text, at, n)));
        at += n;
    }
    buf_str(&shown, markers_end(&f));
    assert_true(str_eq(buf_view(&shown), buf_view(&f.visible)));
    buf_str(&out, buf_view(&shown));
    for (size_t i = 0; i < f.count; i++) {
        buf_fmt(&out, "|%d@%zu:" STR_FMT, f.items[i].number, f.items[i].at,
                STR_ARG(f.items[i].quote));
    }
    buf_cstr(&out, f.unknown ? "|unknown" : "");
    buf_cstr(&out, f.handover ? "|handover" : "");
    const struct str s = str_dup(a, buf_view(&out));
    markers_fini(&f);
    return s;
}

static const struct {
    const char *text, *want;
} rows[] = {
    {"We open at 9 [1: \"open at 9\"].", "We open at 9.|1@12:open at 9"},
    {"We open at 9. [1: \"open at 9\"] And close.", "We open at 9. And close.|1@13:open at 9"},
    {"A [1: \"a\"]b", "A b|1@1:a"},
    {"A[1]b", "Ab|1@1:"},
    {"A [1, 2] B [3][4].", "A B.|1@1:|2@1:|3@3:|4@3:"},
    {"[unknown]", "|unknown"},
    {"[Unknown]", "|unknown"},
    {" [handover] ", "|handover"},
    {"see [12 months] and [a] and [x](y) [", "see [12 months] and [a] and [x](y) ["},
    {"in [2024: x] then", "in [2024: x] then"},
    {"quote [1: \"a ] b\"] end", "quote end|1@5:a ] b"},
    {"curly [2: \xE2\x80\x9CM\xC3\xBCnchen \xE2\x82\xAC\xE2\x80\x9D] end",
     "curly end|2@5:M\xC3\xBCnchen \xE2\x82\xAC"},
    {"low [2: \xE2\x80\x9Eja\xE2\x80\x9C]", "low|2@3:ja"},
    {"single [2: 'it's']!", "single!|2@6:it's"},
    {"bare [2: some words]!", "bare!|2@4:some words"},
    {"bare [2: some\nwords]!", "bare some\nwords]!"},
    {"cut [1: \"never ends", "cut"},
    {"cut [1", "cut"},
    {"cut [unk", "cut"},
    {"open [", "open ["},
    {"[[1: \"x y\"]]", "[]|1@1:x y"},
    {"[1[1: \"x\"]", "[1|1@2:x"},
    {"line\n[1: \"x\"]\nnext", "line\n\nnext|1@5:x"},
    {"two  blanks  stay", "two  blanks  stay"},
    {"trailing  ", "trailing"},
    {"", ""},
};

static void takes_markers_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        const struct str text = str_of(rows[i].text);
        assert_string_equal(run(a, text, text.n, 1).p, rows[i].want);
        arena_free(&a);
    }
}

/* However it is cut: at every byte, and into single bytes. */
static void does_not_depend_on_pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str text = str_of(rows[i].text);
        for (size_t cut = 1; cut < text.n; cut++) {
            struct arena *a = arena_new();
            assert_string_equal(run(a, text, cut, text.n).p, rows[i].want);
            assert_string_equal(run(a, text, 1, cut).p, rows[i].want);
            arena_free(&a);
        }
    }
}

static void holds_back_only_what_may_be_a_marker(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct marker_filter f = markers_make(a, 65536);
    assert_true(str_is(markers_feed(&f, STR("Open at 9 [1")), "Open at 9"));
    assert_true(str_is(markers_feed(&f, STR(" month]")), " [1 month]"));
    assert_true(str_is(markers_feed(&f, STR(" and")), " and"));
    markers_fini(&f);
    arena_free(&a);
}

static void lets_go_of_what_is_too_long(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct marker_filter f = markers_make(a, 1 << 20);
    (void)markers_feed(&f, STR("x [1: \""));
    for (int i = 0; i < MARKER_QUOTE_MAX; i++) {
        (void)markers_feed(&f, STR("word "));
    }
    (void)markers_end(&f);
    assert_int_equal(f.count, 0);
    assert_true(str_starts(buf_view(&f.visible), STR("x \"word word ")));
    assert_true(str_find(buf_view(&f.visible), STR("[1"), 0) < 0);
    markers_fini(&f);
    arena_free(&a);
}

/* Openings within openings, none of which is closed: the line's end makes text of one after
 * another. */
static void *run_nested(void *arg)
{
    (void)arg;
    struct arena *a = arena_new();
    struct marker_filter f = markers_make(a, 1 << 20);
    for (int i = 0; i < 400; i++) {
        (void)markers_feed(&f, STR("[1: "));
    }
    (void)markers_feed(&f, STR("x\ny"));
    (void)markers_end(&f);
    assert_int_equal(f.count, 0);
    assert_true(str_is(buf_view(&f.visible), "x\ny"));
    markers_fini(&f);
    arena_free(&a);
    return NULL;
}

static void nests_without_depth(void **state)
{
    (void)state;
    pthread_attr_t attr;
    pthread_t t;
    assert_int_equal(pthread_attr_init(&attr), 0);
    assert_int_equal(pthread_attr_setstacksize(&attr, 256 * KB), 0);
    assert_int_equal(pthread_create(&t, &attr, run_nested, NULL), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    (void)pthread_attr_destroy(&attr);
}

static void remembers_a_bounded_number(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct marker_filter f = markers_make(a, 1 << 20);
    for (int i = 0; i < 3 * MARKERS_MAX; i++) {
        (void)markers_feed(&f, STR("x [1: \"y\"]"));
    }
    (void)markers_end(&f);
    assert_int_equal(f.count, MARKERS_MAX);
    assert_true(str_find(buf_view(&f.visible), STR("["), 0) < 0);
    markers_fini(&f);
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_markers_out),
        cmocka_unit_test(does_not_depend_on_pieces),
        cmocka_unit_test(holds_back_only_what_may_be_a_marker),
        cmocka_unit_test(lets_go_of_what_is_too_long),
        cmocka_unit_test(nests_without_depth),
        cmocka_unit_test(remembers_a_bounded_number),
    };
    return cmocka_run_group_tests_name("markers", tests, NULL, NULL);
}
