/* The hub: who follows which events, and the one thread that brings them what was committed. It
 * learns that there is news from the database's notes (db_listen), never from the rooms of the
 * domain; it reads rows above the last number that it has given out, so a follower sees a prefix
 * without holes, in order.
 *
 * A room is a conversation of a tenant, or the tenant itself (all its events). Each event is
 * encoded once for each form and sent to all who follow its room; who comes later first gets what
 * it lacks by loads of its own, and joins the others at exactly the number where they are.
 *
 * What is said (live text, typing) is not stored: it goes from the calling thread to those who are
 * in the room at this moment, and waits for no database. */
#ifndef REALTIME_HUB_H
#define REALTIME_HUB_H

#include "base/buf.h"
#include "base/cx.h"
#include "net/server.h"

struct hub;
struct hub_follower;
struct hub_sse;

struct hub_room {
    struct tenant_id tenant;
    struct uuid conversation; /* nil: all of the tenant */
};

struct hub_event {
    int64_t seq;
    struct uuid conversation; /* nil: of none */
    struct str type;
    struct str data; /* a JSON object */
    struct str json; /* the whole event as JSON */
    int64_t created_us;
};

/* Where events come from. Functions run on the hub's thread, load also on those that call hub_wait;
 * cx acts for the tenant, results are in its arena. */
struct hub_source {
    void *arg;
    /* Events of the room above since, oldest first, at most limit. conversation nil: the tenant's,
     * whose numbers have no holes but where old events were deleted. */
    enum err (*load)(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                     size_t limit, struct hub_event **ret, size_t *ret_count);
    /* The tenant's newest number (0: none yet), and the oldest kept (newest + 1: none is). */
    enum err (*range)(void *arg, struct cx *cx, int64_t *ret_oldest, int64_t *ret_newest);
    /* How many events of the room stand above since; max when there are as many or more. */
    enum err (*count)(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                      int64_t max, int64_t *ret);
};

/* What a form makes of an event. */
enum hub_encoded {
    HUB_PACKET, /* *ret is to be sent */
    HUB_SKIP,   /* not for these followers */
    HUB_UNFIT,  /* it cannot be encoded: they must reload */
};

/* A way to bring events to followers (server-sent events, sockets of agents, sockets of visitors).
 * Outlives the hub. Functions are called on the hub's thread and on any that says something, at the
 * same time, without a lock that a callback on the loop could want; they must not block. */
struct hub_form {
    const char *name;
    void *arg;
    /* One event as a packet, which is counted: free_packet gives it back. */
    enum hub_encoded (*encode)(void *arg, const struct hub_event *e, void **ret);
    /* What is said, as a packet. NULL: such followers are told nothing that is not stored. */
    void *(*encode_said)(void *arg, struct str name, struct str json);
    void (*send)(void *arg, void *const *targets, size_t count, void *packet);
    void (*free_packet)(void *packet);
    /* The follower is too far behind, or what it wants was deleted: it is to read anew what is
     * stored up to seq; events go on above it, unless ends_on_reload. */
    void (*reload)(void *arg, void *target, int64_t seq);
    bool ends_on_reload; /* it is forgotten then, as by hub_unfollow */
    /* A sign of life each METACHAT_SSE_HEARTBEAT_MS. NULL: the form keeps its own. */
    void (*beat)(void *arg, void *const *targets, size_t count);
    /* hub_free found it still following. May be NULL. */
    void (*end)(void *arg, void *target);
    /* The hub will not touch the target any more: once, on any thread, with no lock held. */
    void (*release)(void *arg, void *target);
};

/* Starts the thread. net is for hub_sse_*; db is given to the units of work that the source runs
 * in; it may be NULL in tests. */
struct hub *hub_new(struct net_server *net, struct db *db, const struct hub_source *source);

/* Ends the thread and the streams that are left. Before the net server is freed. Afterwards only
 * hub_unfollow may be called, and streams may close. */
void hub_free(struct hub **h);

/* There is news for the tenant up to number seq. Only appends to a queue: may be called under the
 * writer's lock. */
void hub_notify(struct hub *h, struct tenant_id tenant, int64_t seq);

/* --- following --- */

struct hub_follow {
    struct hub_room room; /* of an id that no conversation has: nothing, until hub_move */
    /* What the follower has: it gets the events above. A room of a conversation: 0 is from its
     * first. All of a tenant: 0 is from the oldest kept. */
    int64_t since;
    struct str type; /* only events of this type; empty: all. Copied */
    const struct hub_form *form;
    void *target; /* the hub's until form->release */
};

