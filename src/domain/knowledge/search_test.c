/* What search promises beyond ranking: how words are found however they are typed, and when it says
 * that it knows. */
#include "domain/knowledge/knowledge_fixture.h"

#include "domain/knowledge/near.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static const struct {
    const char *name, *text;
} pages[] = {
    {"parts.md", "# Parts\n\n| Part | What | Price |\n|---|---|---|\n"
                 "| KL-2047-B | Front rack | 52.00 |\n| KL-3201-A | Chain | 19.90 |\n"},
    {"hours.md", "# Opening hours\n\nThe shop is open from Monday to Friday, 9:00 to 18:00."},
    {"returns.md", "# Returns\n\nUnused goods may be returned within thirty days of delivery."},
    {"mail.md", "# Contact\n\nThe frame XR 500 C is ours. Write an e-mail to the office or buy a "
                "T-shirt at the counter."},
    {"versand.md", "# Versand\n\nDer Versand nach \xc3\x96sterreich kostet sieben Euro. Die "
                   "R\xc3\xbc"
                   "cksendung ist kostenlos, wenn sie innerhalb von vier Wochen bei "
                   "uns eingeht."},
    {"zh.txt", "\xe6\x88\x91\xe4\xbb\xac\xe7\x9a\x84\xe9\x80\x80\xe8\xb4\xa7\xe6\x9c\x9f\xe9\x99"
               "\x90\xe4\xb8\xba\xe4\xb8\x89\xe5\x8d\x81\xe5\xa4\xa9"},
};

static int setup(void **state)
{
    static struct knowledge_fixture f;
    knowledge_fixture_init(&f);
    for (size_t i = 0; i < COUNT(pages); i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&f);
        struct document d;
        const struct document_id none = {};
        knowledge_fixture_check(
            &cx, knowledge_fixture_upload(&f, &cx, pages[i].name, str_of(pages[i].text), none, &d),
            "upload");
    }
    (void)knowledge_fixture_work(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    knowledge_fixture_fini(*state);
    return 0;
}

static void test_questions(void **state)
{
    static const struct {
        const char *question;
        const char *page; /* of the first passage; NULL: any */
        bool known;
    } rows[] = {
        {"KL-2047-B", "parts.md", true},
        {"kl2047b", "parts.md", true},
        {"KL 2047 B", "parts.md", true},
        {"kl-2047", "parts.md", true},
        {"price of KL/2047/B", "parts.md", true},
        {"2047", "parts.md", true},
        {"What is the price of KL-9999-Z?", NULL, false},
        {"price of KL2047C", NULL, false},
        {"Is XR-500-C yours?", "mail.md", true},
        {"Is XR-500-D yours?", NULL, false},
        {"52.00", "parts.md", true},
        {"When do you open?", "hours.md", true},
        {"opening hours", "hours.md", true},
        {"OPENING HOURS!!!", "hours.md", true},
        {"open at 09:00", "hours.md", true},
        {"retur", "returns.md", true},
        {"returend goods", "returns.md", true},
        {"email office", "mail.md", true},
        {"tshirt", "mail.md", true},
        {"Was kostet der Versand nach Osterreich?", "versand.md", true},
        {"Ist die R\xc3\xbc"
         "cksendung kostenlos?",
         "versand.md", true},
        {"\xe9\x80\x80\xe8\xb4\xa7", "zh.txt", true},
        {"what is the of and", NULL, false},
        {"???", NULL, false},
        {"\"; DROP TABLE chunks; -- AND OR NOT NEAR(*", NULL, false},
        {"zebra crossing", NULL, false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(*state);
        const struct search_result r = knowledge_fixture_search(*state, &cx, rows[i].question, 3);
        print_message("%s: known %d, coverage %.2f, " STR_FMT "\n", rows[i].question, r.known,
                      r.coverage, STR_ARG(r.count ? r.passages[0].document_name : STR("none")));
        assert_int_equal(r.known, rows[i].known);
        assert_true(!rows[i].page ||
                    (r.count && str_is(r.passages[0].document_name, rows[i].page)));
        assert_true(r.coverage >= 0 && r.coverage <= 1.0001 && r.margin >= 0 && r.margin <= 1);
        for (size_t k = 1; k < r.count; k++) {
            assert_true(r.passages[k - 1].score >= r.passages[k].score);
        }
    }
}

static void test_limit(void **state)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(*state);
    const struct search_result one =
        knowledge_fixture_search(*state, &cx, "returned open price", 1);
    const struct search_result five =
        knowledge_fixture_search(*state, &cx, "returned open price", 5);
    assert_int_equal(one.count, 1);
    assert_int_equal(five.count, 3);
    assert_true(uuid_eq(one.passages[0].chunk, five.passages[0].chunk));
}

/* A text of 2,000 characters that are all words is answered too. */
static void test_long_question(void **state)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(*state);
    SCOPED(buf_fini) struct buf b = buf_make(4 * KB);
    for (int i = 0; b.n < 1980; i++) {
        buf_fmt(&b, "w%c%c returned ", 'a' + i % 26, 'a' + i / 26 % 26);
    }
    const struct search_result r =
        knowledge_fixture_search(*state, &cx, str_dup(cx.arena, buf_view(&b)).p, 20);
    assert_int_equal(r.count, 1);
    assert_false(r.known);
}

static void test_near(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int slips;
    } rows[] = {
        {"punctur", "punctur", 0},
        {"pucntur", "punctur", 1},
        {"punctr", "punctur", 1},
        {"punctuur", "punctur", 1},
        {"punktur", "punctur", 1},
        {"punkter", "punctur", 2},
        {"bank", "punctur", 3},
        {"", "ab", 2},
        {"abc", "", 3},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(near_slips(str_of(rows[i].a), str_of(rows[i].b), 2), rows[i].slips);
        assert_int_equal(near_slips(str_of(rows[i].b), str_of(rows[i].a), 2), rows[i].slips);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_questions),
        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_long_question),
        cmocka_unit_test(test_near),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
