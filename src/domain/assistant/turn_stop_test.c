#include "domain/assistant/turn_fixture.h"
#include "ext/llm.h"

#include <setjmp.h>

#include <cmocka.h>

static const char returns[] =
    "# Returns\n\nYou may return anything unused within 30 days of receiving it. Bicycles may be "
    "returned within 14 days.\n\nWe refund within 5 working days.\n";

static bool stop_it(void)
{
    return turn_stop(&tf.as, tf.cx.tenant, tf.conversation, tf.heard.turn);
}

static void stop_now(void)
{
    assert_true(stop_it());
}

/* Who asks for another's turn, or in another conversation, is not heard. */
static void stop_wrongly(void)
{
    struct tenant_id tenant = tf.cx.tenant;
    struct conversation_id conversation = tf.conversation;
    struct turn_id turn = tf.heard.turn;
    tenant.v.b[0] ^= 1;
    conversation.v.b[0] ^= 1;
    turn.v.b[0] ^= 1;
    assert_false(turn_stop(&tf.as, tenant, tf.conversation, tf.heard.turn));
    assert_false(turn_stop(&tf.as, tf.cx.tenant, conversation, tf.heard.turn));
    assert_false(turn_stop(&tf.as, tf.cx.tenant, tf.conversation, turn));
}

static void what_came_is_the_reply(void **state)
{
    (void)state;
    turn_document("returns.md", returns);
    turn_use_model();
    (void)turn_says("text", "How many days for a bicycle return?");
    tf.script.answer = "You have 14 days. [1: \"returned within 14 days\"] And there is "
                       "a lot more to be said about it that nobody wants to hear any longer.";
    tf.script.during = stop_now;
    const struct turn t = turn_now();
    assert_true(t.stopped);
    assert_true(str_starts(t.reply, STR("You have 14 days. And")));
    assert_true(t.reply.n < 60);
    assert_true(str_eq(buf_view(&tf.heard.text), t.reply));
    assert_int_equal(t.citation_count, 1);
    assert_int_equal(tf.script.calls, 1);
    assert_int_equal(tf.heard.withdrawn, 0);
    assert_int_equal(tf.heard.settled, 1);
    assert_int_equal(
        turn_number("SELECT count(*) FROM messages WHERE direction = 'outbound' AND "
                    "json_extract(metadata, '$.stopped') = 1 AND "
                    "json_extract(metadata, '$.citations[0].quote') = 'returned within 14 days'"),
        1);
    assert_int_equal(turn_number("SELECT count(*) FROM events WHERE type = 'turn.completed' AND "
                                 "json_extract(payload, '$.stopped') = 1"),
                     1);
    assert_false(stop_it()); /* too late */
    turn_replays();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct turn read;
    turn_ok(db_begin_read(&tf.cx, &tx), "begin");
    turn_ok(turn_get(tx, t.id, &read), "turn_get");
    assert_true(read.stopped);
}

/* A cut answer is unsure, which is no reason to call a person; nor is it counted as not knowing. */
static void a_cut_answer_calls_nobody(void **state)
{
    (void)state;
    turn_use_model();
    (void)turn_says("text", "What is the meaning of all this?");
    tf.script.answer = "Maybe, perhaps, I am not sure, possibly it might be so or it might not.";
    tf.script.during = stop_now;
    const struct turn t = turn_now();
    assert_true(t.stopped);
    assert_false(str_is(t.action, "handover"));
    assert_true(str_starts(str_of(tf.script.answer), t.reply));
    assert_int_equal(turn_number("SELECT unknown_in_row FROM conversations"), 0);
    assert_int_equal(turn_number("SELECT count(*) FROM events WHERE type = 'handover.requested'"),
                     0);
    turn_replays();
}

static const struct llm_provider *stop_and_find(struct str name)
{
    stop_now();
    tf.as.find_provider = NULL;
    return llm_find(name);
}

static void nothing_came_and_nothing_is_said(void **state)
{
    (void)state;
    turn_document("returns.md", returns);
    (void)turn_says("text", "How many days for a bicycle return?");
    tf.as.find_provider = stop_and_find;
    const struct turn t = turn_now();
    assert_true(str_is(t.silence, "stopped"));
    assert_true(t.stopped);
    assert_int_equal(t.reply.n, 0);
    assert_int_equal(tf.heard.text.n, 0);
    assert_int_equal(turn_number("SELECT count(*) FROM messages WHERE direction = 'outbound'"), 0);
    assert_int_equal(turn_number("SELECT count(*) FROM jobs"), 0);
    turn_replays();
}

static void stop_at_first_words(void *arg, struct turn_id turn, struct str text)
{
    (void)turn;
    buf_str(&((struct turn_fixture *)arg)->heard.text, text);
    stop_now();
}

static void the_built_in_answerer_stops_too(void **state)
{
    (void)state;
    turn_document("returns.md", returns);
    (void)turn_says("text", "How many days for a bicycle return? And when do you refund?");
    const struct turn whole = turn_now();
    assert_true(str_find(whole.reply, STR("refund"), 0) > 0);
    (void)turn_says("text", "How many days for a bicycle return? And when do you refund?");
    tf.sink.delta = stop_at_first_words;
    const struct turn t = turn_now();
    assert_true(t.stopped);
    assert_true(t.reply.n > 0 && t.reply.n < whole.reply.n);
    turn_replays();
}

static void strangers_stop_nothing(void **state)
{
    (void)state;
    turn_use_model();
    (void)turn_says("text", "Hello there, what do you do?");
    tf.script.answer = "I answer questions about the shop, as well as I can.";
    tf.script.during = stop_wrongly;
    const struct turn t = turn_now();
    assert_false(t.stopped);
    assert_false(stop_it());
    assert_int_equal(turn_number("SELECT count(*) FROM messages WHERE "
                                 "json_extract(metadata, '$.stopped') IS NOT NULL"),
                     0);
}

static struct cancel *all;

static void cancel_all(void)
{
    cancel_now(all);
}

/* The turn itself is given up: its model hears of it, and nothing is committed. */
static void what_ends_the_turn_ends_the_model(void **state)
{
    (void)state;
    struct job job;
    struct turn t;
    bool committed = true;
    turn_use_model();
    (void)turn_says("text", "Hello there, what do you do?");
    assert_true(turn_claim(&job));
    tf.script.answer = "I answer questions about the shop, as well as I can.";
    tf.script.during = cancel_all;
    all = cancel_new();
    tf.cx.cancel = all;
    assert_int_equal(turn_run(&tf.cx, &tf.as, &job, &tf.sink, &t, &committed), ERR_CANCELLED);
    tf.cx.cancel = NULL;
    cancel_free(&all);
    assert_false(committed);
    assert_int_equal(tf.heard.withdrawn, 1);
    assert_int_equal(tf.heard.settled, 0);
}

#define STOP_TEST(name) cmocka_unit_test_setup_teardown(name, turn_setup, turn_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STOP_TEST(what_came_is_the_reply),           STOP_TEST(a_cut_answer_calls_nobody),
        STOP_TEST(nothing_came_and_nothing_is_said), STOP_TEST(the_built_in_answerer_stops_too),
        STOP_TEST(strangers_stop_nothing),           STOP_TEST(what_ends_the_turn_ends_the_model),
    };
    return cmocka_run_group_tests_name("turn_stop", tests, NULL, NULL);
}
