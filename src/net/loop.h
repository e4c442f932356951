/* The inside of the server: what the loop, its connections and the answers share. */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "net/conn.h"
#include "net/request.h"

#include <pthread.h>

enum {
    READ_BYTES = 64 * 1024, /* of the one read buffer that all connections share */
};

/* A listening socket. */
struct door {
    int fd;     /* -1: closed */
    char *path; /* of the local socket; NULL for an address */
};

struct net_server {
    struct net_limits limits;
    struct net_callbacks callbacks;
    char address[ENDPOINT_TEXT];
    struct door doors[2]; /* the address, and the local socket */
    int epoll_fd;
    int wake_fd;    /* an eventfd: other threads wake the loop */
    bool listening; /* the doors are in epoll */
    bool draining;
    int64_t now_us; /* monotonic, once a round */
    struct timers timers;
    struct conn **slots;
    _Atomic uint32_t *generations; /* of the slots' current requests; read by every thread */
    uint32_t *free_slots;
    uint32_t free_count;
    struct conn *dirty; /* have something to send at the end of the round */
    struct conn *grave; /* closed in this round; an event of the same round may still name them */
    struct head head;   /* scratch */
    int requests_out;   /* with the floor above */
    int64_t accept_again_us; /* after the process ran out of file descriptors; 0: not so */
    atomic_int connections;
    atomic_int streams;
    _Atomic int64_t stop_at_us; /* INT64_MAX: nobody said stop */
    pthread_mutex_t post_lock;
    struct post *posts;
    struct post **posts_end;
    char read_buf[READ_BYTES];
};

/* Hands a message to the loop; any thread. */
void loop_post(struct net_server *s, struct post *post);

/* Puts a connection on the list of those that are flushed at the end of the round. */
void loop_dirty(struct net_server *s, struct conn *c);

/* Wakes the loop; any thread. */
void loop_wake(struct net_server *s);

/* Takes the connection out of the tables; it is freed at the end of the round. */
void loop_bury(struct net_server *s, struct conn *c);

#endif
