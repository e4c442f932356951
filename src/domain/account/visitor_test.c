#include "domain/account/visitor.h"

#include "base/clock.h"
#include "base/conf.h"
#include "crypto/keyring_fixture.h"
#include "domain/account/tenant.h"
#include "domain/account/widget.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

#define PAGE "https://shop.example"

/* A tenant with an open widget. */
struct shop {
    struct tenant_id id;
    struct str key;
};

static struct keyring *ring;
static struct cx keep; /* what a test keeps */
static struct shop a;
static struct shop b;

static struct cx cx_of(struct tenant_id tenant)
{
    struct cx cx;
    cx_begin(&cx, room.f.db);
    cx_for_tenant(&cx, tenant);
    return cx;
}

static struct tenant_id make_tenant(void)
{
    struct tenant t;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, tenant_create(tx, STR("Shop"), &t));
    want(&cx, ERR_OK, db_commit(tx));
    return t.id;
}

static struct shop make_shop(void)
{
    struct shop s = {.id = make_tenant()};
    struct widget w;
    struct widget_key k;
    SCOPED(cx_end) struct cx cx = cx_of(s.id);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, widget_get(tx, &w));
    w.origins = STR(PAGE " https://www.shop.example");
    want(&cx, ERR_OK, widget_put(tx, &w, &w));
    want(&cx, ERR_OK, widget_key_get(tx, &k));
    want(&cx, ERR_OK, db_commit(tx));
    s.key = str_dup(keep.arena, k.key);
    return s;
}

static struct str rotate(const struct shop *s, int64_t overlap_us)
{
    struct widget_key k;
    SCOPED(cx_end) struct cx cx = cx_of(s->id);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, widget_key_rotate(tx, overlap_us, &k));
    want(&cx, ERR_OK, db_commit(tx));
    return str_dup(keep.arena, k.key);
}

static int begin(void **state)
{
    (void)room_setup(state);
    const struct ring_folder folder = ring_folder_make();
    ring = ring_of(&folder);
    ring_folder_remove(&folder);
    cx_begin(&keep, room.f.db);
    a = make_shop();
    b = make_shop();
    return 0;
}

static int end(void **state)
{
    cx_end(&keep);
    keyring_close(&ring);
    return room_teardown(state);
}

/* At keep's time + later_us; texts are keep's. */
static enum err session_at(struct str key, struct str origin, struct str token, int64_t later_us,
                           struct visitor_session *ret)
{
    keep.now_us += later_us;
    const enum err e = visitor_session(&keep, ring, key, origin, token, ret);
    keep.now_us -= later_us;
    assert_int_equal(keep.who, SCOPE_NONE);
    assert_false(keep.in_tx);
    return e;
}

static enum err verify_at(struct str token, int64_t later_us, struct visitor *ret)
{
    struct jwt_claims claims;
    keep.now_us += later_us;
    enum err e = jwt_verify(&keep, ring, "api", token, &claims);
    e = e ? e : visitor_verify(&keep, &claims, ret);
    keep.now_us -= later_us;
    assert_int_equal(keep.who, SCOPE_NONE);
    assert_false(keep.in_tx);
    assert_true(!e || keep.code == CODE_INVALID_TOKEN);
    return e;
}

static struct visitor_session visit(const struct shop *s)
{
    struct visitor_session made;
    want(&keep, ERR_OK, session_at(s->key, STR(PAGE), STR(""), 0, &made));
    return made;
}

/* shows: WIDG-6 */
static void a_page_gets_a_visitor(void **state)
{
    (void)state;
    struct visitor v;
    const struct visitor_session one = visit(&a);
    const struct visitor_session two = visit(&a);
    assert_false(uuid_eq(one.visitor.id, two.visitor.id));
    assert_int_equal(verify_at(one.token, 0, &v), ERR_OK);
    assert_true(uuid_eq(v.id, one.visitor.id) && uuid_eq(v.tenant.v, a.id.v));
    assert_true(uuid_eq(v.key, one.visitor.key) && str_is(v.origin, PAGE));
    assert_int_equal(one.visitor.expires_us, keep.now_us + conf.visitor_token_min * MINUTE_US);
    assert_int_equal(verify_at(one.token, conf.visitor_token_min * MINUTE_US, &v),
                     ERR_UNAUTHENTICATED);
}

