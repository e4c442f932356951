#include "domain/account/tenant.h"

#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static struct tenant create(const char *name)
{
    struct tenant t;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, tenant_create(tx, str_of(name), &t));
    want(&cx, ERR_OK, db_commit(tx));
    assert_true(str_is(t.name, name));
    t.name = t.language = t.time_zone = t.status = STR("");
    return t;
}

static void a_slot_is_given_once(void **state)
{
    (void)state;
    const struct tenant a = create("A");
    const struct tenant b = create("B");
    assert_int_equal(b.slot, a.slot + 1);
    assert_int_equal(room_sql("DELETE FROM tenants WHERE name = 'B'"), ERR_OK);
    assert_int_equal(create("C").slot, a.slot + 2);
}

static void tenants_are_found(void **state)
{
    (void)state;
    const struct tenant a = create("Shop");
    struct tenant t;
    struct tenant *list;
    size_t n;
    struct tenant_id after = {};
    int seen = 0;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_OK, tenant_find(tx, a.id, &t));
    assert_true(str_is(t.name, "Shop"));
    assert_true(str_is(t.status, "active") && str_is(t.language, "en"));
    want(&cx, ERR_OK, tenant_find_by_name(tx, STR("Shop"), &t));
    assert_true(uuid_eq(t.id.v, a.id.v));
    want(&cx, ERR_NOT_FOUND, tenant_find_by_name(tx, STR("shop"), &t));
    want(&cx, ERR_NOT_FOUND, tenant_find(tx, (struct tenant_id){uuid_new()}, &t));
    assert_int_equal(cx.code, CODE_TENANT_NOT_FOUND);
    do {
        want(&cx, ERR_OK, tenant_list(tx, after, 1, &list, &n));
        after = n ? list[0].id : after;
        seen += (int)n;
    } while (n);
    assert_int_equal(seen, 3);
}

static enum err update(const struct tenant_change *change, struct cx *cx, struct tenant *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(tenant_update(tx, change, ret));
    return db_commit(tx);
}

static void a_tenant_changes_itself_only(void **state)
{
    (void)state;
    const struct tenant_change change = {.name = STR("Käse"),
                                         .language = STR("de"),
                                         .time_zone = STR("Europe/Berlin"),
                                         .has_name = true,
                                         .has_language = true,
                                         .has_time_zone = true};
    const struct tenant_change one = {.language = STR("fr"), .has_language = true};
    struct tenant t;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, update(&change, &cx, &t));
    want(&cx, ERR_OK, update(&one, &cx, &t));
    assert_true(str_is(t.name, "Käse") && str_is(t.language, "fr"));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_OK, tenant_get(tx, &t));
    assert_true(str_is(t.name, "Käse") && str_is(t.time_zone, "Europe/Berlin"));
    assert_int_equal(room_number("SELECT count(*) FROM tenants WHERE language = 'en'"), 1);
}

static void faults_name_their_field(void **state)
{
    (void)state;
    static const struct {
        struct tenant_change change;
        const char *field;
    } rows[] = {
        {{.name = {"", 0}, .has_name = true}, "name"},
        {{.name = {"  ", 2}, .has_name = true}, "name"},
        {{.name = {"a\nb\0", 4}, .has_name = true}, "name"},
        {{.name = {"\xff", 1}, .has_name = true}, "name"},
        {{.language = {"", 0}, .has_language = true}, "language"},
        {{.language = {"eng", 3}, .has_language = true}, "language"},
        {{.language = {"EN", 2}, .has_language = true}, "language"},
        {{.time_zone = {"", 0}, .has_time_zone = true}, "timeZone"},
        {{.time_zone = {"/etc/passwd", 11}, .has_time_zone = true}, "timeZone"},
        {{.time_zone = {"Europe Berlin", 13}, .has_time_zone = true}, "timeZone"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct tenant t;
        SCOPED(cx_end) struct cx cx = room_cx(0);
        want(&cx, ERR_INVALID, update(&rows[i].change, &cx, &t));
        assert_int_equal(cx.code, CODE_VALIDATION_ERROR);
        assert_int_equal(cx.field_count, 1);
        assert_true(str_is(cx.fields[0].field, rows[i].field));
    }
}

static void only_two_states(void **state)
{
    (void)state;
    struct tenant t;
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, tenant_set_status(tx, room.tenant[0], STR("suspended")));
    want(&cx, ERR_INVALID, tenant_set_status(tx, room.tenant[0], STR("gone")));
    want(&cx, ERR_NOT_FOUND,
         tenant_set_status(tx, (struct tenant_id){uuid_new()}, STR("suspended")));
    want(&cx, ERR_OK, tenant_find(tx, room.tenant[0], &t));
    assert_true(str_is(t.status, "suspended"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_slot_is_given_once),    TEST(tenants_are_found), TEST(a_tenant_changes_itself_only),
        TEST(faults_name_their_field), TEST(only_two_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
