/* What comes on a session: packets are read, put together with their attachments, and given to the
 * socket of their namespace. Everything here runs on the session's strand. False everywhere: the
 * client broke the rules, and its session ends. */
#include "base/mem.h"
#include "realtime/sio_in.h"

/* A packet with everything that belongs to it. */
struct whole {
    struct sio_head head;
    json_t *json; /* NULL: none */
    struct str *attachments;
};

static struct sio_socket *find(const struct sio_conn *conn, struct str nsp)
{
    struct sio_socket *s = conn->sockets;
    while (s && !str_eq(sio_nsp(s), nsp)) {
        s = s->next;
    }
    return s;
}

static void settle(struct eio_session *session, struct sio_conn *conn)
{
    if (!conn->settled) {
        conn->settled = true;
        eio_settle(session);
    }
}

static bool join(struct sio_server *srv, struct eio_session *session, struct arena *arena,
                 const struct whole *w)
{
    struct sio_conn *conn = eio_user(session);
    struct sio_refusal why = {.arena = arena, .message = STR("Not authorized")};
    struct sio_socket *s = find(conn, w->head.nsp);
    if (s && atomic_load(&s->state) != SIO_GONE) {
        return false;
    }
    if (s) {
        sio_socket_drop(s);
    }
    s = sio_socket_new(srv, session, w->head.nsp);
    if (srv->config.on_connect(srv->config.arg, s, w->head.nsp, w->json ? w->head.json : STR("{}"),
                               &why)) {
        settle(session, conn);
        sio_socket_accept(s);
    } else {
        sio_socket_refuse(s, &why);
        sio_socket_drop(s);
    }
    return true;
}

static bool client_leaves(struct sio_socket *s)
{
    sio_socket_leave(s, "client namespace disconnect");
    sio_socket_tell(s);
    sio_socket_drop(s);
    return true;
}

static bool event(struct sio_socket *s, struct arena *arena, const struct whole *w)
{
    const struct sio_config *c = &s->server->config;
    const json_t *name = json_array_get(w->json, 0);
    const struct sio_event e = {
        .name = str_dup(arena, (struct str){json_string_value(name), json_string_length(name)}),
        .args = {sio_values_text(w->head.json), w->attachments, (size_t)w->head.attachments},
        .values = w->json,
        .ack = w->head.ack,
    };
    (void)json_array_remove(w->json, 0);
    c->on_event(c->arg, s, &e);
    return true;
}

/* One that we made leave hears nothing more: its client may not know yet. */
static bool dispatch(struct sio_server *srv, struct eio_session *session, struct arena *arena,
                     const struct whole *w)
{
    if (w->head.type == SIO_CONNECT) {
        return join(srv, session, arena, w);
    }
    struct sio_socket *s = find(eio_user(session), w->head.nsp);
    if (!s) {
        return false;
    }
    if (w->head.type == SIO_DISCONNECT) {
        return client_leaves(s);
    }
    if (atomic_load(&s->state) == SIO_JOINED &&
        (w->head.type == SIO_EVENT || w->head.type == SIO_BINARY_EVENT)) {
        return event(s, arena, w);
    }
    return true; /* an acknowledgement: we ask for none */
}

static bool unreadable(struct sio_server *srv, struct eio_session *session,
                       const struct sio_head *head, const struct cx *cx)
{
    struct sio_socket *s = find(eio_user(session), head->nsp);
    if (!s || head->type != SIO_EVENT || cx->code != CODE_MALFORMED_JSON ||
        !str_starts(head->json, STR("[")) || head->json.p[head->json.n - 1] != ']') {
        return false;
    }
    const struct sio_event e = {.ack = head->ack, .fault = cx->detail};
    if (atomic_load(&s->state) == SIO_JOINED) {
        srv->config.on_event(srv->config.arg, s, &e);
    }
    return true;
}

static bool handle(struct sio_server *srv, struct eio_session *session, const struct sio_head *head,
                   struct str *attachments)
{
    SCOPED(cx_end) struct cx cx;
    struct whole w = {.head = *head, .attachments = attachments};
    cx_begin(&cx, NULL);
    return sio_json_parse(&cx, head, &w.json) == ERR_OK ? dispatch(srv, session, cx.arena, &w)
                                                        : unreadable(srv, session, head, &cx);
}

/* --- attachments --- */

static struct sio_partial *partial_new(const struct sio_server *srv, struct str text,
                                       const struct sio_head *head)
{
    const size_t due = (size_t)head->attachments;
    struct sio_partial *p = mem_alloc(1, sizeof(*p) + due * sizeof(p->ends[0]));
    p->due = due;
    p->text_n = text.n;
    p->bytes = buf_make(srv->config.max_payload);
    buf_str(&p->bytes, text);
    return p;
}

static void partial_free(struct sio_partial *p)
{
    if (p) {
        buf_fini(&p->bytes);
        mem_free(p);
    }
}

static bool handle_partial(struct sio_server *srv, struct eio_session *session,
                           const struct sio_partial *p)
{
    struct str *attachments = mem_alloc(p->due, sizeof(*attachments));
    const struct str all = buf_view(&p->bytes);
    struct sio_head head;
    size_t at = p->text_n;
    for (size_t i = 0; i < p->due; i++) {
        attachments[i] = str_sub(all, at, p->ends[i] - at);
        at = p->ends[i];
    }
    /* read again, for it pointed into what was lent */
    const bool ok = sio_head_parse(str_sub(all, 0, p->text_n), (int)p->due, &head) &&
                    handle(srv, session, &head, attachments);
    mem_free(attachments);
    return ok;
}

static bool attach(struct sio_server *srv, struct eio_session *session, struct str bytes)
{
    struct sio_conn *conn = eio_user(session);
    struct sio_partial *p = conn->partial;
    if (!p) {
        return false;
    }
    buf_str(&p->bytes, bytes);
    p->ends[p->count++] = p->bytes.n;
    if (p->bytes.full || p->count < p->due) {
        return !p->bytes.full;
    }
    conn->partial = NULL;
    const bool ok = handle_partial(srv, session, p);
    partial_free(p);
    return ok;
}

bool sio_conn_message(void *server, struct eio_session *session, enum ws_kind kind,
                      struct str message)
{
    struct sio_server *srv = server;
    struct sio_conn *conn = eio_user(session);
    struct sio_head head;
    if (kind == WS_BINARY) {
        return attach(srv, session, message);
    }
    if (conn->partial || !sio_head_parse(message, srv->config.max_attachments, &head)) {
        return false;
    }
    if (head.attachments) {
        conn->partial = partial_new(srv, message, &head);
        return true;
    }
    return handle(srv, session, &head, NULL);
}

void sio_conn_wake(void *server, struct eio_session *session)
{
    const struct sio_conn *conn = eio_user(session);
    (void)server;
    for (struct sio_socket *s = conn->sockets; s; s = s->next) {
        sio_socket_tell(s);
    }
}

void sio_conn_close(void *server, struct eio_session *session, const char *reason)
{
    struct sio_conn *conn = eio_user(session);
    (void)server;
    partial_free(conn->partial);
    for (struct sio_socket *s; (s = conn->sockets);) {
        sio_socket_leave(s, reason);
        sio_socket_tell(s);
        sio_socket_drop(s);
    }
}