/* shows: WIDG-6 */
static void other_pages_get_none(void **state)
{
    (void)state;
    static const char *const origins[] = {"",
                                          "null",
                                          "http://shop.example",
                                          "https://shop.example:8443",
                                          "https://evil.example",
                                          "https://shop.example.evil.example"};
    struct visitor_session s;
    for (size_t i = 0; i < COUNT(origins); i++) {
        want(&keep, ERR_FORBIDDEN, session_at(a.key, str_of(origins[i]), STR(""), 0, &s));
        assert_int_equal(keep.code, CODE_ORIGIN_NOT_ALLOWED);
    }
    want(&keep, ERR_NOT_FOUND, session_at(STR("wk_nothing"), STR(PAGE), STR(""), 0, &s));
    assert_int_equal(keep.code, CODE_WIDGET_KEY_NOT_FOUND);
}

static void who_comes_back_is_the_same(void **state)
{
    (void)state;
    struct visitor v;
    struct visitor_session next;
    const struct visitor_session s = visit(&a);
    const int64_t kept_us = conf.visitor_token_min * MINUTE_US + conf.visitor_keep_days * DAY_US;
    want(&keep, ERR_OK, session_at(a.key, STR(PAGE), s.token, MINUTE_US, &next));
    assert_true(uuid_eq(next.visitor.id, s.visitor.id) && !str_eq(next.token, s.token));
    want(&keep, ERR_OK, session_at(a.key, STR(PAGE), s.token, kept_us - SECOND_US, &next));
    assert_true(uuid_eq(next.visitor.id, s.visitor.id));
    assert_int_equal(verify_at(next.token, kept_us, &v), ERR_OK);
    want(&keep, ERR_UNAUTHENTICATED, session_at(a.key, STR(PAGE), s.token, kept_us, &next));
    assert_int_equal(keep.code, CODE_INVALID_TOKEN);
}

static void a_token_of_elsewhere_makes_nobody(void **state)
{
    (void)state;
    struct visitor_session s;
    const struct visitor_session of_a = visit(&a);
    const struct jwt_claims act = {.sub = uuid_text(keep.arena, of_a.visitor.id),
                                   .tenant = a.id,
                                   .kind = STR("act"),
                                   .origin = STR(PAGE),
                                   .exp_us = keep.now_us + HOUR_US,
                                   .jti = uuid_new()};
    struct jwt_claims keyless = act;
    struct visitor v;
    keyless.kind = STR("visitor");
    assert_int_equal(verify_at(jwt_sign(&keep, ring, "api", &keyless), 0, &v), ERR_UNAUTHENTICATED);
    keyless.key = of_a.visitor.key;
    keyless.origin = STR("");
    assert_int_equal(verify_at(jwt_sign(&keep, ring, "api", &keyless), 0, &v), ERR_UNAUTHENTICATED);
    const struct str of_act = jwt_sign(&keep, ring, "api", &act);
    const struct str ticket = jwt_sign(&keep, ring, "ticket", &act);
    want(&keep, ERR_UNAUTHENTICATED, session_at(b.key, STR(PAGE), of_a.token, 0, &s));
    want(&keep, ERR_UNAUTHENTICATED,
         session_at(a.key, STR("https://www.shop.example"), of_a.token, 0, &s));
    want(&keep, ERR_UNAUTHENTICATED, session_at(a.key, STR(PAGE), of_act, 0, &s));
    want(&keep, ERR_UNAUTHENTICATED, session_at(a.key, STR(PAGE), ticket, 0, &s));
    want(&keep, ERR_UNAUTHENTICATED, session_at(a.key, STR(PAGE), STR("x.y.z"), 0, &s));
}

static void a_token_ends_with_its_key(void **state)
{
    (void)state;
    struct visitor v;
    struct visitor_session next;
    const struct visitor_session s = visit(&a);
    const struct visitor_session of_b = visit(&b);
    const struct str key = rotate(&a, 0);
    assert_int_equal(verify_at(s.token, MINUTE_US, &v), ERR_UNAUTHENTICATED);
    assert_int_equal(verify_at(of_b.token, 0, &v), ERR_OK);
    want(&keep, ERR_NOT_FOUND, session_at(a.key, STR(PAGE), s.token, MINUTE_US, &next));
    /* by the new key it is still the same person */
    want(&keep, ERR_OK, session_at(key, STR(PAGE), s.token, 0, &next));
    assert_true(uuid_eq(next.visitor.id, s.visitor.id));
    assert_int_equal(verify_at(next.token, 0, &v), ERR_OK);
    assert_int_equal(room_sql("UPDATE tenants SET status = 'suspended'"), ERR_OK);
    assert_int_equal(verify_at(next.token, 0, &v), ERR_UNAUTHENTICATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_page_gets_a_visitor),      TEST(other_pages_get_none),
        TEST(who_comes_back_is_the_same), TEST(a_token_of_elsewhere_makes_nobody),
        TEST(a_token_ends_with_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
