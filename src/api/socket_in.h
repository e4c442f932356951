/* The inside of the sockets: what their files share. Private to api/socket*.c. */
#ifndef API_SOCKET_IN_H
#define API_SOCKET_IN_H

#include "api/socket.h"

#include "base/metric.h"
#include "base/pool.h"
#include "http/places.h"

#include <pthread.h>

struct sockets {
    struct app *app;
    const struct keyring *keys;
    struct sio_server *sio;
    struct pool *pool;
    struct places *of_tenant;
    struct places *of_client; /* of a visitor, or of an API key */
    struct places *of_address;

    /* socket_watch.c */
    pthread_t thread;
    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t wake;
    bool started;
    bool stopping;
    bool asked; /* to look now */
    struct socket *first;
};

/* --- socket_watch.c --- */

/* The thread begins, and ends; stopped twice is stopped. */
void socket_watch_start(struct sockets *all);

/* Waits for its round. */
void socket_watch_stop(struct sockets *all);

/* From now on the socket is looked at. */
void socket_watch_add(struct socket *s);

/* Not any more, when this returns. */
void socket_watch_remove(struct socket *s);

/* --- socket_event.c --- */

/* Of a visitor: whether its conversation is there by now (the first message may have come from
 * another tab, or by a request); follows it then. */
enum err socket_find_conversation(struct socket *s, struct cx *cx);

/* The words of a failure that its client may read. */
struct str socket_words(const struct cx *cx, enum code code);

/* One line in the log. */
void socket_log(const struct cx *cx, const char *what, enum err e, struct str peer);

#endif
