#include "base/conf.h"
#include "base/json.h"
#include "base/mem.h"
#include "realtime/hub_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

static struct uuid turn_id(int n)
{
    struct uuid id = {};
    id.b[0] = 9;
    memcpy(id.b + 4, &n, sizeof(n));
    return id;
}

static void turn_says(int conversation, int turn, enum hub_saying what, const char *text)
{
    hub_say(fixture_hub,
            &(struct hub_said){.what = what,
                               .room = fixture_room(conversation),
                               .turn = turn_id(turn),
                               .text = str_of(text)},
            NULL);
}

static void say(int conversation, const char *name, const struct hub_follower *but)
{
    hub_say(fixture_hub,
            &(struct hub_said){.what = HUB_SAY,
                               .room = fixture_room(conversation),
                               .name = str_of(name),
                               .json = STR("{\"on\":true}")},
            but);
}

/* Has caught up with all there is. */
static struct hub_follower *follow(struct listener *l, int conversation)
{
    struct hub_follower *f = fixture_follow(l, &form_a, conversation, fixture_newest());
    fixture_wait_live();
    return f;
}

static void end(struct hub_follower **f, struct listener *l)
{
    hub_unfollow(f);
    fixture_wait_released(l);
    listener_fini(l);
}

/* The one after the first so many. */
static const struct heard *after(struct listener *l, size_t n)
{
    fixture_wait_count(l, n + 1);
    return &l->list[n];
}

static void is_said(struct listener *l, size_t n, const char *name, const char *json)
{
    const struct heard *h = after(l, n);
    assert_string_equal(h->name, name);
    assert_string_equal(h->json, json);
}

#define TURN_1 "\"turnId\":\"09000000-0100-0000-0000-000000000000\""
#define ROOM_1 "\"conversationId\":\"01000000-0100-0000-0000-000000000000\""

static void a_room_hears_its_turns(void **state)
{
    (void)state;
    struct listener in = {};
    struct listener elsewhere = {};
    struct hub_follower *f = follow(&in, 1);
    struct hub_follower *g = follow(&elsewhere, 2);
    const size_t n = fixture_count(&in);
    turn_says(1, 1, HUB_TURN_STARTED, "");
    turn_says(1, 1, HUB_TURN_TEXT, "a\"");
    turn_says(1, 1, HUB_TURN_TEXT, "\xc3\xa9");
    turn_says(1, 1, HUB_TURN_WITHDRAWN, "");
    /* When the calls return it is there: no thread had to run for it. */
    assert_int_equal(fixture_count(&in), n + 4);
    is_said(&in, n, "turn", "{" TURN_1 "," ROOM_1 ",\"state\":\"started\"}");
    is_said(&in, n + 1, "delta", "{" TURN_1 ",\"text\":\"a\\\"\",\"at\":0}");
    is_said(&in, n + 2, "delta", "{" TURN_1 ",\"text\":\"\xc3\xa9\",\"at\":2}");
    is_said(&in, n + 3, "turn", "{" TURN_1 "," ROOM_1 ",\"state\":\"withdrawn\"}");
    assert_int_equal(fixture_count(&elsewhere), 0);
    end(&f, &in);
    end(&g, &elsewhere);
}

static void who_comes_in_the_middle_gets_the_draft(void **state)
{
    (void)state;
    struct listener early = {};
    struct listener late = {};
    struct listener moved = {};
    struct listener too_late = {};
    (void)fixture_commit(1, true);
    const int64_t newest = fixture_commit(1, true);
    struct hub_follower *f = follow(&early, 1);
    struct hub_follower *m = follow(&moved, 2);
    turn_says(1, 1, HUB_TURN_STARTED, "");
    turn_says(1, 1, HUB_TURN_TEXT, "Hello ");
    turn_says(1, 1, HUB_TURN_TEXT, "there");
    struct hub_follower *g = fixture_follow(&late, &form_b, 1, 0);
    /* first what is stored, then what is being said */
    is_said(&late, 2, "turn", "{" TURN_1 "," ROOM_1 ",\"state\":\"started\"}");
    is_said(&late, 3, "delta", "{" TURN_1 ",\"text\":\"Hello there\",\"at\":0}");
    hub_move(m, fixture_id(1));
    is_said(&moved, 1, "delta", "{" TURN_1 ",\"text\":\"Hello there\",\"at\":0}");
    turn_says(1, 1, HUB_TURN_TEXT, ".");
    is_said(&late, 4, "delta", "{" TURN_1 ",\"text\":\".\",\"at\":11}");
    is_said(&moved, 2, "delta", "{" TURN_1 ",\"text\":\".\",\"at\":11}");
    turn_says(1, 1, HUB_TURN_SETTLED, "");
    struct hub_follower *h = fixture_follow(&too_late, &form_a, 1, newest);
    const int64_t done = fixture_commit(1, true);
    fixture_wait_seq(&too_late, done);
    for (size_t i = 0; i < too_late.count; i++) {
        assert_int_equal(*too_late.list[i].name, 0);
    }
    end(&f, &early);
    end(&g, &late);
    end(&m, &moved);
    end(&h, &too_late);
}

