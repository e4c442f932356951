#include "domain/account/widget.h"

#include "base/clock.h"
#include "domain/account/tenant.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

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

static struct cx cx_of(struct tenant_id tenant)
{
    struct cx cx;
    cx_begin(&cx, room.f.db);
    cx_for_tenant(&cx, tenant);
    return cx;
}

static enum err put(struct cx *cx, const struct widget *w, struct widget *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(widget_put(tx, w, ret));
    return db_commit(tx);
}

static enum err get(struct cx *cx, struct widget *ret, struct widget_key *ret_key)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(widget_get(tx, ret));
    TRY(widget_key_get(tx, ret_key));
    return db_commit(tx);
}

static enum err rotate(struct cx *cx, int64_t overlap_us, struct widget_key *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(widget_key_rotate(tx, overlap_us, ret));
    return db_commit(tx);
}

/* At now + later_us. */
static enum err open_at(struct str key, int64_t later_us, struct widget_door *ret)
{
    static struct cx cx;
    cx_end(&cx);
    cx_begin(&cx, room.f.db);
    cx.now_us += later_us;
    const enum err e = widget_open(&cx, key, ret);
    assert_int_equal(cx.who, SCOPE_NONE);
    assert_false(cx.in_tx);
    assert_true(!e || cx.code == CODE_WIDGET_KEY_NOT_FOUND);
    return e;
}

static void a_tenant_begins_with_a_key(void **state)
{
    (void)state;
    struct widget w;
    struct widget_key k;
    struct widget_door door;
    const struct tenant_id tenant = make_tenant();
    SCOPED(cx_end) struct cx cx = cx_of(tenant);
    want(&cx, ERR_OK, get(&cx, &w, &k));
    assert_true(str_starts(k.key, STR("wk_")) && k.key.n == 35 && !k.ends_us);
    assert_true(!w.origins.n && !w.updated_us && str_is(w.position, "right"));
    assert_int_equal(open_at(k.key, 0, &door), ERR_OK);
    assert_true(uuid_eq(door.tenant.v, tenant.v) && uuid_eq(door.key_id, k.id));
    assert_true(str_is(door.tenant_name, "Shop") && str_is(door.widget.color, "#2563eb"));
    assert_int_equal(open_at(STR("wk_0123456789abcdef0123456789abcdef"), 0, &door), ERR_NOT_FOUND);
    assert_int_equal(open_at(STR(""), 0, &door), ERR_NOT_FOUND);
    assert_int_equal(open_at(STR("' OR 1=1"), 0, &door), ERR_NOT_FOUND);
}

/* Those that were there before there were widgets. */
static void older_tenants_get_a_key(void **state)
{
    (void)state;
    int changed = 1;
    struct widget w;
    struct widget_key keys[ROOM_TENANTS];
    struct widget_door door;
    SCOPED(cx_end) struct cx platform = room_platform();
    SCOPED(cx_end) struct cx a = room_cx(0);
    SCOPED(cx_end) struct cx b = room_cx(1);
    while (changed && room_number("SELECT count(*) FROM sqlite_schema "
                                  "WHERE name = 'widget_keys'")) {
        want(&platform, ERR_OK, db_migrate_down(&platform, 1, &changed));
    }
    want(&platform, ERR_OK, db_migrate_up(&platform, &changed));
    want(&a, ERR_OK, get(&a, &w, &keys[0]));
    want(&b, ERR_OK, get(&b, &w, &keys[1]));
    assert_false(str_eq(keys[0].key, keys[1].key));
    for (int i = 0; i < ROOM_TENANTS; i++) {
        assert_int_equal(open_at(keys[i].key, 0, &door), ERR_OK);
        assert_true(uuid_eq(door.tenant.v, room.tenant[i].v));
    }
}

static const struct widget full = {
    .origins = {"https://shop.example http://localhost:*", 39},
    .title = {"Ask <us> & more", 15},
    .greeting = {"Hi!\nHow are you?", 16},
    .launcher = {"Chat", 4},
    .placeholder = {"Type", 4},
    .color = {"#A1b2C3", 7},
    .position = {"left", 4},
    .language = {"ar", 2},
    .privacy_url = {"https://shop.example/privacy?x=1#y", 34},
};

