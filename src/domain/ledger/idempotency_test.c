#include "domain/ledger/idempotency.h"

#include "base/clock.h"
#include "base/conf.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static const uint8_t body_a[32] = {1};
static const uint8_t body_b[32] = {2};
static const struct idempotency first = {STR("key-1"), "POST /x", body_a};

static struct uuid store(int tenant, const struct idempotency *i, enum err wanted)
{
    const struct uuid id = uuid_new();
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, wanted, idempotency_store(tx, i, id));
    want(&cx, ERR_OK, db_commit(tx));
    return id;
}

static void find(int tenant, const struct idempotency *i, int64_t later_us, enum code wanted,
                 const struct uuid *id)
{
    bool found;
    struct uuid resource;
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.now_us += later_us;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    const enum err e = idempotency_find(tx, i, &found, &resource);
    if (wanted != CODE_COUNT) {
        assert_int_equal(e, code_info(wanted)->class);
        assert_int_equal(cx.code, wanted);
        return;
    }
    want(&cx, ERR_OK, e);
    assert_int_equal(found, id != NULL);
    assert_true(!found || uuid_eq(resource, *id));
}

static void a_key_is_one_request(void **state)
{
    (void)state;
    const struct uuid id = store(0, &first, ERR_OK);
    const struct idempotency other_body = {STR("key-1"), "POST /x", body_b};
    const struct idempotency other_route = {STR("key-1"), "POST /y", body_a};
    const struct idempotency other_key = {STR("key-2"), "POST /x", body_a};
    const struct idempotency none = {.key = STR("")};
    find(0, &first, 0, CODE_COUNT, &id);
    find(0, &other_body, 0, CODE_IDEMPOTENCY_MISMATCH, NULL);
    find(0, &other_route, 0, CODE_IDEMPOTENCY_MISMATCH, NULL);
    find(0, &other_key, 0, CODE_COUNT, NULL);
    find(0, &none, 0, CODE_COUNT, NULL);
    find(1, &first, 0, CODE_COUNT, NULL);
    (void)store(0, &none, ERR_OK);
    (void)store(0, &first, ERR_CONFLICT);
    find(0, &first, 0, CODE_COUNT, &id);
}

static void a_key_is_forgotten_in_time(void **state)
{
    (void)state;
    const int64_t later = conf.idempotency_hours * HOUR_US + SECOND_US;
    int64_t removed;
    const struct uuid id = store(0, &first, ERR_OK);
    find(0, &first, later, CODE_COUNT, NULL);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, idempotency_sweep(&cx, &removed));
    assert_int_equal(removed, 0);
    find(0, &first, 0, CODE_COUNT, &id);
    cx.now_us += later;
    want(&cx, ERR_OK, idempotency_sweep(&cx, &removed));
    assert_int_equal(removed, 1);
    find(0, &first, 0, CODE_COUNT, NULL);
}

static void an_old_key_may_be_used_again(void **state)
{
    (void)state;
    (void)store(0, &first, ERR_OK);
    assert_int_equal(room_sql("UPDATE idempotency_keys SET created_us = 1"), ERR_OK);
    const struct uuid second = store(0, &first, ERR_OK);
    find(0, &first, 0, CODE_COUNT, &second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_key_is_one_request),
        TEST(a_key_is_forgotten_in_time),
        TEST(an_old_key_may_be_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
