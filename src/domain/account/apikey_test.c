#include "domain/account/apikey.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"
#include "domain/account/apikey_cache.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

struct made {
    struct apikey_id id;
    char secret[64];
};

static struct made create(int tenant, const char *scopes, int64_t expires_us)
{
    struct apikey k;
    struct str secret;
    struct made m = {};
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    want(&cx, ERR_OK, apikey_create(&cx, STR("a key"), str_of(scopes), expires_us, &k, &secret));
    assert_true(secret.n < sizeof(m.secret));
    assert_true(str_starts(secret, k.prefix) && str_ends(secret, k.last4));
    memcpy(m.secret, secret.p, secret.n);
    m.id = k.id;
    return m;
}

/* At now + later_us. */
static enum err verify(const char *secret, int64_t later_us, struct tenant_id *ret)
{
    struct apikey k;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, room.f.db);
    cx.now_us += later_us;
    const enum err e = apikey_verify(&cx, str_of(secret), &k);
    assert_int_equal(cx.who, SCOPE_NONE);
    assert_false(cx.in_tx);
    if (e) {
        assert_int_equal(cx.code, CODE_INVALID_TOKEN);
        return e;
    }
    assert_true(str_is(k.name, "a key"));
    if (ret) {
        *ret = k.tenant;
    }
    return ERR_OK;
}

static void revoke(const struct made *m)
{
    struct apikey k;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, apikey_revoke(tx, m->id, &k));
    want(&cx, ERR_OK, db_commit(tx));
    assert_true(k.revoked_us > 0);
    apikey_cache_forget(k.id);
}

static int setup(void **state)
{
    apikey_cache_clear();
    return room_setup(state);
}

static double checks(const char *verdict)
{
    return metric_value(METRIC_KEY_CHECKS, verdict);
}

static void a_fresh_key_opens_its_tenant(void **state)
{
    (void)state;
    struct tenant_id t;
    for (int i = 0; i < 2; i++) {
        const struct made m = create(i, "*", 0);
        const double before = checks("cached");
        assert_int_equal(verify(m.secret, 0, &t), ERR_OK);
        assert_true(uuid_eq(t.v, room.tenant[i].v));
        assert_int_equal(verify(m.secret, 0, &t), ERR_OK);
        assert_true(uuid_eq(t.v, room.tenant[i].v));
        assert_true(checks("cached") - before == 1);
    }
}

/* shows: AUTH-4 */
static void the_secret_is_nowhere(void **state)
{
    (void)state;
    const struct made m = create(0, "*", 0);
    char sql[256];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM api_keys WHERE instr(hash, '%.8s') OR prefix = '%s' OR "
                   "length(prefix) > 16",
                   m.secret + 20, m.secret);
    assert_int_equal(room_number(sql), 0);
}

