/* Topics, and the life of followers. */
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

/* --- followers; under the lock --- */

bool follower_drop(struct hub_follower *f)
{
    if (--f->holders) {
        return false;
    }
    must(!f->topic);
    mem_free(f->type);
    mem_free(f);
    return true;
}

static void follower_link(struct hub *h, struct hub_follower *f)
{
    struct topic *t = topic_use(h, f->tenant);
    f->topic = t;
    f->next = t->followers;
    if (t->followers) {
        t->followers->prev = f;
    }
    t->followers = f;
    h->followers++;
    topic_enqueue(h, t);
}

void follower_unlink(struct hub *h, struct hub_follower *f)
{
    struct topic *t = f->topic;
    *(f->prev ? &f->prev->next : &t->followers) = f->next;
    if (f->next) {
        f->next->prev = f->prev;
    }
    f->topic = NULL;
    f->prev = f->next = NULL;
    h->followers--;
    topic_leave(h, t);
}

static void on_close(void *arg)
{
    struct hub_follower *f = arg;
    struct hub *h = f->hub;
    hub_lock(h);
    f->gone = true;
    if (f->topic) {
        follower_unlink(h, f);
        (void)follower_drop(f);
    }
    if (follower_drop(f)) {
        hub_unlock_and_drop(h);
    } else {
        hub_unlock(h);
    }
}

struct hub_follower *hub_follower_new(struct hub *h, struct tenant_id tenant, int64_t since,
                                      struct str type, struct net_stream_ops *ret_ops)
{
    struct hub_follower *f = mem_new(struct hub_follower);
    *f = (struct hub_follower){.hub = h,
                               .tenant = tenant,
                               .sent = since,
                               .holders = 2, /* the caller, and net once the stream is made */
                               .type = mem_dup(type.n ? type.p : "", type.n)};
    hub_lock(h);
    h->holders++;
    hub_unlock(h);
    *ret_ops = (struct net_stream_ops){.arg = f, .on_close = on_close};
    return f;
}

void hub_follow(struct hub_follower *f, struct net_ref ref)
{
    struct hub *h = f->hub;
    hub_lock(h);
    f->ref = ref;
    if (!f->gone) {
        follower_link(h, f);
        hub_unlock(h);
    } else if (follower_drop(f)) {
        hub_unlock_and_drop(h);
    } else {
        hub_unlock(h);
    }
}

void hub_follower_free(struct hub_follower **follower)
{
    struct hub_follower *f = *follower;
    if (!f) {
        return;
    }
    struct hub *h = f->hub;
    hub_lock(h);
    (void)follower_drop(f);
    must(follower_drop(f));
    hub_unlock_and_drop(h);
    *follower = NULL;
}
