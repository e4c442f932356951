#include "crypto/apikey.h"

#include "base/mem.h"
#include "crypto/scrypt.h"

#include <setjmp.h>

#include <cmocka.h>

static int begin(void **state)
{
    struct cx *cx = mem_new(struct cx);
    cx_begin(cx, NULL);
    *state = cx;
    return 0;
}

static int end(void **state)
{
    cx_end(*state);
    mem_free(*state);
    return 0;
}

/* shows: AUTH-3 */
static void a_new_key_verifies(void **state)
{
    struct cx *cx = *state;
    SCOPED(apikey_fini) struct apikey_new key = {};
    bool same = false;
    assert_int_equal(apikey_make(cx, &key), ERR_OK);
    const struct str text = str_of(key.text);
    assert_int_equal(text.n, APIKEY_SIGNS);
    assert_true(str_starts(text, STR("mc_live_")));
    assert_true(apikey_well_formed(text));
    assert_int_equal(key.prefix.n, 16);
    assert_true(str_starts(text, key.prefix));
    assert_true(str_ends(text, key.last_four));
    assert_true(str_starts(key.hash, STR("$scrypt$ln=12,r=8,p=1$")));
    assert_int_equal(apikey_matches(cx, text, key.hash, &same), ERR_OK);
    assert_true(same);
}

static void another_key_does_not_verify(void **state)
{
    struct cx *cx = *state;
    SCOPED(apikey_fini) struct apikey_new a = {};
    SCOPED(apikey_fini) struct apikey_new b = {};
    bool same = true;
    assert_int_equal(apikey_make(cx, &a), ERR_OK);
    assert_int_equal(apikey_make(cx, &b), ERR_OK);
    assert_string_not_equal(a.text, b.text);
    assert_int_equal(apikey_matches(cx, str_of(a.text), b.hash, &same), ERR_OK);
    assert_false(same);
}

/* The checksums were made with another program's CRC-32. */
static void well_formed_table(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool good;
    } rows[] = {
        {"mc_live_000000000000000000000000000000GOOD", false},
        {"mc_live_0000000000000000000000000000002C8GjS", true},
        {"mc_live_abcdefghijklmnopqrstuvwxyzABCD4dNndU", true},
        {"mc_live_abcdefghijklmnopqrstuvwxyzABCD4dNndC", false},
        {"mc_live_bbcdefghijklmnopqrstuvwxyzABCD4dNndU", false},
        {"mc_test_abcdefghijklmnopqrstuvwxyzABCD4dNndU", false},
        {"mc_live_abcdefghijklmnopqrstuvwxyzABCD4dNndUx", false},
        {"mc_live_abcdefghijklmnopqrstuvwxyzABCD4dNnd", false},
        {"mc_live_abcdefghijklmnopqrstuvwxy-ABCD4dNndU", false},
        {"mc_live_abcdefghijklmnopqrstuvwxyzABCD 4dNnd", false},
        {"", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (apikey_well_formed(str_of(rows[i].text)) != rows[i].good) {
            fail_msg("%s", rows[i].text);
        }
    }
    char nul[APIKEY_SIGNS];
    memcpy(nul, rows[1].text, sizeof(nul));
    nul[20] = '\0';
    assert_false(apikey_well_formed((struct str){nul, sizeof(nul)}));
    assert_false(apikey_well_formed((struct str){NULL, 0}));
}

static void a_malformed_key_is_refused_without_hashing(void **state)
{
    struct cx *cx = *state;
    bool same = true;
    /* Hashing would fail: what is stored is no hash. */
    assert_int_equal(apikey_matches(cx, STR("mc_live_x"), STR("no hash"), &same), ERR_OK);
    assert_false(same);
}

/* With 30 signs of each of 200 keys, a sign that never came would have a chance below 1e-40. */
static void every_sign_occurs(void **state)
{
    struct cx *cx = *state;
    int seen[128] = {};
    for (int i = 0; i < 200; i++) {
        SCOPED(apikey_fini) struct apikey_new key = {};
        assert_int_equal(apikey_make(cx, &key), ERR_OK);
        for (int at = 8; at < 38; at++) {
            seen[(unsigned char)key.text[at] & 127]++;
        }
    }
    int kinds = 0;
    for (size_t i = 0; i < COUNT(seen); i++) {
        kinds += seen[i] > 0;
    }
    assert_int_equal(kinds, 62);
}

static void fini_wipes(void **state)
{
    struct cx *cx = *state;
    static const char zeros[APIKEY_SIGNS];
    struct apikey_new key;
    assert_int_equal(apikey_make(cx, &key), ERR_OK);
    apikey_fini(&key);
    assert_memory_equal(key.text, zeros, sizeof(zeros));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_key_verifies, begin, end),
        cmocka_unit_test_setup_teardown(another_key_does_not_verify, begin, end),
        cmocka_unit_test(well_formed_table),
        cmocka_unit_test_setup_teardown(a_malformed_key_is_refused_without_hashing, begin, end),
        cmocka_unit_test_setup_teardown(every_sign_occurs, begin, end),
        cmocka_unit_test_setup_teardown(fini_wipes, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
