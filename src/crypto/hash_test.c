#include "crypto/hash.h"

#include <setjmp.h>

#include <cmocka.h>

static void assert_digest(const uint8_t got[HASH_BYTES], const char *want)
{
    uint8_t bytes[HASH_BYTES];
    assert_true(str_unhex(str_of(want), bytes, sizeof(bytes)));
    assert_memory_equal(got, bytes, sizeof(bytes));
}

static void sha256_known_answers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *digest;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t d[HASH_BYTES];
        hash_sha256(rows[i].text, strlen(rows[i].text), d);
        assert_digest(d, rows[i].digest);
        struct hash *h = hash_new();
        for (const char *p = rows[i].text; *p; p++) {
            hash_add(h, p, 1);
        }
        hash_end(&h, d);
        assert_null(h);
        assert_digest(d, rows[i].digest);
    }
    uint8_t d[HASH_BYTES];
    hash_sha256(NULL, 0, d);
    assert_digest(d, rows[0].digest);
}

static void an_unfinished_hash_is_freed(void **state)
{
    (void)state;
    SCOPED(hash_free) struct hash *h = hash_new();
    SCOPED(hash_free) struct hash *none = NULL;
    hash_add(h, "x", 1);
    hash_add(h, NULL, 0);
    assert_null(none);
}

/* RFC 4231, cases 1, 2 and 6; the last row is the empty key. */
static void hmac_known_answers(void **state)
{
    (void)state;
    char twenty[20];
    char long_key[131];
    memset(twenty, 0x0b, sizeof(twenty));
    memset(long_key, 0xaa, sizeof(long_key));
    const struct {
        struct str key;
        struct str data;
        const char *mac;
    } rows[] = {
        {{twenty, sizeof(twenty)},
         STR("Hi There"),
         "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {STR("Jefe"), STR("what do ya want for nothing?"),
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {{long_key, sizeof(long_key)},
         STR("Test Using Larger Than Block-Size Key - Hash Key First"),
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {{NULL, 0}, {NULL, 0}, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint8_t d[HASH_BYTES];
        hmac_sha256(rows[i].key, rows[i].data, d);
        assert_digest(d, rows[i].mac);
    }
}

/* RFC 5869, case 3, whose output begins with ours. */
static void hkdf_known_answer(void **state)
{
    (void)state;
    char key[22];
    uint8_t d[HASH_BYTES];
    uint8_t other[HASH_BYTES];
    memset(key, 0x0b, sizeof(key));
    hkdf_sha256((struct str){key, sizeof(key)}, STR(""), d);
    assert_digest(d, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
    hkdf_sha256((struct str){key, sizeof(key)}, STR("seal"), other);
    assert_memory_not_equal(d, other, sizeof(d));
}

/* shows: AUTH-14 */
static void ct_equal_compares_every_byte(void **state)
{
    (void)state;
    uint8_t a[33] = {};
    uint8_t b[33] = {};
    assert_true(ct_equal(a, b, sizeof(a)));
    assert_true(ct_equal(NULL, NULL, 0));
    for (size_t i = 0; i < sizeof(a); i++) {
        b[i] = 1;
        assert_false(ct_equal(a, b, sizeof(a)));
        b[i] = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(an_unfinished_hash_is_freed),
        cmocka_unit_test(hmac_known_answers),
        cmocka_unit_test(hkdf_known_answer),
        cmocka_unit_test(ct_equal_compares_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
