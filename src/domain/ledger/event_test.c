#include "domain/ledger/room_fixture.h"

#include "base/clock.h"
#include "base/conf.h"

#include <setjmp.h>

#include <cmocka.h>

static void add(struct db_tx *tx, enum event_type type, const char *payload)
{
    want(db_tx_cx(tx), ERR_OK, event_add(tx, type, (struct uuid){}, str_of(payload)));
}

static void names_are_wire_names(void **state)
{
    (void)state;
    enum event_type type;
    assert_string_equal(event_name(EVENT_MESSAGE_RECEIVED), "message.received");
    for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
        assert_true(event_parse(str_of(event_name((enum event_type)i)), &type));
        assert_int_equal(type, i);
    }
    assert_false(event_parse(STR("message.receive"), &type));
    assert_false(event_parse(STR(""), &type));
}

/* Some transactions roll back between gathering and the end: they must take no number. */
static void writer(void *arg, int i)
{
    (void)arg;
    for (int n = 0; n < 30; n++) {
        SCOPED(cx_end) struct cx cx = room_cx(i % 2);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        add(tx, EVENT_MESSAGE_SENT, "{}");
        add(tx, EVENT_MESSAGE_RECEIVED, "{}");
        if (n % 3 == 0) {
            want(&cx, ERR_OK, event_flush(tx, NULL));
            continue;
        }
        want(&cx, ERR_OK, event_commit(tx));
    }
}

/* shows: EVT-3 */
static void numbers_have_no_holes(void **state)
{
    (void)state;
    room_threads(16, writer, NULL);
    for (int t = 0; t < 2; t++) {
        int64_t oldest;
        int64_t newest;
        struct event *list;
        size_t n;
        SCOPED(cx_end) struct cx cx = room_cx(t);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_read(&cx, &tx));
        want(&cx, ERR_OK, event_range(tx, &oldest, &newest));
        assert_int_equal(oldest, 1);
        assert_int_equal(newest, 8 * 20 * 2);
        want(&cx, ERR_OK, event_list(tx, 0, STR(""), 1000, &list, &n));
        assert_int_equal(n, newest);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(list[i].seq, i + 1);
        }
    }
}

struct heard {
    int64_t newest[2];
    int count;
    bool order;
};

/* Called under the writer's lock, so nothing else writes here. */
static void hear(void *arg, const struct db_note *note)
{
    struct heard *h = arg;
    const int t = uuid_eq(note->tenant.v, room.tenant[0].v) ? 0 : 1;
    if (note->kind == NOTE_EVENT) {
        h->order = h->order && note->n > h->newest[t];
        h->newest[t] = note->n;
        h->count++;
    }
}

static void the_hub_hears_in_order(void **state)
{
    (void)state;
    struct heard h = {.order = true};
    db_listen(room.f.db, hear, &h);
    room_threads(16, writer, NULL);
    assert_true(h.order);
    assert_int_equal(h.count, 16 * 20);
    assert_int_equal(h.newest[0], 8 * 20 * 2);
    assert_int_equal(h.newest[1], 8 * 20 * 2);
}

static void add_three(int tenant)
{
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    int64_t last;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    add(tx, EVENT_MESSAGE_RECEIVED, "{\"n\":1}");
    add(tx, EVENT_MESSAGE_SENT, "{\"n\":2}");
    add(tx, EVENT_MESSAGE_RECEIVED, "{\"n\":3}");
    want(&cx, ERR_OK, event_flush(tx, &last));
    assert_int_equal(last, 3);
    want(&cx, ERR_OK, event_flush(tx, &last));
    assert_int_equal(last, 0);
    want(&cx, ERR_OK, db_commit(tx));
}

static void lists_go_by_number_and_type(void **state)
{
    (void)state;
    static const struct {
        int64_t since;
        const char *type;
        size_t limit;
        size_t count;
        int64_t first;
    } rows[] = {
        {0, "", 10, 3, 1},
        {1, "", 10, 2, 2},
        {0, "", 2, 2, 1},
        {3, "", 10, 0, 0},
        {0, "message.received", 10, 2, 1},
        {1, "message.received", 10, 1, 3},
        {0, "turn.failed", 10, 0, 0},
    };
    add_three(0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (int t = 0; t < 2; t++) {
            struct event *list;
            size_t n;
            SCOPED(cx_end) struct cx cx = room_cx(t);
            SCOPED(db_tx_close) struct db_tx *tx = NULL;
            want(&cx, ERR_OK, db_begin_read(&cx, &tx));
            want(&cx, ERR_OK,
                 event_list(tx, rows[i].since, str_of(rows[i].type), rows[i].limit, &list, &n));
            assert_int_equal(n, t == 0 ? rows[i].count : 0);
            assert_true(n == 0 || list[0].seq == rows[i].first);
        }
    }
}

