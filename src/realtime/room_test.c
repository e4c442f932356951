#include "base/conf.h"
#include "base/mem.h"
#include "realtime/hub_fixture.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

/* --- what a follower must have seen --- */

enum { MOVES_MAX = 8 };

struct story {
    struct listener heard;
    struct hub_follower *follower;
    int64_t since;
    int rooms[MOVES_MAX]; /* one after the other */
    int room_count;
};

static void begin(struct story *s, const struct hub_form *form, int room, int64_t since)
{
    *s = (struct story){.since = since, .rooms = {room}, .room_count = 1};
    s->follower = fixture_follow(&s->heard, form, room, since);
}

static void end(struct story *s)
{
    hub_unfollow(&s->follower);
    fixture_wait_released(&s->heard);
    listener_fini(&s->heard);
}

/* Exactly the events of its rooms, in order: of each room those above the last one seen, without a
 * hole, until it moved on. whole: to the last one of the last room. */
static void check(const struct story *s, bool whole)
{
    int64_t at = s->since;
    int stage = 0;
    for (size_t i = 0; i < s->heard.count; i++) {
        const struct heard *h = &s->heard.list[i];
        while (!h->is_reload && fixture_next(s->rooms[stage], at) != h->seq) {
            if (++stage == s->room_count) {
                fail_msg("event %" PRId64 " came after %" PRId64, h->seq, at);
            }
        }
        assert_true(h->seq >= at);
        at = h->seq;
    }
    assert_true(!whole || fixture_next(s->rooms[s->room_count - 1], at) == 0);
}

/* --- tests --- */

static void a_room_brings_its_own(void **state)
{
    (void)state;
    struct story one;
    struct story all;
    for (int i = 0; i < 1500; i++) {
        (void)fixture_commit(i % 3, true);
    }
    begin(&one, &form_a, 1, 0);
    begin(&all, &form_b, ALL, 700);
    const int64_t last = fixture_commit(1, true);
    (void)fixture_commit(2, true);
    (void)fixture_commit(NOWHERE, true);
    fixture_wait_seq(&one.heard, last);
    fixture_wait_seq(&all.heard, fixture_newest());
    check(&one, true);
    check(&all, true);
    assert_int_equal(one.heard.count, 501);
    end(&one);
    end(&all);
}

/* Of ten followers of two forms each event is encoded twice. */
static void an_event_is_encoded_once_a_form(void **state)
{
    (void)state;
    enum { N = 10 };
    struct story s[N];
    for (int i = 0; i < N; i++) {
        begin(&s[i], i % 2 ? &form_a : &form_b, i % 3 ? 1 : ALL, 0);
    }
    fixture_wait_live();
    const int before = fixture_encoded();
    const int64_t last = fixture_commit(1, true);
    for (int i = 0; i < N; i++) {
        fixture_wait_seq(&s[i].heard, last);
    }
    assert_int_equal(fixture_encoded() - before, 2);
    for (int i = 0; i < N; i++) {
        check(&s[i], false);
        end(&s[i]);
    }
}

/* The process died between the commit and the note of it. */
static void what_nobody_told_is_found(void **state)
{
    (void)state;
    struct story before;
    struct story after;
    struct story next;
    (void)fixture_commit(1, true);
    begin(&before, &form_a, 1, 0);
    fixture_wait_seq(&before.heard, 1);
    const int64_t silent = fixture_commit(1, false);
    begin(&after, &form_a, 1, 0); /* a newcomer gets it, and then all do */
    fixture_wait_seq(&after.heard, silent);
    fixture_wait_seq(&before.heard, silent);
    (void)fixture_commit(1, false);
    const int64_t told = fixture_commit(2, true); /* the next note, of another room */
    begin(&next, &form_b, ALL, silent);
    fixture_wait_seq(&next.heard, told);
    fixture_wait_seq(&before.heard, told - 1);
    fixture_wait_seq(&after.heard, told - 1);
    check(&before, true);
    check(&after, true);
    check(&next, true);
    end(&before);
    end(&after);
    end(&next);
}