static void wrong_secrets_are_refused(void **state)
{
    (void)state;
    struct made m = create(0, "*", 0);
    struct made other = create(0, "*", 0);
    assert_int_equal(verify("", 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify("mc_live_x", 0, NULL), ERR_UNAUTHENTICATED);
    m.secret[30] = m.secret[30] == 'a' ? 'b' : 'a';
    const double before = checks("malformed");
    assert_int_equal(verify(m.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_true(checks("malformed") - before == 1);
    /* Well-formed, but of nobody; the second time without the database. */
    assert_int_equal(room_sql("DELETE FROM api_keys"), ERR_OK);
    assert_int_equal(verify(other.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(other.secret, 0, NULL), ERR_UNAUTHENTICATED);
}

/* The prefix of one key with the rest of another: found, hashed, refused. */
static void a_key_with_anothers_prefix_is_refused(void **state)
{
    (void)state;
    const struct made a = create(0, "*", 0);
    const struct made b = create(1, "*", 0);
    char sql[256];
    (void)snprintf(sql, sizeof(sql), "DELETE FROM api_keys WHERE prefix = '%.16s'", b.secret);
    assert_int_equal(room_sql(sql), ERR_OK);
    (void)snprintf(sql, sizeof(sql), "UPDATE api_keys SET prefix = '%.16s'", b.secret);
    assert_int_equal(room_sql(sql), ERR_OK);
    assert_int_equal(verify(b.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(a.secret, 0, NULL), ERR_UNAUTHENTICATED);
}

/* shows: AUTH-4 */
static void a_revoked_key_fails_at_once(void **state)
{
    (void)state;
    const struct made m = create(0, "*", 0);
    const struct made other = create(0, "*", 0);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    assert_int_equal(verify(other.secret, 0, NULL), ERR_OK);
    revoke(&m);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(other.secret, 0, NULL), ERR_OK);
}

/* What another process did is noticed when the verdict is old. */
static void an_old_verdict_is_looked_at_again(void **state)
{
    (void)state;
    const int64_t old = conf.api_key_cache_s * SECOND_US + 1;
    const struct made m = create(0, "*", 0);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    const double hashed = checks("verified");
    assert_int_equal(verify(m.secret, old, NULL), ERR_OK);
    assert_true(checks("verified") - hashed == 1);
    assert_int_equal(room_sql("UPDATE api_keys SET revoked_us = 1"), ERR_OK);
    assert_int_equal(verify(m.secret, old + 1, NULL), ERR_OK);
    assert_int_equal(verify(m.secret, 2 * old + 1, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(room_sql("UPDATE api_keys SET revoked_us = NULL"), ERR_OK);
    assert_int_equal(verify(m.secret, 2 * old + 2, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(verify(m.secret, 3 * old + 2, NULL), ERR_OK);
}

static void a_verdict_from_a_moment_ahead_is_young(void **state)
{
    (void)state;
    const int64_t old = conf.api_key_cache_s * SECOND_US + 1;
    const struct made m = create(0, "*", 0);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    const double hashed = checks("verified");
    assert_int_equal(verify(m.secret, -SECOND_US, NULL), ERR_OK);
    assert_true(checks("verified") == hashed);
    assert_int_equal(verify(m.secret, -2 * old, NULL), ERR_OK);
    assert_true(checks("verified") - hashed == 1);
}

static void a_key_expires_also_in_the_cache(void **state)
{
    (void)state;
    const struct made m = create(0, "*", clock_wall_us() + 10 * SECOND_US);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    assert_int_equal(verify(m.secret, 11 * SECOND_US, NULL), ERR_UNAUTHENTICATED);
    apikey_cache_clear();
    assert_int_equal(verify(m.secret, 11 * SECOND_US, NULL), ERR_UNAUTHENTICATED);
}

static void a_suspended_tenant_opens_nothing(void **state)
{
    (void)state;
    const struct made m = create(0, "*", 0);
    assert_int_equal(room_sql("UPDATE tenants SET status = 'suspended'"), ERR_OK);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_UNAUTHENTICATED);
    assert_int_equal(room_sql("UPDATE tenants SET status = 'active'"), ERR_OK);
    apikey_cache_clear();
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
}

struct users {
    struct made keys[4];
    bool forget; /* now and then */
};

static void use_many(void *arg, int i)
{
    const struct users *u = arg;
    for (int n = 0; n < 50; n++) {
        assert_int_equal(verify(u->keys[(i + n) % 4].secret, 0, NULL), ERR_OK);
        if (u->forget && i == 0 && n % 10 == 0) {
            apikey_cache_forget(u->keys[n % 4].id);
        }
    }
}

static void of_many_at_once_one_is_hashed(void **state)
{
    (void)state;
    struct users u = {
        .keys = {create(0, "*", 0), create(0, "*", 0), create(1, "*", 0), create(1, "*", 0)}};
    const double before = checks("verified");
    room_threads(16, use_many, &u);
    assert_true(checks("verified") - before == 4);
    u.forget = true;
    room_threads(16, use_many, &u);
}

static void uses_are_written_down(void **state)
{
    (void)state;
    const struct made m = create(0, "*", 0);
    int64_t n;
    SCOPED(cx_end) struct cx cx = room_platform();
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    want(&cx, ERR_OK, apikey_note_used(&cx, &n));
    assert_int_equal(n, 1);
    assert_int_equal(room_number("SELECT count(*) FROM api_keys WHERE last_used_us > 1"), 1);
    want(&cx, ERR_OK, apikey_note_used(&cx, &n));
    assert_int_equal(n, 0);
}

static void keys_are_listed_and_stay_with_their_tenant(void **state)
{
    (void)state;
    const struct made a = create(0, "chat search", 0);
    const struct made b = create(0, "*", 0);
    revoke(&a);
    for (int t = 0; t < 2; t++) {
        struct apikey *list;
        struct apikey k;
        size_t n;
        SCOPED(cx_end) struct cx cx = room_cx(t);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, apikey_list(tx, (struct apikey_id){}, 10, &list, &n));
        assert_int_equal(n, t == 0 ? 2 : 0);
        if (n) {
            const struct apikey_id newest = list[0].id;
            want(&cx, ERR_OK, apikey_list(tx, newest, 10, &list, &n));
            assert_int_equal(n, 1);
            assert_false(uuid_eq(list[0].id.v, newest.v));
        }
        const enum err wanted = t == 0 ? ERR_OK : ERR_NOT_FOUND;
        want(&cx, wanted, apikey_get(tx, a.id, &k));
        assert_true(t == 1 || str_is(k.scopes, "chat search"));
        want(&cx, wanted, apikey_revoke(tx, b.id, &k));
        assert_true(t == 0 || cx.code == CODE_API_KEY_NOT_FOUND);
    }
}

static void faults_name_their_field(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const char *scopes;
        int64_t expires_us;
        const char *field;
    } rows[] = {
        {"k", "", 0, "scopes"},
        {"k", "chat all", 0, "scopes"},
        {"k", "chat  search", 0, "scopes"},
        {"k", "* chat", 0, "scopes"},
        {"", "*", 0, "name"},
        {"k", "*", 1, "expiresAt"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct apikey k;
        struct str secret;
        SCOPED(cx_end) struct cx cx = room_cx(0);
        want(&cx, ERR_INVALID,
             apikey_create(&cx, str_of(rows[i].name), str_of(rows[i].scopes), rows[i].expires_us,
                           &k, &secret));
        assert_int_equal(cx.field_count, 1);
        assert_true(str_is(cx.fields[0].field, rows[i].field));
    }
    assert_int_equal(room_number("SELECT count(*) FROM api_keys"), 0);
}

/* Invented keys fill the table, but push out no real one. */
static void refusals_make_room_first(void **state)
{
    (void)state;
    const struct made m = create(0, "*", 0);
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    const double before = checks("verified");
    for (int i = 0; i < 200; i++) {
        struct made other = create(1, "*", clock_wall_us() + SECOND_US);
        (void)verify(other.secret, 2 * SECOND_US, NULL);
    }
    assert_int_equal(verify(m.secret, 0, NULL), ERR_OK);
    assert_true(checks("verified") == before);
}

/* Who read the row before the revocation was durable must not bring the key back after it. */
static void a_verdict_from_before_a_revocation_is_not_kept(void **state)
{
    (void)state;
    const struct apikey k = {.id = {uuid_new()}, .name = STR("a key"), .scopes = STR("*")};
    struct apikey found;
    struct key_digest d;
    SCOPED(arena_free) struct arena *a = arena_new();
    key_digest(STR("secret"), &d);
    const uint64_t before = key_cache_age();
    apikey_cache_forget(k.id);
    key_cache_keep(&d, SECOND_US, before, &k);
    assert_int_equal(key_cache_find(a, &d, SECOND_US, &found), KEY_UNKNOWN);
    key_cache_keep(&d, SECOND_US, key_cache_age(), &k);
    assert_int_equal(key_cache_find(a, &d, SECOND_US, &found), KEY_GOOD);
    assert_true(str_is(found.name, "a key") && str_is(found.scopes, "*"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, room_teardown)

int main(void)
{
    conf.api_key_cache_size = 64; /* small, so that the table fills */
    const struct CMUnitTest tests[] = {
        TEST(a_fresh_key_opens_its_tenant),
        TEST(the_secret_is_nowhere),
        TEST(wrong_secrets_are_refused),
        TEST(a_key_with_anothers_prefix_is_refused),
        TEST(a_revoked_key_fails_at_once),
        TEST(an_old_verdict_is_looked_at_again),
        TEST(a_verdict_from_a_moment_ahead_is_young),
        TEST(a_key_expires_also_in_the_cache),
        TEST(a_suspended_tenant_opens_nothing),
        TEST(of_many_at_once_one_is_hashed),
        TEST(uses_are_written_down),
        TEST(keys_are_listed_and_stay_with_their_tenant),
        TEST(faults_name_their_field),
        TEST(refusals_make_room_first),
        TEST(a_verdict_from_before_a_revocation_is_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
