#include "domain/account/ticket.h"

#include "base/clock.h"
#include "base/conf.h"
#include "crypto/jwt.h"
#include "crypto/keyring_fixture.h"
#include "domain/account/apikey.h"
#include "domain/account/tenant.h"
#include "domain/account/widget.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

enum { CROWD = 50 };

static struct keyring *ring;
static struct tenant_id shop;
static struct widget_key key;

static void make_shop(void)
{
    struct tenant t;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, tenant_create(tx, STR("Shop"), &t));
    want(&cx, ERR_OK, db_commit(tx));
    shop = t.id;
}

static struct cx shop_cx(void)
{
    struct cx cx;
    cx_begin(&cx, room.f.db);
    cx_for_tenant(&cx, shop);
    return cx;
}

/* What a test keeps outlives its unit of work. */
static struct cx keep;

static int begin(void **state)
{
    (void)room_setup(state);
    const struct ring_folder folder = ring_folder_make();
    ring = ring_of(&folder);
    ring_folder_remove(&folder);
    make_shop();
    keep = shop_cx();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&keep, ERR_OK, db_begin_read(&keep, &tx));
    want(&keep, ERR_OK, widget_key_get(tx, &key));
    want(&keep, ERR_OK, db_commit(tx));
    return 0;
}

static int end(void **state)
{
    cx_end(&keep);
    keyring_close(&ring);
    return room_teardown(state);
}

static struct ticket a_visitor(void)
{
    return (struct ticket){
        .kind = TICKET_VISITOR,
        .tenant = shop,
        .id = uuid_new(),
        .key = key.id,
        .origin = STR("https://shop.example"),
        .ends_us = keep.now_us + HOUR_US,
    };
}

static struct str make(const struct ticket *t)
{
    int64_t expires_us = 0;
    const struct str text = ticket_make(&keep, ring, t, &expires_us);
    assert_int_equal(expires_us, keep.now_us + conf.ticket_s * SECOND_US);
    return text;
}

/* At the time of making + later_us. */
static enum err use_at(struct str text, int64_t later_us, struct ticket *ret)
{
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, room.f.db);
    cx.now_us = keep.now_us + later_us;
    const enum err e = ticket_use(&cx, ring, text, ret);
    assert_int_equal(cx.who, SCOPE_NONE);
    assert_false(cx.in_tx);
    assert_true(!e || (e == ERR_UNAUTHENTICATED && cx.code == CODE_INVALID_TOKEN));
    if (!e) {
        ret->origin = str_dup(keep.arena, ret->origin);
        ret->scopes = str_dup(keep.arena, ret->scopes);
    }
    return e;
}

