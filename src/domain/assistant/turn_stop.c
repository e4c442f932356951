/* Stopping the model of a running turn.
 *
 * A turn stands in the list while its model may be asked. Whoever stops it does so under the lock,
 * and so does the turn when it leaves the list: a stop is either told to the turn, or refused. */
#include "base/mem.h"
#include "domain/assistant/turn_work.h"

#include <pthread.h>

struct turn_stops {
    pthread_mutex_t lock;
    struct asking *first;
};

struct turn_stops *turn_stops_new(void)
{
    struct turn_stops *s = mem_new(struct turn_stops);
    (void)pthread_mutex_init(&s->lock, NULL);
    return s;
}

void turn_stops_free(struct turn_stops **s)
{
    if (*s) {
        must(!(*s)->first);
        (void)pthread_mutex_destroy(&(*s)->lock);
        mem_free(*s);
        *s = NULL;
    }
}

void turn_asking_begin(struct work *w)
{
    struct turn_stops *s = w->as->stops;
    if (!s) {
        return;
    }
    w->asking = (struct asking){.tenant = w->cx->tenant,
                                .conversation = w->turn.conversation,
                                .turn = w->turn.id,
                                .cancel = cancel_new()};
    (void)pthread_mutex_lock(&s->lock);
    w->asking.next = s->first;
    s->first = &w->asking;
    (void)pthread_mutex_unlock(&s->lock);
}

bool turn_asking_end(struct work *w)
{
    struct turn_stops *s = w->as->stops;
    if (!w->asking.cancel) {
        return false;
    }
    (void)pthread_mutex_lock(&s->lock);
    struct asking **at = &s->first;
    while (*at != &w->asking) {
        at = &(*at)->next;
    }
    *at = w->asking.next;
    (void)pthread_mutex_unlock(&s->lock);
    cancel_free(&w->asking.cancel);
    return w->asking.stopped;
}

bool turn_asking_is_stopped(const struct work *w)
{
    return w->asking.cancel && cancel_is(w->asking.cancel) && !cancel_is(w->cx->cancel);
}

static bool is_it(const struct asking *a, struct tenant_id tenant,
                  struct conversation_id conversation, struct turn_id turn)
{
    return uuid_eq(a->turn.v, turn.v) && uuid_eq(a->conversation.v, conversation.v) &&
           uuid_eq(a->tenant.v, tenant.v);
}

bool turn_stop(const struct assistant *as, struct tenant_id tenant,
               struct conversation_id conversation, struct turn_id turn)
{
    struct turn_stops *s = as->stops;
    bool found = false;
    if (!s) {
        return false;
    }
    (void)pthread_mutex_lock(&s->lock);
    for (struct asking *a = s->first; a && !found; a = a->next) {
        found = is_it(a, tenant, conversation, turn);
        if (found) {
            a->stopped = true;
            cancel_now(a->cancel);
        }
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}
