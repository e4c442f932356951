/* The hub: who follows which tenant's events, and the one thread that brings them what was
 * committed. It learns that there is news from the database's notes (db_listen), never from the
 * rooms; it reads rows above the last number that a follower has, so a follower sees a prefix
 * without holes, in order. */
#ifndef REALTIME_HUB_H
#define REALTIME_HUB_H

#include "base/buf.h"
#include "base/cx.h"
#include "net/server.h"

struct hub;

struct hub_event {
    int64_t seq;
    struct str type;
    struct str json; /* the whole event as JSON */
};

struct hub_source {
    void *arg;
    /* Events of cx's tenant above since, oldest first, at most limit, in cx's arena. Numbers of a
     * tenant have no holes but where old events were deleted. Runs on the hub's thread, and on the
     * threads that call hub_wait. */
    enum err (*load)(void *arg, struct cx *cx, int64_t since, size_t limit, struct hub_event **ret,
                     size_t *ret_count);
};

/* Starts the thread. db is given to the units of work that load runs in; it may be NULL in tests.
 */
struct hub *hub_new(struct net_server *net, struct db *db, const struct hub_source *source);

/* Ends the thread and the streams that are left. Before the net server is freed; nobody may call
 * the other functions any more. */
void hub_free(struct hub **h);

/* There is news for the tenant up to number seq. Only appends to a queue: may be called under the
 * writer's lock. */
void hub_notify(struct hub *h, struct tenant_id tenant, int64_t seq);

/* Follows a tenant's events above since on an event stream, in two steps: make the follower and
 * give *ret_ops to req_sse_detach, then hub_follow with the stream. type: only events of this type
 * (empty: all). From then on the hub owns it: it sends each event as a frame (id: the number), a
 * comment each METACHAT_SSE_HEARTBEAT_MS, and to a follower that is too far behind
 * (METACHAT_FOLLOW_MAX_BEHIND, or what it wants was deleted) the event "reload" and the end. The
 * stream ends on drain, and is forgotten when the client leaves. Any thread. */
struct hub_follower *hub_follower_new(struct hub *h, struct tenant_id tenant, int64_t since,
                                      struct str type, struct net_stream_ops *ret_ops);
void hub_follow(struct hub_follower *f, struct net_ref ref);

/* For a follower that no stream was made for; *f is NULL afterwards. */
void hub_follower_free(struct hub_follower **f);

/* From now on nobody waits: those who do, and those who come, get DEADLINE_EXCEEDED. For the drain.
 * Any thread. */
void hub_end_waits(struct hub *h);

/* Waits until an event with a number above this one was committed for the tenant (at once when
 * there is one): ERR_OK; else DEADLINE_EXCEEDED or CANCELLED as cx says. cx acts for the tenant and
 * is in no transaction. Blocks; worker threads. */
enum err hub_wait(struct hub *h, struct cx *cx, struct tenant_id tenant, int64_t above);

#endif
