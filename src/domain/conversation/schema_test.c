/* What the database itself holds, whatever the program does: raw statements that break one rule
 * each. */
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

/* A tenant t (slot 1000), another u, each with a contact, a conversation and a message. */
#define T    "(SELECT id FROM tenants WHERE slot = 1000)"
#define U    "(SELECT id FROM tenants WHERE slot = 1001)"
#define ID_1 "x'00000000000000000000000000000001'"
#define ID_2 "x'00000000000000000000000000000002'"

#define CONTACT(tenant, id)                                                                        \
    "INSERT INTO contacts VALUES (" tenant ", " id ", '', '', '', '', '{}', 1, 1)"
#define IDENTITY(tenant, channel, external, contact, kind, verified)                               \
    "INSERT INTO contact_identities VALUES (" tenant ", " channel ", " external ", " contact       \
    ", " kind ", " verified ", 1)"
#define CONVERSATION(tenant, id, channel, external, contact, status, priority, closed)             \
    "INSERT INTO conversations VALUES (" tenant ", " id ", " channel ", " external ", " contact    \
    ", " status ", NULL, '', '', " priority ", 0, NULL, NULL, 1, 1, 1, " closed ")"
#define MESSAGE(tenant, id, conversation, direction, type, sender, content, status)                \
    "INSERT INTO messages VALUES (" tenant ", " id ", " conversation ", " direction ", " type      \
    ", " sender ", " content ", '{}', " status ", NULL, 1)"
#define JOB(tenant, id, lane, state, attempt, owner, lease)                                        \
    "INSERT INTO jobs VALUES (" tenant ", " id ", 'turn', " lane ", '{}', '', " state ", " attempt \
    ", 0, 0, " owner ", " lease ", '', 1, 1)"
#define EVENT_ROW(tenant, seq, type, conversation)                                                 \
    "INSERT INTO events VALUES (" tenant ", " seq ", " type ", " conversation ", '{}', 1)"
#define KEY(tenant, id, prefix, last4, revoked)                                                    \
    "INSERT INTO api_keys VALUES (" tenant ", " id ", 'k', " prefix ", " last4                     \
    ", 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', '*', 1, NULL, NULL, " revoked ")"
#define TENANT(id, slot, name, status)                                                             \
    "INSERT INTO tenants VALUES (" id ", " slot ", " name ", " status ", 'en', 'UTC', 1, 1)"

static const char *const seeds[] = {
    CONTACT(T, ID_1),
    CONTACT(U, ID_2),
    CONVERSATION(T, ID_1, "'api'", "'c1'", ID_1, "'active'", "'normal'", "NULL"),
    CONVERSATION(U, ID_2, "'api'", "'c1'", ID_2, "'active'", "'normal'", "NULL"),
    MESSAGE(T, ID_1, ID_1, "'inbound'", "'text'", "'customer'", "'hi'", "'received'"),
    MESSAGE(U, ID_2, ID_2, "'outbound'", "'text'", "'agent'", "'hi'", "'sent'"),
    IDENTITY(T, "'api'", "'u1'", ID_1, "'user'", "''"),
    EVENT_ROW(T, "1", "'message.received'", ID_1),
    JOB(T, ID_1, ID_1, "'pending'", "0", "NULL", "NULL"),
    JOB(T, ID_2, ID_1, "'running'", "1", "'w'", "1"),
    KEY(T, ID_1, "'mc_live_12345678'", "'abcd'", "NULL"),
    "INSERT INTO message_keys VALUES (" T ", 'client', 'k', " ID_1 ")",
    "INSERT INTO idempotency_keys VALUES (" T ", 'k', 'POST /x', zeroblob(32), " ID_1 ", 1)",
    "INSERT INTO event_numbers VALUES (" T ", 1)",
};

static int setup(void **state)
{
    (void)room_setup(state);
    for (size_t i = 0; i < COUNT(seeds); i++) {
        if (room_sql(seeds[i])) {
            print_error("seed %zu: %s\n", i, seeds[i]);
            return -1;
        }
    }
    return 0;
}

