#include "net/request.h"

#include "net/loop.h"

#include "base/clock.h"
#include "base/mem.h"
#include "net/loop.h"

static char *bytes_of(struct net_req *r)
{
    return (char *)&r->headers[r->header_count];
}

/* The same slice of the copy. */
static struct str moved(struct str s, struct str from, const char *to)
{
    return s.p >= from.p && s.p <= from.p + from.n ? (struct str){to + (s.p - from.p), s.n} : s;
}

struct net_req *request_new(const struct conn *c, struct str whole, const struct head *head)
{
    struct net_req *r =
        mem_alloc(1, sizeof(*r) + head->count * sizeof(r->headers[0]) + whole.n + 1);
    r->loop = c->loop;
    r->ref = loop_ref(c);
    r->header_count = head->count;
    r->minor = head->minor;
    r->expects_continue = head->expect_continue && head->minor == 1;
    r->started_us = clock_mono_us();
    memcpy(r->peer, c->caller.text, sizeof(r->peer));
    char *copy = bytes_of(r);
    memcpy(copy, whole.p, whole.n);
    r->method = moved(head->method, whole, copy);
    r->target = moved(head->target, whole, copy);
    for (size_t i = 0; i < head->count; i++) {
        r->headers[i].name = moved(head->headers[i].name, whole, copy);
        r->headers[i].value = moved(head->headers[i].value, whole, copy);
    }
    return r;
}

void request_free(struct net_req *r)
{
    if (r->parked) {
        const struct net_callbacks *call = &r->loop->server->callbacks;
        call->on_drop(call->arg, r);
    }
    struct cancel *c = atomic_load(&r->cancel);
    cancel_free(&c);
    http1_fini(&r->http1);
    mem_free(r);
}

void request_gone(struct net_req *r)
{
    atomic_store(&r->gone, true);
    cancel_now(atomic_load(&r->cancel));
}

struct cancel *net_req_watch(struct net_req *r)
{
    struct cancel *c = atomic_load(&r->cancel);
    if (!c) {
        c = cancel_new();
        atomic_store(&r->cancel, c);
        /* the loop sets gone before it looks for cancel: one of us sees the other */
        if (atomic_load(&r->gone)) {
            cancel_now(c);
        }
    }
    return c;
}

struct str net_req_method(const struct net_req *r)
{
    return r->method;
}

struct str net_req_target(const struct net_req *r)
{
    return r->target;
}

struct str net_req_header_nth(const struct net_req *r, const char *name, size_t n)
{
    const struct str wanted = str_of(name);
    for (size_t i = 0; i < r->header_count; i++) {
        if (str_eq_nocase(r->headers[i].name, wanted) && n-- == 0) {
            return r->headers[i].value;
        }
    }
    return STR("");
}

struct str net_req_header(const struct net_req *r, const char *name)
{
    return net_req_header_nth(r, name, 0);
}

size_t net_req_header_count(const struct net_req *r, const char *name)
{
    const struct str wanted = str_of(name);
    size_t n = 0;
    for (size_t i = 0; i < r->header_count; i++) {
        n += str_eq_nocase(r->headers[i].name, wanted);
    }
    return n;
}

struct extent net_req_body(const struct net_req *r)
{
    return body_extent(&r->http1.body);
}

bool net_req_is_local(const struct net_req *r)
{
    return strcmp(r->peer, LOCAL_PEER) == 0;
}

struct str net_req_peer(const struct net_req *r)
{
    return str_of(r->peer);
}

int64_t net_req_started_us(const struct net_req *r)
{
    return r->started_us;
}

void net_req_set_user(struct net_req *r, void *user)
{
    r->user = user;
}

void *net_req_user(const struct net_req *r)
{
    return r->user;
}

/* Once the message is under way the request is the loop's: it may be gone already. */
void net_admit(struct net_req **r)
{
    struct net_req *req = TAKE(*r);
    req->parked = true;
    req->post = (struct post){.kind = POST_ADMIT, .req = req, .ref = req->ref};
    loop_post(req->loop, &req->post);
}
