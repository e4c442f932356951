#include "domain/conversation/conversation.h"

#include "base/clock.h"
#include "domain/conversation/message.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static const struct contact_in nobody;

static struct conversation_id open_as(int tenant, const char *channel, const char *external,
                                      const struct contact_in *in)
{
    struct conversation c;
    bool created;
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK, conversation_open(tx, str_of(channel), str_of(external), in, &c, &created));
    want(&cx, ERR_OK, event_commit(tx));
    return c.id;
}

static struct conversation_id open_one(int tenant, const char *external)
{
    return open_as(tenant, "api", external, &nobody);
}

/* Result in keep's arena. */
static struct conversation get(struct cx *keep, struct conversation_id id)
{
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(keep, ERR_OK, db_begin_read(keep, &tx));
    want(keep, ERR_OK, conversation_get(tx, id, &c));
    want(keep, ERR_OK, db_commit(tx));
    return c;
}

static int64_t events(const char *type)
{
    char sql[128];
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM events WHERE type = '%s'", type);
    return room_number(sql);
}

static void a_new_one_is_whole(void **state)
{
    (void)state;
    const struct contact_in in = {.external_id = STR("u1"),
                                  .name = STR("Ana"),
                                  .email = STR("ana@example.com"),
                                  .language = STR("hr"),
                                  .verified = true};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct conversation c = get(&cx, open_as(0, "webchat", "w1", &in));
    assert_true(str_is(c.channel_type, "webchat") && str_is(c.external_id, "w1"));
    assert_true(str_is(c.status, "active") && str_is(c.priority, "normal"));
    assert_true(str_is(c.contact_name, "Ana") && str_is(c.language, "hr"));
    assert_true(uuid_is_nil(c.assignee) && c.closed_us == 0 && c.waiting_since_us == 0);
    assert_int_equal(events("conversation.created"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM contact_identities WHERE external_id = 'u1' "
                                 "AND kind = 'visitor' AND verified_by = 'key'"),
                     1);
    (void)open_as(0, "webchat", "w1", &in);
    assert_int_equal(events("conversation.created"), 1);
}

static void open_same(void *arg, int i)
{
    struct conversation_id *ids = arg;
    ids[i] = open_one(0, "same");
}