static void agents_hear_what_they_join(void **state)
{
    (void)state;
    struct listener agent = {};
    struct listener visitor = {};
    struct hub_follower *a = follow(&agent, ALL);
    struct hub_follower *v = follow(&visitor, 1);
    size_t n = fixture_count(&agent);
    say(1, "typing", NULL);
    assert_int_equal(fixture_count(&agent), n);
    turn_says(1, 1, HUB_TURN_STARTED, "");
    turn_says(1, 1, HUB_TURN_TEXT, "x");
    n = fixture_count(&agent);
    assert_true(hub_join(a, fixture_id(1)));
    assert_true(hub_join(a, fixture_id(1)));
    assert_int_equal(fixture_count(&agent), n + 2);
    is_said(&agent, n + 1, "delta", "{" TURN_1 ",\"text\":\"x\",\"at\":0}");
    say(1, "typing", v);
    is_said(&agent, n + 2, "typing", "{\"on\":true}");
    const size_t visitors = fixture_count(&visitor);
    say(1, "typing", a);
    assert_int_equal(fixture_count(&visitor), visitors + 1);
    assert_int_equal(fixture_count(&agent), n + 3);
    hub_leave(a, fixture_id(1));
    hub_leave(a, fixture_id(1));
    say(1, "typing", NULL);
    assert_int_equal(fixture_count(&agent), n + 3);
    turn_says(1, 1, HUB_TURN_WITHDRAWN, "");
    end(&a, &agent);
    end(&v, &visitor);
}

static void joining_has_a_bound(void **state)
{
    (void)state;
    struct listener agent = {};
    struct hub_follower *a = follow(&agent, ALL);
    conf.follow_max_joins = 3;
    assert_true(hub_join(a, fixture_id(1)) && hub_join(a, fixture_id(2)));
    assert_true(hub_join(a, fixture_id(3)) && hub_join(a, fixture_id(3)));
    assert_false(hub_join(a, fixture_id(4)));
    hub_leave(a, fixture_id(2));
    assert_true(hub_join(a, fixture_id(4)));
    conf.follow_max_joins = 200;
    end(&a, &agent); /* still joined */
}

/* Live text goes past a database that is slow. */
static void saying_waits_for_no_load(void **state)
{
    (void)state;
    struct listener in = {};
    struct hub_follower *f = follow(&in, 1);
    const size_t n = fixture_count(&in);
    const int loads = fixture_loads();
    fixture_shut(true);
    (void)fixture_commit(1, true);
    while (fixture_loads() == loads) {
        (void)sched_yield();
    }
    turn_says(1, 1, HUB_TURN_STARTED, "");
    turn_says(1, 1, HUB_TURN_TEXT, "now");
    assert_int_equal(fixture_count(&in), n + 2);
    fixture_shut(false);
    fixture_wait_count(&in, n + 3);
    turn_says(1, 1, HUB_TURN_SETTLED, "");
    end(&f, &in);
}

/* --- the seam to a second node --- */

static struct hub *second;

static void carry(void *arg, const struct hub_said *said)
{
    (void)arg;
    hub_relayed(second, said);
}

/* Two hubs that share a log stand for two nodes. */
static void another_node_hears_it_too(void **state)
{
    (void)state;
    struct listener here = {};
    struct listener there = {};
    struct hub *first = fixture_hub;
    second = fixture_new_hub();
    fixture_hub = second;
    struct hub_follower *g = follow(&there, 1);
    fixture_hub = first;
    struct hub_follower *f = follow(&here, 1);
    hub_set_relay(first, &(struct hub_relay){NULL, carry});
    const size_t h = fixture_count(&here);
    const size_t t = fixture_count(&there);
    turn_says(1, 1, HUB_TURN_STARTED, "");
    turn_says(1, 1, HUB_TURN_TEXT, "ab");
    turn_says(1, 1, HUB_TURN_TEXT, "c");
    is_said(&here, h + 2, "delta", "{" TURN_1 ",\"text\":\"c\",\"at\":2}");
    is_said(&there, t + 2, "delta", "{" TURN_1 ",\"text\":\"c\",\"at\":2}");
    turn_says(1, 1, HUB_TURN_SETTLED, "");
    end(&f, &here);
    end(&g, &there);
    hub_free(&second);
}

