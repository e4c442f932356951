/* The inside of the hub: what its topics, its thread and those who wait share. Private to
 * realtime/. */
#ifndef REALTIME_HUB_IN_H
#define REALTIME_HUB_IN_H

#include "realtime/hub.h"

#include <pthread.h>

enum { BUCKETS = 1024 };

struct hub_follower {
    struct hub *hub;
    struct topic *topic; /* NULL: not linked */
    struct hub_follower *prev;
    struct hub_follower *next;
    struct tenant_id tenant;
    struct net_ref ref;
    int64_t sent;
    bool checked; /* whether it is too far behind */
    bool gone;    /* on_close came */
    int holders;
    char *type;
};

struct waiter {
    struct hub *hub;
    struct waiter *next;
    pthread_cond_t cond;
    bool cancelled;
};

struct topic {
    struct topic *next; /* in the bucket */
    struct topic *next_queued;
    struct tenant_id tenant;
    int64_t news; /* highest number that we were told of */
    bool queued;
    int users; /* followers, waiters, the queue, the hub's thread */
    struct hub_follower *followers;
    struct waiter *waiters;
};

struct hub {
    struct net_server *net;
    struct db *db;
    struct hub_source source;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    bool waits_ended;
    int holders;   /* the owner and the followers */
    int followers; /* linked ones */
    struct topic *buckets[BUCKETS];
    struct topic *queue;
    struct topic **queue_end;
    int64_t paused_until_us;
    int64_t next_beat_us;
};

/* The one lock; see the invariants in hub.c. */
void hub_lock(struct hub *h);

/* Gives it up. */
void hub_unlock(struct hub *h);

/* Unlocks, and frees the hub with its last holder. */
void hub_unlock_and_drop(struct hub *h);

/* A condition whose times are monotonic. */
void hub_cond_init(pthread_cond_t *c);

/* What the source has; *ret_count is 0 on failure. Without the lock. */
enum err hub_load(struct hub *h, struct cx *cx, int64_t since, size_t limit, struct hub_event **ret,
                  size_t *ret_count);

/* --- topic.c; all under the lock --- */

/* NULL when nobody follows or waits. */
struct topic *topic_find(struct hub *h, struct tenant_id tenant);

/* Found or made, with one user more; topic_leave takes it away, and frees with the last one. */
struct topic *topic_use(struct hub *h, struct tenant_id tenant);
void topic_leave(struct hub *h, struct topic *t);

/* Puts the topic into the queue, unless it is there, and wakes the thread. */
void topic_enqueue(struct hub *h, struct topic *t);

/* The first in the queue, which is not empty. The queue's use of the topic becomes the caller's. */
struct topic *topic_dequeue(struct hub *h);

/* The last holder's drop frees the follower; its hold on the hub is left to the caller. True then.
 */
bool follower_drop(struct hub_follower *f);

/* Takes it out of its topic, whose hold on it becomes the caller's. */
void follower_unlink(struct hub *h, struct hub_follower *f);

#endif
