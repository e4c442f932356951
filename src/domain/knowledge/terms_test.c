#include "domain/knowledge/terms.h"

#include "domain/knowledge/language.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_index(void **state)
{
    (void)state;
    static const struct {
        const char *language, *in, *out;
    } rows[] = {
        {"en", "The return of unused items, within 30 days.", "return unus item within 30 day"},
        {"en", "Part KL-2047-B costs", "part kl2047b kl2047 kl 2047 b cost"},
        {"en", "kl2047b", "kl2047b kl2047 kl 2047 b"},
        {"en", "e-mail or T-shirt", "email mail tshirt shirt"},
        {"en",
         "\xc2\xa3"
         "49.90 and 1,450 and 09:30",
         "49_90 49 1450 9_30 9"},
        {"en", "5kg, 24-inch, 11-speed", "5 kg 24 inch 11 speed"},
        {"en", "the shop's caf\xc3\xa9", "shop cafe"},
        {"en", "12-14 days 24/7", "12 14 day 24 7"},
        {"en", "see shop.example.com/help", "see shop exampl com help"},
        {"de",
         "Die R\xc3\xbc"
         "cksendung der Gr\xc3\xb6\xc3\x9f"
         "en",
         "rucksend gross"},
        {"fr", "l'adresse des caf\xc3\xa9s", "adress caf"},
        {"hr",
         "\xc4\x8d"
         "a\xc5\xa1"
         "a \xc4\x91"
         "ak",
         "cas dak"},
        {"pl", "rowerowymi rowerowych", "rowero rowero"},
        {"xx", "running \xef\xbc\xa1\xef\xbc\xa2\xef\xbc\xa3", "running abc"},
        {"zh", "\xe9\x80\x80\xe8\xb4\xa7\xe6\x94\xbf ok",
         "\xe9\x80\x80\xe8\xb4\xa7 \xe8\xb4\xa7\xe6\x94\xbf ok"},
        {"en", "\xc2\xbd \xe2\x85\xa7 ...", "12 viii"},
        {"en", "", ""},
        {"en", "... --- the", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct terms *t = terms_new(str_of(rows[i].language));
        SCOPED(buf_fini) struct buf b = buf_make(KB);
        (void)terms_index(t, str_of(rows[i].in), &b);
        assert_string_equal(b.p ? b.p : "", rows[i].out);
        terms_free(&t);
    }
}

static void test_query(void **state)
{
    (void)state;
    struct arena *a = arena_new();
    struct terms *t = terms_new(STR("en"));
    struct query_word *w;
    size_t n;
    terms_query(t, a, STR("How much is KL-2047-B in 49.90 e-mail?"), &w, &n);
    assert_int_equal(n, 7);
    assert_true(w[0].stop && w[1].stop && w[2].stop && w[4].stop);
    assert_int_equal(w[3].kind, TOKEN_PART);
    assert_string_equal(w[3].alts[0].p, "kl2047b");
    assert_int_equal(w[3].piece_count, 3);
    assert_string_equal(w[5].alts[0].p, "49_90");
    assert_int_equal(w[5].alt_count, 1);
    assert_string_equal(w[6].alts[0].p, "email");
    assert_string_equal(w[6].alts[1].p, "mail");
    terms_query(t, a, STR("?! the"), &w, &n);
    assert_int_equal(n, 1);
    assert_true(w[0].stop);
    terms_free(&t);
    arena_free(&a);
}

static void test_language(void **state)
{
    (void)state;
    static const struct {
        const char *text, *language;
    } rows[] = {
        {"When does the shop open on Saturday?", "en"},
        {"Wie lange habe ich Zeit, etwas zur\xc3\xbc"
         "ckzugeben?",
         "de"},
        {"Quels sont vos horaires d'ouverture ?", "fr"},
        {"\xc2\xbf"
         "Cu\xc3\xa1"
         "l es el plazo para devolver un producto?",
         "es"},
        {"Quanto costa la spedizione in Italia e quando arriva?", "it"},
        {"Qual \xc3\xa9 o prazo para devolver um produto? N\xc3\xa3o encontrei", "pt"},
        {"Wanneer is de winkel open en wat kost het?", "nl"},
        {"Ile kosztuje wysy\xc5\x82"
         "ka i kiedy b\xc4\x99"
         "dzie?",
         "pl"},
        {"Koliko ko\xc5\xa1ta dostava i kada sti\xc5\xbe"
         "e?",
         "hr"},
        {"\xd9\x85\xd8\xaa\xd9\x89 \xd9\x8a\xd9\x81\xd8\xaa\xd8\xad \xd8\xa7\xd9\x84\xd9\x85",
         "ar"},
        {"\xe4\xbd\xa0\xe5\xa5\xbd", "zh"},
        {"KL-2047", ""},
        {"", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct str l = language_guess(str_of(rows[i].text));
        if (!str_is(l, rows[i].language)) {
            fail_msg("%s: got '" STR_FMT "'", rows[i].text, STR_ARG(l));
        }
    }
}

static void test_stop_words(void **state)
{
    (void)state;
    assert_int_equal(language_stop(STR("en"), STR("the")), STOP_WORD);
    assert_int_equal(language_stop(STR("en"), STR("please")), STOP_QUESTION);
    assert_int_equal(language_stop(STR("en"), STR("refund")), STOP_NONE);
    assert_int_equal(language_stop(STR("de"), STR("the")), STOP_NONE);
    assert_int_equal(language_stop(STR("xx"), STR("the")), STOP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index),
        cmocka_unit_test(test_query),
        cmocka_unit_test(test_language),
        cmocka_unit_test(test_stop_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