static void add_of(struct db_tx *tx, uint8_t conversation)
{
    struct uuid id = {};
    memset(id.b, conversation, sizeof(id.b));
    want(db_tx_cx(tx), ERR_OK, event_add(tx, EVENT_MESSAGE_SENT, id, STR("{}")));
}

static void add_mixed(int tenant)
{
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    for (uint8_t i = 0; i < 9; i++) {
        add_of(tx, i % 3); /* 0: of none */
    }
    want(&cx, ERR_OK, event_commit(tx));
}

static void a_conversation_has_its_own_list(void **state)
{
    (void)state;
    static const struct {
        uint8_t conversation;
        int64_t since;
        size_t limit;
        size_t count;
        int64_t first;
    } rows[] = {
        {1, 0, 10, 3, 2}, {1, 2, 10, 2, 5}, {2, 0, 2, 2, 3},
        {2, 9, 10, 0, 0}, {7, 0, 10, 0, 0}, {0, 4, 10, 5, 0},
    };
    add_mixed(0);
    add_mixed(1);
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct event *list;
        struct uuid id = {};
        size_t n = 0;
        int64_t counted = 0;
        memset(id.b, rows[i].conversation, sizeof(id.b));
        SCOPED(cx_end) struct cx cx = room_cx(0);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_read(&cx, &tx));
        want(&cx, ERR_OK, event_count(tx, id, rows[i].since, (int64_t)rows[i].limit, &counted));
        assert_int_equal(counted, rows[i].count);
        if (!rows[i].conversation) {
            continue;
        }
        want(&cx, ERR_OK, event_list_of(tx, id, rows[i].since, rows[i].limit, &list, &n));
        assert_int_equal(n, rows[i].count);
        assert_true(n == 0 || list[0].seq == rows[i].first);
        for (size_t k = 0; k < n; k++) {
            assert_true(uuid_eq(list[k].conversation, id));
        }
    }
}

static void an_event_has_its_shape(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1024);
    const struct event e = {
        .seq = 7, .type = STR("message.sent"), .payload = STR("{\"id\":1}"), .created_us = 1234567};
    event_json(&b, &e);
    assert_string_equal(b.p, "{\"seq\":7,\"type\":\"message.sent\",\"conversationId\":null,"
                             "\"data\":{\"id\":1},\"createdAt\":\"1970-01-01T00:00:01.234Z\"}");
}

static void old_events_go(void **state)
{
    (void)state;
    int64_t removed;
    int64_t oldest;
    int64_t newest;
    add_three(0);
    add_three(1);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, event_sweep(&cx, &removed));
    assert_int_equal(removed, 0);
    cx.now_us += conf.event_keep_days * DAY_US + MINUTE_US;
    want(&cx, ERR_OK, event_sweep(&cx, &removed));
    assert_int_equal(removed, 6);
    SCOPED(cx_end) struct cx reader = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&reader, ERR_OK, db_begin_read(&reader, &tx));
    want(&reader, ERR_OK, event_range(tx, &oldest, &newest));
    assert_int_equal(newest, 3);
    assert_int_equal(oldest, 4);
}

static void a_sweep_takes_a_day_of_events_and_not_all_at_once(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_platform();
    int64_t removed;
    add_three(0);
    want(&cx, ERR_OK,
         room_sql("UPDATE events SET created_us = created_us - 2 * 86400000000 "
                  "WHERE seq = 1"));
    cx.now_us += 20 * 365 * DAY_US; /* a clock that is wrong */
    want(&cx, ERR_OK, event_sweep(&cx, &removed));
    assert_int_equal(removed, 1);
    want(&cx, ERR_OK, event_sweep(&cx, &removed));
    assert_int_equal(removed, 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_wire_names),
        TEST(numbers_have_no_holes),
        TEST(the_hub_hears_in_order),
        TEST(lists_go_by_number_and_type),
        TEST(a_conversation_has_its_own_list),
        TEST(an_event_has_its_shape),
        TEST(old_events_go),
        TEST(a_sweep_takes_a_day_of_events_and_not_all_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