/* shows: AUTH-11 */
static void it_is_good_once(void **state)
{
    (void)state;
    struct ticket t;
    const struct ticket in = a_visitor();
    const struct str text = make(&in);
    assert_int_equal(use_at(text, 0, &t), ERR_OK);
    assert_int_equal(t.kind, TICKET_VISITOR);
    assert_true(uuid_eq(t.tenant.v, shop.v) && uuid_eq(t.id, in.id) && uuid_eq(t.key, key.id));
    assert_true(str_eq(t.origin, in.origin) && !t.scopes.n);
    assert_int_equal(t.ends_us, in.ends_us / SECOND_US * SECOND_US);
    assert_int_equal(use_at(text, 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(text, SECOND_US, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(make(&in), 0, &t), ERR_OK);
}

/* shows: AUTH-11 */
static void a_stale_or_strange_one_is_refused(void **state)
{
    (void)state;
    struct ticket t;
    const struct ticket in = a_visitor();
    const struct str text = make(&in);
    const struct jwt_claims claims = {.sub = uuid_text(keep.arena, in.id),
                                      .tenant = shop,
                                      .kind = STR("visitor"),
                                      .exp_us = keep.now_us + HOUR_US,
                                      .jti = uuid_new()};
    struct jwt_claims other = claims;
    other.kind = STR("robot");
    assert_int_equal(use_at(text, conf.ticket_s * SECOND_US, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(jwt_sign(&keep, ring, "api", &claims), 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(jwt_sign(&keep, ring, "ticket", &other), 0, &t), ERR_UNAUTHENTICATED);
    other.kind = STR("visitor");
    other.sub = STR("nobody");
    assert_int_equal(use_at(jwt_sign(&keep, ring, "ticket", &other), 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(str_sub(text, 0, text.n - 1), 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(use_at(STR(""), 0, &t), ERR_UNAUTHENTICATED);
    /* none of it has used it up */
    assert_int_equal(use_at(text, conf.ticket_s * SECOND_US - SECOND_US, &t), ERR_OK);
}

struct crowd {
    struct str text;
    _Atomic int won;
};

static void use_one(void *arg, int i)
{
    struct crowd *c = arg;
    struct ticket t;
    SCOPED(cx_end) struct cx cx;
    (void)i;
    cx_begin(&cx, room.f.db);
    const enum err e = ticket_use(&cx, ring, c->text, &t);
    c->won += e == ERR_OK;
    must(!e || cx.code == CODE_INVALID_TOKEN);
}

/* shows: AUTH-11 */
static void of_fifty_at_once_one_wins(void **state)
{
    (void)state;
    const struct ticket in = a_visitor();
    struct crowd c = {.text = make(&in)};
    room_threads(CROWD, use_one, &c);
    assert_int_equal(c.won, 1);
    assert_int_equal(room_number("SELECT count(*) FROM used_tickets"), 1);
}

/* shows: AUTH-11 */
static void it_stays_used_over_a_restart(void **state)
{
    (void)state;
    struct ticket t;
    const struct ticket in = a_visitor();
    const struct str text = make(&in);
    assert_int_equal(use_at(text, 0, &t), ERR_OK);
    db_close(&room.f.db);
    db_fixture_open(&room.f);
    assert_int_equal(use_at(text, 0, &t), ERR_UNAUTHENTICATED);
    keep.db = room.f.db;
    assert_int_equal(use_at(make(&in), 0, &t), ERR_OK);
}

static void revoke_key(struct apikey_id id)
{
    struct apikey k;
    SCOPED(cx_end) struct cx cx = shop_cx();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, apikey_revoke(tx, id, &k));
    want(&cx, ERR_OK, db_commit(tx));
}

static void an_api_keys_has_its_scopes_until_it_is_revoked(void **state)
{
    (void)state;
    struct apikey k;
    struct str secret;
    struct ticket t;
    SCOPED(cx_end) struct cx cx = shop_cx();
    want(&cx, ERR_OK, apikey_create(&cx, STR("k"), STR("chat events:read"), 0, &k, &secret));
    const struct ticket in = {.kind = TICKET_KEY, .tenant = shop, .id = k.id.v, .scopes = STR("*")};
    const struct str second = make(&in);
    assert_int_equal(use_at(make(&in), 0, &t), ERR_OK);
    assert_true(t.kind == TICKET_KEY && str_is(t.scopes, "chat events:read") && !t.ends_us);
    cx.who = SCOPE_NONE;
    want(&cx, ERR_OK, ticket_check(&cx, &t));
    revoke_key(k.id);
    want(&cx, ERR_UNAUTHENTICATED, ticket_check(&cx, &t));
    assert_int_equal(use_at(second, 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(room_number("SELECT count(*) FROM used_tickets"), 1);
}

static void end_widget_key(void)
{
    struct widget_key next;
    SCOPED(cx_end) struct cx cx = shop_cx();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, widget_key_rotate(tx, 0, &next));
    want(&cx, ERR_OK, db_commit(tx));
}

static void a_connection_ends_with_what_it_came_by(void **state)
{
    (void)state;
    struct ticket t;
    const struct ticket in = a_visitor();
    const struct ticket act = {.kind = TICKET_ACT, .tenant = shop, .id = uuid_new()};
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, room.f.db);
    want(&cx, ERR_OK, ticket_check(&cx, &in));
    cx.now_us = in.ends_us;
    want(&cx, ERR_UNAUTHENTICATED, ticket_check(&cx, &in));
    end_widget_key();
    cx.now_us = keep.now_us + SECOND_US;
    want(&cx, ERR_UNAUTHENTICATED, ticket_check(&cx, &in));
    assert_int_equal(use_at(make(&in), SECOND_US, &t), ERR_UNAUTHENTICATED);
    want(&cx, ERR_OK, ticket_check(&cx, &act));
    assert_int_equal(room_sql("UPDATE tenants SET status = 'suspended'"), ERR_OK);
    want(&cx, ERR_UNAUTHENTICATED, ticket_check(&cx, &act));
    assert_int_equal(use_at(make(&act), 0, &t), ERR_UNAUTHENTICATED);
}

static int64_t sweep_at(int64_t later_us)
{
    int64_t removed = 0;
    SCOPED(cx_end) struct cx cx = room_platform();
    cx.now_us = keep.now_us + later_us;
    want(&cx, ERR_OK, ticket_sweep(&cx, &removed));
    return removed;
}

static void used_ones_are_forgotten_after_they_expired(void **state)
{
    (void)state;
    struct ticket t;
    const struct ticket in = a_visitor();
    const struct str text = make(&in);
    assert_int_equal(use_at(text, 0, &t), ERR_OK);
    assert_int_equal(sweep_at(conf.ticket_s * SECOND_US), 0);
    assert_int_equal(use_at(text, 0, &t), ERR_UNAUTHENTICATED);
    assert_int_equal(sweep_at(conf.ticket_s * SECOND_US + HOUR_US), 1);
    assert_int_equal(room_number("SELECT count(*) FROM used_tickets"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_is_good_once),
        TEST(a_stale_or_strange_one_is_refused),
        TEST(of_fifty_at_once_one_wins),
        TEST(it_stays_used_over_a_restart),
        TEST(an_api_keys_has_its_scopes_until_it_is_revoked),
        TEST(a_connection_ends_with_what_it_came_by),
        TEST(used_ones_are_forgotten_after_they_expired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
