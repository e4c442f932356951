/* Words, sentences, and the answerer that quotes them. */
#include "base/buf.h"
#include "ext/llm.h"
#include "ext/llm_figure.h"
#include "ext/llm_lexicon.h"
#include "ext/llm_sentence.h"
#include "ext/llm_words.h"

#include <setjmp.h>

#include <cmocka.h>

static struct cx cx;

static int start(void **state)
{
    (void)state;
    cx_begin(&cx, NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    cx_end(&cx);
    return 0;
}

static void folds(void **state)
{
    (void)state;
    static const struct {
        const char *text, *folded;
    } rows[] = {
        {"", " "},
        {"  ", " "},
        {"Hello, World!", " hello world "},
        {"It's 9.99 at 10:30, or 1,000.", " it s 9.99 at 10:30 or 1,000 "},
        {"Öffnungszeiten STRASSE Straße", " offnungszeiten strasse strasse "},
        {"Crème brûlée", " creme brulee "},
        {"łódź đak ŽELIM", " lodz dak zelim "},
        {"هل تُرجِعون", " هل ترجعون "},
        {"ﬁne ½", " fine 1 2 "},
        {"a\xC2\xA0"
         "b\xE2\x80\x94"
         "c",
         " a b c "},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(llm_fold(cx.arena, str_of(rows[i].text)).p, rows[i].folded);
    }
}

static void knows_content_words(void **state)
{
    (void)state;
    const struct str folded =
        llm_fold(cx.arena, STR("What are the opening hours, and the hours of X5?"));
    const struct llm_words w = llm_content_words(cx.arena, folded);
    assert_int_equal(w.count, 3);
    assert_true(str_is(w.items[0], "opening"));
    assert_true(str_is(w.items[1], "hours"));
    assert_true(str_is(w.items[2], "x5"));
    assert_int_equal(llm_content_words(cx.arena, STR(" wie viel ist das ")).count, 0);
    assert_true(llm_has_phrase(STR(" please call me "), STR(" call me ")));
    assert_false(llm_has_phrase(STR(" recall me "), STR(" call me ")));
}

static void matches_forms_of_a_word(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {
        {"return", "returns", true},
        {"return", "returned", true},
        {"open", "opening", true},
        {"price", "prices", true},
        {"cat", "cats", true},
        {"cat", "cart", false},
        {"a", "a", true},
        {"2026", "2027", false},
        {"warranty", "war", false},
        {"1234", "12345", false},
        {"lieferung", "liefern", true},
        {"shipping", "shop", false},
        {"puncture", "pucnture", true},
        {"warranty", "waranty", true},
        {"opening", "openning", true},
        {"button", "mutton", true},
        {"mouse", "house", false},
        {"a2345678", "b2345678", true},
        {"12345678", "12345679", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(llm_same_word(str_of(rows[i].a), str_of(rows[i].b)), rows[i].same);
    }
}

static void splits_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *parts; /* kind letter and sentence, apart by '/' */
    } rows[] = {
        {"One. Two! Three?", "PROSE One./PROSE Two!/ASKED Three?"},
        {"Opening hours\n\nWe open at 9. See you.",
         "HEADING Opening hours/PROSE We open at 9./PROSE See you."},
        {"It costs 3.50 EUR. Dr. Smith and Nr. 5 agree, z.B. here.",
         "PROSE It costs 3.50 EUR./PROSE Dr. Smith and Nr. 5 agree, z.B. here."},
        {"Am 3. Mai ist zu. Danach auf.", "PROSE Am 3. Mai ist zu./PROSE Danach auf."},
        {"We sell:\n\n- tea\n- coffee, \"good\".\n\nAll fresh.",
         "LEAD We sell:/ITEM - tea/ITEM - coffee, \"good\"./PROSE All fresh."},
        {"Product | Price\nTea | 3\n", "ROW Product | Price/ROW Tea | 3"},
        {"a line\nthat goes on. And more", "PROSE a line\nthat goes on./PROSE And more"},
        {"Does it? Yes! \xC2\xBFY?", "ASKED Does it?/PROSE Yes!/ASKED \xC2\xBFY?"},
        {"\xD9\x87\xD9\x84\xD8\x9F \xD9\x86\xD8\xB9\xD9\x85.",
         "ASKED \xD9\x87\xD9\x84\xD8\x9F/PROSE \xD9\x86\xD8\xB9\xD9\x85."},
        {"", ""},
        {" \n \n", ""},
    };
    static const char *const kinds[] = {"PROSE", "LEAD", "ASKED", "HEADING", "ITEM", "ROW"};
    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t n = 0;
        const struct str text = str_of(rows[i].text);
        const struct llm_sentence *s = llm_sentences(cx.arena, text, &n);
        SCOPED(buf_fini) struct buf b = buf_make(4096);
        buf_cstr(&b, "");
        for (size_t k = 0; k < n; k++) {
            buf_fmt(&b, "%s%s ", k ? "/" : "", kinds[s[k].kind]);
            buf_str(&b, str_sub(text, s[k].start, s[k].end - s[k].start));
        }
        assert_string_equal(b.p ? b.p : "", rows[i].parts);
    }
}

