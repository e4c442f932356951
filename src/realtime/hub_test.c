#include "realtime/hub.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"

#include "http/req.h"

#include "realtime/hub_in.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

/* --- a made-up event log: two tenants, numbers without holes --- */

enum { TENANTS = 2, OUT_MAX = 4 * 1024 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int64_t newest[TENANTS];
static int64_t oldest[TENANTS];
static atomic_int failures; /* loads that are to fail */
static struct http_server *server;
static struct hub *hub;
static pthread_t runner;

static struct tenant_id tenant_of(int n)
{
    struct tenant_id t = {};
    memset(t.v.b, n + 1, sizeof(t.v.b));
    return t;
}

static enum err load(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                     size_t limit, struct hub_event **ret, size_t *ret_count)
{
    (void)arg;
    const int n = cx->tenant.v.b[0] - 1;
    must(cx->who == SCOPE_TENANT && uuid_is_nil(conversation));
    if (atomic_fetch_sub(&failures, 1) > 0) {
        return cx_fail(cx, CODE_DATABASE_ERROR, "told to fail");
    }
    (void)pthread_mutex_lock(&lock);
    const int64_t from = max_i64(since + 1, oldest[n]);
    const int64_t to = min_i64(newest[n], from + (int64_t)limit - 1);
    (void)pthread_mutex_unlock(&lock);
    const size_t count = to < from ? 0 : (size_t)(to - from + 1);
    *ret = arena_many(cx->arena, struct hub_event, count);
    for (size_t i = 0; i < count; i++) {
        const int64_t seq = from + (int64_t)i;
        (*ret)[i] =
            (struct hub_event){.seq = seq,
                               .type = seq % 2 ? STR("odd") : STR("even"),
                               .json = str_fmt(cx->arena, "{\"t\":%d,\"n\":%" PRId64 "}", n, seq)};
    }
    *ret_count = count;
    return ERR_OK;
}

static enum err range(void *arg, struct cx *cx, int64_t *ret_oldest, int64_t *ret_newest)
{
    (void)arg;
    const int n = cx->tenant.v.b[0] - 1;
    (void)pthread_mutex_lock(&lock);
    *ret_oldest = oldest[n];
    *ret_newest = newest[n];
    (void)pthread_mutex_unlock(&lock);
    return ERR_OK;
}

static enum err count(void *arg, struct cx *cx, struct uuid conversation, int64_t since,
                      int64_t max, int64_t *ret)
{
    (void)conversation;
    int64_t first = 0;
    int64_t last = 0;
    TRY(range(arg, cx, &first, &last));
    *ret = min_i64(max, max_i64(0, last - max_i64(since, first - 1)));
    return ERR_OK;
}

/* As the database does it: first durable, then told. */
static void commit(int n, int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        (void)pthread_mutex_lock(&lock);
        const int64_t seq = ++newest[n];
        (void)pthread_mutex_unlock(&lock);
        hub_notify(hub, tenant_of(n), seq);
    }
}

/* --- a server with one row --- */

struct follow_query {
    int64_t since;
    int64_t tenant;
    struct str type;
};

static const struct field query_fields[] = {
    FIELD_INT(struct follow_query, since, .min = 0, .max = 1e9),
    FIELD_INT(struct follow_query, tenant, .min = 0, .max = TENANTS - 1),
    FIELD_STR(struct follow_query, type, .max = 20),
    FIELD_END,
};

static enum err follow(struct req *r)
{
    const struct follow_query *q = r->query;
    struct net_stream_ops ops;
    struct net_ref ref;
    struct hub_sse *s = hub_sse_new(hub, tenant_of((int)q->tenant), q->since, q->type, &ops);
    TRY(req_sse_detach(r, &ops, &ref));
    hub_sse_follow(s, ref);
    return ERR_OK;
}

static const struct route rows[] = {
    {.method = METHOD_GET,
     .path = "/follow",
     .who = WHO_PUBLIC,
     .rate = RATE_PROBE,
     ROUTE_QUERY(struct follow_query, query_fields),
     .streams = true,
     .handler = follow,
     .summary = "Follows"},
    ROUTE_END,
};

