#include "domain/conversation/inbox.h"

#include "base/clock.h"
#include "base/json.h"
#include "domain/conversation/delivery.h"
#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static struct inbound says(const char *external, const char *text)
{
    return (struct inbound){
        .channel_type = STR("api"),
        .external_id = str_of(external),
        .type = STR("text"),
        .content = str_of(text),
        .key_source = STR("client"),
    };
}

static enum err receive(struct cx *cx, const struct inbound *in, struct received *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(inbox_receive(tx, in, ret));
    return event_commit(tx);
}

static struct conversation get(struct cx *keep, struct conversation_id id)
{
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(keep, ERR_OK, db_begin_read(keep, &tx));
    want(keep, ERR_OK, conversation_get(tx, id, &c));
    want(keep, ERR_OK, db_commit(tx));
    return c;
}

static void a_message_comes_in_whole(void **state)
{
    (void)state;
    struct received r;
    struct message m;
    const struct inbound in = says("c1", "Hello <b>");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    assert_false(r.duplicate || r.claimed);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_OK, message_get(tx, r.message.id, &m));
    want(&cx, ERR_OK, db_commit(tx));
    assert_true(uuid_eq(m.conversation.v, r.conversation.id.v));
    assert_true(str_is(m.direction, "inbound") && str_is(m.sender, "customer"));
    assert_true(str_is(m.type, "text") && str_is(m.status, "received"));
    assert_true(str_is(m.content, "Hello <b>") && str_is(m.metadata, "{}"));
    const struct conversation c = get(&cx, r.conversation.id);
    assert_int_equal(c.last_message_us, m.created_us);
    assert_int_equal(c.waiting_since_us, m.created_us);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE kind = 'turn' AND state = "
                                 "'pending' AND lane = (SELECT id FROM conversations)"),
                     1);
    assert_int_equal(room_number("SELECT count(*) FROM events WHERE (seq = 1 AND type = "
                                 "'conversation.created') OR (seq = 2 AND type = "
                                 "'message.received')"),
                     2);
}

