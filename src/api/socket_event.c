/* What a client may send. Each event is a row: its name, who may send it, the table by which its
 * object is read, and what is done. The answer is the acknowledgement {"ok": true, …} or
 * {"ok": false, "code", "message", "retryable"}; to a client that asked for none, a failure is told
 * as the event "error". */
#include "api/socket_in.h"

#include "base/conf.h"
#include "base/jw.h"
#include "base/log.h"
#include "domain/conversation/visitor_thread.h"
#include "domain/ledger/event.h"

enum { ANSWER_BYTES = 16 * 1024, ATTEMPTS = 3 };

/* One event on its way. */
struct deed {
    struct socket *socket;
    struct cx cx;
    const void *in;           /* decoded */
    struct buf *out;          /* members of the acknowledgement, behind "ok" */
    int64_t retry_after_s;    /* > 0: known */
    struct received received; /* a message */
};

/* --- words --- */

struct str socket_words(const struct cx *cx, enum code code)
{
    const struct code_info *info = code_info(code);
    const bool ours = info->http_status >= 500;
    if (cx->field_count == 1) {
        return str_fmt(cx->arena, STR_FMT " " STR_FMT, STR_ARG(cx->fields[0].field),
                       STR_ARG(cx->fields[0].message));
    }
    return !ours && cx->detail[0] && code == cx->code ? str_of(cx->detail) : str_of(info->doc);
}

static enum code code_of(const struct cx *cx, enum err e)
{
    return code_info(cx->code)->class == e ? cx->code : code_of_class(e);
}

struct str socket_failure_json(struct cx *cx, enum err e, bool with_ok, int64_t retry_after_s)
{
    SCOPED(buf_fini) struct buf b = buf_make(ANSWER_BYTES);
    const enum code code = code_of(cx, e);
    jw_open(&b, '{');
    if (with_ok) {
        jw_member_bool(&b, "ok", false);
    }
    jw_member_str(&b, "code", str_of(code_info(code)->name));
    jw_member_str(&b, "message", socket_words(cx, code));
    jw_member_bool(&b, "retryable", code_info(code)->retryable);
    if (retry_after_s) {
        jw_member_i64(&b, "retryAfter", retry_after_s);
    }
    jw_close(&b, '}');
    return str_dup(cx->arena, buf_view(&b));
}

struct str socket_conversation_json(struct arena *a, const struct conversation *c, int64_t seq)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    jw_open(&b, '{');
    jw_member_i64(&b, "seq", seq);
    jw_key(&b, "id");
    if (c) {
        jw_id(&b, c->id.v);
    } else {
        jw_null(&b);
    }
    jw_member_str(&b, "status", c ? c->status : STR("active"));
    jw_close(&b, '}');
    return str_dup(a, buf_view(&b));
}

void socket_log(const struct cx *cx, const char *what, enum err e, struct str peer)
{
    const enum code code = e ? code_of(cx, e) : CODE_INTERNAL_ERROR;
    const bool ours = e && code_info(code)->http_status >= 500;
    log_ev(cx, ours ? LOG_ERROR : LOG_INFO, "socket", LOG_CSTR("what", what),
           LOG_CSTR("code", e ? code_info(code)->name : ""),
           ours ? LOG_CSTR("detail", cx->detail) : LOG_STR("address", peer));
}

/* Takes one from the budgets of the client. */
static enum err spend(struct deed *d, enum rate_class c)
{
    const struct socket *s = d->socket;
    return http_limit(sockets_app(s->all)->http, &d->cx, &s->who, sio_peer(s->sio), c,
                      &d->retry_after_s);
}

/* --- where --- */

static struct hub_room room_of(const struct socket *s, struct uuid conversation)
{
    return (struct hub_room){s->ticket.tenant, conversation};
}

static enum err no_conversation(struct cx *cx)
{
    return cx_fail(cx, CODE_CONVERSATION_NOT_FOUND, "there is no such conversation");
}

/* All of this visitor's tabs follow it from now on. */
static void enter(struct socket *s, struct uuid conversation)
{
    if (!s->has_conversation) {
        hub_move_all(sockets_app(s->all)->hub, room_of(s, s->room), conversation);
        hub_move(s->follower, conversation);
        s->room = conversation;
        s->has_conversation = true;
    }
}

enum err socket_find_conversation(struct socket *s, struct cx *cx)
{
    struct conversation c;
    bool found = false;
    if (s->has_conversation) {
        return ERR_OK;
    }
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(visitor_conversation(tx, &s->visitor, s->name, &c, &found));
    TRY(db_commit(tx));
    if (found) {
        enter(s, c.id.v);
    }
    return ERR_OK;
}

