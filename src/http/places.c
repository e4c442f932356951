/* A hash table of those who have a place now; an entry goes with its last place, so there are never
 * more entries than places. */
#include "http/places.h"

#include "base/mem.h"
#include "base/str.h"

#include <pthread.h>

enum { BUCKETS = 1024 };

struct holder {
    struct holder *next;
    struct uuid who;
    int64_t count;
};

struct places {
    pthread_mutex_t lock;
    int64_t in_all;
    int64_t each;
    int64_t taken;
    struct holder *buckets[BUCKETS];
};

struct places *places_new(int64_t in_all, int64_t each)
{
    must(in_all > 0 && each > 0);
    struct places *p = mem_new(struct places);
    (void)pthread_mutex_init(&p->lock, NULL);
    p->in_all = in_all;
    p->each = each;
    return p;
}

void places_free(struct places **p)
{
    if (*p) {
        must((*p)->taken == 0);
        (void)pthread_mutex_destroy(&(*p)->lock);
        mem_free(*p);
        *p = NULL;
    }
}

/* Under the lock: where the holder is linked, or would be. */
static struct holder **find(struct places *p, struct uuid who)
{
    struct holder **at =
        &p->buckets[str_hash((struct str){(const char *)who.b, sizeof(who.b)}) % BUCKETS];
    while (*at && !uuid_eq((*at)->who, who)) {
        at = &(*at)->next;
    }
    return at;
}

/* Under the lock. */
static enum place_verdict take(struct places *p, struct uuid who)
{
    struct holder **at = find(p, who);
    if (*at && (*at)->count >= p->each) {
        return PLACE_NONE_LEFT_FOR;
    }
    if (p->taken >= p->in_all) {
        return PLACE_NONE_LEFT;
    }
    if (!*at) {
        *at = mem_new(struct holder);
        (*at)->who = who;
    }
    (*at)->count++;
    p->taken++;
    return PLACE_TAKEN;
}

enum place_verdict places_take(struct places *p, struct uuid who)
{
    (void)pthread_mutex_lock(&p->lock);
    const enum place_verdict v = take(p, who);
    (void)pthread_mutex_unlock(&p->lock);
    return v;
}

void places_give(struct places *p, struct uuid who)
{
    (void)pthread_mutex_lock(&p->lock);
    struct holder **at = find(p, who);
    must(*at && p->taken > 0);
    p->taken--;
    if (--(*at)->count == 0) {
        struct holder *h = *at;
        *at = h->next;
        mem_free(h);
    }
    (void)pthread_mutex_unlock(&p->lock);
}