static const struct {
    enum err wanted;
    const char *sql;
} breaches[] = {
    /* states and words */
    {ERR_INVALID, "UPDATE conversations SET status = 'open'"},
    {ERR_INVALID, "UPDATE conversations SET status = NULL"},
    {ERR_INVALID, "UPDATE conversations SET status = 'closed'"},
    {ERR_INVALID, "UPDATE conversations SET closed_us = 1"},
    {ERR_INVALID, "UPDATE conversations SET channel_type = 'sms'"},
    {ERR_INVALID, "UPDATE conversations SET channel_type = 'WhatsApp'"},
    {ERR_INVALID, "UPDATE conversations SET priority = ''"},
    {ERR_INVALID, "UPDATE conversations SET unknown_in_row = -1"},
    {ERR_INVALID, "UPDATE conversations SET external_id = ''"},
    {ERR_INVALID, "UPDATE conversations SET last_message_us = NULL"},
    {ERR_INVALID, "UPDATE conversations SET last_message_us = 'soon'"},
    {ERR_INVALID, "UPDATE conversations SET assignee_id = 'me'"},
    {ERR_INVALID, "UPDATE messages SET direction = 'in'"},
    {ERR_INVALID, "UPDATE messages SET direction = NULL"},
    {ERR_INVALID, "UPDATE messages SET type = 'sticker'"},
    {ERR_INVALID, "UPDATE messages SET sender = 'bot'"},
    {ERR_INVALID, "UPDATE messages SET status = 'lost'"},
    {ERR_INVALID, "UPDATE messages SET content = ''"},
    {ERR_INVALID, "UPDATE messages SET content = x'00'"},
    {ERR_INVALID, "UPDATE messages SET metadata = ''"},
    {ERR_INVALID, "UPDATE messages SET turn_id = x'00'"},
    {ERR_INVALID, "UPDATE messages SET direction = 'outbound' WHERE sender = 'customer'"},
    {ERR_INVALID, "UPDATE contact_identities SET kind = 'mail'"},
    {ERR_INVALID, "UPDATE contact_identities SET verified_by = 'me'"},
    {ERR_INVALID, "UPDATE jobs SET state = 'done'"},
    {ERR_INVALID, "UPDATE jobs SET attempt = -1"},
    {ERR_INVALID, "UPDATE jobs SET owner = NULL WHERE state = 'running'"},
    {ERR_INVALID, "UPDATE jobs SET lease_us = NULL WHERE state = 'running'"},
    {ERR_INVALID, "UPDATE jobs SET lease_us = 1 WHERE state = 'pending'"},
    {ERR_INVALID, "UPDATE events SET seq = 0"},
    {ERR_INVALID, "UPDATE events SET payload = ''"},
    {ERR_INVALID, "UPDATE event_numbers SET last = 0"},
    {ERR_INVALID, "UPDATE idempotency_keys SET body_hash = x'00'"},
    {ERR_INVALID, "UPDATE tenants SET status = 'gone'"},
    {ERR_INVALID, "UPDATE tenants SET name = ''"},
    {ERR_INVALID, "UPDATE tenants SET slot = 0"},
    {ERR_INVALID, "UPDATE tenants SET slot = 2147483648"},
    {ERR_INVALID, "UPDATE api_keys SET last4 = 'abc'"},
    {ERR_INVALID, "UPDATE api_keys SET revoked_us = 'yes'"},
    {ERR_INVALID, TENANT("x'01'", "5", "'x'", "'active'")},
    {ERR_INVALID, TENANT("'0123456789abcdef'", "5", "'x'", "'active'")},
    /* one of a kind */
    {ERR_CONFLICT, TENANT(ID_1, "1000", "'x'", "'active'")},
    {ERR_CONFLICT, CONVERSATION(T, ID_2, "'api'", "'c1'", ID_1, "'active'", "'normal'", "NULL")},
    {ERR_CONFLICT, IDENTITY(T, "'api'", "'u1'", ID_1, "'user'", "''")},
    {ERR_CONFLICT,
     MESSAGE(T, ID_1, ID_1, "'inbound'", "'text'", "'customer'", "'hi'", "'received'")},
    {ERR_CONFLICT, EVENT_ROW(T, "1", "'x'", "NULL")},
    {ERR_CONFLICT, KEY(U, ID_1, "'mc_live_12345678'", "'abcd'", "NULL")},
    {ERR_CONFLICT, "INSERT INTO message_keys VALUES (" T ", 'client', 'k', " ID_2 ")"},
    {ERR_CONFLICT, JOB(T, "randomblob(16)", ID_1, "'pending'", "0", "NULL", "NULL")},
    {ERR_CONFLICT, JOB(T, "randomblob(16)", ID_1, "'running'", "1", "'w'", "1")},
    /* nothing points across tenants, or to nothing */
    {ERR_INVALID,
     MESSAGE(T, ID_2, ID_2, "'inbound'", "'text'", "'customer'", "'hi'", "'received'")},
    {ERR_INVALID, CONVERSATION(T, ID_2, "'api'", "'c2'", ID_2, "'active'", "'normal'", "NULL")},
    {ERR_INVALID, IDENTITY(T, "'api'", "'u2'", ID_2, "'user'", "''")},
    {ERR_INVALID, "UPDATE messages SET conversation_id = " ID_2 " WHERE id = " ID_1},
    {ERR_INVALID, CONTACT("zeroblob(16)", ID_1)},
    {ERR_INVALID, EVENT_ROW("zeroblob(16)", "1", "'x'", "NULL")},
    {ERR_INVALID, JOB("zeroblob(16)", ID_1, ID_1, "'pending'", "0", "NULL", "NULL")},
    {ERR_INVALID, KEY("zeroblob(16)", ID_1, "'mc_live_87654321'", "'abcd'", "NULL")},
    {ERR_INVALID, "INSERT INTO message_keys VALUES (zeroblob(16), 'client', 'k', " ID_2 ")"},
    {ERR_INVALID, "INSERT INTO idempotency_keys VALUES (zeroblob(16), 'k', 'POST /x', "
                  "zeroblob(32), " ID_1 ", 1)"},
    {ERR_INVALID, "INSERT INTO event_numbers VALUES (zeroblob(16), 1)"},
    {ERR_INVALID, "DELETE FROM contacts WHERE id = " ID_1},
};

