/* Event streams as followers: all of a tenant's events, a frame each. */
#include "base/mem.h"

#include "http/req.h"

#include "realtime/hub_in.h"

#include <stdatomic.h>

enum { FRAME_MAX = 4 * 1024 * 1024 };

struct hub_sse {
    struct hub *hub; /* held */
    struct tenant_id tenant;
    int64_t since;
    char *type;
    struct net_ref ref;
    struct hub_follower *follower; /* under the hub's lock, like gone */
    bool gone;                     /* on_close came */
    atomic_int holders;            /* its maker, the stream, the follower */
};

static void drop(struct hub_sse *s)
{
    if (atomic_fetch_sub(&s->holders, 1) == 1) {
        hub_drop(s->hub);
        mem_free(s->type);
        mem_free(s);
    }
}

/* --- the form --- */

static enum hub_encoded encode(void *arg, const struct hub_event *e, void **ret)
{
    char id[24];
    (void)arg;
    SCOPED(buf_fini) struct buf frame = buf_make(FRAME_MAX);
    SCOPED(arena_free) struct arena *a = arena_new();
    (void)snprintf(id, sizeof(id), "%" PRId64, e->seq);
    sse_frame(&frame, str_dup(a, e->type).p, str_of(id), e->json);
    if (frame.full) {
        return HUB_UNFIT;
    }
    *ret = net_bytes_take(&frame);
    return HUB_PACKET;
}

static void send_to(void *arg, void *const *targets, size_t count, void *packet)
{
    struct net_ref *refs = mem_alloc(count, sizeof(*refs));
    for (size_t i = 0; i < count; i++) {
        refs[i] = ((const struct hub_sse *)targets[i])->ref;
    }
    (void)net_stream_send_many(arg, refs, count, net_bytes_ref(packet));
    mem_free(refs);
}

static void free_packet(void *packet)
{
    net_bytes_unref(packet);
}

static void end(void *arg, void *target)
{
    const struct hub_sse *s = target;
    net_stream_end(arg, s->ref);
}

static void reload(void *arg, void *target, int64_t seq)
{
    const struct hub_sse *s = target;
    (void)seq; /* who comes back says what it has */
    SCOPED(buf_fini) struct buf frame = buf_make(KB);
    sse_frame(&frame, "reload", STR(""), STR("{}"));
    (void)net_stream_send(arg, s->ref, net_bytes_take(&frame));
    net_stream_end(arg, s->ref);
}

static void beat(void *arg, void *const *targets, size_t count)
{
    struct net_bytes *comment = net_bytes_new(STR(":\n\n"));
    send_to(arg, targets, count, comment);
    net_bytes_unref(comment);
}

static void release(void *arg, void *target)
{
    (void)arg;
    drop(target);
}

struct hub_form sse_form(struct net_server *net)
{
    return (struct hub_form){
        .name = "sse",
        .arg = net,
        .encode = encode,
        .send = send_to,
        .free_packet = free_packet,
        .reload = reload,
        .ends_on_reload = true,
        .beat = beat,
        .end = end,
        .release = release,
    };
}

/* --- a stream --- */

static void on_close(void *arg)
{
    struct hub_sse *s = arg;
    hub_lock(s->hub);
    struct hub_follower *f = s->follower;
    s->follower = NULL;
    s->gone = true;
    hub_unlock(s->hub);
    hub_unfollow(&f);
    drop(s);
}

struct hub_sse *hub_sse_new(struct hub *h, struct tenant_id tenant, int64_t since, struct str type,
                            struct net_stream_ops *ret_ops)
{
    struct hub_sse *s = mem_new(struct hub_sse);
    s->hub = h;
    s->tenant = tenant;
    s->since = since;
    s->type = mem_dup(type.n ? type.p : "", type.n);
    atomic_init(&s->holders, 2);
    hub_lock(h);
    h->holders++;
    hub_unlock(h);
    *ret_ops = (struct net_stream_ops){.arg = s, .on_close = on_close};
    return s;
}

void hub_sse_follow(struct hub_sse *s, struct net_ref ref)
{
    struct hub *h = s->hub;
    s->ref = ref;
    atomic_fetch_add(&s->holders, 1);
    struct hub_follower *f = hub_follow(h, &(struct hub_follow){.room = {.tenant = s->tenant},
                                                                .since = s->since,
                                                                .type = str_of(s->type),
                                                                .form = &h->sse,
                                                                .target = s});
    hub_lock(h);
    if (!s->gone) {
        s->follower = f;
        f = NULL;
    }
    hub_unlock(h);
    hub_unfollow(&f);
    drop(s);
}

void hub_sse_free(struct hub_sse **stream)
{
    if (*stream) {
        drop(*stream);
        drop(*stream);
        *stream = NULL;
    }
}
