/* Deadlines in one list for each class. All of a class last equally long, or nearly all, so each
 * list is in order almost by itself: setting, clearing and finding the next one cost the same for
 * any number. Belongs to one thread at a time. */
#ifndef NET_TIMERS_H
#define NET_TIMERS_H

#include "base/base.h"

/* The classes of a connection. Who has timers of another kind numbers them himself, above
 * TIMER_NONE and below TIMER_CLASSES. */
enum timer_class {
    TIMER_NONE,
    TIMER_HEAD,
    TIMER_BODY,
    TIMER_IDLE,
    TIMER_WRITE,
    TIMER_LINGER,
    TIMER_PING, /* each has its own time */
    TIMER_WS_CLOSE,
    TIMER_CLASSES,
};

/* Part of what has the deadline; zeroed at first. Must be cleared before it is freed. */
struct timer {
    struct timer *prev;
    struct timer *next;
    int64_t at_us; /* monotonic */
    int class;
};

struct timers {
    struct timer lists[TIMER_CLASSES]; /* rings; the member itself is the sentinel */
    int64_t span_us[TIMER_CLASSES];
};

/* All lists empty; the spans are the caller's to set, before the first timer. */
void timers_init(struct timers *t);

/* (Re)starts a timer; TIMER_NONE clears it. */
void timer_set(struct timers *t, struct timer *timer, int class, int64_t now_us);

/* The same for a span of its own; costs a step for each timer of the class that is due later. */
void timer_set_in(struct timers *t, struct timer *timer, int class, int64_t now_us,
                  int64_t span_us);

/* The one of a class that is due first; NULL when there is none. */
struct timer *timers_oldest(const struct timers *t, int class);

/* The earliest deadline, INT64_MAX when there is none. */
int64_t timers_next_us(const struct timers *t);

/* Takes out one timer that is due; NULL when none is. Its class stays readable. */
struct timer *timers_due(struct timers *t, int64_t now_us);

#endif
