/* The server: its making, its loops on their threads, its end. */
#include "net/loop.h"

#include "base/mem.h"

static void *run_loop(void *loop)
{
    loop_run(loop);
    return NULL;
}

void net_server_run(struct net_server *s)
{
    atomic_store(&s->open, s->loop_count);
    for (int i = 1; i < s->loop_count; i++) {
        must(pthread_create(&s->loops[i].thread, NULL, run_loop, &s->loops[i]) == 0);
    }
    loop_run(&s->loops[0]);
    for (int i = 1; i < s->loop_count; i++) {
        (void)pthread_join(s->loops[i].thread, NULL);
    }
}

void net_server_stop(struct net_server *s, int64_t until_mono_us)
{
    int64_t before = atomic_load(&s->stop_at_us);
    while (until_mono_us < before &&
           !atomic_compare_exchange_weak(&s->stop_at_us, &before, until_mono_us)) {
    }
    loops_wake(s);
}

static void make_loops(struct net_server *s)
{
    s->loop_count = s->limits.loops;
    s->loops = mem_alloc((size_t)s->loop_count, sizeof(*s->loops));
    for (int i = 0; i < s->loop_count; i++) {
        loop_init(&s->loops[i], s, (uint32_t)i);
    }
}

enum err net_server_new(const char *listen, const struct net_limits *limits,
                        const struct net_callbacks *callbacks, struct net_server **ret,
                        struct buf *why)
{
    int fd = -1;
    must(limits->loops > 0 && limits->max_connections > 0);
    must(callbacks->on_head && callbacks->on_request);
    if (listen) {
        TRY(listener_open(listen, &fd, why));
    }
    struct net_server *s = mem_new(struct net_server);
    s->limits = *limits;
    s->callbacks = *callbacks;
    s->doors[DOOR_ADDRESS].fd = fd;
    s->doors[DOOR_LOCAL].fd = -1;
    if (listen) {
        listener_endpoint(fd, s->address);
    }
    atomic_init(&s->stop_at_us, INT64_MAX);
    slots_init(&s->slots, (uint32_t)limits->max_connections);
    peers_init(&s->peers, (uint32_t)limits->max_connections, (uint32_t)limits->max_of_address);
    make_loops(s);
    *ret = s;
    return ERR_OK;
}

enum err net_server_listen_local(struct net_server *s, const char *path, struct buf *why)
{
    struct door *d = &s->doors[DOOR_LOCAL];
    must(d->fd < 0);
    TRY(listener_open_local(path, &d->fd, why));
    d->path = mem_dup(path, strlen(path));
    return ERR_OK;
}

void net_server_use_tls(struct net_server *s, struct tls *tls)
{
    s->tls = tls;
}

const char *net_server_address(const struct net_server *s)
{
    return s->address;
}

bool server_has(const struct net_server *s, struct net_ref ref)
{
    return ref.slot < s->slots.count && ref.loop < (uint32_t)s->loop_count &&
           atomic_load(&s->slots.all[ref.slot].generation) == ref.generation;
}

void net_server_load(const struct net_server *s, int *ret_connections, int *ret_streams)
{
    *ret_connections = atomic_load(&s->slots.used);
    *ret_streams = atomic_load(&s->streams);
}

void net_server_free(struct net_server **server)
{
    struct net_server *s = *server;
    if (!s) {
        return;
    }
    for (int i = 0; i < s->loop_count; i++) {
        loop_fini(&s->loops[i]);
    }
    for (size_t i = 0; i < DOORS; i++) {
        door_close(&s->doors[i]);
    }
    slots_fini(&s->slots);
    peers_fini(&s->peers);
    mem_free(s->loops);
    mem_free(s);
    *server = NULL;
}
