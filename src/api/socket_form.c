/* What sockets are told. An event becomes one packet for all visitors of its room, and another for
 * all agents of its tenant; what is said goes to both as it is. */
#include "api/socket.h"

#include "base/jw.h"

enum { PACKET_BYTES = 1024 * 1024 };

static void *packet(struct str name, struct str json)
{
    SCOPED(arena_free) struct arena *a = arena_new();
    return sio_event_packet(STR("/"), str_dup(a, name).p, (struct sio_args){.json = json});
}

static void *encode_said(void *arg, struct str name, struct str json)
{
    (void)arg;
    return packet(name, json);
}

static void send_packet(void *arg, void *const *targets, size_t count, void *sent)
{
    (void)arg;
    sio_emit_many((struct sio_socket *const *)targets, count, sent);
}

static void free_packet(void *p)
{
    sio_packet_unref(p);
}

static void reload(void *arg, void *target, int64_t seq)
{
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    (void)arg;
    jw_open(&b, '{');
    jw_member_i64(&b, "seq", seq);
    jw_close(&b, '}');
    socket_emit(target, "reload", buf_view(&b));
}

static void end(void *arg, void *target)
{
    (void)arg;
    sio_disconnect(target, true);
}

static void release(void *arg, void *target)
{
    (void)arg;
    sio_unref(target);
}

/* --- agents --- */

static enum hub_encoded encode_for_agents(void *arg, const struct hub_event *e, void **ret)
{
    (void)arg;
    *ret = packet(STR("event"), e->json);
    return *ret ? HUB_PACKET : HUB_UNFIT;
}

const struct hub_form socket_agent_form = {
    .name = "agent",
    .encode = encode_for_agents,
    .encode_said = encode_said,
    .send = send_packet,
    .free_packet = free_packet,
    .reload = reload,
    .end = end,
    .release = release,
};

/* --- visitors: a closed list, for events also tell what is not theirs --- */

/* {"seq", "message"} */
static void add_message(struct buf *b, const struct hub_event *e)
{
    jw_member_raw(b, "message", e->data);
}

/* {"seq", "id", "status"} */
static void add_conversation(struct buf *b, const struct hub_event *e)
{
    struct cx cx;
    json_t *data = NULL;
    cx_begin(&cx, NULL);
    const bool ok = json_parse(&cx, e->data, &data) == ERR_OK;
    jw_member_id(b, "id", e->conversation);
    jw_member_str(b, "status", ok ? json_get_str(data, "status") : STR("active"));
    cx_end(&cx);
}

/* {"seq", "turnId", "state"} */
static void add_turn(struct buf *b, const struct hub_event *e)
{
    struct cx cx;
    json_t *data = NULL;
    cx_begin(&cx, NULL);
    if (json_parse(&cx, e->data, &data) == ERR_OK) {
        jw_member_str(b, "turnId", json_get_str(data, "turnId"));
    }
    jw_member_str(b, "state", str_is(e->type, "turn.failed") ? STR("failed") : STR("completed"));
    cx_end(&cx);
}

/* {"seq", "messageId", "state"} */
static void add_status(struct buf *b, const struct hub_event *e)
{
    struct cx cx;
    json_t *data = NULL;
    cx_begin(&cx, NULL);
    if (json_parse(&cx, e->data, &data) == ERR_OK) {
        jw_member_str(b, "messageId", json_get_str(data, "messageId"));
        jw_member_str(b, "state", json_get_str(data, "status"));
    }
    cx_end(&cx);
}

static const struct {
    const char *type;
    const char *name;
    void (*add)(struct buf *b, const struct hub_event *e);
} told[] = {
    {"message.received", "message", add_message},
    {"message.sent", "message", add_message},
    {"message.status", "status", add_status},
    {"conversation.created", "conversation", add_conversation},
    {"conversation.updated", "conversation", add_conversation},
    {"conversation.closed", "conversation", add_conversation},
    {"turn.completed", "turn", add_turn},
    {"turn.failed", "turn", add_turn},
};

static enum hub_encoded encode_for_visitors(void *arg, const struct hub_event *e, void **ret)
{
    (void)arg;
    for (size_t i = 0; i < COUNT(told); i++) {
        if (!str_is(e->type, told[i].type)) {
            continue;
        }
        SCOPED(buf_fini) struct buf b = buf_make(PACKET_BYTES);
        jw_open(&b, '{');
        jw_member_i64(&b, "seq", e->seq);
        told[i].add(&b, e);
        jw_close(&b, '}');
        *ret = b.full ? NULL : packet(str_of(told[i].name), buf_view(&b));
        return *ret ? HUB_PACKET : HUB_UNFIT;
    }
    return HUB_SKIP;
}

const struct hub_form socket_visitor_form = {
    .name = "visitor",
    .encode = encode_for_visitors,
    .encode_said = encode_said,
    .send = send_packet,
    .free_packet = free_packet,
    .reload = reload,
    .end = end,
    .release = release,
};