static void a_key_makes_a_message_one(void **state)
{
    (void)state;
    struct inbound in = says("", "Hello");
    struct received first;
    struct received again;
    in.key = STR("m1");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &first));
    want(&cx, ERR_OK, receive(&cx, &in, &again));
    assert_false(first.duplicate);
    assert_true(again.duplicate);
    assert_true(uuid_eq(first.message.id.v, again.message.id.v));
    assert_true(uuid_eq(first.conversation.id.v, again.conversation.id.v));
    assert_int_equal(room_number("SELECT count(*) FROM conversations"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM events"), 2);
    in.key_source = STR("whatsapp");
    want(&cx, ERR_OK, receive(&cx, &in, &again));
    assert_false(again.duplicate);
    SCOPED(cx_end) struct cx other = room_cx(1);
    want(&other, ERR_OK, receive(&other, &in, &again));
    assert_false(again.duplicate);
    assert_int_equal(room_number("SELECT count(*) FROM messages"), 3);
}

struct copies {
    struct uuid ids[32];
};

static void send_copy(void *arg, int i)
{
    struct copies *c = arg;
    struct inbound in = says("c1", "Hello");
    struct received r;
    in.key = i % 2 ? STR("odd") : STR("even");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    c->ids[i] = r.message.id.v;
}

/* shows: CONV-8 */
static void copies_at_once_are_one(void **state)
{
    (void)state;
    struct copies c;
    room_threads(32, send_copy, &c);
    for (int i = 2; i < 32; i++) {
        assert_true(uuid_eq(c.ids[i], c.ids[i % 2]));
    }
    assert_int_equal(room_number("SELECT count(*) FROM messages"), 2);
    assert_int_equal(room_number("SELECT count(*) FROM jobs"), 1);
}

/* Until the turn has begun, messages share its job; then one more waits for the next. */
static void messages_fold_into_one_turn(void **state)
{
    (void)state;
    const struct inbound in = says("c1", "Hello");
    struct received r;
    struct job *jobs;
    size_t n;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    for (int i = 0; i < 3; i++) {
        want(&cx, ERR_OK, receive(&cx, &in, &r));
    }
    assert_int_equal(room_number("SELECT count(*) FROM jobs"), 1);
    SCOPED(cx_end) struct cx platform = room_platform();
    want(&platform, ERR_OK, job_claim(&platform, STR("w"), 10, &jobs, &n));
    assert_int_equal(n, 1);
    for (int i = 0; i < 2; i++) {
        want(&cx, ERR_OK, receive(&cx, &in, &r));
    }
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'pending'"), 1);
    assert_int_equal(room_number("SELECT count(*) FROM jobs WHERE state = 'running'"), 1);
}

static void the_receiver_may_claim_the_turn(void **state)
{
    (void)state;
    struct inbound in = says("c1", "Hello");
    struct received r;
    in.claim_for = STR("me");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    cx.request_id = STR("req-9");
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    assert_true(r.claimed);
    assert_true(uuid_eq(r.job.lane, r.conversation.id.v));
    assert_true(str_is(r.job.kind, JOB_TURN) && str_is(r.job.request_id, "req-9"));
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    assert_false(r.claimed);
}

static void a_closed_one_reopens(void **state)
{
    (void)state;
    const struct inbound in = says("c1", "Hello");
    const struct conversation_change close = {.status = STR("closed"), .has_status = true};
    struct received r;
    struct conversation c;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    {
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        want(&cx, ERR_OK, db_begin_write(&cx, &tx));
        want(&cx, ERR_OK, conversation_update(tx, r.conversation.id, &close, &c));
        want(&cx, ERR_OK, event_commit(tx));
    }
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    assert_true(str_is(r.conversation.status, "active"));
    c = get(&cx, r.conversation.id);
    assert_true(str_is(c.status, "active") && c.closed_us == 0);
    assert_int_equal(room_number("SELECT count(*) FROM events WHERE type = 'conversation.updated'"),
                     1);
}

static void bad_input_stores_nothing(void **state)
{
    (void)state;
    static char large[100002];
    memset(large, 'x', sizeof(large));
    const struct conversation_id foreign = {uuid_new()};
    struct inbound rows[5];
    static const enum code codes[COUNT(rows)] = {CODE_VALIDATION_ERROR, CODE_VALIDATION_ERROR,
                                                 CODE_VALIDATION_ERROR, CODE_VALIDATION_ERROR,
                                                 CODE_CONVERSATION_NOT_FOUND};
    for (size_t i = 0; i < COUNT(rows); i++) {
        rows[i] = says("c1", "Hello");
        rows[i].key = STR("k");
    }
    rows[0].content = STR("");
    rows[1].content = (struct str){large, 100001};
    rows[2].type = STR("sticker");
    rows[3].key = (struct str){large, 256};
    rows[4].conversation = foreign;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct received r;
        SCOPED(cx_end) struct cx cx = room_cx(0);
        assert_int_equal(receive(&cx, &rows[i], &r), code_info(codes[i])->class);
        assert_int_equal(cx.code, codes[i]);
    }
    assert_int_equal(room_number("SELECT (SELECT count(*) FROM messages) + (SELECT count(*) FROM "
                                 "message_keys) + (SELECT count(*) FROM jobs)"),
                     0);
}

static void another_tenants_is_not_found(void **state)
{
    (void)state;
    struct inbound in = says("c1", "Hello");
    struct received r;
    struct received none;
    struct message m;
    struct message *list;
    size_t n;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    SCOPED(cx_end) struct cx other = room_cx(1);
    in.conversation = r.conversation.id;
    want(&other, ERR_NOT_FOUND, receive(&other, &in, &none));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(&other, ERR_OK, db_begin_read(&other, &tx));
    want(&other, ERR_NOT_FOUND, message_get(tx, r.message.id, &m));
    assert_int_equal(other.code, CODE_MESSAGE_NOT_FOUND);
    want(&other, ERR_OK, message_list(tx, r.conversation.id, (struct message_id){}, 10, &list, &n));
    assert_int_equal(n, 0);
}

static enum err reply(struct cx *cx, struct conversation_id id, struct message *m)
{
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(conversation_get(tx, id, &c));
    TRY(delivery_send(tx, &c, m));
    return event_commit(tx);
}

