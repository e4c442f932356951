#include "realtime/hub_fixture.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "realtime/hub_in.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>

#include <cmocka.h>

enum { LOG_MAX = 20000, WAIT_SECONDS = 20 };

struct packet {
    atomic_int users;
    int64_t seq;
    char name[24];
    char *json;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of all that follows */
static pthread_cond_t changed;
static int log_of[LOG_MAX + 1]; /* by number: the conversation */
static int64_t newest;
static int64_t oldest;
static int64_t unfit;
static bool shut;
static int loads;
static int encoded;
static int packets; /* that live */

struct hub *fixture_hub;
void (*fixture_before)(int64_t seq);

struct tenant_id fixture_tenant(void)
{
    struct tenant_id t;
    memset(t.v.b, 7, sizeof(t.v.b));
    return t;
}

struct uuid fixture_id(int conversation)
{
    struct uuid id = {};
    if (conversation >= 0) {
        id.b[0] = 1;
        memcpy(id.b + 4, &conversation, sizeof(conversation));
    }
    return id;
}

struct hub_room fixture_room(int conversation)
{
    return (struct hub_room){fixture_tenant(), fixture_id(conversation)};
}

static void enter(void)
{
    (void)pthread_mutex_lock(&lock);
}

static void leave(void)
{
    (void)pthread_mutex_unlock(&lock);
}

/* --- the log --- */

static bool is_of(int64_t seq, struct uuid conversation)
{
    return uuid_is_nil(conversation) || uuid_eq(fixture_id(log_of[seq]), conversation);
}

static enum err load(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                     size_t limit, struct hub_event **ret, size_t *ret_count)
{
    size_t n = 0;
    (void)arg;
    must(cx->who == SCOPE_TENANT && uuid_eq(cx->tenant.v, fixture_tenant().v));
    *ret = arena_many(cx->arena, struct hub_event, limit);
    enter();
    loads++;
    while (shut) {
        (void)pthread_cond_wait(&changed, &lock);
    }
    for (int64_t seq = max_i64(since + 1, oldest); seq <= newest && n < limit; seq++) {
        if (is_of(seq, conversation)) {
            (*ret)[n++] = (struct hub_event){.seq = seq,
                                             .conversation = fixture_id(log_of[seq]),
                                             .type = seq % 2 ? STR("odd") : STR("even"),
                                             .json = STR("{}")};
        }
    }
    leave();
    *ret_count = n;
    return ERR_OK;
}

static enum err range(void *arg, struct cx *cx, int64_t *ret_oldest, int64_t *ret_newest)
{
    (void)arg;
    (void)cx;
    enter();
    *ret_oldest = oldest;
    *ret_newest = newest;
    leave();
    return ERR_OK;
}

static enum err count(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                      int64_t max, int64_t *ret)
{
    int64_t n = 0;
    (void)arg;
    (void)cx;
    enter();
    for (int64_t seq = max_i64(since + 1, oldest); seq <= newest && n < max; seq++) {
        n += is_of(seq, conversation);
    }
    leave();
    *ret = n;
    return ERR_OK;
}

int64_t fixture_commit(int conversation, bool told)
{
    enter();
    const int64_t seq = ++newest;
    must(seq <= LOG_MAX);
    log_of[seq] = conversation;
    leave();
    if (told) {
        hub_notify(fixture_hub, fixture_tenant(), seq);
    }
    return seq;
}

int64_t fixture_newest(void)
{
    enter();
    const int64_t seq = newest;
    leave();
    return seq;
}

int64_t fixture_next(int conversation, int64_t since)
{
    int64_t seq = since + 1;
    enter();
    while (seq <= newest && conversation != ALL && log_of[seq] != conversation) {
        seq++;
    }
    seq = seq <= newest ? seq : 0;
    leave();
    return seq;
}

void fixture_delete(int64_t upto)
{
    enter();
    oldest = upto + 1;
    leave();
}

void fixture_make_unfit(int64_t seq)
{
    enter();
    unfit = seq;
    leave();
}

void fixture_shut(bool to)
{
    enter();
    shut = to;
    (void)pthread_cond_broadcast(&changed);
    leave();
}

int fixture_loads(void)
{
    enter();
    const int n = loads;
    leave();
    return n;
}

int fixture_encoded(void)
{
    enter();
    const int n = encoded;
    leave();
    return n;
}

/* --- the forms --- */

static struct packet *packet_new(int64_t seq, struct str name, struct str json)
{
    struct packet *p = mem_new(struct packet);
    atomic_init(&p->users, 1);
    p->seq = seq;
    (void)snprintf(p->name, sizeof(p->name), STR_FMT, STR_ARG(name));
    p->json = mem_dup(json.p, json.n);
    enter();
    packets++;
    leave();
    return p;
}

static enum hub_encoded encode(void *arg, const struct hub_event *e, void **ret)
{
    (void)arg;
    enter();
    encoded++;
    const bool fits = e->seq != unfit;
    leave();
    if (!fits) {
        return HUB_UNFIT;
    }
    *ret = packet_new(e->seq, STR(""), e->json);
    return HUB_PACKET;
}

static void *encode_said(void *arg, struct str name, struct str json)
{
    (void)arg;
    return packet_new(0, name, json);
}

static void free_packet(void *packet)
{
    struct packet *p = packet;
    if (atomic_fetch_sub(&p->users, 1) == 1) {
        mem_free(p->json);
        mem_free(p);
        enter();
        packets--;
        leave();
    }
}

/* Under the lock. */
static void note(struct listener *l, const struct heard *h)
{
    must(!l->released);
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 16;
        l->list = mem_realloc(l->list, l->room * sizeof(*l->list));
    }
    l->list[l->count++] = *h;
    (void)pthread_cond_broadcast(&changed);
}

