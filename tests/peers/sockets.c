/* The echo of Socket.IO, and broadcasts. */
#include "base/clock.h"
#include "base/jw.h"
#include "base/mem.h"
#include "base/pool.h"
#include "realtime/sio.h"

#include "realtime.h"

#include <pthread.h>

enum {
    MAX_SOCKETS = 10000,
    MAX_BROADCASTS = 1000000,
};

static struct sio_server *server;
static struct pool *workers;

/* Everybody in the main namespace. A socket knows its place by its user pointer. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sio_socket *everybody[MAX_SOCKETS];
static size_t count_of_all;

static void enter(struct sio_socket *s)
{
    (void)pthread_mutex_lock(&lock);
    must(count_of_all < MAX_SOCKETS);
    sio_set_user(s, &everybody[count_of_all]);
    everybody[count_of_all++] = sio_ref(s);
    (void)pthread_mutex_unlock(&lock);
}

static void leave(struct sio_socket *s)
{
    (void)pthread_mutex_lock(&lock);
    struct sio_socket **place = sio_user(s);
    struct sio_socket *last = everybody[--count_of_all];
    *place = last;
    sio_set_user(last, place);
    (void)pthread_mutex_unlock(&lock);
    sio_unref(s);
}

static void emit(struct sio_socket *s, const char *name, struct sio_args args)
{
    struct sio_packet *p = sio_event_packet(sio_nsp(s), name, args);
    sio_emit(s, p);
    sio_packet_unref(p);
}

static bool on_connect(void *arg, struct sio_socket *s, struct str nsp, struct str auth,
                       struct sio_refusal *ret)
{
    (void)arg;
    if (!str_is(nsp, "/") && !str_is(nsp, "/custom")) {
        ret->message = STR("Invalid namespace");
        return false;
    }
    emit(s, "auth", (struct sio_args){.json = auth});
    if (str_is(nsp, "/")) {
        enter(s);
    }
    return true;
}

static void on_event(void *arg, struct sio_socket *s, const struct sio_event *e)
{
    (void)arg;
    if (str_is(e->name, "message")) {
        emit(s, "message-back", e->args);
    } else if (str_is(e->name, "message-with-ack")) {
        sio_ack(s, e->ack, e->args);
    }
}

static void on_disconnect(void *arg, struct sio_socket *s, const char *reason)
{
    (void)arg;
    (void)reason;
    if (str_is(sio_nsp(s), "/")) {
        leave(s);
    }
}

void sockets_start(struct net_server *net, struct pool *pool, const struct realtime_options *o)
{
    workers = pool;
    server = sio_new(&(struct sio_config){
        .net = net,
        .pool = pool,
        .ping_interval_us = o->ping_interval_ms * MS_US,
        .ping_timeout_us = o->ping_timeout_ms * MS_US,
        .connect_timeout_us = o->connect_timeout_ms * MS_US,
        .upgrade_timeout_us = o->connect_timeout_ms * MS_US,
        .max_payload = (size_t)o->max_payload,
        .max_buffered = 16 * MB,
        .max_queued = 100,
        .max_attachments = 10,
        .max_sessions = MAX_SOCKETS,
        .on_connect = on_connect,
        .on_event = on_event,
        .on_disconnect = on_disconnect,
    });
}

void sockets_request(struct net_req **r, const struct net_header *headers, size_t count)
{
    sio_request(server, r, headers, count, net_req_peer(*r));
}

void sockets_drain(void)
{
    sio_drain(server);
}

void sockets_stop(void)
{
    sio_free(&server);
}

/* --- broadcasts --- */

static void to_everybody(struct str json)
{
    struct sio_socket **all = mem_alloc(MAX_SOCKETS, sizeof(struct sio_socket *));
    struct sio_packet *p = sio_event_packet(STR("/"), "message", (struct sio_args){.json = json});
    (void)pthread_mutex_lock(&lock);
    const size_t n = count_of_all;
    for (size_t i = 0; i < n; i++) {
        all[i] = sio_ref(everybody[i]);
    }
    (void)pthread_mutex_unlock(&lock);
    sio_emit_many(all, n, p);
    for (size_t i = 0; i < n; i++) {
        sio_unref(all[i]);
    }
    sio_packet_unref(p);
    mem_free(all);
}

static struct str message_json(struct buf *b)
{
    char text[120];
    memset(text, 'x', sizeof(text));
    jw_open(b, '{');
    jw_member_str(b, "type", STR("message"));
    jw_member_str(b, "id", STR("m1"));
    jw_member_str(b, "role", STR("assistant"));
    jw_member_str(b, "content", (struct str){text, sizeof(text)});
    jw_member_time(b, "timestamp", clock_wall_us());
    jw_close(b, '}');
    return buf_view(b);
}

static void broadcast(void *req)
{
    struct net_req *r = req;
    const struct str target = net_req_target(r);
    const ptrdiff_t at = str_find(target, STR("?n="), 0);
    const struct net_header type = {STR("Content-Type"), STR("application/json")};
    SCOPED(buf_fini) struct buf json = buf_make(KB);
    struct buf answer = buf_make(KB);
    int64_t n = 0;
    if (at >= 0) {
        (void)str_to_i64(str_sub(target, (size_t)at + 3, target.n), 1, MAX_BROADCASTS, &n);
    }
    const struct str message = message_json(&json);
    const int64_t start = clock_mono_us();
    for (int64_t i = 0; i < n; i++) {
        to_everybody(message);
    }
    jw_open(&answer, '{');
    jw_member_f64(&answer, "ms", (double)(clock_mono_us() - start) / MS_US);
    jw_close(&answer, '}');
    net_reply(&r, 200, &type, 1, net_bytes_take(&answer));
}

void sockets_broadcast(struct net_req **r)
{
    struct net_req *req = TAKE(*r);
    if (!pool_submit(workers, broadcast, req)) {
        net_reply(&req, 503, NULL, 0, NULL);
    }
}