static void shows_without_markup(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *shown;
    } rows[] = {
        {"- **Tea** is `hot`", "Tea is hot"},
        {"## Prices", "Prices"},
        {"| Tea | 3 |", "Tea \xE2\x80\x93 3"},
        {"1. first\n   line", "first line"},
        {"2 * 3 = 6", "2 * 3 = 6"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_string_equal(llm_sentence_show(cx.arena, str_of(rows[i].raw)).p, rows[i].shown);
    }
}

struct pieces {
    struct buf text;
    int count;
};

static void on_piece(void *arg, struct str text)
{
    struct pieces *p = arg;
    buf_str(&p->text, text);
    p->count++;
}

static struct str answer_of(const char *question, bool known, const char *const *texts, size_t n)
{
    struct llm_passage passages[4] = {};
    struct pieces p = {.text = buf_make(65536)};
    struct llm_answer a;
    for (size_t i = 0; i < n; i++) {
        passages[i] =
            (struct llm_passage){.number = (int)i + 1, .text = str_of(texts[i]), .coverage = 1.0};
    }
    const struct llm_request rq = {
        .passages = passages, .passage_count = n, .question = str_of(question), .known = known};
    assert_int_equal(llm_extractive.answer(&cx, NULL, &rq, on_piece, &p, &a), ERR_OK);
    assert_true(str_eq(a.text, buf_view(&p.text)));
    assert_true(str_is(a.finish_reason, "stop"));
    buf_fini(&p.text);
    return a.text;
}

static const char returns[] =
    "Returns and refunds\n\nYou may return anything unused within 30 days of receiving it, for any "
    "reason. Bicycles may be returned within 14 days.\n\nWhat cannot be returned\n\n- Opened bags "
    "of "
    "coffee\n- Gift cards\n\nWe refund within 5 working days.";
static const char menu[] = "Coffee\n\nDrink | Price\nEspresso | \xC2\xA3"
                           "2.40\nFlat white | \xC2\xA3"
                           "3.40\n\n"
                           "Decaf is available for every drink.";

static void brackets_of_a_document_are_no_markers(void **state)
{
    (void)state;
    static const char *const notes[] = {
        "Bicycles [2] may be returned within 14 days [18:00 at the latest]."};
    static const char *const spoken[] = {
        "Bicycles may be returned within 14 \"days\"] [18: or so."};
    assert_string_equal(
        answer_of("How many days do I have to return a bicycle?", true, notes, 1).p,
        "Bicycles (2) may be returned within 14 days (18:00 at the latest). [1: \"Bicycles [2] may "
        "be returned within 14 days [18:00 at the latest].\"]");
    assert_string_equal(
        answer_of("How many days do I have to return a bicycle?", true, spoken, 1).p,
        "Bicycles may be returned within 14 \"days\") (18: or so. [1: \"Bicycles may be returned "
        "within 14 \"days\"\"]");
}