/* Follows: first what there is above since, then what comes, in order; what is said in the room
 * from when it has caught up. Too far behind (METACHAT_FOLLOW_MAX_BEHIND events of its room), or
 * what it wants was deleted, or it is ahead of the log (a backup was put back): form->reload.
 * Sending may begin before this returns. The caller ends it with hub_unfollow. Any thread. */
struct hub_follower *hub_follow(struct hub *h, const struct hub_follow *how);

/* Ends it; what is on its way may still reach the target until its release. *f may be NULL and is
 * NULL afterwards. Any thread, also a loop. */
void hub_unfollow(struct hub_follower **f);

/* It follows another room of its tenant from now on: it gets the events of that room above the last
 * number that it was sent (or came with), then what comes. For a conversation that did not exist
 * yet when it connected. Nothing happens when it is there already. Any thread; of one follower, one
 * at a time. */
void hub_move(struct hub_follower *f, struct uuid conversation);

/* The same for all who are in a room: the visitor's other tabs. */
void hub_move_all(struct hub *h, struct hub_room from, struct uuid conversation);

/* A follower of the whole tenant is also told what is said in this conversation; of a turn that is
 * running, what was said so far. False when it has joined METACHAT_FOLLOW_MAX_JOINS. Twice is once.
 * Any thread; of one follower, one at a time. */
bool hub_join(struct hub_follower *f, struct uuid conversation);
void hub_leave(struct hub_follower *f, struct uuid conversation);

/* --- what is said, and not stored --- */

enum hub_saying {
    HUB_SAY,            /* name and json */
    HUB_TURN_STARTED,   /* "turn" {turnId, conversationId, state: "started"} */
    HUB_TURN_TEXT,      /* "delta" {turnId, text, at}; at: bytes of text before it */
    HUB_TURN_WITHDRAWN, /* "turn" {turnId, conversationId, state: "withdrawn"} */
    HUB_TURN_SETTLED,   /* the text is whole; events tell the rest. Says nothing. Before the commit:
                           who comes after it finds no draft, but the event */
};

struct hub_said {
    enum hub_saying what;
    struct hub_room room;  /* a conversation */
    struct str name, json; /* of HUB_SAY */
    struct uuid turn;      /* of the others */
    struct str text;       /* of HUB_TURN_TEXT */
    int64_t at;            /* of it, for the relay: hub_say fills it in */
};

/* Says it to all who follow the conversation and have caught up, and to those who joined it, in the
 * order of the calls for a room; not to but (NULL: to all). When it returns it is handed to the
 * connections: an event that is committed later comes later. Turns' text is kept while they run,
 * for those who come in the middle. Any thread; does not block. */
void hub_say(struct hub *h, const struct hub_said *said, const struct hub_follower *but);

/* The seam for a second node: what is said here is also given to the relay, and what another node
 * said is delivered with hub_relayed, which is hub_say without the relay. Set before the first
 * hub_say; NULL: there is none. */
struct hub_relay {
    void *arg;
    void (*say)(void *arg, const struct hub_said *said); /* must not block; lent */
};
void hub_set_relay(struct hub *h, const struct hub_relay *relay);
void hub_relayed(struct hub *h, const struct hub_said *said);

/* --- server-sent events --- */

/* Follows all of a tenant's events above since on an event stream, in two steps: make the follower
 * and give *ret_ops to req_sse_detach, then hub_sse_follow with the stream. From then on the hub
 * owns it: it sends each event as a frame (id: the number), a comment each
 * METACHAT_SSE_HEARTBEAT_MS, and to a follower that is too far behind the event "reload" and the
 * end. The stream ends on drain, and is forgotten when the client leaves. Any thread. */
struct hub_sse *hub_sse_new(struct hub *h, struct tenant_id tenant, int64_t since, struct str type,
                            struct net_stream_ops *ret_ops);
void hub_sse_follow(struct hub_sse *s, struct net_ref ref);

/* For one that no stream was made for; *s may be NULL and is NULL afterwards. */
void hub_sse_free(struct hub_sse **s);

/* --- waiting --- */

/* From now on nobody waits: those who do, and those who come, get DEADLINE_EXCEEDED. For the drain.
 * Any thread. */
void hub_end_waits(struct hub *h);

/* Waits until an event with a number above this one was committed for the tenant (at once when
 * there is one): ERR_OK; else DEADLINE_EXCEEDED or CANCELLED as cx says. cx acts for the tenant and
 * is in no transaction. Blocks; worker threads. */
enum err hub_wait(struct hub *h, struct cx *cx, struct tenant_id tenant, int64_t above);

#endif
