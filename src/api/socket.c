/* The address of the sockets, and who may connect there: the handshake carries a ticket, which is
 * used up by it. */
#include "api/socket_in.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/jw.h"
#include "base/mem.h"
#include "crypto/hash.h"
#include "domain/conversation/visitor_thread.h"
#include "domain/ledger/event.h"
#include "http/rate.h"

struct handshake {
    struct str token, conversation;
    int64_t since, protocol;
    bool has_since, has_protocol;
};

static const struct field handshake_fields[] = {
    FIELD_STR(struct handshake, token, .required = true, .min = 1, .max = 4096),
    FIELD_STR(struct handshake, conversation, .min = 1, .max = VISITOR_NAME_SIGNS),
    FIELD_INT(struct handshake, since, .min = 0, .max = 9007199254740991.0,
              FIELD_HAS(struct handshake, has_since)),
    FIELD_INT(struct handshake, protocol, FIELD_HAS(struct handshake, has_protocol)),
    FIELD_END,
};

struct app *sockets_app(const struct sockets *all)
{
    return all->app;
}

void socket_begin(const struct socket *s, struct cx *cx)
{
    cx_begin(cx, s->all->app->db);
    cx->request_id = uuid_text(cx->arena, uuid_new());
    cx->deadline_us = clock_mono_us() + conf.request_timeout_ms * MS_US;
    cx_for_tenant(cx, s->ticket.tenant);
}

void socket_emit(struct sio_socket *s, const char *name, struct str json)
{
    struct sio_packet *p = sio_event_packet(STR("/"), name, (struct sio_args){.json = json});
    if (p) {
        sio_emit(s, p);
    }
    sio_packet_unref(p);
}

/* --- places --- */

static struct uuid stands_for(struct str text)
{
    uint8_t digest[HASH_BYTES];
    struct uuid id;
    hash_sha256(text.p, text.n, digest);
    memcpy(id.b, digest, sizeof(id.b));
    return id;
}

static bool place_taken(struct places *p, struct uuid who)
{
    return places_take(p, who) == PLACE_TAKEN;
}

static enum err too_many(struct cx *cx, const char *whose)
{
    metric_add(METRIC_SOCKETS_REFUSED, whose, 1);
    return cx_fail(cx, CODE_TOO_MANY_STREAMS, "there are as many open sockets of this %s as may be",
                   whose);
}

/* All three, or none. */
static enum err take_places(struct cx *cx, struct socket *s)
{
    struct sockets *all = s->all;
    if (!place_taken(all->of_tenant, s->ticket.tenant.v)) {
        return too_many(cx, "tenant");
    }
    if (!place_taken(all->of_client, s->ticket.id)) {
        places_give(all->of_tenant, s->ticket.tenant.v);
        return too_many(cx, "client");
    }
    if (!place_taken(all->of_address, s->address)) {
        places_give(all->of_tenant, s->ticket.tenant.v);
        places_give(all->of_client, s->ticket.id);
        return too_many(cx, "address");
    }
    return ERR_OK;
}

static void give_places(struct socket *s)
{
    places_give(s->all->of_tenant, s->ticket.tenant.v);
    places_give(s->all->of_client, s->ticket.id);
    places_give(s->all->of_address, s->address);
}

/* --- the handshake --- */

static enum err read_handshake(struct cx *cx, struct str auth, struct handshake *ret)
{
    json_t *tree = NULL;
    TRY(json_parse(cx, auth, &tree));
    TRY(field_decode(cx, handshake_fields, tree, ret));
    TRY(visitor_name_check(cx, "conversation", ret->conversation));
    if (ret->has_protocol && ret->protocol != SOCKET_PROTOCOL) {
        return cx_fail(cx, CODE_UNSUPPORTED_PROTOCOL,
                       "this server speaks protocol %d of its sockets, not %" PRId64
                       "; load the client anew",
                       SOCKET_PROTOCOL, ret->protocol);
    }
    return ERR_OK;
}

static enum err check_origin(struct cx *cx, const struct ticket *t, struct str origin)
{
    const bool ok = !t->origin.n || !origin.n || str_eq(t->origin, origin);
    return ok ? ERR_OK
              : cx_fail(cx, CODE_INVALID_TOKEN, "the ticket was given to a page of another site");
}