static void send_to(void *arg, void *const *targets, size_t n, void *packet)
{
    const struct packet *p = packet;
    (void)arg;
    if (fixture_before) {
        fixture_before(p->seq);
    }
    enter();
    for (size_t i = 0; i < n; i++) {
        struct heard h = {.seq = p->seq, .json = mem_dup(p->json, strlen(p->json))};
        memcpy(h.name, p->name, sizeof(h.name));
        note(targets[i], &h);
    }
    leave();
}

static void reload(void *arg, void *target, int64_t seq)
{
    (void)arg;
    enter();
    note(target, &(struct heard){.seq = seq, .is_reload = true});
    leave();
}

static void release(void *arg, void *target)
{
    struct listener *l = target;
    (void)arg;
    enter();
    must(!l->released);
    l->released = true;
    (void)pthread_cond_broadcast(&changed);
    leave();
}

#define FORM(n, ends)                                                                              \
    {                                                                                              \
        .name = (n), .encode = encode, .encode_said = encode_said, .send = send_to,                \
        .free_packet = free_packet, .reload = reload, .ends_on_reload = (ends),                    \
        .release = release,                                                                        \
    }

struct hub_form form_a = FORM("a", false);
struct hub_form form_b = FORM("b", false);
struct hub_form form_ending = FORM("ending", true);

/* --- life --- */

struct hub *fixture_new_hub(void)
{
    static const struct hub_source source = {NULL, load, range, count};
    return hub_new(NULL, NULL, &source);
}

int fixture_start(void **state)
{
    (void)state;
    hub_cond_init(&changed);
    newest = unfit = 0;
    oldest = 1;
    shut = false;
    loads = encoded = 0;
    fixture_before = NULL;
    fixture_hub = fixture_new_hub();
    return 0;
}

int fixture_stop(void **state)
{
    (void)state;
    hub_free(&fixture_hub);
    (void)pthread_cond_destroy(&changed);
    must(packets == 0);
    return 0;
}

struct hub_follower *fixture_follow(struct listener *l, const struct hub_form *form,
                                    int conversation, int64_t since)
{
    return hub_follow(fixture_hub, &(struct hub_follow){.room = fixture_room(conversation),
                                                        .since = since,
                                                        .form = form,
                                                        .target = l});
}

/* Under the lock. */
static void wait_change(const char *what)
{
    const int64_t until_us = clock_mono_us() + WAIT_SECONDS * SECOND_US;
    const struct timespec until = {.tv_sec = until_us / SECOND_US,
                                   .tv_nsec = until_us % SECOND_US * 1000};
    if (pthread_cond_timedwait(&changed, &lock, &until)) {
        leave();
        fail_msg("waited in vain for %s", what);
    }
}

void fixture_wait_seq(struct listener *l, int64_t seq)
{
    size_t i = 0;
    enter();
    for (;; i++) {
        while (i >= l->count) {
            wait_change("an event");
        }
        if (!*l->list[i].name && l->list[i].seq >= seq) {
            break;
        }
    }
    leave();
}

void fixture_wait_count(struct listener *l, size_t n)
{
    enter();
    while (l->count < n) {
        wait_change("something");
    }
    leave();
}

void fixture_wait_released(struct listener *l)
{
    enter();
    while (!l->released) {
        wait_change("the release");
    }
    leave();
}

void fixture_wait_live(void)
{
    bool any = true;
    while (any) {
        hub_lock(fixture_hub);
        const struct topic *t = topic_find(fixture_hub, fixture_tenant());
        any = t && !link_alone(&t->newcomers);
        hub_unlock(fixture_hub);
        (void)sched_yield();
    }
}

size_t fixture_count(struct listener *l)
{
    enter();
    const size_t n = l->count;
    leave();
    return n;
}

void listener_fini(struct listener *l)
{
    for (size_t i = 0; i < l->count; i++) {
        mem_free(l->list[i].json);
    }
    mem_free(l->list);
    *l = (struct listener){};
}
