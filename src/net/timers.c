#include "net/timers.h"

void timers_init(struct timers *t)
{
    for (int i = 0; i < TIMER_CLASSES; i++) {
        t->lists[i].prev = t->lists[i].next = &t->lists[i];
    }
}

static void take_out(struct timer *timer)
{
    if (timer->next) {
        timer->prev->next = timer->next;
        timer->next->prev = timer->prev;
        timer->prev = timer->next = NULL;
    }
}

void timer_set_in(struct timers *t, struct timer *timer, int class, int64_t now_us, int64_t span_us)
{
    take_out(timer);
    timer->class = class;
    timer->at_us = now_us + span_us;
    struct timer *before = t->lists[class].prev;
    while (before != &t->lists[class] && before->at_us > timer->at_us) {
        before = before->prev;
    }
    timer->prev = before;
    timer->next = before->next;
    before->next->prev = timer;
    before->next = timer;
}

void timer_set(struct timers *t, struct timer *timer, int class, int64_t now_us)
{
    if (class == TIMER_NONE) {
        take_out(timer);
        timer->class = class;
        return;
    }
    timer_set_in(t, timer, class, now_us, t->span_us[class]);
}

struct timer *timers_oldest(const struct timers *t, int class)
{
    struct timer *first = t->lists[class].next;
    return first == &t->lists[class] ? NULL : first;
}

int64_t timers_next_us(const struct timers *t)
{
    int64_t next = INT64_MAX;
    for (int i = 0; i < TIMER_CLASSES; i++) {
        const struct timer *first = timers_oldest(t, i);
        if (first) {
            next = min_i64(next, first->at_us);
        }
    }
    return next;
}

struct timer *timers_due(struct timers *t, int64_t now_us)
{
    for (int i = 0; i < TIMER_CLASSES; i++) {
        struct timer *first = timers_oldest(t, i);
        if (first && first->at_us <= now_us) {
            take_out(first);
            return first;
        }
    }
    return NULL;
}