/* shows: CONV-1 */
static void fifty_at_once_end_in_one(void **state)
{
    (void)state;
    struct conversation_id ids[50];
    room_threads(50, open_same, ids);
    for (int i = 1; i < 50; i++) {
        assert_true(uuid_eq(ids[0].v, ids[i].v));
    }
    assert_int_equal(room_number("SELECT count(*) FROM conversations"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM contacts"), 1);
    assert_int_equal(events("conversation.created"), 1);
}

static void without_an_external_id_each_is_new(void **state)
{
    (void)state;
    const struct conversation_id a = open_one(0, "");
    const struct conversation_id b = open_one(0, "");
    assert_false(uuid_eq(a.v, b.v));
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct conversation c = get(&cx, a);
    assert_true(str_eq(c.external_id, uuid_text(cx.arena, a.v)));
}

static void one_person_has_one_contact(void **state)
{
    (void)state;
    const struct contact_in first = {.external_id = STR("u1"), .email = STR("a@example.com")};
    const struct contact_in later = {.external_id = STR("u1"),
                                     .name = STR("Ana"),
                                     .email = STR("other@example.com"),
                                     .verified = true};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct conversation a = get(&cx, open_as(0, "api", "c1", &first));
    const struct conversation b = get(&cx, open_as(0, "api", "c2", &later));
    struct contact who;
    struct contact other;
    assert_true(uuid_eq(a.contact.v, b.contact.v));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_OK, contact_get(tx, a.contact, &who));
    assert_true(str_is(who.name, "Ana"));
    assert_true(str_is(who.email, "a@example.com"));
    assert_true(str_is(who.attributes, "{}"));
    want(&cx, ERR_OK, db_commit(tx));
    assert_int_equal(
        room_number("SELECT count(*) FROM contact_identities WHERE verified_by = 'key'"), 1);
    SCOPED(cx_end) struct cx foreign = room_cx(1);
    SCOPED(db_tx_close) struct db_tx *tx2 = NULL;
    want(&foreign, ERR_OK, db_begin_read(&foreign, &tx2));
    want(&foreign, ERR_NOT_FOUND, contact_get(tx2, a.contact, &other));
    assert_int_equal(foreign.code, CODE_CONTACT_NOT_FOUND);
}

static void a_name_is_learned_later(void **state)
{
    (void)state;
    const struct contact_in in = {.name = STR("Ana")};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct conversation_id id = open_one(0, "c1");
    assert_true(get(&cx, id).contact_name.n == 0);
    (void)open_as(0, "api", "c1", &in);
    assert_true(str_is(get(&cx, id).contact_name, "Ana"));
}

static enum err update(struct conversation_id id, const struct conversation_change *change,
                       struct cx *cx, struct conversation *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(conversation_update(tx, id, change, ret));
    return event_commit(tx);
}

static void updates_are_stored_and_told(void **state)
{
    (void)state;
    const struct uuid agent = {{7}};
    const struct {
        struct conversation_change change;
        int64_t updated;
        int64_t closed;
    } rows[] = {
        {{.subject = STR("Refund"), .has_subject = true}, 1, 0},
        {{.subject = STR("Refund"), .has_subject = true}, 1, 0},
        {{.status = STR("assigned_human"),
          .assignee = agent,
          .has_status = true,
          .has_assignee = true},
         2,
         0},
        {{.priority = STR("urgent"), .has_priority = true}, 3, 0},
        {{.snoozed_until_us = 5 * SECOND_US, .has_snoozed = true}, 4, 0},
        {{.status = STR("closed"), .has_status = true}, 4, 1},
        {{.status = STR("closed"), .has_status = true}, 4, 1},
        {{.language = STR("de"), .has_language = true}, 5, 1},
        {{.status = STR("active"), .has_status = true}, 6, 1},
        {{}, 6, 1},
    };
    const struct conversation_id id = open_one(0, "c1");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conversation c;
        SCOPED(cx_end) struct cx cx = room_cx(0);
        want(&cx, ERR_OK, update(id, &rows[i].change, &cx, &c));
        const struct conversation stored = get(&cx, id);
        assert_true(str_eq(c.status, stored.status));
        assert_int_equal(stored.closed_us != 0, str_is(stored.status, "closed"));
        assert_int_equal(events("conversation.updated"), rows[i].updated);
        assert_int_equal(events("conversation.closed"), rows[i].closed);
    }
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct conversation c = get(&cx, id);
    assert_true(str_is(c.subject, "Refund") && str_is(c.priority, "urgent"));
    assert_true(str_is(c.language, "de") && c.snoozed_until_us == 5 * SECOND_US);
    /* Back with the assistant: nobody else has it. */
    assert_true(uuid_is_nil(c.assignee));
}

static void faults_name_their_field(void **state)
{
    (void)state;
    char long_text[202];
    memset(long_text, 'x', sizeof(long_text));
    const struct {
        struct conversation_change change;
        const char *field;
    } rows[] = {
        {{.status = STR("open"), .has_status = true}, "status"},
        {{.status = STR(""), .has_status = true}, "status"},
        {{.priority = STR("high|urgent"), .has_priority = true}, "priority"},
        {{.subject = {long_text, 201}, .has_subject = true}, "subject"},
        {{.subject = {"\0", 1}, .has_subject = true}, "subject"},
        {{.language = STR("german"), .has_language = true}, "language"},
        {{.snoozed_until_us = -1, .has_snoozed = true}, "snoozedUntil"},
    };
    const struct conversation_id id = open_one(0, "c1");
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conversation c;
        SCOPED(cx_end) struct cx cx = room_cx(0);
        want(&cx, ERR_INVALID, update(id, &rows[i].change, &cx, &c));
        assert_int_equal(cx.field_count, 1);
        assert_true(str_is(cx.fields[0].field, rows[i].field));
    }
    assert_int_equal(events("conversation.updated"), 0);
}

