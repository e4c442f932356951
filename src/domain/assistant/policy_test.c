#include "domain/assistant/policy.h"

#include "crypto/keyring.h"
#include "domain/assistant/compose.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/turn_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static void begins_with_the_default(void **state)
{
    (void)state;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct policy p;
    turn_ok(db_begin_read(&tf.cx, &tx), "begin");
    turn_ok(policy_get(tx, &p), "get");
    assert_int_equal(p.version, 0);
    assert_true(p.enabled && p.retrieval);
    assert_true(str_is(p.provider, "extractive"));
    assert_int_equal(p.hash.n, 64);
    assert_true(p.handover_below <= p.review_below && p.review_below <= p.disclaimer_below);
}

static void keeps_every_version(void **state)
{
    (void)state;
    struct policy p;
    struct policy stored;
    struct str hashes[3];
    for (int i = 0; i < 3; i++) {
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        turn_ok(db_begin_write(&tf.cx, &tx), "begin");
        turn_ok(policy_get(tx, &p), "get");
        assert_int_equal(p.version, i);
        p.name = str_fmt(tf.cx.arena, "Mia %d", i);
        p.temperature = 0.125 * i;
        p.top_k = 5 + i;
        turn_ok(policy_put(tx, &p, &stored), "put");
        hashes[i] = stored.hash;
        turn_ok(db_commit(tx), "commit");
    }
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    bool found = false;
    turn_ok(db_begin_read(&tf.cx, &tx), "begin");
    for (int i = 0; i < 3; i++) {
        turn_ok(policy_by_hash(tx, hashes[i], &p, &found), "by hash");
        assert_true(found);
        assert_true(str_eq(p.name, str_fmt(tf.cx.arena, "Mia %d", i)));
        assert_int_equal(p.top_k, 5 + i);
        assert_true(str_eq(compose_hash(tf.cx.arena, policy_text(tf.cx.arena, &p)), hashes[i]));
    }
    turn_ok(policy_by_hash(tx, STR("none"), &p, &found), "by hash");
    assert_false(found);
}

static void set(struct policy *p, int i)
{
    static const char long_text[9000] = {[0 ... 8998] = 'x'};
    switch (i) {
    case 0:
        p->name = STR("");
        break;
    case 1:
        p->instructions = str_of(long_text);
        break;
    case 2:
        p->tone = STR("rude");
        break;
    case 3:
        p->provider = STR("magic");
        break;
    case 4:
        p->top_k = 21;
        break;
    case 5:
        p->temperature = 2.5;
        break;
    case 6:
        p->max_tokens = 1;
        break;
    case 7:
        p->handover_below = 0.9;
        break;
    case 8:
        p->disclaimer_below = 0.1;
        break;
    case 9:
        p->base_url = STR("ftp://x");
        break;
    case 10:
        p->unknown_text = STR("a\x01"
                              "b");
        break;
    default:
        p->unknown_handover_after = 0;
        break;
    }
}

static void names_the_faulty_field(void **state)
{
    (void)state;
    static const char *const fields[] = {"name",           "instructions", "tone",
                                         "provider",       "topK",         "temperature",
                                         "maxTokens",      "reviewBelow",  "disclaimerBelow",
                                         "openai.baseUrl", "unknownText",  "unknownHandoverAfter"};
    for (int i = 0; i < (int)COUNT(fields); i++) {
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        struct policy p;
        struct policy stored;
        tf.cx.field_count = 0;
        turn_ok(db_begin_write(&tf.cx, &tx), "begin");
        turn_ok(policy_get(tx, &p), "get");
        set(&p, i);
        assert_int_equal(policy_put(tx, &p, &stored), ERR_INVALID);
        assert_int_equal(tf.cx.code, CODE_VALIDATION_ERROR);
        assert_true(tf.cx.field_count >= 1);
        assert_true(str_is(tf.cx.fields[0].field, fields[i]));
    }
}

/* The key is sealed, comes back by the ring alone, and is no part of the text that replays. */
static void seals_the_key(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    struct keyring *ring = NULL;
    struct policy p;
    struct policy stored;
    struct str plain;
    const struct str dir = str_fmt(tf.cx.arena, "%s/keys", tf.k.db.dir);
    assert_int_equal(keyring_open(dir.p, true, &ring, &why), ERR_OK);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    turn_ok(db_begin_write(&tf.cx, &tx), "begin");
    turn_ok(policy_get(tx, &p), "get");
    const struct str before = p.hash;
    turn_ok(policy_seal_key(&tf.cx, ring, STR("sk-secret-1"), &p), "seal");
    assert_true(p.has_api_key);
    assert_true(str_find(p.api_key, STR("sk-secret"), 0) < 0);
    turn_ok(policy_put(tx, &p, &stored), "put");
    turn_ok(policy_get(tx, &p), "get");
    assert_true(p.has_api_key);
    assert_true(str_eq(p.hash, before));
    turn_ok(policy_open_key(&tf.cx, ring, &p, &plain), "open");
    assert_true(str_is(plain, "sk-secret-1"));
    turn_ok(policy_seal_key(&tf.cx, ring, STR(""), &p), "remove");
    assert_false(p.has_api_key);
    assert_int_equal(policy_seal_key(&tf.cx, ring, STR("a\r\nX-Evil: 1"), &p), ERR_INVALID);
    keyring_close(&ring);
}

#define POLICY_TEST(name) cmocka_unit_test_setup_teardown(name, turn_setup, turn_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        POLICY_TEST(begins_with_the_default),
        POLICY_TEST(keeps_every_version),
        POLICY_TEST(names_the_faulty_field),
        POLICY_TEST(seals_the_key),
    };
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