static void what_is_put_is_there(void **state)
{
    (void)state;
    struct widget w;
    struct widget_key k;
    struct widget_door door;
    const struct tenant_id tenant = make_tenant();
    SCOPED(cx_end) struct cx cx = cx_of(tenant);
    SCOPED(cx_end) struct cx other = cx_of(make_tenant());
    want(&cx, ERR_OK, put(&cx, &full, &w));
    want(&cx, ERR_OK, get(&cx, &w, &k));
    assert_true(str_eq(w.origins, full.origins) && str_eq(w.title, full.title));
    assert_true(str_eq(w.greeting, full.greeting) && str_eq(w.launcher, full.launcher));
    assert_true(str_eq(w.placeholder, full.placeholder) && str_is(w.color, "#a1b2c3"));
    assert_true(str_is(w.position, "left") && str_is(w.language, "ar"));
    assert_true(str_eq(w.privacy_url, full.privacy_url) && w.updated_us);
    assert_int_equal(open_at(k.key, 0, &door), ERR_OK);
    assert_true(str_eq(door.widget.title, full.title));
    want(&cx, ERR_OK, put(&cx, &full, &w));
    want(&other, ERR_OK, get(&other, &w, &k));
    assert_false(w.updated_us);
}

/* shows: WIDG-5 */
static void faults_name_their_field(void **state)
{
    (void)state;
    static char signs[1100];
    memset(signs, 'x', sizeof(signs));
    memcpy(signs, "https://a.example/", 18);
    const struct {
        struct widget w;
        const char *field;
    } rows[] = {
        {{.origins = STR("https://shop.example/")}, "origins"},
        {{.origins = STR("null")}, "origins"},
        {{.origins = STR("*")}, "origins"},
        {{.origins = STR("https://a.example  https://b.example")}, "origins"},
        {{.title = {signs, 81}}, "title"},
        {{.title = STR("a\x01")}, "title"},
        {{.greeting = {signs, 501}}, "greeting"},
        {{.greeting = STR("\xff")}, "greeting"},
        {{.launcher = {signs, 41}}, "launcher"},
        {{.placeholder = {signs, 81}}, "placeholder"},
        {{.color = STR("red")}, "color"},
        {{.color = STR("#12345")}, "color"},
        {{.color = STR("#12345g")}, "color"},
        {{.color = STR("#123456;")}, "color"},
        {{.color = STR("red}*{a")}, "color"},
        {{.position = STR("top")}, "position"},
        {{.language = STR("xx")}, "language"},
        {{.language = STR("en\"")}, "language"},
        {{.privacy_url = STR("javascript:alert(1)")}, "privacyUrl"},
        {{.privacy_url = STR("JAVASCRIPT:alert(1)")}, "privacyUrl"},
        {{.privacy_url = STR("data:text/html,x")}, "privacyUrl"},
        {{.privacy_url = STR("//shop.example")}, "privacyUrl"},
        {{.privacy_url = STR("http://shop.example/")}, "privacyUrl"},
        {{.privacy_url = STR("https://user@shop.example/")}, "privacyUrl"},
        {{.privacy_url = STR("https://shop.example/\"onclick=\"")}, "privacyUrl"},
        {{.privacy_url = STR("https://shop.example/<x>")}, "privacyUrl"},
        {{.privacy_url = STR("https://shop.example/ x")}, "privacyUrl"},
        {{.privacy_url = STR("https://shop.example/'x'")}, "privacyUrl"},
        {{.privacy_url = STR("https://")}, "privacyUrl"},
        {{.privacy_url = {signs, 1001}}, "privacyUrl"},
    };
    const struct tenant_id tenant = make_tenant();
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = cx_of(tenant);
        struct widget w = rows[i].w;
        w.color = w.color.n ? w.color : full.color;
        w.position = w.position.n ? w.position : full.position;
        w.language = w.language.n ? w.language : full.language;
        if (put(&cx, &w, &w) != ERR_INVALID || cx.field_count != 1 ||
            !str_is(cx.fields[0].field, rows[i].field)) {
            fail_msg("row %zu: %s", i, rows[i].field);
        }
    }
    assert_int_equal(room_number("SELECT count(*) FROM widgets"), 0);
}