static void a_reply_ends_the_wait(void **state)
{
    (void)state;
    const struct inbound in = says("c1", "Hello");
    struct received r;
    struct message from_system = {.sender = STR("system"), .content = STR("Welcome")};
    struct message from_assistant = {.sender = STR("assistant"), .content = STR("Hi")};
    struct message empty = {.sender = STR("agent")};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    const int64_t since = get(&cx, r.conversation.id).waiting_since_us;
    cx.now_us += SECOND_US;
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    want(&cx, ERR_OK, reply(&cx, r.conversation.id, &from_system));
    assert_int_equal(get(&cx, r.conversation.id).waiting_since_us, since);
    want(&cx, ERR_OK, reply(&cx, r.conversation.id, &from_assistant));
    const struct conversation c = get(&cx, r.conversation.id);
    assert_int_equal(c.waiting_since_us, 0);
    assert_int_equal(c.last_message_us, since + SECOND_US);
    assert_true(str_is(from_assistant.status, "sent"));
    assert_true(str_is(from_assistant.direction, "outbound"));
    assert_int_equal(room_number("SELECT count(*) FROM events WHERE type = 'message.sent'"), 2);
    want(&cx, ERR_INVALID, reply(&cx, r.conversation.id, &empty));
}

static void a_channel_that_is_not_connected_fails_with_a_reason(void **state)
{
    (void)state;
    struct inbound in = says("385123", "Hello");
    struct received r;
    struct message m = {
        .sender = STR("agent"), .content = STR("Hi"), .metadata = STR("{\"draft\":1}")};
    json_t *metadata;
    in.channel_type = STR("whatsapp");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    want(&cx, ERR_OK, reply(&cx, r.conversation.id, &m));
    assert_true(str_is(m.status, "failed"));
    want(&cx, ERR_OK, json_parse(&cx, m.metadata, &metadata));
    assert_true(json_get_str(metadata, "deliveryError").n > 0);
    assert_int_equal(json_get_i64(metadata, "draft", 0), 1);
}

static void a_message_has_its_shape(void **state)
{
    (void)state;
    SCOPED(buf_fini) struct buf b = buf_make(1024);
    const struct message m = {.direction = STR("outbound"),
                              .type = STR("text"),
                              .sender = STR("agent"),
                              .content = STR("\"<"),
                              .metadata = STR("{}"),
                              .status = STR("sent"),
                              .created_us = 1234567};
    message_json(&b, &m);
    assert_string_equal(b.p, "{\"id\":\"00000000-0000-0000-0000-000000000000\","
                             "\"conversationId\":\"00000000-0000-0000-0000-000000000000\","
                             "\"direction\":\"outbound\",\"type\":\"text\","
                             "\"content\":\"\\\"\\u003c\",\"metadata\":{},\"status\":\"sent\","
                             "\"sender\":\"agent\",\"turnId\":null,"
                             "\"createdAt\":\"1970-01-01T00:00:01.234Z\"}");
    buf_reset(&b);
    struct message reply = m;
    memset(reply.turn.b, 1, sizeof(reply.turn.b));
    message_json(&b, &reply);
    assert_non_null(strstr(b.p, "\"turnId\":\"01010101-0101-0101-0101-010101010101\""));
}

static void a_client_knows_its_message_again(void **state)
{
    (void)state;
    struct received r;
    struct inbound in = says("c1", "Hello");
    in.client_message = STR("a \"b\" \xc3\xa9");
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(&cx, ERR_OK, receive(&cx, &in, &r));
    assert_string_equal(str_dup(cx.arena, r.message.metadata).p,
                        "{\"clientMessageId\":\"a \\\"b\\\" \xc3\xa9\"}");
    assert_int_equal(room_number("SELECT count(*) FROM events WHERE type = 'message.received' AND "
                                 "payload LIKE '%clientMessageId%'"),
                     1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_message_comes_in_whole),
        TEST(a_key_makes_a_message_one),
        TEST(copies_at_once_are_one),
        TEST(messages_fold_into_one_turn),
        TEST(the_receiver_may_claim_the_turn),
        TEST(a_closed_one_reopens),
        TEST(bad_input_stores_nothing),
        TEST(another_tenants_is_not_found),
        TEST(a_reply_ends_the_wait),
        TEST(a_channel_that_is_not_connected_fails_with_a_reason),
        TEST(a_message_has_its_shape),
        TEST(a_client_knows_its_message_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