static void another_tenants_is_not_found(void **state)
{
    (void)state;
    const struct conversation_change change = {.status = STR("closed"), .has_status = true};
    const struct conversation_id id = open_one(0, "c1");
    struct conversation c;
    SCOPED(cx_end) struct cx cx = room_cx(1);
    want(&cx, ERR_NOT_FOUND, update(id, &change, &cx, &c));
    assert_int_equal(cx.code, CODE_CONVERSATION_NOT_FOUND);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_NOT_FOUND, conversation_get(tx, id, &c));
    want(&cx, ERR_OK, db_commit(tx));
    /* The same external id is another conversation there. */
    assert_false(uuid_eq(open_one(1, "c1").v, id.v));
}

static void handing_over_is_told_once(void **state)
{
    (void)state;
    const struct conversation_id id = open_one(0, "c1");
    for (int i = 0; i < 2; i++) {
        SCOPED(cx_end) struct cx cx = room_cx(0);
        struct conversation c = get(&cx, id);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, conversation_handover(tx, &c, STR("asked for a person")));
        assert_true(str_is(c.status, "assigned_human"));
        want(&cx, ERR_OK, conversation_reopen(tx, &c));
        want(&cx, ERR_OK, event_commit(tx));
    }
    SCOPED(cx_end) struct cx cx = room_cx(0);
    assert_true(str_is(get(&cx, id).status, "assigned_human"));
    assert_int_equal(events("handover.requested"), 1);
    assert_int_equal(events("conversation.updated"), 1);
}

static void unknowns_are_counted_in_a_row(void **state)
{
    (void)state;
    static const struct {
        bool known;
        int64_t n;
    } rows[] = {{true, 0}, {false, 1}, {false, 2}, {true, 0}, {false, 1}};
    const struct conversation_id id = open_one(0, "c1");
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = room_cx(0);
        struct conversation c = get(&cx, id);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, conversation_note_unknown(tx, &c, rows[i].known));
        want(&cx, ERR_OK, event_commit(tx));
        assert_int_equal(c.unknown_in_row, rows[i].n);
        assert_int_equal(get(&cx, id).unknown_in_row, rows[i].n);
    }
}

static void open_ones_are_counted(void **state)
{
    (void)state;
    const struct conversation_change close = {.status = STR("closed"), .has_status = true};
    struct conversation c;
    int64_t n;
    (void)open_one(0, "a");
    (void)open_one(1, "b");
    SCOPED(cx_end) struct cx own = room_cx(0);
    want(&own, ERR_OK, update(open_one(0, "c"), &close, &own, &c));
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, conversation_count_active(&cx, &n));
    assert_int_equal(n, 2);
}

static void bad_channels_are_refused(void **state)
{
    (void)state;
    char long_id[300];
    memset(long_id, 'x', sizeof(long_id));
    const struct {
        struct str channel, external, contact;
        const char *field;
    } rows[] = {
        {STR("sms"), STR("x"), STR(""), "channelType"},
        {STR(""), STR("x"), STR(""), "channelType"},
        {STR("api"), {long_id, 256}, STR(""), "externalId"},
        {STR("api"), STR("x"), {long_id, 256}, "contact.externalId"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct conversation c;
        bool created;
        const struct contact_in in = {.external_id = rows[i].contact};
        SCOPED(cx_end) struct cx cx = room_cx(0);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_INVALID,
             conversation_open(tx, rows[i].channel, rows[i].external, &in, &c, &created));
        assert_true(str_is(cx.fields[0].field, rows[i].field));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_one_is_whole),
        TEST(fifty_at_once_end_in_one),
        TEST(without_an_external_id_each_is_new),
        TEST(one_person_has_one_contact),
        TEST(a_name_is_learned_later),
        TEST(updates_are_stored_and_told),
        TEST(faults_name_their_field),
        TEST(another_tenants_is_not_found),
        TEST(handing_over_is_told_once),
        TEST(unknowns_are_counted_in_a_row),
        TEST(open_ones_are_counted),
        TEST(bad_channels_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
