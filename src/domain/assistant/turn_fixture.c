#include "domain/assistant/turn_fixture.h"

#include "domain/assistant/policy.h"
#include "ext/llm.h"

#include <setjmp.h>

#include <cmocka.h>

struct turn_fixture tf;

void turn_ok(enum err e, const char *what)
{
    if (e) {
        fail_msg("%s: %s: %s", what, err_name(e), tf.cx.detail);
    }
}

static enum err play(struct cx *cx, struct net_client *net, const struct llm_request *rq,
                     void (*piece)(void *arg, struct str text), void *arg, struct llm_answer *ret)
{
    (void)net;
    must(!cx->in_tx);
    *ret =
        (struct llm_answer){.usage = {.prompt_tokens = 20, .completion_tokens = 5, .attempts = 1}};
    tf.script.calls++;
    buf_reset(&tf.script.prompt);
    for (size_t i = 0; i < rq->message_count; i++) {
        buf_str(&tf.script.prompt, rq->messages[i].content);
        buf_char(&tf.script.prompt, '\n');
    }
    const struct str text = str_of(tf.script.answer);
    size_t n = 0;
    while (n < text.n && !cancel_is(cx->cancel)) {
        piece(arg, str_sub(text, n, 1));
        if (n++ == text.n / 2 && tf.script.during) {
            tf.script.during();
        }
    }
    ret->text = str_dup(cx->arena, str_sub(text, 0, n));
    ret->model = STR("scripted-1");
    if (n < text.n) {
        return cx_fail(cx, CODE_CANCELLED, "cancelled");
    }
    if (tf.script.e) {
        return cx_fail(cx, CODE_EXTERNAL_SERVICE_ERROR, "the scripted model fails");
    }
    ret->finish_reason = STR("stop");
    return ERR_OK;
}

static const struct llm_provider scripted = {.name = "openai", .answer = play};

static const struct llm_provider *find(struct str name)
{
    return str_is(name, "openai") ? &scripted : llm_find(name);
}

static void on_started(void *arg, struct turn_id turn)
{
    (void)arg;
    assert_false(uuid_is_nil(turn.v));
    tf.heard.turn = turn;
    tf.heard.started++;
}

static void on_delta(void *arg, struct turn_id turn, struct str text)
{
    (void)arg;
    (void)turn;
    assert_true(text.n > 0);
    buf_str(&tf.heard.text, text);
}

static void on_withdrawn(void *arg, struct turn_id turn)
{
    (void)arg;
    (void)turn;
    buf_reset(&tf.heard.text);
    tf.heard.withdrawn++;
}

static void on_settled(void *arg, struct turn_id turn)
{
    (void)arg;
    assert_true(uuid_eq(turn.v, tf.heard.turn.v));
    tf.heard.settled++;
}

int turn_setup(void **state)
{
    (void)state;
    tf = (struct turn_fixture){.as = {.find_provider = find, .stops = turn_stops_new()},
                               .sink = {.arg = &tf,
                                        .started = on_started,
                                        .delta = on_delta,
                                        .withdrawn = on_withdrawn,
                                        .settled = on_settled},
                               .script = {.answer = "", .prompt = buf_make(1 << 20)},
                               .heard = {.text = buf_make(1 << 20)}};
    knowledge_fixture_init(&tf.k);
    tf.cx = knowledge_fixture_cx(&tf.k);
    return 0;
}

int turn_teardown(void **state)
{
    (void)state;
    cx_end(&tf.cx);
    buf_fini(&tf.script.prompt);
    buf_fini(&tf.heard.text);
    turn_stops_free(&tf.as.stops);
    knowledge_fixture_fini(&tf.k);
    return 0;
}

void turn_fresh(void)
{
    cx_end(&tf.cx);
    tf.cx = knowledge_fixture_cx(&tf.k);
}

void turn_document(const char *name, const char *text)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&tf.k);
    struct document d;
    const enum err e =
        knowledge_fixture_upload(&tf.k, &cx, name, str_of(text), (struct document_id){}, &d);
    knowledge_fixture_check(&cx, e, name);
    (void)knowledge_fixture_work(&tf.k);
    assert_true(str_is(knowledge_fixture_get(&tf.k, &cx, d.id).status, "ready"));
}

void turn_use_model(void)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct policy p;
    struct policy stored;
    turn_ok(db_begin_write(&tf.cx, &tx), "begin");
    turn_ok(policy_get(tx, &p), "policy_get");
    p.provider = STR("openai");
    p.name = STR("Mia");
    turn_ok(policy_put(tx, &p, &stored), "policy_put");
    turn_ok(db_commit(tx), "commit");
}

struct message_id turn_says(const char *type, const char *text)
{
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(&tf.k);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct received r;
    const struct inbound in = {.conversation = tf.conversation,
                               .channel_type = STR("api"),
                               .type = str_of(type),
                               .content = str_of(text)};
    knowledge_fixture_check(&cx, db_begin_write(&cx, &tx), "begin");
    knowledge_fixture_check(&cx, inbox_receive(tx, &in, &r), "receive");
    knowledge_fixture_check(&cx, event_flush(tx, NULL), "flush");
    knowledge_fixture_check(&cx, db_commit(tx), "commit");
    tf.conversation = r.conversation.id;
    return r.message.id;
}

bool turn_claim(struct job *ret)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(&tf.k.db);
    struct job *jobs = NULL;
    size_t count = 0;
    knowledge_fixture_check(&cx, job_claim(&cx, STR("test"), 1, &jobs, &count), "claim");
    if (!count) {
        return false;
    }
    *ret = jobs[0];
    ret->kind = str_dup(tf.cx.arena, jobs[0].kind);
    ret->payload = str_dup(tf.cx.arena, jobs[0].payload);
    ret->request_id = str_dup(tf.cx.arena, jobs[0].request_id);
    ret->why = str_dup(tf.cx.arena, jobs[0].why);
    assert_true(str_is(ret->kind, JOB_TURN));
    return true;
}

struct turn turn_now(void)
{
    struct job job;
    struct turn t;
    bool committed = false;
    assert_true(turn_claim(&job));
    turn_ok(turn_run(&tf.cx, &tf.as, &job, &tf.sink, &t, &committed), "turn_run");
    assert_true(committed);
    return t;
}

static void same_turn(const struct turn *a, const struct turn *b)
{
    assert_true(uuid_eq(a->id.v, b->id.v));
    assert_true(str_eq(a->action, b->action));
    assert_true(str_eq(a->prompt_hash, b->prompt_hash));
}

void turn_replays(void)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct turn_id *ids = NULL;
    size_t count = 0;
    turn_ok(db_begin_read(&tf.cx, &tx), "begin");
    turn_ok(turn_list(tx, (struct turn_id){}, 1000, &ids, &count), "turn_list");
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        struct turn t;
        struct turn of_message;
        struct replay r;
        bool found = false;
        turn_ok(turn_get(tx, ids[i], &t), "turn_get");
        turn_ok(turn_of_message(tx, t.message, &of_message, &found), "turn_of_message");
        assert_true(found);
        same_turn(&t, &of_message);
        turn_ok(turn_replay(tx, ids[i], &r), "turn_replay");
        if (!r.same) {
            fail_msg("turn %zu: " STR_FMT, i, STR_ARG(r.why));
        }
        assert_true(!t.prompt_hash.n || str_eq(r.prompt, r.rebuilt));
    }
}

int64_t turn_number(const char *sql)
{
    return db_fixture_number(&tf.k.db, sql);
}
