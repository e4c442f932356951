/* The inside of the hub: what its files share. Private to realtime/.
 *
 * A topic is a tenant, a room is a conversation of it (or the tenant itself). Both are made when
 * somebody comes (a follower, a waiter, a turn that speaks) and freed when the last one goes.
 *
 * Invariants:
 * 1. lock is never held while loading, sending, or calling anything of net or of a form, so it may
 *    be taken on the loop (on_close) and under the database writer's lock (hub_notify).
 * 2. Everything of a topic up to head was given to its live followers. Only the hub's thread moves
 *    head, makes followers live, and sends events.
 * 3. A live follower has every event of its room up to head. One that is not stands among the
 *    topic's newcomers, and has every event of its room up to reached.
 * 4. Who takes part in sending is held; the last who lets go gives the target back, without a lock.
 * 5. Of one room, only the holder of its voice (a lock of its own, taken before lock) says
 *    something: what is said comes in one order, and a draft is handed over without a hole. */
#ifndef REALTIME_HUB_IN_H
#define REALTIME_HUB_IN_H

#include "realtime/hub.h"

#include <pthread.h>

enum {
    BUCKETS = 1024,
    ROOM_BUCKETS = 16384,
    VOICES = 64,
};

/* A ring through the links of its members; the head is no member. */
struct link {
    struct link *prev;
    struct link *next;
};

static inline void link_init(struct link *l)
{
    l->prev = l->next = l;
}

static inline bool link_alone(const struct link *l)
{
    return l->next == l;
}

static inline void link_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

/* The structure that holds the link, which is its member. */
#define LINKED(ptr, type, member) container_of(ptr, struct type, member)

struct hub_follower {
    struct hub *hub;
    struct link in_hub;
    struct link in_room;
    struct link in_newcomers; /* alone when live */
    struct room *room;        /* NULL: forgotten */
    const struct hub_form *form;
    void *target;
    char *type;
    int64_t sent;    /* the last number that it was sent, or came with */
    int64_t reached; /* while catching up */
    bool live;
    bool checked; /* whether it is too far behind */
    bool in_step; /* takes part in the step of its room that is being gone */
    int holders;  /* its owner, and who sends to it */
    struct link joins;
    int join_count;
};

/* A follower of the tenant that hears what is said in a room. */
struct join {
    struct link in_room;
    struct link in_follower;
    struct hub_follower *follower;
    struct room *room;
};

/* What a running turn has said so far. */
struct draft {
    struct draft *next;
    struct uuid turn;
    struct buf text;
    int64_t at; /* bytes said, also those that text had no place for */
};

struct room {
    struct room *next; /* in the bucket */
    struct topic *topic;
    struct uuid conversation;
    int users; /* followers, joins, drafts */
    struct link followers;
    struct link joins;
    struct draft *drafts;
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
    int64_t head; /* when somebody is live */
    bool queued;
    int users; /* rooms, waiters, the queue, the hub's thread */
    int followers;
    int live; /* of them */
    struct link newcomers;
    struct waiter *waiters;
};

struct hub {
    struct db *db;
    struct hub_source source;
    struct hub_form sse;
    struct hub_relay relay;
    pthread_t thread;
    pthread_mutex_t voices[VOICES];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool stopping;
    bool waits_ended;
    int holders; /* the owner, followers, event streams */
    struct link followers;
    struct topic *buckets[BUCKETS];
    struct room *rooms[ROOM_BUCKETS];
    struct topic *queue;
    struct topic **queue_end;
    int64_t paused_until_us;
    int64_t next_beat_us;
};

/* --- hub.c --- */

/* The one lock of all that is shared. */
void hub_lock(struct hub *h);
/* Gives it up. */
void hub_unlock(struct hub *h);

/* Lets go of the hub, and frees it with its last holder. Without the lock. */
void hub_drop(struct hub *h);

/* A condition whose times are monotonic. */
void hub_cond_init(pthread_cond_t *c);

/* What the source has; *ret_count is 0 on failure. Without the lock. */
enum err hub_load(struct hub *h, struct cx *cx, struct uuid conversation, int64_t since,
                  size_t limit, struct hub_event **ret, size_t *ret_count);

/* --- topic.c; all under the lock --- */

/* NULL when nobody follows, waits or speaks. */
struct topic *topic_find(struct hub *h, struct tenant_id tenant);

/* Found or made, with one user more; topic_leave takes it away, and frees with the last one. */
struct topic *topic_use(struct hub *h, struct tenant_id tenant);
void topic_leave(struct hub *h, struct topic *t);

/* Puts the topic into the queue, unless it is there, and wakes the thread. */
void topic_enqueue(struct hub *h, struct topic *t);

/* The first in the queue, which is not empty. The queue's use of the topic becomes the caller's. */
struct topic *topic_dequeue(struct hub *h);

/* The same for rooms. */
struct room *room_find(struct hub *h, struct hub_room key);
struct room *room_use(struct hub *h, struct hub_room key);
void room_leave(struct hub *h, struct room *r);

/* --- follower.c --- */

/* Takes it out of its room and forgets what it joined; its owner still holds it. Under the lock. */
void follower_unlink(struct hub *h, struct hub_follower *f);

/* Up to head nothing is missing any more. Under the lock. */
void follower_set_live(struct hub_follower *f);

/* With its last holder. Without the lock. */
void follower_free(struct hub_follower *f);

/* Hears what is said in the conversation; false when it hears max of them already. *ret_new:
 * whether it did not before. Under the lock. */
bool follower_join(struct hub_follower *f, struct uuid conversation, int64_t max, bool *ret_new);

/* --- crowd.c: followers that are held while something is sent to them --- */

struct crowd {
    struct hub_follower **followers;
    size_t count;
    size_t room;
};

/* Under the lock. */
void crowd_add(struct crowd *c, struct hub_follower *f);

/* Makes a packet for a form. */
typedef enum hub_encoded crowd_encode(const struct hub_form *form, const void *what, void **ret);

/* Encodes once for each form and sends to all of the crowd; those for whom it cannot be encoded are
 * told to reload (seq). Without the lock. */
void crowd_send(struct hub *h, struct crowd *c, crowd_encode *encode, const void *what,
                int64_t seq);

/* Tells it to reload what is stored up to seq. It must be held. Without the lock. */
void follower_reload(struct hub *h, struct hub_follower *f, int64_t seq);

/* A sign of life to all of the crowd, whose forms send one. Without the lock. */
void crowd_beat(struct crowd *c);

/* Lets go of all of them; the crowd is empty then. Without the lock. */
void crowd_drop(struct hub *h, struct crowd *c);

/* --- deliver.c: the two steps of the hub's thread; without the lock --- */

/* Gives out what was committed above head. *ret_more: there may be more already. */
enum err deliver_news(struct hub *h, struct cx *cx, struct topic *t, bool *ret_more);

/* Brings the first of the newcomers, and those of its room that are not behind it, a step on. */
enum err deliver_rest(struct hub *h, struct cx *cx, struct topic *t);

/* --- say.c --- */

/* Makes it live, if it has everything up to head, and tells it what turns have said so far. Without
 * the lock; f is held. */
void say_welcome(struct hub_follower *f, int64_t head);

/* Drops the drafts there are. Under the lock, at the end. */
void say_forget(struct hub *h);

/* --- sse.c --- */

/* The form of event streams. */
struct hub_form sse_form(struct net_server *net);

#endif