static void *run(void *arg)
{
    http_server_run(arg);
    return NULL;
}

static int start(void **state)
{
    static const struct route *const groups[] = {rows, NULL};
    static const struct hub_source source = {NULL, load, range, count};
    (void)state;
    const struct http_config config = {.routes = groups, .listen = "127.0.0.1:0"};
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    memset(newest, 0, sizeof(newest));
    oldest[0] = oldest[1] = 1;
    log_set_level(LOG_ERROR);
    must(http_server_new(&config, &server, &why) == ERR_OK);
    hub = hub_new(http_server_net(server), NULL, &source);
    must(pthread_create(&runner, NULL, run, server) == 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http_server_stop(server, clock_mono_us() + 10 * SECOND_US);
    (void)pthread_join(runner, NULL);
    hub_free(&hub);
    http_server_free(&server);
    return 0;
}

/* --- a client --- */

struct client {
    int fd;
    struct buf in;
};

static struct client client_open(const char *query)
{
    const struct str address = str_of(http_server_address(server));
    int64_t port = 0;
    char text[256];
    must(str_to_i64(str_sub(address, strlen("127.0.0.1:"), 8), 1, 65535, &port));
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const struct client c = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
                             .in = buf_make(OUT_MAX)};
    must(c.fd >= 0 && connect(c.fd, (struct sockaddr *)&to, sizeof(to)) == 0);
    (void)snprintf(text, sizeof(text),
                   "GET /follow?%s HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n",
                   query);
    must(write(c.fd, text, strlen(text)) == (ssize_t)strlen(text));
    return c;
}

static void client_close(struct client *c)
{
    (void)close(c->fd);
    buf_fini(&c->in);
}

/* Reads until the text came; false at the end of the connection. */
static bool client_read(struct client *c, const char *text)
{
    while (!c->in.n || !strstr(c->in.p, text)) {
        char part[16384];
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        must(poll(&p, 1, 30 * 1000) == 1);
        const ssize_t n = read(c->fd, part, sizeof(part));
        if (n <= 0) {
            return false;
        }
        buf_add(&c->in, part, (size_t)n);
    }
    return true;
}

/* Every event from first to last stands there once, in order. */
static void assert_prefix(const struct client *c, int n, int64_t first, int64_t last, int64_t step)
{
    const char *at = c->in.p;
    for (int64_t seq = first; seq <= last; seq += step) {
        char want[96];
        (void)snprintf(want, sizeof(want),
                       "id: %" PRId64 "\nevent: %s\ndata: {\"t\":%d,\"n\":%" PRId64 "}\n\n", seq,
                       seq % 2 ? "odd" : "even", n, seq);
        const char *id = strstr(at, "id: ");
        if (!id || strncmp(id, want, strlen(want)) != 0) {
            fail_msg("wanted event %" PRId64 ", found %.40s", seq, id ? id : "nothing");
        }
        at = id + strlen(want);
    }
    assert_null(strstr(at, "id: "));
}

/* --- tests --- */

static void brings_what_was_and_what_comes(void **state)
{
    (void)state;
    commit(0, 1200);
    struct client c = client_open("since=3");
    assert_true(client_read(&c, "\"n\":1200}"));
    commit(1, 5);
    commit(0, 50);
    assert_true(client_read(&c, "\"n\":1250}"));
    assert_prefix(&c, 0, 4, 1250, 1);
    client_close(&c);
}

static void one_who_comes_later_doubles_nothing(void **state)
{
    (void)state;
    commit(0, 30);
    struct client first = client_open("since=0");
    assert_true(client_read(&first, "\"n\":30}"));
    struct client second = client_open("since=10");
    assert_true(client_read(&second, "\"n\":30}"));
    commit(0, 1);
    assert_true(client_read(&first, "\"n\":31}"));
    assert_true(client_read(&second, "\"n\":31}"));
    assert_prefix(&first, 0, 1, 31, 1);
    assert_prefix(&second, 0, 11, 31, 1);
    client_close(&first);
    client_close(&second);
}

