#include "domain/conversation/visitor_thread.h"

#include "domain/ledger/room_fixture.h"

#include <setjmp.h>

#include <cmocka.h>

static struct visitor a_visitor(int tenant)
{
    return (struct visitor){.tenant = room.tenant[tenant], .id = uuid_new()};
}

static struct received write_to(struct cx *cx, const struct visitor *v, const char *name,
                                const char *text, const char *client_id)
{
    const struct inbound in =
        visitor_inbound(cx->arena, v, str_of(name), str_of(text), str_of(client_id));
    struct received r;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(cx, ERR_OK, db_begin_write(cx, &tx));
    want(cx, ERR_OK, inbox_receive(tx, &in, &r));
    want(cx, ERR_OK, event_commit(tx));
    return r;
}

static bool find(struct cx *cx, const struct visitor *v, const char *name, struct conversation *ret)
{
    bool found = false;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(cx, ERR_OK, db_begin_read(cx, &tx));
    want(cx, ERR_OK, visitor_conversation(tx, v, str_of(name), ret, &found));
    want(cx, ERR_OK, db_commit(tx));
    return found;
}

static enum err get(struct cx *cx, const struct visitor *v, struct conversation_id id)
{
    struct conversation c;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(visitor_conversation_get(tx, v, id, &c));
    return db_commit(tx);
}

static size_t list(struct cx *cx, const struct visitor *v, const struct visitor_page *page,
                   struct conversation **ret)
{
    size_t n = 0;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    want(cx, ERR_OK, db_begin_read(cx, &tx));
    want(cx, ERR_OK, visitor_conversations(tx, v, page, ret, &n));
    want(cx, ERR_OK, db_commit(tx));
    return n;
}

static void the_first_message_opens_it(void **state)
{
    (void)state;
    struct conversation c;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct visitor v = a_visitor(0);
    assert_false(find(&cx, &v, "", &c));
    const struct received r = write_to(&cx, &v, "", "Hello", "");
    assert_true(str_is(r.conversation.channel_type, "webchat"));
    assert_true(find(&cx, &v, "", &c) && find(&cx, &v, "main", &c));
    assert_true(uuid_eq(c.id.v, r.conversation.id.v));
    assert_true(str_is(visitor_conversation_name(&c), "main"));
    assert_int_equal(room_number("SELECT count(*) FROM contact_identities WHERE kind = 'visitor' "
                                 "AND channel_type = 'webchat' AND verified_by = ''"),
                     1);
    const struct received other = write_to(&cx, &v, "second", "Hello", "");
    assert_false(uuid_eq(other.conversation.id.v, r.conversation.id.v));
    assert_true(uuid_eq(other.conversation.contact.v, r.conversation.contact.v));
}

/* shows: CONV-8 */
static void a_clients_id_counts_within_its_visitor(void **state)
{
    (void)state;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct visitor v = a_visitor(0);
    const struct visitor w = a_visitor(0);
    const struct received first = write_to(&cx, &v, "", "Hello", "m1");
    const struct received again = write_to(&cx, &v, "", "Hello", "m1");
    const struct received theirs = write_to(&cx, &w, "", "Hello", "m1");
    assert_true(again.duplicate && uuid_eq(again.message.id.v, first.message.id.v));
    assert_true(!theirs.duplicate && !uuid_eq(theirs.message.id.v, first.message.id.v));
    assert_false(uuid_eq(theirs.conversation.id.v, first.conversation.id.v));
    assert_int_equal(room_number("SELECT count(*) FROM messages"), 2);
}

