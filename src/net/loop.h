/* One loop: a thread with the connections it accepted. Belongs to that thread, but for the messages
 * by which the others reach it. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net/conn.h"
#include "net/request.h"
#include "net/server_in.h"

enum {
    READ_BYTES = 64 * 1024, /* of the one read buffer that all connections of a loop share */
};

struct loop {
    struct net_server *server;
    uint32_t index; /* among the server's loops */
    pthread_t thread;
    int epoll_fd;
    int wake_fd;    /* an eventfd: other threads wake the loop */
    bool listening; /* the doors are in epoll */
    bool draining;
    int64_t now_us; /* monotonic, once a round */
    struct timers timers;
    struct conn *conns; /* all of them */
    struct conn *dirty; /* have something to send at the end of the round */
    struct conn *grave; /* closed in this round; an event of the same round may still name them */
    struct head head;   /* scratch */
    int handshakes;     /* steps of TLS in this round */
    int requests_out;   /* with the floor above */
    int64_t accept_again_us; /* after the process ran out of file descriptors; 0: not so */
    pthread_mutex_t post_lock;
    struct post *posts;
    struct post **posts_end;
    char read_buf[READ_BYTES];
};

void loop_init(struct loop *l, struct net_server *s, uint32_t index);

/* Drops what was posted since it ran. Every request must have been answered. */
void loop_fini(struct loop *l);

/* Rounds on the calling thread until the server was stopped and every connection is closed. */
void loop_run(struct loop *l);

/* Hands a message to the loop; any thread. */
void loop_post(struct loop *l, struct post *post);

/* Wakes the loop; any thread. */
void loop_wake(struct loop *l);

/* Wakes all loops of the server; any thread. */
void loops_wake(struct net_server *s);

/* Puts a connection on the list of those that are flushed at the end of the round. */
void loop_dirty(struct loop *l, struct conn *c);

/* Takes a new connection into the tables. */
void loop_adopt(struct loop *l, struct conn *c);

/* What others know the connection's current request by. */
struct net_ref loop_ref(const struct conn *c);

/* The connection of this loop whose current request has the reference; NULL when it is stale. */
struct conn *loop_find(const struct loop *l, struct net_ref ref);

/* Whether it is the loop of this thread. */
bool loop_is_here(const struct loop *l);

/* Takes the connection out of the tables; it is freed at the end of the round. */
void loop_bury(struct loop *l, struct conn *c);

#endif