/* shows: CONV-2, CONV-3, DB-1, DB-3, DB-4 */
static void every_rule_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(breaches); i++) {
        const enum err e = room_sql(breaches[i].sql);
        if (e != breaches[i].wanted) {
            print_error("%s instead of %s: %s\n", err_name(e), err_name(breaches[i].wanted),
                        breaches[i].sql);
        }
        assert_int_equal(e, breaches[i].wanted);
    }
}

static void the_same_words_pass_where_they_belong(void **state)
{
    (void)state;
    static const char *const rows[] = {
        CONVERSATION(T, ID_2, "'messenger'", "'c1'", ID_1, "'closed'", "'urgent'", "1"),
        MESSAGE(T, ID_2, ID_1, "'outbound'", "'location'", "'system'", "''", "'failed'"),
        JOB(U, ID_1, ID_1, "'pending'", "0", "NULL", "NULL"),
        JOB(U, ID_2, ID_1, "'dead'", "5", "NULL", "NULL"),
        EVENT_ROW(U, "1", "'message.received'", "NULL"),
        KEY(U, ID_1, "'mc_live_87654321'", "'abcd'", "1"),
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        assert_int_equal(room_sql(rows[i]), ERR_OK);
    }
}

/* shows: TEN-9 */
static void a_tenant_takes_everything_with_it(void **state)
{
    (void)state;
    static const char *const tables[] = {
        "api_keys", "event_numbers",      "events",        "jobs",     "idempotency_keys",
        "contacts", "contact_identities", "conversations", "messages", "message_keys"};
    assert_int_equal(room_sql("DELETE FROM tenants WHERE slot = 1000"), ERR_OK);
    for (size_t i = 0; i < COUNT(tables); i++) {
        char sql[200];
        (void)snprintf(sql, sizeof(sql),
                       "SELECT count(*) FROM %s WHERE tenant_id NOT IN (SELECT id FROM tenants)",
                       tables[i]);
        assert_int_equal(room_number(sql), 0);
    }
    assert_int_equal(room_number("SELECT count(*) FROM messages"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM conversations"), 1);
}

/* Down and up again, with rows in the tables: as new as at first. */
static void migrations_go_back_and_forth(void **state)
{
    (void)state;
    int count;
    size_t all;
    struct db_migrate_status s;
    SCOPED(cx_end) struct cx cx = room_platform();
    (void)db_migrations(&all);
    want(&cx, ERR_OK, db_migrate_down(&cx, (int)all, &count));
    assert_int_equal(count, all);
    want(&cx, ERR_OK, db_migrate_up(&cx, &count));
    assert_int_equal(count, all);
    want(&cx, ERR_OK, db_migrate_status(&cx, &s));
    assert_int_equal(s.pending, 0);
    assert_int_equal(s.drift.n, 0);
    assert_int_equal(room_number("SELECT next FROM tenant_slots"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_rule_refuses),
        TEST(the_same_words_pass_where_they_belong),
        TEST(a_tenant_takes_everything_with_it),
        TEST(migrations_go_back_and_forth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