/* A visitor's own, or the one that an agent names. */
static enum err find_room(struct deed *d, struct uuid named, struct uuid *ret)
{
    struct socket *s = d->socket;
    struct conversation c;
    if (socket_is_visitor(s)) {
        TRY(socket_find_conversation(s, &d->cx));
        *ret = s->room;
        const bool own = s->has_conversation && uuid_eq(named, s->room);
        return own || uuid_is_nil(named) ? ERR_OK : no_conversation(&d->cx);
    }
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(&d->cx, &tx));
    TRY(conversation_get(tx, (struct conversation_id){named}, &c));
    TRY(db_commit(tx));
    *ret = named;
    return ERR_OK;
}

/* Runs what may lose its batch: as a request's handler, at most three times. */
static enum err tried(struct deed *d, enum err (*once)(struct deed *d))
{
    enum err e = once(d);
    for (int i = 1; e == ERR_RERUN && i < ATTEMPTS; i++) {
        e = once(d);
    }
    return e;
}

/* --- message --- */

struct message_in {
    struct str id, text;
};

static const struct field message_in_fields[] = {
    FIELD_STR(struct message_in, id, .required = true, .min = 1, .max = 100),
    FIELD_STR(struct message_in, text, .required = true, .min = 1, .max = 100000),
    FIELD_END,
};

static enum err receive(struct deed *d)
{
    const struct message_in *in = d->in;
    const struct socket *s = d->socket;
    struct inbound ib = visitor_inbound(d->cx.arena, &s->visitor, s->name, in->text, in->id);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    ib.claim_for = sockets_app(s->all)->owner;
    TRY(db_begin_write(&d->cx, &tx));
    TRY(inbox_receive(tx, &ib, &d->received));
    return event_commit(tx);
}

/* A message that was sent before under this id may stand in another conversation of the visitor. */
static bool is_here(const struct socket *s, const struct conversation *c)
{
    const struct str name = s->name.n ? s->name : STR(VISITOR_DEFAULT_NAME);
    return str_eq(visitor_conversation_name(c), name);
}

static enum err message(struct deed *d)
{
    const struct message_in *in = d->in;
    struct socket *s = d->socket;
    struct app *app = sockets_app(s->all);
    const struct received *rc = &d->received;
    TRY(chat_check_text(&d->cx, "text", in->text));
    TRY(spend(d, RATE_CHAT));
    TRY(socket_find_conversation(s, &d->cx));
    TRY(s->has_conversation ? ERR_OK : spend(d, RATE_OPEN));
    TRY(tried(d, receive));
    if (is_here(s, &rc->conversation)) {
        enter(s, rc->conversation.id.v);
    }
    jw_member_id(d->out, "messageId", rc->message.id.v);
    jw_member_id(d->out, "conversationId", rc->conversation.id.v);
    if (rc->claimed) {
        app->start_turn(app, &rc->job);
    }
    return ERR_OK;
}

/* --- typing, stop --- */

struct typing_in {
    bool on;
    struct uuid conversationId;
};

static const struct field typing_fields[] = {
    FIELD_BOOL(struct typing_in, on, .required = true),
    FIELD_ID(struct typing_in, conversationId),
    FIELD_END,
};

static enum err typing(struct deed *d)
{
    const struct typing_in *in = d->in;
    struct socket *s = d->socket;
    struct uuid room;
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    TRY(find_room(d, in->conversationId, &room));
    if (socket_is_visitor(s) && !s->has_conversation) {
        return ERR_OK;
    }
    jw_open(&b, '{');
    jw_member_id(&b, "conversationId", room);
    jw_member_bool(&b, "on", in->on);
    jw_member_str(&b, "from", socket_is_visitor(s) ? STR("customer") : STR("agent"));
    jw_close(&b, '}');
    const struct hub_said said = {
        .what = HUB_SAY, .room = room_of(s, room), .name = STR("typing"), .json = buf_view(&b)};
    hub_say(sockets_app(s->all)->hub, &said, s->follower);
    return ERR_OK;
}

struct stop_in {
    struct uuid turnId, conversationId;
};

static const struct field stop_fields[] = {
    FIELD_ID(struct stop_in, turnId, .required = true),
    FIELD_ID(struct stop_in, conversationId),
    FIELD_END,
};

static enum err stop(struct deed *d)
{
    const struct stop_in *in = d->in;
    const struct socket *s = d->socket;
    struct uuid room;
    TRY(find_room(d, in->conversationId, &room));
    const bool stopped = turn_stop(&sockets_app(s->all)->assistant, s->ticket.tenant,
                                   (struct conversation_id){room}, (struct turn_id){in->turnId});
    jw_member_bool(d->out, "stopped", stopped);
    return ERR_OK;
}

/* --- conversations --- */

struct conversation_in {
    struct uuid conversationId;
};

static const struct field conversation_in_fields[] = {
    FIELD_ID(struct conversation_in, conversationId, .required = true),
    FIELD_END,
};