static struct str keep(char **at, struct str text)
{
    char *p = *at;
    memcpy(p, text.p, text.n);
    *at += text.n;
    return (struct str){p, text.n};
}

static struct socket *make(struct sockets *all, struct sio_socket *sio, const struct ticket *t,
                           struct str name)
{
    struct socket *s = mem_alloc(sizeof(*s) + t->origin.n + t->scopes.n + name.n + 1, 1);
    char *at = s->texts;
    SCOPED(arena_free) struct arena *a = arena_new();
    *s = (struct socket){.all = all, .sio = sio, .ticket = *t};
    s->ticket.origin = keep(&at, t->origin.n ? t->origin : STR(""));
    s->ticket.scopes = keep(&at, t->scopes.n ? t->scopes : STR(""));
    s->name = keep(&at, name.n ? name : STR(""));
    s->visitor = (struct visitor){.tenant = t->tenant,
                                  .id = t->id,
                                  .key = t->key,
                                  .origin = s->ticket.origin,
                                  .expires_us = t->ends_us};
    s->who = auth_ticket_principal(&s->ticket);
    s->address = stands_for(rate_address_key(a, sio_peer(sio)));
    return s;
}

/* Where the client stands, in one view of the database. */
struct stand {
    struct conversation conversation;
    bool found;
    int64_t newest;
};

static enum err look(struct cx *cx, const struct socket *s, struct stand *ret)
{
    int64_t oldest;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(event_range(tx, &oldest, &ret->newest));
    if (socket_is_visitor(s)) {
        TRY(visitor_conversation(tx, &s->visitor, s->name, &ret->conversation, &ret->found));
    }
    return db_commit(tx);
}

static void follow(struct socket *s, const struct stand *at, int64_t since)
{
    const bool visitor = socket_is_visitor(s);
    s->has_conversation = at->found;
    s->room = at->found ? at->conversation.id.v
              : visitor ? visitor_placeholder(&s->visitor, s->name)
                        : (struct uuid){};
    const struct hub_follow how = {
        .room = {s->ticket.tenant, s->room},
        .since = since,
        .form = visitor ? &socket_visitor_form : &socket_agent_form,
        .target = sio_ref(s->sio),
    };
    s->follower = hub_follow(s->all->app->hub, &how);
}

/* With the number that the client has: who took a later one for its own would miss what is still to
 * come up to there. */
static void tell_stand(struct cx *cx, const struct socket *s, const struct stand *at, int64_t since)
{
    if (socket_is_visitor(s)) {
        socket_emit(
            s->sio, "conversation",
            socket_conversation_json(cx->arena, at->found ? &at->conversation : NULL, since));
    }
}

static void drop(struct socket *s)
{
    hub_unfollow(&s->follower);
    give_places(s);
    mem_free(s);
}

static enum err begin(struct cx *cx, struct socket *s, const struct handshake *h)
{
    struct stand at = {};
    TRY(look(cx, s, &at));
    const int64_t since = h->has_since ? h->since : at.newest;
    tell_stand(cx, s, &at, since);
    follow(s, &at, since);
    return socket_is_visitor(s) ? socket_find_conversation(s, cx) : ERR_OK;
}

static enum err let_in(struct sockets *all, struct cx *cx, struct sio_socket *sio, struct str auth)
{
    struct handshake h = {};
    struct ticket ticket;
    TRY(read_handshake(cx, auth, &h));
    TRY(ticket_use(cx, all->keys, h.token, &ticket));
    TRY(check_origin(cx, &ticket, sio_origin(sio)));
    struct socket *s = make(all, sio, &ticket, h.conversation);
    cx_for_tenant(cx, ticket.tenant);
    enum err e = take_places(cx, s);
    if (e) {
        mem_free(s);
        return e;
    }
    e = begin(cx, s, &h);
    if (e) {
        drop(s);
        return e;
    }
    metric_add(METRIC_SOCKETS, NULL, 1);
    sio_set_user(sio, s);
    socket_watch_add(s);
    return ERR_OK;
}

