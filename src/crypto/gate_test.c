#include "crypto/gate.h"

#include "base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

/* Somebody who wants to enter on a thread of its own. */
struct visitor {
    pthread_t thread;
    struct gate *gate;
    struct cancel *cancel;
    int64_t deadline_us;
    enum err result;
    atomic_int *order; /* counts who was let in; NULL: do not care */
    int place;
};

static void *visit(void *arg)
{
    struct visitor *v = arg;
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    cx.cancel = v->cancel;
    cx.deadline_us = v->deadline_us;
    v->result = gate_enter(&cx, v->gate);
    if (!v->result) {
        v->place = v->order ? atomic_fetch_add(v->order, 1) : 0;
        gate_leave(v->gate);
    }
    return NULL;
}

static void start(struct visitor *v)
{
    assert_int_equal(pthread_create(&v->thread, NULL, visit, v), 0);
}

static void await_waiting(struct gate *g, int want)
{
    int inside = 0;
    int waiting = -1;
    while (waiting != want) {
        (void)sched_yield();
        gate_load(g, &inside, &waiting);
    }
}

static void enter(struct gate *g)
{
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    assert_int_equal(gate_enter(&cx, g), ERR_OK);
}

static void first_come_first_served(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(1, 8);
    atomic_int order = 0;
    struct visitor v[8] = {};
    enter(g);
    for (int i = 0; i < 8; i++) {
        v[i] = (struct visitor){.gate = g, .order = &order, .place = -1};
        start(&v[i]);
        await_waiting(g, i + 1);
    }
    gate_leave(g);
    for (int i = 0; i < 8; i++) {
        assert_int_equal(pthread_join(v[i].thread, NULL), 0);
        assert_int_equal(v[i].result, ERR_OK);
        assert_int_equal(v[i].place, i);
    }
}

static void a_full_queue_refuses_at_once(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(1, 1);
    SCOPED(cx_end) struct cx cx;
    struct visitor v = {.gate = g};
    cx_begin(&cx, NULL);
    enter(g);
    start(&v);
    await_waiting(g, 1);
    assert_int_equal(gate_enter(&cx, g), ERR_UNAVAILABLE);
    assert_int_equal(cx.code, CODE_OVERLOADED);
    gate_leave(g);
    assert_int_equal(pthread_join(v.thread, NULL), 0);
    assert_int_equal(v.result, ERR_OK);
}

static void without_a_queue_nobody_waits(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(2, 0);
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, NULL);
    enter(g);
    enter(g);
    assert_int_equal(gate_enter(&cx, g), ERR_UNAVAILABLE);
    gate_leave(g);
    assert_int_equal(gate_enter(&cx, g), ERR_OK);
    gate_leave(g);
    gate_leave(g);
}

static void the_deadline_ends_the_wait(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(1, 4);
    SCOPED(cx_end) struct cx cx;
    int inside = 0;
    int waiting = 0;
    cx_begin(&cx, NULL);
    enter(g);
    cx.deadline_us = clock_mono_us() + 5 * MS_US;
    assert_int_equal(gate_enter(&cx, g), ERR_TIMEOUT);
    assert_int_equal(cx_left_us(&cx), 0);
    gate_load(g, &inside, &waiting);
    assert_int_equal(inside, 1);
    assert_int_equal(waiting, 0);
    gate_leave(g);
}

static void a_cancelled_waiter_leaves_the_others_in_order(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(1, 4);
    SCOPED(cancel_free) struct cancel *cancel = cancel_new();
    atomic_int order = 0;
    struct visitor v[3] = {};
    enter(g);
    for (int i = 0; i < 3; i++) {
        v[i] = (struct visitor){.gate = g, .order = &order, .cancel = i == 2 ? cancel : NULL};
        start(&v[i]);
        await_waiting(g, i + 1);
    }
    cancel_now(cancel);
    assert_int_equal(pthread_join(v[2].thread, NULL), 0);
    assert_int_equal(v[2].result, ERR_CANCELLED);
    struct visitor late = {.gate = g, .order = &order};
    start(&late); /* joins where the cancelled one left */
    await_waiting(g, 3);
    gate_leave(g);
    assert_int_equal(pthread_join(v[0].thread, NULL), 0);
    assert_int_equal(pthread_join(v[1].thread, NULL), 0);
    assert_int_equal(pthread_join(late.thread, NULL), 0);
    assert_int_equal(v[0].place, 0);
    assert_int_equal(v[1].place, 1);
    assert_int_equal(late.place, 2);
}

struct crowd {
    struct gate *gate;
    atomic_int inside;
    atomic_int most;
    atomic_int entered;
};

static void *push(void *arg)
{
    struct crowd *c = arg;
    for (int i = 0; i < 200; i++) {
        SCOPED(cx_end) struct cx cx;
        cx_begin(&cx, NULL);
        if (i % 3 == 0) {
            cx.deadline_us = clock_mono_us() + 50;
        }
        if (gate_enter(&cx, c->gate)) {
            continue;
        }
        const int now = atomic_fetch_add(&c->inside, 1) + 1;
        int most = atomic_load(&c->most);
        while (now > most && !atomic_compare_exchange_weak(&c->most, &most, now)) {
        }
        atomic_fetch_add(&c->entered, 1);
        (void)sched_yield();
        atomic_fetch_sub(&c->inside, 1);
        gate_leave(c->gate);
    }
    return NULL;
}

static void never_more_than_slots_inside(void **state)
{
    (void)state;
    SCOPED(gate_free) struct gate *g = gate_new(2, 64);
    struct crowd c = {.gate = g};
    pthread_t threads[8];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, push, &c), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    int inside = -1;
    int waiting = -1;
    gate_load(g, &inside, &waiting);
    assert_int_equal(inside, 0);
    assert_int_equal(waiting, 0);
    assert_in_range(atomic_load(&c.most), 1, 2);
    assert_true(atomic_load(&c.entered) >= 8 * 133);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_come_first_served),
        cmocka_unit_test(a_full_queue_refuses_at_once),
        cmocka_unit_test(without_a_queue_nobody_waits),
        cmocka_unit_test(the_deadline_ends_the_wait),
        cmocka_unit_test(a_cancelled_waiter_leaves_the_others_in_order),
        cmocka_unit_test(never_more_than_slots_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