/* shows: RT-5 */
static void the_late_are_told_to_reload_and_go_on(void **state)
{
    (void)state;
    struct story late;
    struct story near;
    struct story ends;
    struct story pruned;
    struct story ahead;
    conf.follow_max_behind = 10;
    for (int i = 0; i < 60; i++) {
        (void)fixture_commit(i % 3, true);
    }
    begin(&late, &form_a, 1, 0);
    begin(&near, &form_a, 1, 30); /* ten of its own */
    begin(&ends, &form_ending, ALL, 20);
    fixture_wait_count(&late.heard, 1);
    fixture_wait_count(&near.heard, 10);
    fixture_wait_count(&ends.heard, 1);
    assert_true(late.heard.list[0].is_reload && late.heard.list[0].seq == 60);
    assert_true(ends.heard.list[0].is_reload);
    fixture_delete(55);
    begin(&pruned, &form_a, 2, 53);
    begin(&ahead, &form_a, 2, 1000); /* a backup was put back */
    fixture_wait_count(&pruned.heard, 1);
    fixture_wait_count(&ahead.heard, 1);
    assert_true(pruned.heard.list[0].is_reload && ahead.heard.list[0].is_reload);
    const int64_t last = fixture_commit(1, true);
    const int64_t other = fixture_commit(2, true);
    fixture_wait_seq(&late.heard, last);
    fixture_wait_seq(&near.heard, last);
    fixture_wait_seq(&pruned.heard, other);
    fixture_wait_seq(&ahead.heard, other);
    assert_int_equal(fixture_count(&ends.heard), 1);
    check(&late, true);
    check(&near, true);
    conf.follow_max_behind = 10000;
    end(&late);
    end(&near);
    end(&ends);
    end(&pruned);
    end(&ahead);
}

static void what_cannot_be_encoded_is_to_be_read(void **state)
{
    (void)state;
    struct story goes_on;
    struct story ends;
    begin(&goes_on, &form_a, 1, 0);
    begin(&ends, &form_ending, 1, 0);
    fixture_make_unfit(2);
    for (int i = 0; i < 3; i++) {
        (void)fixture_commit(1, true);
    }
    fixture_wait_seq(&goes_on.heard, 3);
    fixture_wait_count(&ends.heard, 2);
    assert_int_equal(goes_on.heard.count, 3);
    assert_true(goes_on.heard.list[1].is_reload && goes_on.heard.list[1].seq == 2);
    assert_true(ends.heard.list[1].is_reload);
    end(&goes_on);
    end(&ends);
}

/* A visitor comes before its conversation does, with two tabs; a third one comes in between. */
static void a_conversation_begins_under_way(void **state)
{
    (void)state;
    enum { PLACE = 50 };
    struct story tabs[3];
    (void)fixture_commit(3, true);
    const int64_t then = fixture_newest();
    begin(&tabs[0], &form_a, PLACE, then);
    begin(&tabs[1], &form_a, PLACE, then);
    (void)fixture_commit(3, true);
    (void)fixture_commit(7, true); /* it begins */
    const int64_t last = fixture_commit(7, true);
    (void)fixture_commit(3, true);
    begin(&tabs[2], &form_a, PLACE, then);
    fixture_wait_live(); /* up to the head, and yet it has nothing of the conversation */
    hub_move(tabs[0].follower, fixture_id(7));
    hub_move(tabs[0].follower, fixture_id(7));
    hub_move_all(fixture_hub, fixture_room(PLACE), fixture_id(7));
    for (int i = 0; i < 3; i++) {
        fixture_wait_seq(&tabs[i].heard, last);
    }
    const int64_t more = fixture_commit(7, true);
    for (int i = 0; i < 3; i++) {
        fixture_wait_seq(&tabs[i].heard, more);
        tabs[i].rooms[0] = 7;
        check(&tabs[i], true);
        assert_int_equal(tabs[i].heard.count, 3);
        end(&tabs[i]);
    }
}

static struct story mover;

static void move_in_between(int64_t seq)
{
    if (seq == 2) {
        hub_move(mover.follower, fixture_id(2));
    } else if (seq == 4) {
        hub_move(mover.follower, fixture_id(1));
    }
}

/* It leaves a room and comes back while a step of that room is gone: what was sent meanwhile it
 * gets by a step of its own. */
static void who_comes_back_misses_nothing(void **state)
{
    (void)state;
    struct story stays;
    for (int i = 0; i < 6; i++) {
        (void)fixture_commit(1, true);
    }
    fixture_before = move_in_between;
    fixture_shut(true);
    begin(&stays, &form_a, 1, 0);
    begin(&mover, &form_a, 1, 0);
    fixture_shut(false);
    fixture_wait_seq(&stays.heard, 6);
    fixture_wait_seq(&mover.heard, 6);
    check(&stays, true);
    check(&mover, true);
    end(&stays);
    end(&mover);
}

static void one_type_is_enough(void **state)
{
    (void)state;
    struct listener l = {};
    struct hub_follower *f = hub_follow(fixture_hub, &(struct hub_follow){.room = fixture_room(1),
                                                                          .type = STR("even"),
                                                                          .form = &form_a,
                                                                          .target = &l});
    for (int i = 0; i < 10; i++) {
        (void)fixture_commit(1, true);
    }
    fixture_wait_seq(&l, 10);
    assert_int_equal(l.count, 5);
    hub_unfollow(&f);
    fixture_wait_released(&l);
    listener_fini(&l);
}

