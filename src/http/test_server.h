/* For tests: an http_server on a port of its own with sample rows and a made-up authenticate, and a
 * plain socket that speaks to it. */
#ifndef HTTP_TEST_SERVER_H
#define HTTP_TEST_SERVER_H

#include "http/req.h"

enum { ANSWER_MAX = 256 * 1024 };

struct answer {
    int status;
    char bytes[ANSWER_MAX]; /* head and body, NUL-terminated */
    size_t n;
    const char *body;
};

/* Starts the server on a thread; conf is to be set before. */
void test_server_start(void);
/* Stops it, waits, and frees. */
void test_server_stop(void);
struct http_server *test_server(void);

/* A connection; the text sent; all bytes until the other side closes. */
int test_connect(void);
/* Until no connection is taken any more. */
void test_wait_closed(void);
void test_send(int fd, const char *text);
/* Reads until the text was seen, or the end. True when it was seen. */
bool test_read_until(int fd, struct answer *a, const char *text);

/* One request on a connection of its own ("Connection: close" is added to the head, which ends with
 * the last header's CR LF), and its whole answer. */
void test_ask(struct answer *a, const char *head, const char *body);

/* Value of a header of the answer in a static buffer, or "" when absent. */
const char *test_header(const struct answer *a, const char *name);

/* What the handlers of the sample rows do together with the tests. */
void test_hold(bool hold);      /* GET /api/v1/slow waits while true */
void test_wait_slow(int count); /* until so many wait there */
extern int test_reruns;         /* how often POST /api/v1/rerun asks to be run again */
extern _Atomic int test_runs;   /* how often it ran */

/* Log lines of the server since the last call, NUL-terminated. */
const char *test_log(void);

#endif
