/* Sockets of visitors and agents: who may connect, what they may do, and what they are told.
 *
 *   socket.c         the address, the handshake, the end
 *   socket_event.c   what a client may send
 *   socket_form.c    what a client is told, made from events and from what is said
 *   socket_watch.c   ends the sockets whose key, tenant or session has ended
 *
 * A socket is made by the callback that lets its client in, and freed when that client has gone;
 * in between its callbacks come one at a time. */
#ifndef API_SOCKET_H
#define API_SOCKET_H

#include "api/app.h"
#include "domain/account/ticket.h"
#include "domain/account/visitor.h"
#include "realtime/sio.h"

struct sockets;

enum { SOCKET_PROTOCOL = 1 }; /* of names and shapes; travels in the handshake */

struct socket {
    struct sockets *all;
    struct sio_socket *sio; /* lent: it outlives this */
    struct hub_follower *follower;
    struct ticket ticket; /* its texts are this one's own */
    struct principal who;
    struct visitor visitor; /* of a visitor */
    struct str name;        /* of a visitor: the page's id of its conversation */
    struct uuid room;       /* of a visitor: its conversation, or what stands for it until it is */
    bool has_conversation;
    struct uuid address; /* stands for the client's address, among the places */
    struct socket *prev; /* in the list of all */
    struct socket *next;
    char texts[]; /* behind the struct */
};

static inline bool socket_is_visitor(const struct socket *s)
{
    return s->ticket.kind == TICKET_VISITOR;
}

/* Whose sockets they are. */
struct app *sockets_app(const struct sockets *all);

/* A unit of work on behalf of the socket's tenant, until the request's usual deadline. The caller
 * ends it with cx_end. */
void socket_begin(const struct socket *s, struct cx *cx);

/* --- socket_event.c --- */

/* Does what the client asks, and acknowledges it. */
void socket_event(struct socket *s, const struct sio_event *e);

/* {"seq", "id", "status"}: how the visitor's conversation stands; id null: there is none yet. seq:
 * the last number that the client has. */
struct str socket_conversation_json(struct arena *a, const struct conversation *c, int64_t seq);

/* {"code", "message", "retryable"} of the failure in cx, with "ok": false in front if so asked, and
 * retryAfter in seconds when it is known. */
struct str socket_failure_json(struct cx *cx, enum err e, bool with_ok, int64_t retry_after_s);

/* Sends one packet of ours. */
void socket_emit(struct sio_socket *s, const char *name, struct str json);

/* --- socket_form.c --- */

extern const struct hub_form socket_visitor_form;
extern const struct hub_form socket_agent_form;

#endif