static void answers_with_quotes(void **state)
{
    (void)state;
    static const char *const texts[] = {returns, menu};
    static const struct {
        const char *question;
        bool known;
        const char *answer;
    } rows[] = {
        {"How many days do I have to return a bicycle?", true,
         "Bicycles may be returned within 14 days. [1: \"Bicycles may be returned within 14 "
         "days.\"]"},
        {"What does a flat white cost?", true,
         "Drink: Flat white \xE2\x80\x93 Price: \xC2\xA3"
         "3.40 [2: \"Flat white | \xC2\xA3"
         "3.40\"]"},
        {"Is decaf available?", true,
         "Decaf is available for every drink. [2: \"Decaf is available for every drink.\"]"},
        {"Who is the president of France?", true, ""},
        {"How many days do I have to return a bicycle?", false, ""},
        {"", true, ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str a = answer_of(rows[i].question, rows[i].known, texts, COUNT(texts));
        assert_string_equal(a.p, rows[i].answer);
    }
}

/* A list that is asked for as a whole comes whole. */
static void answers_with_a_list(void **state)
{
    (void)state;
    static const char *const texts[] = {returns};
    const struct str a = answer_of("What can I not return?", true, texts, 1);
    (void)a;
    const struct str b = answer_of("What cannot be returned?", true, texts, 1);
    assert_true(str_find(b, STR("coffee [1: \"- Opened bags of coffee\"]"), 0) >= 0);
    assert_true(str_find(b, STR("Gift cards [1: \"- Gift cards\"]"), 0) >= 0);
}

static void stays_short(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1 << 20);
    for (int i = 0; i < 300; i++) {
        buf_fmt(&b, "Sentence number %d tells of returns and of shipping number %d. ", i, i * 7);
    }
    const char *const texts[] = {b.p};
    const struct str a = answer_of("returns shipping number 7 and 21 and 35", true, texts, 1);
    int markers = 0;
    for (ptrdiff_t at = 0; (at = str_find(a, STR(" [1: \""), (size_t)at)) >= 0; at++) {
        markers++;
    }
    assert_in_range(markers, 1, 3);
    assert_in_range(a.n, 1, 1500);
}

/* A follow-up: the newer line decides, the older one helps. */
static void leans_on_the_earlier_question(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "Shipping to Norway takes 5 days. Returns from Norway are free.",
        "Shipping to Spain takes 3 days."};
    const struct str a =
        answer_of("How long is shipping to Norway?\nAnd to Spain?", true, texts, 2);
    assert_true(str_starts(a, STR("Shipping to Spain takes 3 days.")));
}

static void rewords(void **state)
{
    (void)state;
    static const struct {
        const char *question, *reworded;
    } rows[] = {
        {"Where are you?", "address?"},
        {"and where is your shop", "and address"},
        {"Where is the frame number?", "Where is the frame number?"},
        {"Can I send my bicycle back?", "Can I return my bicycle?"},
        {"I want my money back", "I want my refund"},
        {"a size for 185cm", "a size for 185 cm"},
        {"What is KL-2047-B?", "What is KL-2047-B?"},
        {"Wo seid ihr?", "adresse?"},
        {"send", "send"},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str s = llm_reword(cx.arena, str_of(rows[i].question));
        assert_string_equal(str_dup(cx.arena, s).p, rows[i].reworded);
    }
}

static void knows_other_words(void **state)
{
    (void)state;
    struct str same[LLM_SYNONYMS];
    assert_true(llm_synonyms(STR("bikes"), same) >= 2);
    assert_true(str_is(same[0], "bicycle"));
    assert_int_equal(llm_synonyms(STR("fixing"), same), 2);
    assert_int_equal(llm_synonyms(STR("espresso"), same), 0);
    assert_true(llm_is_filler(STR("items")));
    assert_false(llm_is_filler(STR("helmet")));
    assert_true(llm_goes_back(STR(" after that storage costs money ")));
    assert_false(llm_goes_back(STR(" italy is far ")));
    assert_true(llm_is_joined(STR(" when and where "), STR("en")));
    assert_false(llm_is_joined(STR(" can i come "), STR("en")));
}