static void brings_one_type_only(void **state)
{
    (void)state;
    commit(0, 20);
    struct client c = client_open("type=even");
    assert_true(client_read(&c, "\"n\":20}"));
    assert_prefix(&c, 0, 2, 20, 2);
    client_close(&c);
}

/* shows: RT-5 */
static void tells_the_late_to_reload(void **state)
{
    (void)state;
    conf.follow_max_behind = 100;
    commit(0, 150);
    struct client late = client_open("since=49");
    assert_true(client_read(&late, "event: reload\ndata: {}\n\n"));
    assert_true(client_read(&late, "\r\n0\r\n\r\n"));
    assert_null(strstr(late.in.p, "id: "));
    client_close(&late);
    struct client close_by = client_open("since=50");
    assert_true(client_read(&close_by, "\"n\":150}"));
    assert_prefix(&close_by, 0, 51, 150, 1);
    client_close(&close_by);
    /* what it wants was deleted */
    oldest[0] = 100;
    struct client pruned = client_open("since=60");
    assert_true(client_read(&pruned, "event: reload\n"));
    client_close(&pruned);
    conf.follow_max_behind = 10000;
}

static void a_failed_load_is_tried_again(void **state)
{
    (void)state;
    commit(0, 3);
    atomic_store(&failures, 1);
    struct client c = client_open("since=0");
    assert_true(client_read(&c, "\"n\":3}"));
    assert_prefix(&c, 0, 1, 3, 1);
    client_close(&c);
}

static void shows_that_it_lives(void **state)
{
    (void)state;
    struct client c = client_open("since=0");
    assert_true(client_read(&c, "\r\n:\n\n"));
    client_close(&c);
}

struct churn {
    int tenant;
    int rounds;
};

/* Comes, reads a little, leaves at any moment: also between the two steps of following. */
static void *come_and_go(void *arg)
{
    const struct churn *w = arg;
    for (int i = 0; i < w->rounds; i++) {
        char query[64];
        (void)snprintf(query, sizeof(query), "tenant=%d&since=%d", w->tenant, i);
        struct client c = client_open(query);
        if (i % 3) {
            char want[32];
            (void)snprintf(want, sizeof(want), "id: %d\n", i + 1);
            (void)client_read(&c, want);
        }
        client_close(&c);
    }
    return NULL;
}

/* Few enough that nobody is ever too far behind. */
static void *keep_committing(void *arg)
{
    const atomic_bool *done = arg;
    for (int i = 0; i < 3000 && !atomic_load(done); i++) {
        commit(0, 1);
        commit(1, 1);
        (void)sched_yield();
    }
    return NULL;
}

static void clients_may_leave_at_any_moment(void **state)
{
    (void)state;
    enum { CLIENTS = 4 };
    pthread_t clients[CLIENTS];
    pthread_t writer;
    struct churn work[CLIENTS];
    atomic_bool done = false;
    commit(0, 200);
    commit(1, 200);
    must(pthread_create(&writer, NULL, keep_committing, &done) == 0);
    for (int i = 0; i < CLIENTS; i++) {
        work[i] = (struct churn){i % TENANTS, 60};
        must(pthread_create(&clients[i], NULL, come_and_go, &work[i]) == 0);
    }
    for (int i = 0; i < CLIENTS; i++) {
        (void)pthread_join(clients[i], NULL);
    }
    atomic_store(&done, true);
    (void)pthread_join(writer, NULL);
    struct client c = client_open("tenant=1&since=100");
    commit(1, 1);
    char want[48];
    (void)snprintf(want, sizeof(want), "\"n\":%" PRId64 "}", newest[1]);
    assert_true(client_read(&c, want));
    assert_prefix(&c, 1, 101, newest[1], 1);
    client_close(&c);
}

struct wait {
    enum err result;
    int64_t above;
    int64_t timeout_us;
    struct cancel *cancel;
    enum code code;
};

static void *wait_for_news(void *arg)
{
    struct wait *w = arg;
    struct cx cx;
    cx_begin(&cx, NULL);
    cx_for_tenant(&cx, tenant_of(0));
    cx.deadline_us = clock_mono_us() + w->timeout_us;
    cx.cancel = w->cancel;
    w->result = hub_wait(hub, &cx, cx.tenant, w->above);
    w->code = cx.code;
    cx_end(&cx);
    return NULL;
}

