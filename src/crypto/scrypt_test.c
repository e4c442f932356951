#include "crypto/scrypt.h"

#include "base/clock.h"

#include <setjmp.h>

#include <cmocka.h>

/* The first 32 bytes of the answer of RFC 7914 section 12 that has r = 8 and p = 1; shorter outputs
 * of scrypt are prefixes of longer ones. */
static void known_answer(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    uint8_t got[SCRYPT_BYTES];
    uint8_t want[SCRYPT_BYTES];
    cx_begin(&cx, NULL);
    assert_true(str_unhex(STR("7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"),
                          want, 32));
    assert_int_equal(scrypt_derive(&cx, STR("pleaseletmein"), STR("SodiumChloride"), 14, got),
                     ERR_OK);
    assert_memory_equal(got, want, sizeof(want));
    assert_int_equal(scrypt_derive(&cx, (struct str){NULL, 0}, (struct str){NULL, 0}, 1, got),
                     ERR_OK);
}

static void what_was_hashed_verifies(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx;
    struct str a;
    struct str b;
    bool same = false;
    cx_begin(&cx, NULL);
    assert_int_equal(scrypt_hash(&cx, STR("hunter2"), 4, &a), ERR_OK);
    assert_int_equal(scrypt_hash(&cx, STR("hunter2"), 4, &b), ERR_OK);
    assert_false(str_eq(a, b)); /* the salts differ */
    assert_true(str_starts(a, STR("$scrypt$ln=4,r=8,p=1$")));
    assert_int_equal(scrypt_verify(&cx, STR("hunter2"), a, &same), ERR_OK);
    assert_true(same);
    assert_int_equal(scrypt_verify(&cx, STR("hunter3"), a, &same), ERR_OK);
    assert_false(same);
    assert_int_equal(scrypt_verify(&cx, STR(""), a, &same), ERR_OK);
    assert_false(same);
}

static void a_malformed_hash_is_our_fault(void **state)
{
    (void)state;
    static const char *const rows[] = {
        "",
        "$scrypt",
        "$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAA",
        "$scrypt$ln=0,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=21,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=9,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA$",
        "$argon2id$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "x$scrypt$ln=4,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx;
        bool same = true;
        cx_begin(&cx, NULL);
        if (scrypt_verify(&cx, STR("x"), str_of(rows[i]), &same) != ERR_INTERNAL) {
            fail_msg("%s", rows[i]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answer),
        cmocka_unit_test(what_was_hashed_verifies),
        cmocka_unit_test(a_malformed_hash_is_our_fault),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