/* shows: TEN-10 */
static void nobody_reaches_anothers(void **state)
{
    (void)state;
    struct conversation c;
    struct conversation *rows;
    const struct visitor_page all = {.limit = 10};
    SCOPED(cx_end) struct cx cx = room_cx(0);
    SCOPED(cx_end) struct cx other = room_cx(1);
    const struct visitor v = a_visitor(0);
    const struct visitor w = a_visitor(0);
    const struct visitor same_id = {.tenant = room.tenant[1], .id = v.id};
    const struct received r = write_to(&cx, &v, "x", "Hello", "");
    want(&cx, ERR_OK, get(&cx, &v, r.conversation.id));
    want(&cx, ERR_NOT_FOUND, get(&cx, &w, r.conversation.id));
    assert_int_equal(cx.code, CODE_CONVERSATION_NOT_FOUND);
    want(&other, ERR_NOT_FOUND, get(&other, &same_id, r.conversation.id));
    assert_false(find(&cx, &w, "x", &c) || find(&other, &same_id, "x", &c));
    assert_int_equal(list(&cx, &v, &all, &rows), 1);
    assert_int_equal(list(&cx, &w, &all, &rows), 0);
    assert_int_equal(list(&other, &same_id, &all, &rows), 0);
    (void)write_to(&cx, &w, "x", "Hello", "");
    assert_int_equal(list(&cx, &v, &all, &rows), 1);
    assert_int_equal(list(&cx, &w, &all, &rows), 1);
}

static void only_webchat_with_its_own_prefix_is_its_own(void **state)
{
    (void)state;
    static const struct {
        const char *channel, *behind;
        bool own;
    } rows[] = {
        {"webchat", ":main", true}, {"webchat", ":", true},  {"webchat", "", false},
        {"webchat", "x:", false},   {"api", ":main", false}, {"webchat", ";main", false},
    };
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct visitor v = a_visitor(0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct conversation c = {
            .channel_type = str_of(rows[i].channel),
            .external_id = str_fmt(cx.arena, "%s%s", uuid_text(cx.arena, v.id).p, rows[i].behind)};
        if (visitor_owns(&v, &c) != rows[i].own) {
            fail_msg("%s %s", rows[i].channel, rows[i].behind);
        }
    }
}

static void a_list_goes_page_by_page(void **state)
{
    (void)state;
    struct conversation *rows;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    const struct visitor v = a_visitor(0);
    const char *const names[] = {"a", "b", "c"};
    for (size_t i = 0; i < COUNT(names); i++) {
        cx.now_us++;
        (void)write_to(&cx, &v, names[i], "Hello", "");
    }
    struct visitor_page page = {.limit = 2};
    assert_int_equal(list(&cx, &v, &page, &rows), 2);
    assert_true(str_is(visitor_conversation_name(&rows[0]), "c"));
    assert_true(str_is(visitor_conversation_name(&rows[1]), "b"));
    page = (struct visitor_page){true, rows[1].last_message_us, rows[1].id.v, 2};
    assert_int_equal(list(&cx, &v, &page, &rows), 1);
    assert_true(str_is(visitor_conversation_name(&rows[0]), "a"));
}

static void names_are_plain(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } rows[] = {
        {"", true},
        {"main", true},
        {"A-b_9", true},
        {"a:b", false},
        {"a b", false},
        {"a\n", false},
        {"ä", false},
        {"a/b", false},
        {"'", false},
        {"0123456789012345678901234567890123456789012345678901234567890123", true},
        {"01234567890123456789012345678901234567890123456789012345678901234", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = room_cx(0);
        const enum err e = visitor_name_check(&cx, "conversation", str_of(rows[i].name));
        if (e != (rows[i].ok ? ERR_OK : ERR_INVALID)) {
            fail_msg("%s", rows[i].name);
        }
    }
}

static void what_is_between_the_tenants_people_stays_there(void **state)
{
    (void)state;
    struct str shown;
    SCOPED(cx_end) struct cx cx = room_cx(0);
    want(
        &cx, ERR_OK,
        visitor_metadata(&cx,
                         STR("{\"action\":\"answer\",\"note\":\"secret\",\"citations\":[{\"n\":1}],"
                             "\"clientMessageId\":\"m1\",\"score\":0.1,\"stopped\":true}"),
                         &shown));
    assert_string_equal(shown.p, "{\"action\":\"answer\",\"citations\":[{\"n\":1}],"
                                 "\"clientMessageId\":\"m1\",\"stopped\":true}");
    want(&cx, ERR_OK, visitor_metadata(&cx, STR("{}"), &shown));
    assert_string_equal(shown.p, "{}");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, room_setup, room_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_first_message_opens_it),
        TEST(a_clients_id_counts_within_its_visitor),
        TEST(nobody_reaches_anothers),
        TEST(only_webchat_with_its_own_prefix_is_its_own),
        TEST(a_list_goes_page_by_page),
        TEST(names_are_plain),
        TEST(what_is_between_the_tenants_people_stays_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
