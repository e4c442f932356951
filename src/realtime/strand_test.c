#include "realtime/strand.h"

#include "base/clock.h"
#include "base/pool.h"

#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

/* A strand whose work is to count up to what was asked for. */
struct counter {
    struct strand strand;
    atomic_int wanted;
    int done; /* of the strand's steps alone */
    atomic_int holds;
    atomic_bool inside;
    sem_t *gate; /* a step waits for it; NULL: none does */
    int late;    /* times that work comes just behind a step that found none */
    sem_t began;
};

static atomic_int times_starved;

static bool step(struct strand *s)
{
    struct counter *c = container_of(s, struct counter, strand);
    assert_false(atomic_exchange(&c->inside, true)); /* never two at a time */
    const bool more = c->done < atomic_load(&c->wanted);
    if (more) {
        c->done++;
        (void)sem_post(&c->began);
        if (c->gate) {
            (void)sem_wait(c->gate);
        }
    }
    if (!more && c->late > 0) {
        c->late--;
        (void)atomic_fetch_add(&c->wanted, 1);
        strand_wake(s->all, s);
    }
    atomic_store(&c->inside, false);
    return more;
}

static void hold(struct strand *s)
{
    (void)atomic_fetch_add(&container_of(s, struct counter, strand)->holds, 1);
}

static void release(struct strand *s)
{
    (void)atomic_fetch_sub(&container_of(s, struct counter, strand)->holds, 1);
}

static void starved(void *arg)
{
    (void)arg;
    (void)atomic_fetch_add(&times_starved, 1);
}

static const struct strand_ops ops = {step, hold, release, starved, NULL};

static struct pool *pool_of(int threads, int queue)
{
    return pool_new(
        &(struct pool_limits){.name = "test", .max_threads = threads, .max_queue = queue});
}

static void want(struct strands *all, struct counter *c, int n)
{
    (void)atomic_fetch_add(&c->wanted, n);
    strand_wake(all, &c->strand);
}

static void counter_init(struct counter *c, sem_t *gate)
{
    *c = (struct counter){.gate = gate};
    assert_int_equal(sem_init(&c->began, 0, 0), 0);
}

struct waker {
    struct strands *all;
    struct counter *counters;
    int count;
};

enum { WAKES = 2000, COUNTERS = 8, WAKERS = 4 };

static void *wake_often(void *arg)
{
    struct waker *w = arg;
    for (int i = 0; i < WAKES; i++) {
        want(w->all, &w->counters[i % w->count], 1);
    }
    return NULL;
}

static void wait_done(struct counter *c)
{
    while (atomic_load(&c->holds)) {
        clock_sleep_us(MS_US);
    }
    assert_int_equal(c->done, atomic_load(&c->wanted));
}

static void steps_come_one_at_a_time_and_none_is_missed(void **state)
{
    struct counter counters[COUNTERS];
    pthread_t threads[WAKERS];
    struct strands all;
    struct pool *p = pool_of(4, 1000);
    (void)state;
    strands_init(&all, p, &ops);
    for (int i = 0; i < COUNTERS; i++) {
        counter_init(&counters[i], NULL);
    }
    struct waker w = {&all, counters, COUNTERS};
    for (int i = 0; i < WAKERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wake_often, &w), 0);
    }
    for (int i = 0; i < WAKERS; i++) {
        (void)pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < COUNTERS; i++) {
        wait_done(&counters[i]);
        assert_int_equal(counters[i].done, WAKERS * WAKES / COUNTERS);
    }
    pool_free(&p);
    strands_fini(&all);
}

static void what_comes_behind_the_last_look_is_seen(void **state)
{
    struct counter c;
    struct strands all;
    struct pool *p = pool_of(1, 10);
    (void)state;
    counter_init(&c, NULL);
    c.late = 3;
    strands_init(&all, p, &ops);
    want(&all, &c, 1);
    wait_done(&c);
    assert_int_equal(c.done, 4);
    pool_free(&p);
    strands_fini(&all);
}

static void others_have_their_turn_between(void **state)
{
    sem_t gate;
    struct counter busy;
    struct counter other;
    struct strands all;
    struct pool *p = pool_of(1, 10);
    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    counter_init(&busy, &gate);
    counter_init(&other, NULL);
    strands_init(&all, p, &ops);
    want(&all, &busy, 1000);
    (void)sem_wait(&busy.began);
    want(&all, &other, 1);
    for (int i = 0; i < 20; i++) {
        (void)sem_post(&gate);
    }
    (void)sem_wait(&other.began); /* long before the busy one is done */
    assert_true(busy.done < 1000);
    for (int i = 0; i < 1000; i++) {
        (void)sem_post(&gate);
    }
    wait_done(&busy);
    wait_done(&other);
    pool_free(&p);
    strands_fini(&all);
}

static void a_full_pool_is_tried_again(void **state)
{
    sem_t gate;
    struct counter counters[4];
    struct strands all;
    struct pool *p = pool_of(1, 0);
    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    atomic_store(&times_starved, 0);
    strands_init(&all, p, &ops);
    for (size_t i = 0; i < COUNT(counters); i++) {
        counter_init(&counters[i], &gate);
        want(&all, &counters[i], 1);
        if (i == 0) {
            (void)sem_wait(&counters[0].began);
        }
    }
    assert_int_equal(atomic_load(&times_starved), 1); /* for the first of them */
    assert_true(strands_retry(&all));
    for (size_t i = 0; i < COUNT(counters); i++) {
        (void)sem_post(&gate);
    }
    while (strands_retry(&all)) {
        clock_sleep_us(MS_US);
    }
    for (size_t i = 0; i < COUNT(counters); i++) {
        wait_done(&counters[i]);
    }
    pool_free(&p);
    strands_fini(&all);
}

static void what_an_ended_pool_dropped_is_finished_by_the_caller(void **state)
{
    sem_t gate;
    struct counter running;
    struct counter queued;
    struct counter listed;
    struct counter idle;
    struct strands all;
    struct pool *p = pool_of(1, 1);
    (void)state;
    assert_int_equal(sem_init(&gate, 0, 0), 0);
    strands_init(&all, p, &ops);
    counter_init(&running, &gate);
    counter_init(&queued, NULL);
    counter_init(&listed, NULL);
    counter_init(&idle, NULL);
    want(&all, &running, 1);
    (void)sem_wait(&running.began);
    want(&all, &queued, 3);
    want(&all, &listed, 3);
    int dropped = 0;
    assert_false(pool_drain(p, clock_mono_us(), &dropped));
    assert_int_equal(dropped, 1);
    (void)sem_post(&gate);
    assert_true(pool_drain(p, clock_mono_us() + MINUTE_US, NULL));
    struct counter *const counters[] = {&running, &queued, &listed, &idle};
    for (size_t i = 0; i < COUNT(counters); i++) {
        strand_finish(&all, &counters[i]->strand);
        wait_done(counters[i]);
    }
    assert_int_equal(queued.done, 3);
    assert_int_equal(listed.done, 3);
    pool_free(&p);
    strands_fini(&all);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_come_one_at_a_time_and_none_is_missed),
        cmocka_unit_test(what_comes_behind_the_last_look_is_seen),
        cmocka_unit_test(others_have_their_turn_between),
        cmocka_unit_test(a_full_pool_is_tried_again),
        cmocka_unit_test(what_an_ended_pool_dropped_is_finished_by_the_caller),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