/* --- many at once --- */

enum {
    SPEAKERS = 3,
    TURNS = 60,
    PIECES = 20,
    COMERS = 3,
};

static atomic_int speaking;

static void *speak(void *arg)
{
    const int speaker = *(const int *)arg;
    for (int t = 0; t < TURNS; t++) {
        const int turn = speaker * TURNS + t + 1;
        turn_says(t % 2, turn, HUB_TURN_STARTED, "");
        for (int p = 0; p < PIECES; p++) {
            turn_says(t % 2, turn, HUB_TURN_TEXT, p % 2 ? "ab" : "c");
        }
        turn_says(t % 2, turn, t % 3 ? HUB_TURN_SETTLED : HUB_TURN_WITHDRAWN, "");
        (void)fixture_commit(t % 2, true);
    }
    atomic_fetch_sub(&speaking, 1);
    return NULL;
}

/* Others come in between wherever they can. */
static void give_way(int64_t seq)
{
    for (int i = 0; seq == 0 && i < 3; i++) {
        (void)sched_yield();
    }
}

static int turn_of(const json_t *j)
{
    struct uuid id;
    int turn = 0;
    must(uuid_parse(json_get_str(j, "turnId"), &id));
    memcpy(&turn, id.b + 4, sizeof(turn));
    return turn;
}

/* Each turn is heard from its beginning, each byte of it once and in order. */
static void check_drafts(const struct listener *l)
{
    SCOPED(cx_end) struct cx cx;
    int64_t *at = mem_alloc(SPEAKERS * TURNS + 1, sizeof(*at)); /* 0: not begun; else one more */
    cx_begin(&cx, NULL);
    for (size_t i = 0; i < l->count; i++) {
        const struct heard *h = &l->list[i];
        json_t *j = NULL;
        if (!*h->name) {
            continue;
        }
        assert_int_equal(json_parse(&cx, str_of(h->json), &j), ERR_OK);
        int64_t *mine = &at[turn_of(j)];
        if (strcmp(h->name, "turn") == 0) {
            const bool starts = str_is(json_get_str(j, "state"), "started");
            assert_true(starts == (*mine == 0));
            *mine = starts ? 1 : -1;
        } else {
            assert_int_equal(json_get_i64(j, "at", -1), *mine - 1);
            *mine += (int64_t)json_get_str(j, "text").n;
        }
    }
    mem_free(at);
}

static void *come_and_go(void *arg)
{
    const int comer = *(const int *)arg;
    for (int i = 0; atomic_load(&speaking); i++) {
        struct listener l = {};
        const bool agent = (comer + i) % 2;
        struct hub_follower *f = fixture_follow(&l, &form_a, agent ? ALL : i % 2, fixture_newest());
        if (agent) {
            (void)hub_join(f, fixture_id(0));
        }
        while (atomic_load(&speaking) && fixture_count(&l) < 10) {
            (void)sched_yield();
        }
        hub_unfollow(&f);
        fixture_wait_released(&l);
        check_drafts(&l);
        listener_fini(&l);
    }
    return NULL;
}

static void drafts_are_whole_whoever_comes(void **state)
{
    (void)state;
    pthread_t threads[SPEAKERS + COMERS];
    int numbers[SPEAKERS + COMERS];
    struct listener all = {};
    struct hub_follower *f = follow(&all, 1);
    atomic_store(&speaking, SPEAKERS);
    fixture_before = give_way;
    for (int i = 0; i < SPEAKERS + COMERS; i++) {
        numbers[i] = i < SPEAKERS ? i : i - SPEAKERS;
        must(pthread_create(&threads[i], NULL, i < SPEAKERS ? speak : come_and_go, &numbers[i]) ==
             0);
    }
    for (int i = 0; i < SPEAKERS + COMERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    check_drafts(&all);
    size_t said = 0;
    for (size_t i = 0; i < all.count; i++) {
        said += *all.list[i].name != 0;
    }
    /* all of its room's: started, pieces, and a third withdrawn */
    assert_int_equal(said, SPEAKERS * (TURNS / 2 * (1 + PIECES) + TURNS / 6));
    end(&f, &all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_room_hears_its_turns),         TEST(who_comes_in_the_middle_gets_the_draft),
        TEST(agents_hear_what_they_join),     TEST(joining_has_a_bound),
        TEST(saying_waits_for_no_load),       TEST(another_node_hears_it_too),
        TEST(drafts_are_whole_whoever_comes),
    };
    return cmocka_run_group_tests_name("say", tests, NULL, NULL);
}