static void http_links_stay_on_this_machine(void **state)
{
    (void)state;
    struct widget w = full;
    SCOPED(cx_end) struct cx cx = cx_of(make_tenant());
    w.privacy_url = STR("http://localhost:8080/privacy");
    want(&cx, ERR_OK, put(&cx, &w, &w));
    w.origins = STR("");
    w.privacy_url = STR("");
    want(&cx, ERR_OK, put(&cx, &w, &w));
}

static enum err check_key(struct tenant_id tenant, struct uuid key, int64_t later_us)
{
    SCOPED(cx_end) struct cx cx = cx_of(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.now_us += later_us;
    TRY(db_begin_read(&cx, &tx));
    TRY(widget_key_check(tx, key));
    return db_commit(tx);
}

static void a_key_that_was_replaced_ends(void **state)
{
    (void)state;
    struct widget w;
    struct widget_key first;
    struct widget_key second;
    struct widget_key third;
    struct widget_door door;
    const struct tenant_id tenant = make_tenant();
    const struct tenant_id other = make_tenant();
    SCOPED(cx_end) struct cx cx = cx_of(tenant);
    want(&cx, ERR_OK, get(&cx, &w, &first));
    want(&cx, ERR_OK, rotate(&cx, HOUR_US, &second));
    assert_false(str_eq(first.key, second.key));
    assert_int_equal(open_at(first.key, 0, &door), ERR_OK);
    assert_int_equal(open_at(first.key, HOUR_US + SECOND_US, &door), ERR_NOT_FOUND);
    assert_int_equal(check_key(tenant, first.id, 0), ERR_OK);
    assert_int_equal(check_key(tenant, first.id, HOUR_US + SECOND_US), ERR_UNAUTHENTICATED);
    /* at once, also for one that had time left; and a later rotation gives none back */
    want(&cx, ERR_OK, rotate(&cx, 0, &third));
    want(&cx, ERR_OK, rotate(&cx, DAY_US, &third));
    assert_int_equal(open_at(first.key, 0, &door), ERR_NOT_FOUND);
    assert_int_equal(open_at(second.key, 0, &door), ERR_NOT_FOUND);
    assert_int_equal(open_at(third.key, 0, &door), ERR_OK);
    assert_int_equal(check_key(other, third.id, 0), ERR_UNAUTHENTICATED);
    want(&cx, ERR_OK, get(&cx, &w, &first));
    assert_true(str_eq(first.key, third.key));
}

static void a_suspended_tenant_opens_nothing(void **state)
{
    (void)state;
    struct widget w;
    struct widget_key k;
    struct widget_door door;
    const struct tenant_id tenant = make_tenant();
    SCOPED(cx_end) struct cx cx = cx_of(tenant);
    want(&cx, ERR_OK, get(&cx, &w, &k));
    assert_int_equal(check_key(tenant, (struct uuid){}, 0), ERR_OK);
    assert_int_equal(room_sql("UPDATE tenants SET status = 'suspended'"), ERR_OK);
    assert_int_equal(open_at(k.key, 0, &door), ERR_NOT_FOUND);
    assert_int_equal(check_key(tenant, (struct uuid){}, 0), ERR_UNAUTHENTICATED);
    assert_int_equal(check_key(tenant, k.id, 0), ERR_UNAUTHENTICATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_tenant_begins_with_a_key),
        TEST(older_tenants_get_a_key),
        TEST(what_is_put_is_there),
        TEST(faults_name_their_field),
        TEST(http_links_stay_on_this_machine),
        TEST(a_key_that_was_replaced_ends),
        TEST(a_suspended_tenant_opens_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