static bool on_connect(void *arg, struct sio_socket *sio, struct str nsp, struct str auth,
                       struct sio_refusal *ret)
{
    struct sockets *all = arg;
    struct cx cx;
    if (!str_is(nsp, "/")) {
        ret->message = STR("Invalid namespace");
        return false;
    }
    cx_begin(&cx, all->app->db);
    cx.request_id = uuid_text(cx.arena, uuid_new());
    cx.deadline_us = clock_mono_us() + conf.request_timeout_ms * MS_US;
    const enum err e = let_in(all, &cx, sio, auth);
    socket_log(&cx, "connect", e, sio_peer(sio));
    if (e) {
        const enum code code = code_info(cx.code)->class == e ? cx.code : code_of_class(e);
        ret->message = str_dup(ret->arena, socket_words(&cx, code));
        ret->data = str_dup(ret->arena, socket_failure_json(&cx, e, false, 0));
    }
    cx_end(&cx);
    return e == ERR_OK;
}

static void on_event(void *arg, struct sio_socket *sio, const struct sio_event *e)
{
    (void)arg;
    socket_event(sio_user(sio), e);
}

static void on_disconnect(void *arg, struct sio_socket *sio, const char *reason)
{
    struct socket *s = sio_user(sio);
    (void)arg;
    metric_add(METRIC_SOCKETS, NULL, -1);
    metric_add(METRIC_SOCKETS_ENDED, reason, 1);
    socket_watch_remove(s);
    drop(s);
}

/* --- the address --- */

static enum err take(struct req *r)
{
    struct net_header headers[HAND_ON_HEADERS];
    size_t count;
    const struct str peer = str_dup(r->cx.arena, r->peer);
    struct net_req *net = req_hand_on(r, headers, &count);
    sio_request(app_of(r)->sockets->sio, &net, headers, count, peer);
    return ERR_OK;
}

const struct route socket_routes[] = {
    {METHOD_GET, "/socket.io/", .who = WHO_PUBLIC, .rate = RATE_SOCKET, .lane = LANE_LOOP,
     .raw = true, .cors = true, .hands_on = true, .handler = take,
     .summary = "Socket.IO: handshake, polls and WebSockets"},
    {METHOD_POST, "/socket.io/", .who = WHO_PUBLIC, .rate = RATE_SOCKET,
     .max_body_conf = &conf.socket_max_payload, .raw = true, .cors = true, .hands_on = true,
     .handler = take, .summary = "Socket.IO: packets of clients that poll"},
    ROUTE_END,
};

/* --- life --- */

struct sockets *sockets_new(struct app *app, struct net_server *net, const struct keyring *keys)
{
    struct sockets *all = mem_new(struct sockets);
    const struct pool_limits limits = {.name = "socket",
                                       .max_threads = (int)conf.socket_threads,
                                       .max_queue = (int)conf.socket_queue};
    all->app = app;
    all->keys = keys;
    all->pool = pool_new(&limits);
    all->of_tenant = places_new(conf.sockets_max, conf.sockets_per_tenant);
    all->of_client = places_new(conf.sockets_max, conf.sockets_per_client);
    all->of_address = places_new(conf.sockets_max, conf.sockets_per_address);
    const struct sio_config config = {
        .net = net,
        .pool = all->pool,
        .ping_interval_us = conf.socket_ping_ms * MS_US,
        .ping_timeout_us = conf.socket_ping_timeout_ms * MS_US,
        .connect_timeout_us = conf.socket_connect_timeout_ms * MS_US,
        .upgrade_timeout_us = conf.socket_connect_timeout_ms * MS_US,
        .max_payload = (size_t)conf.socket_max_payload,
        .max_buffered = (size_t)conf.http_output_high_water,
        .max_queued = (int)conf.socket_max_queued,
        .max_attachments = 0,
        .max_sessions = (int)conf.sockets_max,
        .arg = all,
        .on_connect = on_connect,
        .on_event = on_event,
        .on_disconnect = on_disconnect,
    };
    all->sio = sio_new(&config);
    socket_watch_start(all);
    return all;
}

void sockets_drain(struct sockets *all)
{
    sio_drain(all->sio);
}

void sockets_stop(struct sockets *all)
{
    socket_watch_stop(all);
    (void)pool_drain(all->pool, clock_mono_us() + conf.request_timeout_ms * MS_US, NULL);
}

void sockets_free(struct sockets **sockets)
{
    struct sockets *all = *sockets;
    if (!all) {
        return;
    }
    socket_watch_stop(all);
    sio_free(&all->sio);
    pool_free(&all->pool);
    places_free(&all->of_tenant);
    places_free(&all->of_client);
    places_free(&all->of_address);
    mem_free(all);
    *sockets = NULL;
}