static enum err join(struct deed *d)
{
    const struct conversation_in *in = d->in;
    struct uuid room;
    TRY(find_room(d, in->conversationId, &room));
    return hub_join(d->socket->follower, room)
               ? ERR_OK
               : cx_fail(&d->cx, CODE_TOO_MANY_STREAMS, "leave another conversation first");
}

static enum err leave(struct deed *d)
{
    const struct conversation_in *in = d->in;
    hub_leave(d->socket->follower, in->conversationId);
    return ERR_OK;
}

struct read_in {
    struct uuid messageId;
};

static const struct field read_fields[] = {
    FIELD_ID(struct read_in, messageId, .required = true),
    FIELD_END,
};

static enum err mark_read(struct deed *d)
{
    const struct read_in *in = d->in;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&d->cx, &tx));
    TRY(message_mark_read(tx, (struct conversation_id){d->socket->room},
                          (struct message_id){in->messageId}));
    return event_commit(tx);
}

static enum err read_message(struct deed *d)
{
    struct socket *s = d->socket;
    TRY(socket_find_conversation(s, &d->cx));
    return s->has_conversation ? tried(d, mark_read) : no_conversation(&d->cx);
}

/* --- the table --- */

static const struct {
    const char *name;
    bool of_visitors;
    const char *scope; /* that a key must hold; NULL: not for agents */
    const struct field *fields;
    size_t size;
    enum err (*run)(struct deed *d);
} deeds[] = {
    {"message", true, NULL, message_in_fields, sizeof(struct message_in), message},
    {"typing", true, "conversations:write", typing_fields, sizeof(struct typing_in), typing},
    {"stop", true, "conversations:write", stop_fields, sizeof(struct stop_in), stop},
    {"read", true, NULL, read_fields, sizeof(struct read_in), read_message},
    {"join", false, "events:read", conversation_in_fields, sizeof(struct conversation_in), join},
    {"leave", false, "events:read", conversation_in_fields, sizeof(struct conversation_in), leave},
};

static enum err check_may(struct deed *d, size_t i)
{
    const struct socket *s = d->socket;
    const char *scope = deeds[i].scope;
    if (socket_is_visitor(s) ? !deeds[i].of_visitors : !scope) {
        return cx_fail(&d->cx, CODE_FORBIDDEN, "this socket may not send %s", deeds[i].name);
    }
    if (s->who.kind == PRINCIPAL_KEY && !principal_holds(&s->who, scope)) {
        return cx_fail(&d->cx, CODE_FORBIDDEN, "this takes a key with the scope %s", scope);
    }
    return ERR_OK;
}

static enum err decode(struct deed *d, const struct sio_event *e, const struct field *fields,
                       size_t size)
{
    const json_t *first = json_array_get(e->values, 0);
    void *in = arena_alloc(d->cx.arena, size);
    if (json_array_size(e->values) > 1) {
        return cx_fail(&d->cx, CODE_VALIDATION_ERROR, "an event takes one object");
    }
    json_t *none = first ? NULL : json_object();
    const enum err err = field_decode(&d->cx, fields, first ? first : none, in);
    json_decref(none);
    d->in = in;
    return err;
}

static enum err run(struct deed *d, const struct sio_event *e)
{
    TRY(spend(d, RATE_WRITE));
    if (e->fault) {
        return cx_fail(&d->cx, CODE_MALFORMED_JSON, "%s", e->fault);
    }
    for (size_t i = 0; i < COUNT(deeds); i++) {
        if (str_is(e->name, deeds[i].name)) {
            TRY(check_may(d, i));
            TRY(decode(d, e, deeds[i].fields, deeds[i].size));
            return deeds[i].run(d);
        }
    }
    return cx_fail(&d->cx, CODE_VALIDATION_ERROR, "there is no such event");
}

static void answer(struct deed *d, const struct sio_event *e, enum err result)
{
    struct sio_socket *sio = d->socket->sio;
    if (result) {
        socket_log(&d->cx, "event", result, sio_peer(sio));
        const struct str json = socket_failure_json(&d->cx, result, e->ack >= 0, d->retry_after_s);
        if (e->ack < 0) {
            socket_emit(sio, "error", json);
        } else {
            sio_ack(sio, e->ack, (struct sio_args){.json = json});
        }
        return;
    }
    jw_close(d->out, '}');
    sio_ack(sio, e->ack, (struct sio_args){.json = buf_view(d->out)});
}

void socket_event(struct socket *s, const struct sio_event *e)
{
    SCOPED(buf_fini) struct buf out = buf_make(ANSWER_BYTES);
    struct deed d = {.socket = s, .out = &out};
    socket_begin(s, &d.cx);
    jw_open(&out, '{');
    jw_member_bool(&out, "ok", true);
    answer(&d, e, run(&d, e));
    cx_end(&d.cx);
}
