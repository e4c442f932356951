#include "domain/conversation/inbox.h"
#include "domain/conversation/row.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

enum { CONVERSATIONS = 60, MESSAGES = 55 };

static const char *const channels[] = {"api", "webchat", "whatsapp"};
static const char *const names[] = {"Ana Anić", "Željko", "ÉLODIE Martin"};

/* Conversation i: channel i % 3, name i / 3 % 3, status i % 4 (0 and 1: active). Several have the
 * same time. */
static void seed_one(int tenant, int i)
{
    static const char *const states[] = {"active", "active", "assigned_human", "closed"};
    char external[16];
    (void)snprintf(external, sizeof(external), "c%d", i);
    const struct contact_in in = {.name = str_of(names[i / 3 % 3])};
    const struct conversation_change change = {.status = str_of(states[i % 4]),
                                               .subject = i % 10 ? STR("") : STR("Refund of SHOES"),
                                               .has_status = true,
                                               .has_subject = true};
    struct conversation c;
    bool created;
    SCOPED(cx_end) struct cx cx = room_cx(tenant);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.now_us = 1000000 + i / 4;
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK,
         conversation_open(tx, str_of(channels[i % 3]), str_of(external), &in, &c, &created));
    want(&cx, ERR_OK, conversation_update(tx, c.id, &change, &c));
    want(&cx, ERR_OK, event_commit(tx));
}

static void seed(void)
{
    for (int i = 0; i < CONVERSATIONS; i++) {
        seed_one(0, i);
        seed_one(1, i);
    }
}

/* Walks all pages; asserts order and that no row comes twice. Returns how many there were. */
static size_t walk(const char *status, const char *channel, const char *q, size_t limit)
{
    struct conversation_filter f = {
        .status = str_of(status), .channel = str_of(channel), .q = str_of(q), .limit = limit};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct conversation *page;
    struct conversation last = {.last_message_us = INT64_MAX};
    size_t total = 0;
    size_t n;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    do {
        want(&cx, ERR_OK, conversation_list(tx, &f, &page, &n));
        for (size_t i = 0; i < n; i++) {
            assert_true(page[i].last_message_us < last.last_message_us ||
                        (page[i].last_message_us == last.last_message_us &&
                         memcmp(page[i].id.v.b, last.id.v.b, 16) < 0));
            assert_true(!*status || str_is(page[i].status, status));
            assert_true(!*channel || str_is(page[i].channel_type, channel));
            last = page[i];
        }
        total += n;
        f.has_before = true;
        f.before_us = last.last_message_us;
        f.before_id = last.id.v;
    } while (n == limit);
    return total;
}

/* shows: CONV-4 */
static void pages_see_each_row_once(void **state)
{
    (void)state;
    static const struct {
        const char *status, *channel, *q;
        size_t count;
    } rows[] = {
        {"", "", "", 60},         {"active", "", "", 30},   {"assigned_human", "", "", 15},
        {"closed", "", "", 15},   {"", "api", "", 20},      {"closed", "whatsapp", "", 5},
        {"", "messenger", "", 0}, {"", "", "željko", 21},   {"", "", "ŽELJKO", 21},
        {"", "", "élodie", 18},   {"", "", "ana anić", 21}, {"", "", "anić ana  ", 21},
        {"", "", "shoes", 6},     {"", "", "ana shoes", 3}, {"", "", "nobody", 0},
    };
    seed();
    for (size_t i = 0; i < COUNT(rows); i++) {
        static const size_t limits[] = {1, 7, 100};
        for (size_t l = 0; l < COUNT(limits); l++) {
            const size_t n = walk(rows[i].status, rows[i].channel, rows[i].q, limits[l]);
            if (n != rows[i].count) {
                print_error("row %zu: %zu\n", i, n);
            }
            assert_int_equal(n, rows[i].count);
        }
    }
}

