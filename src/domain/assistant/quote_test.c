#include "domain/assistant/quote.h"

#include <setjmp.h>

#include <cmocka.h>

#define NBSP "\xC2\xA0"

static void finds_quotes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *quote, *found; /* NULL: not there */
    } rows[] = {
        {"We open at 9.", "open at 9", "open at 9"},
        {"We open  at\n 9 today", "open at 9", "open  at\n 9"},
        {"We open" NBSP "at" NBSP "9", "Open At 9", "open" NBSP "at" NBSP "9"},
        {"sagt \xE2\x80\x9EGr\xC3\xBC\xC3\x9F Gott\xE2\x80\x9C heute",
         "\"gr\xC3\xBC\xC3\x9F gott\" heute",
         "\xE2\x80\x9EGr\xC3\xBC\xC3\x9F Gott\xE2\x80\x9C heute"},
        {"it\xE2\x80\x99s 5\xE2\x80\x93"
         "7 days\xE2\x80\xA6 ok",
         "it's 5-7 days... ok",
         "it\xE2\x80\x99s 5\xE2\x80\x93"
         "7 days\xE2\x80\xA6 ok"},
        {"M\xC3\x9CNCHEN liegt dort", "m\xC3\xBCnchen liegt", "M\xC3\x9CNCHEN liegt"},
        {"free ship\xC2\xADping here", "free shipping", "free ship\xC2\xADping"},
        {"It costs \xC2\xA3"
         "3.90 each",
         "\xC2\xA3"
         "3.90",
         "\xC2\xA3"
         "3.90"},
        {"It costs 5 pounds", "5 pounds.", "5 pounds"},
        {"start of art", "art", NULL}, /* too short to prove anything */
        {"restart the machine", "start the", NULL},
        {"start the machine restart", "restart", "restart"},
        {"We open at 9.", "open at 10", NULL},
        {"We open at 9.", "", NULL},
        {"", "anything", NULL},
        {"\xD9\x86\xD9\x81\xD8\xAA\xD8\xAD \xD8\xA7\xD9\x84\xD8\xB3\xD8\xA7\xD8\xB9\xD8\xA9 9",
         "\xD8\xA7\xD9\x84\xD8\xB3\xD8\xA7\xD8\xB9\xD8\xA9 9",
         "\xD8\xA7\xD9\x84\xD8\xB3\xD8\xA7\xD8\xB9\xD8\xA9 9"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct arena *a = arena_new();
        struct quote_place p = {};
        const struct str text = str_of(rows[i].text);
        const bool found = quote_find(a, text, str_of(rows[i].quote), &p);
        assert_int_equal(found, rows[i].found != NULL);
        if (found) {
            assert_string_equal(str_dup(a, str_sub(text, p.start, p.end - p.start)).p,
                                rows[i].found);
        }
        arena_free(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_quotes)};
    return cmocka_run_group_tests_name("quote", tests, NULL, NULL);
}
