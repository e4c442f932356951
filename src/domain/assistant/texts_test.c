/* Every language has every text and every list; and what is done with the lists: gate, follow-ups.
 */
#include "domain/assistant/texts.h"

#include "domain/assistant/followup.h"
#include "domain/assistant/gate.h"
#include "domain/assistant/policy_text.h"
#include "ext/llm_words.h"

#include <setjmp.h>

#include <cmocka.h>

static int rows_of(const struct i18n_row *rows, struct str language, const char *key)
{
    int n = 0;
    for (const struct i18n_row *r = rows; r->language; r++) {
        n += str_is(language, r->language) && strcmp(r->key, key) == 0;
        assert_true(r->text[0] != '\0');
    }
    return n;
}

static int rows_in(const struct i18n_row *rows)
{
    int n = 0;
    while (rows[n].language) {
        n++;
    }
    return n;
}

static void is_complete(void **state)
{
    (void)state;
    struct str rest = STR(TEXT_LANGUAGES);
    struct str language;
    int texts = 0;
    int phrases = 0;
    while (str_split(&rest, '|', &language)) {
        for (int k = 0; k < TEXT_KEY_COUNT; k++) {
            assert_int_equal(rows_of(i18n_texts, language, text_key_name((enum text_key)k)), 1);
            texts++;
        }
        for (int k = 0; k < PHRASES_COUNT; k++) {
            const int n = rows_of(i18n_phrases, language, phrase_list_name((enum phrase_list)k));
            assert_true(n >= 2);
            phrases += n;
        }
    }
    /* Nothing beyond: no misspelt key, no other language. */
    assert_int_equal(rows_in(i18n_texts), texts);
    assert_int_equal(rows_in(i18n_phrases), phrases);
}

static void speaks_the_language(void **state)
{
    (void)state;
    assert_true(str_starts(text_of(STR("de-AT"), TEXT_UNKNOWN), STR("Das wei")));
    assert_true(str_eq(text_of(STR("xx"), TEXT_UNKNOWN), text_of(STR("en"), TEXT_UNKNOWN)));
    assert_true(str_eq(text_of(STR(""), TEXT_THANKS), text_of(STR("en"), TEXT_THANKS)));
}

static void follows_up(void **state)
{
    (void)state;
    static const struct {
        const char *language, *question;
        bool followup;
    } rows[] = {
        {"en", "And on Sundays?", true},
        {"en", "What about gift cards?", true},
        {"en", "How much is it?", true},
        {"en", "How long does it take?", true},
        {"de", "Was kostet das?", true},
        {"de", "Und am Sonntag?", true},
        {"es", "\xC2\xBFY los domingos?", true},
        {"pl", "A w niedziele?", true},
        {"en", "When do you open on Sundays?", false},
        {"en", "Opening hours", false},
        {"en", "shipping?", false},
        {"en", "hello", false},
        {"en", "thank you", false},
        {"en", "Do you repair electric bicycles?", false},
        {"en", "", false},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(followup_is(a, str_of(rows[i].question), str_of(rows[i].language)),
                         rows[i].followup);
    }
    const struct str earlier[] = {STR("And for\nbikes?"), STR("Thanks!"),
                                  STR("What is the warranty on parts?"), STR("When do you open?")};
    assert_string_equal(
        followup_whole(a, STR("And how long does it last?"), STR("en"), earlier, 4).p,
        "What is the warranty on parts?\nAnd for bikes?\nAnd how long does it last?");
    assert_string_equal(followup_whole(a, STR("Do you sell tea?"), STR("en"), earlier, 4).p,
                        "Do you sell tea?");
    assert_string_equal(followup_whole(a, STR("And that?"), STR("en"), NULL, 0).p, "And that?");
    SCOPED(buf_fini) struct buf b = buf_make(10000);
    for (int i = 0; i < 900; i++) {
        buf_cstr(&b, "\xC3\xA4 word ");
    }
    assert_true(followup_whole(a, buf_view(&b), STR("en"), earlier, 4).n <= FOLLOWUP_MAX);
    arena_free(&a);
}

static void gates(void **state)
{
    (void)state;
    static const struct {
        const char *tenant, *status, *text;
        bool other, enabled, extractive;
        const char *words;
        enum gate_verdict verdict;
        const char *reason;
    } rows[] = {
        {"active", "active", "Do you sell tea?", false, true, true, "", GATE_ANSWER, ""},
        {"suspended", "active", "tea?", false, true, true, "", GATE_SILENT, "suspended"},
        {"active", "assigned_human", "tea?", false, true, true, "", GATE_SILENT, "assigned_human"},
        {"active", "active", "tea?", false, false, true, "", GATE_SILENT, "disabled"},
        {"active", "active", "", true, true, true, "", GATE_ATTACHMENT, ""},
        {"active", "active", "Can I talk to a person?", false, true, false, "", GATE_HANDOVER,
         "asked_for_person"},
        {"active", "active",
         "Ich m\xC3\xB6"
         "chte mit einem Menschen sprechen!",
         false, true, true, "", GATE_HANDOVER, "asked_for_person"},
        {"active", "active", "Puis-je parler \xC3\xA0 quelqu\xE2\x80\x99un ?", false, true, true,
         "", GATE_HANDOVER, "asked_for_person"},
        {"active", "active",
         "\xC5\xBD"
         "elim razgovarati s osobom",
         false, true, true, "", GATE_HANDOVER, "asked_for_person"},
        {"active", "active", "get me the BOSS now", false, true, true, "owner|the boss",
         GATE_HANDOVER, "asked_for_person"},
        {"active", "active", "get me the bosses", false, true, true, "owner|the boss", GATE_ANSWER,
         ""},
        {"active", "active", "Human!", false, true, true, "", GATE_HANDOVER, "asked_for_person"},
        {"active", "active", "Is it safe for human consumption?", false, true, true, "",
         GATE_ANSWER, ""},
        {"active", "active", "Hello!", false, true, true, "", GATE_GREETING, ""},
        {"active", "active", "Hello!", false, true, false, "", GATE_ANSWER, ""},
        {"active", "active", "Vielen Dank!", false, true, true, "", GATE_THANKS, ""},
        {"active", "active", "Hello, do you sell tea?", false, true, true, "", GATE_ANSWER, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct policy p;
        struct str reason = {"", 0};
        policy_default(&p);
        p.enabled = rows[i].enabled;
        p.provider = str_of(rows[i].extractive ? "extractive" : "openai");
        p.handover_words = str_of(rows[i].words);
        const struct gate_in in = {str_of(rows[i].tenant), &p,
                                   str_of(rows[i].status), str_of(rows[i].text),
                                   rows[i].other,          &reason};
        assert_int_equal(assistant_gate(a, &in), rows[i].verdict);
        assert_true(str_is(reason, rows[i].reason));
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_complete),
        cmocka_unit_test(speaks_the_language),
        cmocka_unit_test(follows_up),
        cmocka_unit_test(gates),
    };
    return cmocka_run_group_tests_name("texts", tests, NULL, NULL);
}
