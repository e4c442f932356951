/* The inside of outgoing exchanges: what the outbound thread (client_loop.c) and the owners of
 * calls (client.c) share. The rules of sharing stand at the top of client_loop.c. */
#ifndef NET_CLIENT_CALL_H
#define NET_CLIENT_CALL_H

#include "net/client.h"

#include <curl/curl.h>
#include <pthread.h>

enum {
    WANT_BEGIN = 1,
    WANT_RESUME = 2,
    WANT_END = 4,

    MAX_UNREAD = 1024 * 1024,
    MAX_HEADERS = 64 * 1024,
};

struct net_client {
    CURLM *multi;
    int epoll_fd;
    int wake_fd;           /* an eventfd: posts came */
    int64_t timer_us;      /* when libcurl wants to be called; INT64_MAX: not */
    struct net_call *news; /* whose owners are to be told; the outbound thread's own */
    pthread_t thread;
    pthread_mutex_t lock;
    struct net_call *posts; /* with something in wants */
    int calls;              /* not yet freed */
    bool stop;
};

struct net_call {
    struct net_client *client;
    CURL *easy;
    struct curl_slist *request_headers;
    char *body;
    bool guarded;
    size_t max_bytes;
    int64_t stall_us;

    /* the outbound thread's own until done */
    struct net_call *next_news;
    bool has_news;
    bool removed; /* from the multi handle */
    CURLcode result;

    /* under the client's lock */
    struct net_call *next_post;
    unsigned wants;

    /* under this lock; the cond is for the owner */
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct buf incoming;
    struct buf headers; /* of the answer, as lines; not changed once head_done */
    int64_t active_us;  /* when the other side was heard last */
    size_t received;
    int status;
    bool connected;
    bool head_done;
    bool paused;
    bool refused; /* by the guard */
    bool too_large;
    bool done;

    struct buf current; /* what the owner reads */
};

/* Tells the outbound thread what is wanted for a call. Any thread, not while holding the call. */
void call_post(struct net_call *call, unsigned want);

/* Has libcurl call the outbound thread's functions for this call. */
void call_set_callbacks(struct net_call *call);

/* Frees a call that neither libcurl nor a post knows. */
void call_free(struct net_call *call);

#endif