/* Among 5,000 rooms an event costs its own one: no load of theirs, and no look at them. */
static void rooms_cost_nothing_to_others(void **state)
{
    (void)state;
    enum { N = 5000, EVENTS = 200 };
    struct story *s = mem_alloc(N, sizeof(*s));
    for (int i = 0; i < N; i++) {
        begin(&s[i], &form_a, i, 0);
    }
    fixture_wait_live();
    const int loads = fixture_loads();
    for (int i = 0; i < EVENTS; i++) {
        const int64_t seq = fixture_commit(i * 7, true);
        fixture_wait_seq(&s[i * 7].heard, seq);
    }
    assert_true(fixture_loads() - loads <= 2 * EVENTS);
    for (int i = 0; i < N; i++) {
        check(&s[i], true);
        assert_int_equal(s[i].heard.count, i % 7 == 0 && i < 7 * EVENTS);
        end(&s[i]);
    }
    mem_free(s);
}

static void the_end_comes_while_they_follow(void **state)
{
    (void)state;
    struct story s;
    begin(&s, &form_a, 1, 0);
    (void)fixture_commit(1, true);
    hub_free(&fixture_hub);
    end(&s); /* afterwards, as a socket does that closes late */
}

/* --- random schedules against the model --- */

enum {
    SCHEDULES = 1200,
    OPS = 40,
    CONVERSATIONS = 4,
    STORIES = 6,
};

struct dice {
    uint64_t state;
};

/* xorshift64*; Vigna 2016 */
static int roll(struct dice *d, int sides)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return (int)((d->state * 2685821657736338717U >> 33) % (uint64_t)sides);
}

static void *write_meanwhile(void *arg)
{
    struct dice d = *(const struct dice *)arg;
    for (int i = 0; i < OPS; i++) {
        (void)fixture_commit(roll(&d, CONVERSATIONS + 1) - 1, roll(&d, 4) != 0);
        if (roll(&d, 3) == 0) {
            (void)sched_yield();
        }
    }
    return NULL;
}

static void act(struct dice *d, struct story *s)
{
    static const struct hub_form *const forms[] = {&form_a, &form_b};
    const int room = roll(d, 4) ? roll(d, CONVERSATIONS) : ALL;
    if (!s->follower) {
        begin(s, forms[roll(d, 2)], room, roll(d, (int)fixture_newest() + 1));
    } else if (roll(d, 4) == 0) {
        hub_unfollow(&s->follower);
        fixture_wait_released(&s->heard);
        check(s, false);
        listener_fini(&s->heard);
    } else if (roll(d, 2)) {
        const int in = s->rooms[s->room_count - 1];
        fixture_wait_seq(&s->heard, fixture_commit(in == ALL ? NOWHERE : in, true));
    } else if (s->rooms[0] != ALL && s->room_count < MOVES_MAX) {
        const int to = roll(d, CONVERSATIONS);
        s->rooms[s->room_count++] = to;
        hub_move(s->follower, fixture_id(to));
    }
}

static void finish(struct story *stories)
{
    for (int c = 0; c < CONVERSATIONS; c++) {
        (void)fixture_commit(c, true);
    }
    for (int i = 0; i < STORIES; i++) {
        struct story *s = &stories[i];
        if (s->follower) {
            const int room = s->rooms[s->room_count - 1];
            int64_t last = 0;
            for (int64_t seq = 0; (seq = fixture_next(room, seq)) > 0;) {
                last = seq;
            }
            fixture_wait_seq(&s->heard, last);
            check(s, true);
            end(s);
        }
    }
}

static void play(uint64_t seed)
{
    struct dice d = {seed * 0x9e3779b97f4a7c15U + 1};
    struct dice other = {d.state ^ 0x5555555555555555U};
    struct story stories[STORIES] = {};
    pthread_t writer;
    conf.follow_max_behind = roll(&d, 3) ? 10000 : 3; /* some are told to reload */
    must(pthread_create(&writer, NULL, write_meanwhile, &other) == 0);
    for (int i = 0; i < OPS; i++) {
        if (roll(&d, 3)) {
            act(&d, &stories[roll(&d, STORIES)]);
        } else {
            (void)fixture_commit(roll(&d, CONVERSATIONS + 1) - 1, roll(&d, 3) != 0);
        }
    }
    (void)pthread_join(writer, NULL);
    finish(stories);
}

static void every_schedule_brings_the_same(void **state)
{
    for (uint64_t seed = 0; seed < SCHEDULES; seed++) {
        (void)fixture_start(state);
        play(seed);
        (void)fixture_stop(state);
    }
    conf.follow_max_behind = 10000;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_room_brings_its_own),
        TEST(an_event_is_encoded_once_a_form),
        TEST(what_nobody_told_is_found),
        TEST(the_late_are_told_to_reload_and_go_on),
        TEST(what_cannot_be_encoded_is_to_be_read),
        TEST(a_conversation_begins_under_way),
        TEST(who_comes_back_misses_nothing),
        TEST(one_type_is_enough),
        TEST(rooms_cost_nothing_to_others),
        TEST(the_end_comes_while_they_follow),
        cmocka_unit_test(every_schedule_brings_the_same),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
