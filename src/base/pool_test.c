#include "base/pool.h"

#include "base/clock.h"
#include "base/metric.h"

#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

/* Work that says that it began and goes on when it is let. */
struct held {
    sem_t began;
    sem_t go;
    atomic_int done;
};

static void held_init(struct held *h)
{
    assert_int_equal(sem_init(&h->began, 0, 0), 0);
    assert_int_equal(sem_init(&h->go, 0, 0), 0);
    atomic_store(&h->done, 0);
}

static void hold(void *arg)
{
    struct held *h = arg;
    (void)sem_post(&h->began);
    (void)sem_wait(&h->go);
    atomic_fetch_add(&h->done, 1);
}

static void release(struct held *h, int n)
{
    for (int i = 0; i < n; i++) {
        (void)sem_post(&h->go);
    }
}

static struct pool *pool_of(int threads, int queue)
{
    return pool_new(&(struct pool_limits){
        .name = "test", .max_threads = threads, .max_queue = queue, .stack_bytes = 0});
}

static void the_queue_is_bounded_at_once(void **state)
{
    (void)state;
    /* Without waiting for the threads to wake: the count must not depend on how fast they are. */
    for (int queue = 0; queue < 4; queue++) {
        for (int threads = 1; threads < 4; threads++) {
            struct held h;
            held_init(&h);
            SCOPED(pool_free) struct pool *p = pool_of(threads, queue);
            for (int i = 0; i < threads + queue; i++) {
                assert_true(pool_submit(p, hold, &h));
            }
            assert_false(pool_submit(p, hold, &h));
            for (int i = 0; i < threads; i++) {
                (void)sem_wait(&h.began);
            }
            assert_false(pool_submit(p, hold, &h));
            int busy = 0;
            int waiting = 0;
            pool_load(p, &busy, &waiting);
            assert_int_equal(busy, threads);
            assert_int_equal(waiting, queue);
            pool_gauges();
            assert_int_equal(metric_value(METRIC_LANE_QUEUE, "test"), queue);
            release(&h, threads + queue);
            pool_free(&p);
            assert_null(p);
            assert_int_equal(atomic_load(&h.done), threads + queue);
        }
    }
}

static void a_sleeping_thread_is_used_before_a_new_one(void **state)
{
    (void)state;
    struct held h;
    held_init(&h);
    SCOPED(pool_free) struct pool *p = pool_of(2, 0);
    for (int i = 0; i < 50; i++) {
        assert_true(pool_submit(p, hold, &h));
        (void)sem_wait(&h.began);
        release(&h, 1);
        int busy = 1;
        int waiting = 1;
        while (busy || waiting) {
            (void)sched_yield();
            pool_load(p, &busy, &waiting);
        }
    }
    assert_int_equal(atomic_load(&h.done), 50);
}

static void drain_waits_for_what_was_taken(void **state)
{
    (void)state;
    struct held h;
    int dropped = -1;
    held_init(&h);
    SCOPED(pool_free) struct pool *p = pool_of(1, 8);
    for (int i = 0; i < 5; i++) {
        assert_true(pool_submit(p, hold, &h));
    }
    release(&h, 5);
    assert_true(pool_drain(p, clock_mono_us() + MINUTE_US, &dropped));
    assert_int_equal(dropped, 0);
    assert_int_equal(atomic_load(&h.done), 5);
    assert_false(pool_submit(p, hold, &h));
    assert_true(pool_drain(p, 0, NULL));
}

static void drain_without_time_drops_what_has_not_begun(void **state)
{
    (void)state;
    struct held h;
    int dropped = -1;
    held_init(&h);
    SCOPED(pool_free) struct pool *p = pool_of(1, 8);
    for (int i = 0; i < 5; i++) {
        assert_true(pool_submit(p, hold, &h));
    }
    (void)sem_wait(&h.began);
    assert_false(pool_drain(p, clock_mono_us() + 2 * MS_US, &dropped));
    assert_int_equal(dropped, 4);
    pool_gauges();
    assert_int_equal(metric_value(METRIC_LANE_QUEUE, "test"), 0);
    assert_false(pool_submit(p, hold, &h));
    assert_int_equal(atomic_load(&h.done), 0);
    release(&h, 1);
    pool_free(&p);
    assert_int_equal(atomic_load(&h.done), 1);
}

struct order {
    pthread_mutex_t lock;
    int next;
    bool in_order;
};

struct item {
    struct order *order;
    int number;
};

static void note(void *arg)
{
    const struct item *i = arg;
    (void)pthread_mutex_lock(&i->order->lock);
    i->order->in_order = i->order->in_order && i->order->next == i->number;
    i->order->next++;
    (void)pthread_mutex_unlock(&i->order->lock);
}

static void one_thread_works_in_order(void **state)
{
    (void)state;
    static struct item items[500];
    struct order order = {.lock = PTHREAD_MUTEX_INITIALIZER, .in_order = true};
    SCOPED(pool_free) struct pool *p = pool_of(1, 1000);
    for (int i = 0; i < 500; i++) {
        items[i] = (struct item){&order, i};
        assert_true(pool_submit(p, note, &items[i]));
    }
    pool_free(&p);
    assert_true(order.in_order);
    assert_int_equal(order.next, 500);
}

struct crowd {
    struct pool *pool;
    atomic_int ran;
    atomic_int taken;
};

static void run_one(void *arg)
{
    struct crowd *c = arg;
    atomic_fetch_add(&c->ran, 1);
}

static void *submit_many(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 2000; i++) {
        if (pool_submit(c->pool, run_one, c)) {
            atomic_fetch_add(&c->taken, 1);
        }
    }
    return NULL;
}

/* Four submitters against a small pool, drained in the middle of it: what was taken ran or was
 * counted as dropped. */
static void nothing_is_lost_under_a_crowd(void **state)
{
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct crowd c = {.pool = pool_of(3, 16)};
        pthread_t threads[4];
        int dropped = 0;
        for (size_t i = 0; i < COUNT(threads); i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &c), 0);
        }
        (void)pool_drain(c.pool, clock_mono_us() + (round % 3) * MS_US, &dropped);
        for (size_t i = 0; i < COUNT(threads); i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
        }
        pool_free(&c.pool);
        assert_int_equal(atomic_load(&c.ran) + dropped, atomic_load(&c.taken));
    }
}

static void an_unused_pool_is_freed(void **state)
{
    (void)state;
    SCOPED(pool_free) struct pool *none = NULL;
    SCOPED(pool_free) struct pool *p = pool_of(1, 1);
    assert_true(pool_drain(p, 0, NULL));
    assert_null(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_queue_is_bounded_at_once),
        cmocka_unit_test(a_sleeping_thread_is_used_before_a_new_one),
        cmocka_unit_test(drain_waits_for_what_was_taken),
        cmocka_unit_test(drain_without_time_drops_what_has_not_begun),
        cmocka_unit_test(one_thread_works_in_order),
        cmocka_unit_test(nothing_is_lost_under_a_crowd),
        cmocka_unit_test(an_unused_pool_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
