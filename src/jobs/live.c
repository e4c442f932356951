#include "jobs/live.h"

#include "base/mem.h"

#include <pthread.h>

struct entry {
    struct entry *next;
    struct job_id job;
    const struct turn_sink *sink;
};

struct live {
    pthread_mutex_t lock;
    struct entry *first;
};

struct live *live_new(void)
{
    struct live *l = mem_new(struct live);
    (void)pthread_mutex_init(&l->lock, NULL);
    return l;
}

void live_free(struct live **l)
{
    if (*l) {
        must(!(*l)->first);
        (void)pthread_mutex_destroy(&(*l)->lock);
        mem_free(*l);
        *l = NULL;
    }
}

void live_add(struct live *l, struct job_id job, const struct turn_sink *sink)
{
    struct entry *e = mem_new(struct entry);
    (void)pthread_mutex_lock(&l->lock);
    *e = (struct entry){.next = l->first, .job = job, .sink = sink};
    l->first = e;
    (void)pthread_mutex_unlock(&l->lock);
}

void live_remove(struct live *l, struct job_id job)
{
    struct entry *gone = NULL;
    (void)pthread_mutex_lock(&l->lock);
    for (struct entry **p = &l->first; *p; p = &(*p)->next) {
        if (uuid_eq((*p)->job.v, job.v)) {
            gone = *p;
            *p = gone->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&l->lock);
    mem_free(gone);
}

const struct turn_sink *live_find(struct live *l, struct job_id job)
{
    const struct turn_sink *sink = NULL;
    (void)pthread_mutex_lock(&l->lock);
    for (const struct entry *e = l->first; e && !sink; e = e->next) {
        sink = uuid_eq(e->job.v, job.v) ? e->sink : NULL;
    }
    (void)pthread_mutex_unlock(&l->lock);
    return sink;
}
