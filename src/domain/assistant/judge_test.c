#include "domain/assistant/judge.h"

#include "domain/assistant/cite.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/quote.h"

#include <setjmp.h>

#include <cmocka.h>

static struct arena *arena;
static struct policy policy;
static struct passage passages[2];
static struct judge_in in;

static int start(void **state)
{
    (void)state;
    arena = arena_new();
    policy_default(&policy);
    passages[0] = (struct passage){.chunk = uuid_new(),
                                   .document = {uuid_new()},
                                   .document_name = STR("returns.md"),
                                   .version = 3,
                                   .start = 100,
                                   .text = STR("Returns\n\nYou may return anything unused within "
                                               "30 days. We refund within 5 working days.")};
    passages[1] =
        (struct passage){.chunk = uuid_new(),
                         .document = {uuid_new()},
                         .document_name = STR("hours.md"),
                         .version = 1,
                         .start = 0,
                         .text = STR("We are open from 9:00 to 18:00. Closed on Sundays.")};
    in = (struct judge_in){.policy = &policy,
                           .passages = passages,
                           .passage_count = 2,
                           .searched = true,
                           .coverage = 0.9,
                           .margin = 0.5,
                           .question = STR("How long can I return things?"),
                           .language = STR("en"),
                           .finish_reason = STR("stop")};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* As a model writes it, through the filter. */
static struct judgement run(const char *raw)
{
    struct marker_filter *f = arena_one(arena, struct marker_filter);
    *f = markers_make(arena, 65536);
    (void)markers_feed(f, str_of(raw));
    (void)markers_end(f);
    in.answer = str_dup(arena, buf_view(&f->visible));
    in.markers = f->items;
    in.marker_count = f->count;
    in.says_unknown = f->unknown;
    in.says_handover = f->handover;
    const struct judgement j = judge(arena, &in);
    markers_fini(f);
    return j;
}

static void cites_what_is_there(void **state)
{
    (void)state;
    const struct judgement j = run("You have 30 days. [1: \"anything unused  WITHIN 30 days\"] The "
                                   "money comes in 5 days [2: \"refund within 5 working days\"].");
    assert_int_equal(j.citation_count, 2);
    assert_string_equal(str_dup(arena, j.citations[0].quote).p, "anything unused within 30 days");
    assert_int_equal(j.citations[0].version, 3);
    const struct str stored = passages[0].text;
    assert_true(
        str_eq(j.citations[0].quote, str_sub(stored, (size_t)j.citations[0].start - 100,
                                             (size_t)(j.citations[0].end - j.citations[0].start))));
    /* Quoted under the wrong number: the place where it stands counts. */
    assert_true(uuid_eq(j.citations[1].document.v, passages[0].document.v));
    assert_true(j.context_used);
    assert_string_equal(j.action, "answer");
    assert_string_equal(j.level, "high");
}

static void drops_what_is_not_there(void **state)
{
    (void)state;
    const struct judgement j =
        run("You have 90 days. [1: \"return within 90 days\"] [7: \"no such passage\"] [9]");
    assert_int_equal(j.citation_count, 0);
    assert_false(j.context_used);
    assert_true(j.confidence < 0.6);
    assert_string_not_equal(j.action, "answer");
}

static void cites_without_a_quote_what_overlaps(void **state)
{
    (void)state;
    const struct judgement j =
        run("You may return unused things within 30 days [1]. Bananas are yellow fruit [1].");
    assert_int_equal(j.citation_count, 1);
    assert_string_equal(str_dup(arena, j.citations[0].quote).p,
                        "You may return anything unused within 30 days.");
}

static void says_that_it_does_not_know(void **state)
{
    (void)state;
    static const char *const answers[] = {"[unknown]", "",
                                          "I'm sorry, I don't have that information.",
                                          "I do not know. [1: \"something invented\"]"};
    for (size_t i = 0; i < COUNT(answers); i++) {
        in.unknown_in_row = 0;
        const struct judgement j = run(answers[i]);
        assert_true(j.unknown);
        assert_string_equal(j.action, "disclaimer");
        assert_string_equal(j.reason, "unknown");
        assert_int_equal(j.citation_count, 0);
        assert_false(j.context_used);
        in.unknown_in_row = 2;
        assert_string_equal(run(answers[i]).action, "handover");
        assert_string_equal(run(answers[i]).reason, "unknown_in_row");
    }
}

static void hands_over_when_the_model_says_so(void **state)
{
    (void)state;
    const struct judgement j = run("[handover]");
    assert_string_equal(j.action, "handover");
    assert_string_equal(j.reason, "asked_by_model");
    assert_false(j.unknown);
}

/* ESC-1: better answers score higher. */
/* shows: ESC-1 */
static void orders_answers_by_confidence(void **state)
{
    (void)state;
    static const char *const best_first[] = {
        "You may return anything unused within 30 days. [1: \"return anything unused within 30 "
        "days\"]",
        "I think you may return anything unused within 30 days. [1: \"return anything unused "
        "within 30 days\"]",
        "Perhaps you may return it within 30 days, I think, but I am not sure. [1: \"within 30 "
        "days\"]",
        "You may return anything unused within 30 days.",
        "Perhaps 90 days, I think, but I am not sure; maybe 80.",
    };
    double last = 2;
    for (size_t i = 0; i < COUNT(best_first); i++) {
        const double c = run(best_first[i]).confidence;
        assert_true(c < last);
        last = c;
    }
    in.stood_in = true;
    assert_true(run(best_first[0]).confidence < 1);
}

/* Thresholds are the tenant's, each reachable, and none swallowed by another. */
/* shows: ESC-1 */
static void acts_by_the_tenants_thresholds(void **state)
{
    (void)state;
    static const char answer[] =
        "You may return anything unused within 30 days. [1: \"within 30 days\"]";
    const double c = run(answer).confidence;
    static const struct {
        double handover, review, disclaimer;
        const char *action;
    } rows[] = {
        {1, 1, 1, "handover"}, {0, 1, 1, "review"}, {0, 0, 1, "disclaimer"}, {0, 0, 0, "answer"}};
    assert_true(c < 1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        policy.handover_below = rows[i].handover;
        policy.review_below = rows[i].review;
        policy.disclaimer_below = rows[i].disclaimer;
        assert_string_equal(run(answer).action, rows[i].action);
    }
}

static void small_talk_needs_no_documents(void **state)
{
    (void)state;
    in.question = STR("Hello there");
    in.coverage = in.margin = 0;
    const struct judgement j = run("Hello! How can I help you?");
    assert_string_equal(j.action, "answer");
    assert_false(j.context_used);
    for (size_t i = 0; i < j.signal_count; i++) {
        assert_false(str_is(j.signals[i].name, "retrieval"));
    }
}

static void hears_doubt_in_the_answers_language(void **state)
{
    (void)state;
    in.language = STR("de");
    const double sure = run("Sie haben 30 Tage. [1: \"within 30 days\"]").confidence;
    const double doubt =
        run("Vielleicht haben Sie 30 Tage, ich glaube. [1: \"within 30 days\"]").confidence;
    assert_true(doubt < sure);
}

/* shows: ASST-2 */
static void every_quote_is_the_stored_bytes(void **state)
{
    (void)state;
    passages[0].text = STR("\xE2\x80\x9EM\xC3\xBCller\xE2\x80\x9C sagt:\xC2\xA0"
                           "30\xE2\x80\x93"
                           "40 Tage.");
    const struct judgement j =
        run("M\xC3\xBCller sagt das. [1: \"\"m\xC3\xBCller\" sagt: 30-40 Tage\"]");
    assert_int_equal(j.citation_count, 1);
    const struct citation *c = &j.citations[0];
    assert_true(str_eq(
        c->quote, str_sub(passages[0].text, (size_t)c->start - 100, (size_t)(c->end - c->start))));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(cites_what_is_there, start, stop),
        cmocka_unit_test_setup_teardown(drops_what_is_not_there, start, stop),
        cmocka_unit_test_setup_teardown(cites_without_a_quote_what_overlaps, start, stop),
        cmocka_unit_test_setup_teardown(says_that_it_does_not_know, start, stop),
        cmocka_unit_test_setup_teardown(hands_over_when_the_model_says_so, start, stop),
        cmocka_unit_test_setup_teardown(orders_answers_by_confidence, start, stop),
        cmocka_unit_test_setup_teardown(acts_by_the_tenants_thresholds, start, stop),
        cmocka_unit_test_setup_teardown(small_talk_needs_no_documents, start, stop),
        cmocka_unit_test_setup_teardown(hears_doubt_in_the_answers_language, start, stop),
        cmocka_unit_test_setup_teardown(every_quote_is_the_stored_bytes, start, stop),
    };
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
