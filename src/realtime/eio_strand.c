/* What a session's strand does, a piece at a time: it looks when it was woken, takes what came (a
 * post first: behind it there can be messages of a WebSocket only from after the change), and tells
 * the end at the end. */
#include "base/mem.h"
#include "realtime/eio_in.h"

/* Under the lock. Half of a full queue must be done before reading goes on. */
static struct eio_message *pop(struct eio_session *s)
{
    struct eio_message *m = s->in;
    if (!m) {
        return NULL;
    }
    s->in = m->next;
    if (!s->in) {
        s->in_end = &s->in;
    }
    s->in_count--;
    if (s->paused && s->ws && s->in_count <= s->server->config.max_queued / 2) {
        s->paused = false;
        net_ws_pause(s->server->config.net, s->ws->ref, false);
    }
    return m;
}

/* Under the lock. */
static void end_post(struct eio_session *s)
{
    struct eio_exchange *x = s->post;
    s->post = NULL;
    x->text = "ok";
    eio_exchange_ready(s->server, x, s->failed ? EIO_BAD_REQUEST : EIO_FINE);
}

/* Under the lock. */
static void drop_input(struct eio_session *s)
{
    if (s->post) {
        end_post(s);
    }
    for (struct eio_message *m; (m = pop(s));) {
        mem_free(m);
    }
}

static void fail(struct eio_session *s)
{
    eio_lock(s->server);
    eio_session_fail(s);
    eio_unlock(s->server);
}

static void deliver(struct eio_session *s, enum ws_kind kind, struct str bytes)
{
    const struct eio_config *c = &s->server->config;
    if (!c->on_message(c->arg, s, kind, bytes)) {
        fail(s);
    }
}

static void deliver_bytes(struct eio_session *s, struct str base64)
{
    struct arena *a = arena_new();
    struct str bytes;
    if (eio_bytes_decode(a, base64, &bytes)) {
        deliver(s, WS_BINARY, bytes);
    } else {
        fail(s);
    }
    arena_free(&a);
}

/* The next packet of a post, whose form was looked at when it came. */
static void take_packet(struct eio_session *s, struct eio_exchange *post)
{
    struct eio_item item;
    if (eio_payload_next(&post->rest, &item) != EIO_ITEM) {
        eio_lock(s->server);
        end_post(s);
        eio_unlock(s->server);
    } else if (item.type == EIO_MESSAGE) {
        deliver(s, WS_TEXT, item.data);
    } else if (item.type == EIO_BYTES) {
        deliver_bytes(s, item.data);
    }
}

static void wake_up(struct eio_session *s)
{
    const struct eio_config *c = &s->server->config;
    if (c->on_wake) {
        c->on_wake(c->arg, s);
    }
}

/* Under the lock: its end is about to be told. */
static void leave_list(struct eio_session *s)
{
    if (s->newer) {
        s->newer->older = s->older;
    } else {
        s->server->newest = s->older;
    }
    if (s->older) {
        s->older->newer = s->newer;
    }
}

static void tell_end(struct eio_session *s)
{
    const struct eio_config *c = &s->server->config;
    if (c->on_close) {
        c->on_close(c->arg, s, s->reason);
    }
    eio_unref(s); /* what its making gave */
}

static bool step(struct strand *strand)
{
    struct eio_session *s = container_of(strand, struct eio_session, strand);
    eio_lock(s->server);
    const bool woken = s->woken;
    s->woken = false;
    if (s->deaf) {
        drop_input(s);
    }
    struct eio_exchange *post = woken ? NULL : s->post;
    struct eio_message *m = woken || post ? NULL : pop(s);
    const bool ends = !woken && !post && !m && s->closed && !s->told;
    if (ends) {
        s->told = true;
        leave_list(s);
    }
    eio_unlock(s->server);
    if (woken) {
        wake_up(s);
    } else if (post) {
        take_packet(s, post);
    } else if (m) {
        deliver(s, m->kind, (struct str){m->bytes, m->n});
        mem_free(m);
    } else if (ends) {
        tell_end(s);
    }
    return woken || post || m || ends;
}

static void hold(struct strand *strand)
{
    (void)eio_ref(container_of(strand, struct eio_session, strand));
}

static void release(struct strand *strand)
{
    eio_unref(container_of(strand, struct eio_session, strand));
}

static void starved(void *arg)
{
    struct eio_server *srv = arg;
    eio_lock(srv);
    srv->starved = true;
    (void)pthread_cond_signal(&srv->wake);
    eio_unlock(srv);
}

void eio_strands_init(struct eio_server *srv)
{
    const struct strand_ops ops = {step, hold, release, starved, srv};
    strands_init(&srv->strands, srv->config.pool, &ops);
}