static void tells_figures_apart(void **state)
{
    (void)state;
    static const struct {
        const char *question, *text;
        bool told;
    } rows[] = {
        {"How much is it?",
         "It costs \xC2\xA3"
         "14.",
         true},
        {"How much is it?", "It takes 14 days.", false},
        {"How long does it take?", "It takes 14 days.", true},
        {"How long does it take?", "There are 14 of them.", false},
        {"What time do you close?", "Until 18:30.", true},
        {"What time do you close?", "In 18 days.", false},
        {"Your phone number?", "Call 01632 960142.", true},
        {"Your phone number?", "Room 142, 16 seats.", false},
        {"Your email?", "Write to a@b.example.", true},
        {"Your email?", "Write @ home.", false},
        {"When do you roast?", "Every Thursday.", true},
        {"When do you roast?",
         "At \xC2\xA3"
         "8 a bag.",
         false},
        {"When was it built?", "Built in 1897.", true},
        {"Who roasts?", "Priya Nair does.", true},
        {"Who roasts?", "We do it ourselves.", false},
        {"How many seats?", "There are 32.", true},
        {"Is it open?", "Until 18:30.", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str text = str_of(rows[i].text);
        const unsigned asked = llm_figures_asked(llm_fold(cx.arena, str_of(rows[i].question)));
        const unsigned has = llm_figures_in(text, llm_fold(cx.arena, text));
        if (((asked & has) != 0) != rows[i].told) {
            fail_msg("%s %s: asked %x, has %x", rows[i].question, rows[i].text, asked, has);
        }
    }
}

/* Who asks for the heading gets the rows; who asks for one row gets that. */
static void quotes_a_table(void **state)
{
    (void)state;
    static const char hours[] =
        "Opening hours\n\nThe shop and the bar keep different hours.\n\nDay | Shop | Bar\nMonday | "
        "closed | 8:00 to 14:00\nSunday | closed | 9:00 to 13:00\n";
    static const char *const texts[] = {hours, returns};
    const struct str all = answer_of("When are you open?", true, texts, 2);
    assert_string_equal(
        all.p, "- Day: Monday \xE2\x80\x93 Shop: closed \xE2\x80\x93 Bar: 8:00 to 14:00 [1: "
               "\"Monday | closed | 8:00 to 14:00\"]\n- Day: Sunday \xE2\x80\x93 Shop: closed "
               "\xE2\x80\x93 Bar: 9:00 to 13:00 [1: \"Sunday | closed | 9:00 to 13:00\"]");
    const struct str one = answer_of("opening hours of the bar on sunday", true, texts, 2);
    assert_true(str_find(one, STR("Monday"), 0) < 0);
    assert_true(str_find(one, STR("9:00 to 13:00"), 0) >= 0);
}

/* Words that stand in two documents only are not together an answer. */
static void refuses_what_is_scattered(void **state)
{
    (void)state;
    static const char *const texts[] = {"Horses were watered here.", "We repair bicycles."};
    assert_string_equal(answer_of("Do you repair horses?", true, texts, 2).p, "");
    assert_true(answer_of("Do you repair bicycles?", true, texts, 2).n > 0);
    assert_true(answer_of("Were horses here and do you repair bicycles?", true, texts, 2).n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds),
        cmocka_unit_test(knows_content_words),
        cmocka_unit_test(matches_forms_of_a_word),
        cmocka_unit_test(splits_sentences),
        cmocka_unit_test(shows_without_markup),
        cmocka_unit_test(brackets_of_a_document_are_no_markers),
        cmocka_unit_test(answers_with_quotes),
        cmocka_unit_test(answers_with_a_list),
        cmocka_unit_test(stays_short),
        cmocka_unit_test(rewords),
        cmocka_unit_test(knows_other_words),
        cmocka_unit_test(tells_figures_apart),
        cmocka_unit_test(quotes_a_table),
        cmocka_unit_test(refuses_what_is_scattered),
        cmocka_unit_test(leans_on_the_earlier_question),
    };
    return cmocka_run_group_tests_name("llm_text", tests, start, stop);
}
