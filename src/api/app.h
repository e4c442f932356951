/* What handlers need beside the request: the parts of the running program, made once in main/. */
#ifndef API_APP_H
#define API_APP_H

#include "db/blob.h"
#include "domain/account/ticket.h"
#include "domain/account/visitor.h"
#include "domain/assistant/turn.h"
#include "http/req.h"
#include "realtime/hub.h"

struct app {
    struct db *db;
    struct blob_store *blobs;
    struct assistant assistant;
    struct hub *hub;
    struct http_server *http;
    struct sockets *sockets;
    struct str owner;      /* of the leases that this process holds */
    struct str url;        /* how the outside reaches the installation, without a slash behind */
    struct tenant_id demo; /* the tenant of the demo page; nil: there is none */
    /* Runs a turn whose job is claimed for this process, to its end, on this thread. Set by main/.
     */
    void (*run_turn)(struct app *app, const struct job *job, const struct turn_sink *sink);
    /* The same on a thread of the turn lane; nobody waits. Is the lane full, a job worker runs it.
     * May block on the database. Set by main/. */
    void (*start_turn)(struct app *app, const struct job *job);
    void *workers; /* run_turn's own */
};

static inline struct app *app_of(const struct req *r)
{
    return http_user(r);
}

/* Every group of rows, for the router; ends with NULL. */
extern const struct route *const api_routes[];

extern const struct route socket_routes[];
extern const struct route chat_routes[];
extern const struct route conversation_routes[];
extern const struct route document_routes[];
extern const struct route search_routes[];
extern const struct route event_routes[];
extern const struct route tenant_routes[];
extern const struct route apikey_routes[];
extern const struct route turn_routes[];
extern const struct route platform_routes[];
extern const struct route widget_routes[];
extern const struct route visitor_routes[];
extern const struct route page_routes[];

/* Whether a customer may write this: not empty, and at most METACHAT_CHAT_MAX_MESSAGE characters.
 * Faults name the field. */
enum err chat_check_text(struct cx *cx, const char *field, struct str text);

/* The sockets of visitors and agents (socket.h). keys and net outlive them. */
struct sockets *sockets_new(struct app *app, struct net_server *net, const struct keyring *keys);

/* Something that open sockets may stand on was revoked or suspended: look now. Any thread. */
void sockets_recheck(struct sockets *all);

/* On the stop, in this order: all are told to come again elsewhere (before the server's stop; any
 * thread); no callback runs any more (after the server has run); it is freed (after the hub). */
void sockets_drain(struct sockets *all);
void sockets_stop(struct sockets *all);
void sockets_free(struct sockets **sockets);

/* Whose credential this is: an API key, or a visitor's token. The http floor's authenticate
 * callback. */
enum err auth_principal(struct cx *cx, struct str credential, struct principal *ret);

/* The ring that tokens are signed and checked with; it outlives the server. At start. */
void auth_use_keyring(const struct keyring *keys);

/* The visitor who is asking; texts are the principal's. */
struct visitor auth_visitor(const struct principal *who);

/* A ticket for who is asking (a visitor, a key, or the operator who acts for a tenant), and who it
 * was made for; texts are lent. */
struct ticket auth_ticket(const struct principal *who);
struct principal auth_ticket_principal(const struct ticket *t);

/* A token by which the operator acts for a tenant, as its administrator; good for AUTH_ACT_MINUTES.
 */
struct str auth_act_token(struct cx *cx, struct tenant_id tenant, struct str reason);

enum { AUTH_ACT_MINUTES = 15 };

/* The request's Idempotency-Key, as the ledger wants it: the same key on another path is another
 * request. */
struct idempotency req_idempotency(struct req *r);

#endif
