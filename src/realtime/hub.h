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
    /* Events of cx's tenant above since, oldest first, at most limit, in cx's arena. Runs on the
     * hub's thread. */
    enum err (*load)(void *arg, struct cx *cx, int64_t since, size_t limit, struct hub_event **ret,
                     size_t *ret_count);
};

/* The caller frees; ends the thread. */
struct hub *hub_new(struct net_server *net, struct db *db, const struct hub_source *source);
void hub_free(struct hub **h);

/* There is news for the tenant up to number seq. Only appends to a queue: may be called under the
 * writer's lock. */
void hub_notify(struct hub *h, struct tenant_id tenant, int64_t seq);

/* Follows a tenant's events above since on an open event stream. type: only events of this type
 * (empty: all). The hub ends the stream on drain and forgets it when the client leaves (*ret_ops is
 * to be given to req_sse_detach first). */
struct hub_follower *hub_follower_new(struct hub *h, struct tenant_id tenant, int64_t since,
                                      struct str type, struct net_stream_ops *ret_ops);
void hub_follow(struct hub_follower *f, struct net_ref ref);

/* Waits until an event with at least this number was committed for the tenant, or the deadline of
 * cx. */
enum err hub_wait(struct hub *h, struct cx *cx, struct tenant_id tenant, int64_t above);

#endif