static void a_thread_is_read_from_its_end(void **state)
{
    (void)state;
    struct received r;
    struct message_id before = {};
    int64_t left = MESSAGES;
    struct message *page;
    size_t n;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    for (int i = 1; i <= 2 * MESSAGES; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", (i + 1) / 2);
        const struct inbound in = {.channel_type = STR("api"),
                                   .external_id = i % 2 ? STR("c1") : STR("c2"),
                                   .type = STR("text"),
                                   .content = str_of(text)};
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, inbox_receive(tx, &in, &r));
        want(&cx, ERR_OK, event_commit(tx));
    }
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    do {
        want(&cx, ERR_OK, message_list(tx, r.conversation.id, before, 10, &page, &n));
        for (size_t i = 0; i < n; i++) {
            int64_t number;
            assert_true(str_to_i64(page[i].content, 1, MESSAGES, &number));
            assert_int_equal(number, left--);
            before = page[i].id;
        }
    } while (n == 10);
    assert_int_equal(left, 0);
}

/* What the plan of a query says, in one text. */
static struct str plan(struct cx *cx, const char *sql)
{
    const struct str text = str_fmt(cx->arena, "EXPLAIN QUERY PLAN %s", sql);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    SCOPED(buf_fini) struct buf b = buf_make(4096);
    struct db_rows rows;
    want(cx, ERR_OK, db_begin_read(cx, &tx));
    want(cx, ERR_OK, db_query(tx, room_statement(text.p), DB_NO_ARGS, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        buf_str(&b, db_text(&rows, i, 3));
        buf_char(&b, '\n');
    }
    want(cx, ERR_OK, db_commit(tx));
    return str_dup(cx->arena, buf_view(&b));
}

/* shows: CONV-4 */
static void lists_are_served_by_an_index(void **state)
{
    (void)state;
    static const struct {
        const char *sql;
        const char *index;
    } rows[] = {
        {"SELECT " CONVERSATION_COLUMNS
         " WHERE c.tenant_id = x'00' AND c.status = 'active' AND (c.last_message_us, c.id) < (9, "
         "x'00') ORDER BY c.last_message_us DESC, c.id DESC LIMIT 10",
         "conversations_by_status (tenant_id=? AND status=? AND "},
        {"SELECT " CONVERSATION_COLUMNS
         " WHERE c.tenant_id = x'00' AND c.status = 'active' AND (c.last_message_us, c.id) < (9, "
         "x'00') UNION ALL SELECT " CONVERSATION_COLUMNS
         " WHERE c.tenant_id = x'00' AND c.status = 'closed' AND (c.last_message_us, c.id) < (9, "
         "x'00') ORDER BY 14 DESC, 1 DESC LIMIT 10",
         "conversations_by_status (tenant_id=? AND status=? AND "},
        {"SELECT * FROM messages WHERE tenant_id = x'00' AND conversation_id = x'00' AND id < "
         "x'00' "
         "ORDER BY id DESC LIMIT 10",
         "messages_by_conversation (tenant_id=? AND conversation_id=? AND id<?)"},
        {"SELECT * FROM events WHERE tenant_id = x'00' AND seq > 1 ORDER BY seq LIMIT 10",
         "sqlite_autoindex_events_1 (tenant_id=? AND seq>?)"},
        {"SELECT * FROM events WHERE tenant_id = x'00' AND type = 'x' AND seq > 1 ORDER BY seq "
         "LIMIT "
         "10",
         "events_by_type (tenant_id=? AND type=? AND seq>?)"},
        {"SELECT min(due_us) FROM jobs WHERE state = 'pending'", "jobs_due"},
        {"SELECT * FROM jobs WHERE state = 'dead' ORDER BY updated_us DESC, id DESC LIMIT 1",
         "jobs_dead"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = room_platform();
        const struct str text = plan(&cx, rows[i].sql);
        if (str_find(text, str_of(rows[i].index), 0) < 0 ||
            str_find(text, STR("TEMP B-TREE"), 0) >= 0) {
            print_error("%s\n%s\n", rows[i].sql, text.p);
            fail();
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pages_see_each_row_once),
        TEST(a_thread_is_read_from_its_end),
        TEST(lists_are_served_by_an_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
