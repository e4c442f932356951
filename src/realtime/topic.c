/* Topics and rooms, and the queue of topics. */
#include "base/mem.h"

#include "realtime/hub_in.h"

/* --- topics; under the lock --- */

static struct topic **bucket_of(struct hub *h, struct tenant_id tenant)
{
    const uint64_t hash = str_hash((struct str){(const char *)tenant.v.b, sizeof(tenant.v.b)});
    return &h->buckets[(hash ^ hash >> 32) % BUCKETS];
}

struct topic *topic_find(struct hub *h, struct tenant_id tenant)
{
    struct topic *t = *bucket_of(h, tenant);
    while (t && !uuid_eq(t->tenant.v, tenant.v)) {
        t = t->next;
    }
    return t;
}

struct topic *topic_use(struct hub *h, struct tenant_id tenant)
{
    struct topic *t = topic_find(h, tenant);
    if (!t) {
        struct topic **bucket = bucket_of(h, tenant);
        t = mem_new(struct topic);
        t->tenant = tenant;
        link_init(&t->newcomers);
        t->next = *bucket;
        *bucket = t;
    }
    t->users++;
    return t;
}

void topic_leave(struct hub *h, struct topic *t)
{
    if (--t->users) {
        return;
    }
    struct topic **at = bucket_of(h, t->tenant);
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    mem_free(t);
}

void topic_enqueue(struct hub *h, struct topic *t)
{
    if (t->queued) {
        return;
    }
    t->queued = true;
    t->users++;
    t->next_queued = NULL;
    *h->queue_end = t;
    h->queue_end = &t->next_queued;
    (void)pthread_cond_signal(&h->wake);
}

struct topic *topic_dequeue(struct hub *h)
{
    struct topic *t = h->queue;
    h->queue = t->next_queued;
    if (!h->queue) {
        h->queue_end = &h->queue;
    }
    t->queued = false;
    return t;
}

/* --- rooms; under the lock --- */

static struct room **room_bucket(struct hub *h, struct hub_room key)
{
    const uint64_t hash = str_hash((struct str){(const char *)&key, sizeof(key)});
    return &h->rooms[(hash ^ hash >> 32) % ROOM_BUCKETS];
}

static struct hub_room key_of(const struct room *r)
{
    return (struct hub_room){r->topic->tenant, r->conversation};
}

struct room *room_find(struct hub *h, struct hub_room key)
{
    struct room *r = *room_bucket(h, key);
    while (r && !(uuid_eq(r->conversation, key.conversation) &&
                  uuid_eq(r->topic->tenant.v, key.tenant.v))) {
        r = r->next;
    }
    return r;
}

struct room *room_use(struct hub *h, struct hub_room key)
{
    struct room *r = room_find(h, key);
    if (!r) {
        struct room **bucket = room_bucket(h, key);
        r = mem_new(struct room);
        r->topic = topic_use(h, key.tenant);
        r->conversation = key.conversation;
        link_init(&r->followers);
        link_init(&r->joins);
        r->next = *bucket;
        *bucket = r;
    }
    r->users++;
    return r;
}

void room_leave(struct hub *h, struct room *r)
{
    if (--r->users) {
        return;
    }
    struct room **at = room_bucket(h, key_of(r));
    while (*at != r) {
        at = &(*at)->next;
    }
    *at = r->next;
    topic_leave(h, r->topic);
    mem_free(r);
}
