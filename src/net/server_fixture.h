/* A running server for tests, and a client of plain sockets. Paths: /echo answers with method,
 * target and body; /held waits in the fixture until the test takes it; /tiny allows 10 bytes of
 * body; /no is refused with 401 by its plan; /busy with 503 and Retry-After; /slots tells the
 * peer. */
#ifndef NET_SERVER_FIXTURE_H
#define NET_SERVER_FIXTURE_H

#include "net/server.h"

#include <pthread.h>

enum {
    FIXTURE_HELD = 64,
};

struct fixture {
    struct net_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct net_req *held[FIXTURE_HELD]; /* requests of /held, oldest first */
    int held_count;
    int closed_streams;
    int drained_streams;
    int refusals;
    enum code last_code;
};

struct net_limits fixture_limits(void);
void fixture_start(struct fixture *f, const struct net_limits *limits);

/* Stops within the given time and frees. */
void fixture_stop(struct fixture *f, int64_t grace_us);

/* Waits for the next request of /held and takes it. */
struct net_req *fixture_take(struct fixture *f);

/* Waits until *counter, a member of f, has reached the value. */
void fixture_wait(struct fixture *f, const int *counter, int value);

/* A connected socket that gives up reading after ten seconds. */
int client_connect(const struct fixture *f);
void client_send(int fd, struct str bytes);
void client_send_text(int fd, const char *text);

/* Reads one answer, head and body, as it came (chunked ones raw, to their end); the text is the
 * caller's to free with buf_fini. Empty when the other side closed first. */
struct buf client_answer(int fd);

/* Reads to the end of the connection. */
struct buf client_rest(int fd);

/* Connects, sends, reads to the end. */
struct buf client_exchange(const struct fixture *f, struct str bytes);

/* The status of an answer; 0 when there is none. */
int status_of(const struct buf *answer);

#endif