static void waits_for_news(void **state)
{
    (void)state;
    commit(0, 5);
    struct wait there = {.above = 4, .timeout_us = 20 * SECOND_US};
    (void)wait_for_news(&there);
    assert_int_equal(there.result, ERR_OK);

    struct wait late = {.above = 5, .timeout_us = 1000};
    (void)wait_for_news(&late);
    assert_int_equal(late.code, CODE_DEADLINE_EXCEEDED);

    struct wait comes = {.above = 5, .timeout_us = 20 * SECOND_US};
    pthread_t t;
    must(pthread_create(&t, NULL, wait_for_news, &comes) == 0);
    commit(1, 1);
    commit(0, 1);
    (void)pthread_join(t, NULL);
    assert_int_equal(comes.result, ERR_OK);

    struct wait given_up = {.above = 6, .timeout_us = 20 * SECOND_US, .cancel = cancel_new()};
    must(pthread_create(&t, NULL, wait_for_news, &given_up) == 0);
    cancel_now(given_up.cancel);
    (void)pthread_join(t, NULL);
    assert_int_equal(given_up.code, CODE_CANCELLED);
    cancel_free(&given_up.cancel);

    struct wait drained = {.above = 6, .timeout_us = 20 * SECOND_US};
    must(pthread_create(&t, NULL, wait_for_news, &drained) == 0);
    hub_end_waits(hub);
    (void)pthread_join(t, NULL);
    assert_int_equal(drained.code, CODE_DEADLINE_EXCEEDED);
}

/* The thread may still be looking at a topic that nobody follows any more. */
static bool hub_is_used(void)
{
    hub_lock(hub);
    const bool used = topic_find(hub, tenant_of(0)) != NULL;
    hub_unlock(hub);
    return used;
}

static void a_follower_without_a_stream_is_no_loss(void **state)
{
    (void)state;
    struct net_stream_ops ops;
    struct hub_sse *s = hub_sse_new(hub, tenant_of(0), 0, STR(""), &ops);
    hub_sse_free(&s);
    assert_null(s);
    /* the client left before the second step */
    s = hub_sse_new(hub, tenant_of(0), 0, STR(""), &ops);
    ops.on_close(ops.arg);
    hub_sse_follow(s, (struct net_ref){});
    while (hub_is_used()) {
        (void)sched_yield();
    }
    hub_lock(hub);
    assert_true(link_alone(&hub->followers));
    assert_null(topic_find(hub, tenant_of(0)));
    hub_unlock(hub);
}

/* shows: RES-10 */
static void the_drain_ends_streams(void **state)
{
    (void)state;
    struct client c = client_open("since=0");
    commit(0, 1);
    assert_true(client_read(&c, "\"n\":1}"));
    http_server_stop(server, clock_mono_us() + 20 * SECOND_US);
    assert_true(client_read(&c, "\r\n0\r\n\r\n"));
    client_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(brings_what_was_and_what_comes, start, stop),
        cmocka_unit_test_setup_teardown(one_who_comes_later_doubles_nothing, start, stop),
        cmocka_unit_test_setup_teardown(brings_one_type_only, start, stop),
        cmocka_unit_test_setup_teardown(tells_the_late_to_reload, start, stop),
        cmocka_unit_test_setup_teardown(a_failed_load_is_tried_again, start, stop),
        cmocka_unit_test_setup_teardown(shows_that_it_lives, start, stop),
        cmocka_unit_test_setup_teardown(clients_may_leave_at_any_moment, start, stop),
        cmocka_unit_test_setup_teardown(waits_for_news, start, stop),
        cmocka_unit_test_setup_teardown(a_follower_without_a_stream_is_no_loss, start, stop),
        cmocka_unit_test_setup_teardown(the_drain_ends_streams, start, stop),
    };
    conf.sse_heartbeat_ms = 50;
    conf.http_output_high_water = OUT_MAX;
    return cmocka_run_group_tests_name("hub", tests, NULL, NULL);
}
