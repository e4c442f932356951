/* A running server for tests, and a client of plain sockets. Paths: /held waits in the fixture
 * until the test takes it; /stream opens a stream that says "first" and is left to the test; /big
 * answers with FIXTURE_BIG bytes that count up, /file with the same out of a file; /empty with 204;
 * /peer with the peer; /tiny allows 10 bytes of body; /no is refused by its plan with 401, /busy
 * with 503 and Retry-After; all others answer with method, target and body. Bodies that are asked
 * about are wanted at once, but for /ask: that is held like /held, and answers like the others when
 * it comes again. */
#ifndef NET_SERVER_FIXTURE_H
#define NET_SERVER_FIXTURE_H

#include "net/server.h"

#include <pthread.h>

enum {
    FIXTURE_HELD = 64,
    FIXTURE_BIG = 32 * 1024 * 1024,
};

struct fixture {
    struct net_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct net_req *held[FIXTURE_HELD]; /* requests of /held, oldest first */
    int held_count;
    struct net_ref stream; /* the newest of /stream */
    int opened_streams;
    int closed_streams;
    int drained_streams;
    int dropped; /* requests that were wanted and did not become whole */
    int refusals;
    enum code last_code;
};

/* How many loops serve. */
extern int fixture_loops;

/* What it speaks; NULL: plain HTTP. */
extern struct tls *fixture_tls;

/* Whether clients are exempt from the bound of their address. */
extern bool fixture_uncounted;

struct net_limits fixture_limits(void);
void fixture_start(struct fixture *f, const struct net_limits *limits);

/* Stops within the given time and frees. */
void fixture_stop(struct fixture *f, int64_t grace_us);

/* The same as cmocka wants them for a test that says no more of its server: *state is the fixture;
 * the limits are fixture_limits, the time to stop two seconds. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define WITH_FIXTURE(test, fixture)                                                                \
    cmocka_unit_test_prestate_setup_teardown(test, fixture_set_up, fixture_tear_down, fixture)

/* Waits for the next request of /held or /ask and takes it. */
struct net_req *fixture_take(struct fixture *f);

/* The byte at an offset of /big. */
unsigned char fixture_big(size_t at);

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
