/* Receiving messages without HTTP: inbox_receive in the grouped commit, the same statements that
 * POST /chat runs.
 *
 *     inbound_bare THREADS SECONDS PATH
 *
 * PATH is a database file that does not exist yet; it is left behind. Prints one line of JSON:
 * messages a second, median and 99th percentile of one in ms, processor time of one in us. */
#include "base/clock.h"
#include "base/mem.h"
#include "domain/account/tenant.h"
#include "domain/conversation/inbox.h"
#include "domain/ledger/event.h"

#include <pthread.h>
#include <sys/resource.h>

enum { CONVERSATIONS = 1000, SAMPLES = 1 << 18, MAX_THREADS = 1024 };

struct receiver {
    struct db *db;
    struct tenant_id tenant;
    const struct conversation_id *conversations;
    int64_t until_us;
    int64_t done;
    int64_t *waits_us; /* of the first SAMPLES */
    pthread_t thread;
};

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "inbound_bare: %s\n", what);
    exit(1);
}

static enum err make_tenant(struct cx *cx, struct tenant *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx_for_platform(cx);
    TRY(db_begin_write(cx, &tx));
    TRY(tenant_create(tx, STR("Bench"), ret));
    return db_commit(tx);
}

static enum err open_conversation(struct cx *cx, struct conversation_id *ret)
{
    struct conversation c;
    bool created;
    const struct contact_in nobody = {};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(conversation_open(tx, STR("api"), STR(""), &nobody, &c, &created));
    TRY(event_flush(tx, NULL));
    *ret = c.id;
    return db_commit(tx);
}

static enum err receive(struct cx *cx, struct conversation_id conversation)
{
    char key[UUID_TEXT + 1];
    uuid_format(uuid_new(), key);
    const struct inbound in = {
        .conversation = conversation,
        .channel_type = STR("api"),
        .type = STR("text"),
        .content = STR("How do I return an item? I bought it last week."),
        .key_source = STR("client"),
        .key = str_of(key),
    };
    struct received got = {};
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(inbox_receive(tx, &in, &got));
    TRY(event_flush(tx, NULL));
    return db_commit(tx);
}

static void *receive_on(void *arg)
{
    struct receiver *r = arg;
    for (int64_t now = clock_mono_us(); now < r->until_us;) {
        SCOPED(cx_end) struct cx cx;
        cx_begin(&cx, r->db);
        cx_for_tenant(&cx, r->tenant);
        if (receive(&cx, r->conversations[rand_below(CONVERSATIONS)])) {
            die(cx.detail);
        }
        const int64_t after = clock_mono_us();
        if (r->done < SAMPLES) {
            r->waits_us[r->done] = after - now;
        }
        r->done++;
        now = after;
    }
    return NULL;
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

static double processor_us(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e6 +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static void report(const struct receiver *r, size_t threads, double seconds, double cpu_us)
{
    int64_t *waits = NULL;
    size_t n = 0;
    int64_t done = 0;
    for (size_t i = 0; i < threads; i++) {
        const size_t here = (size_t)min_i64(r[i].done, SAMPLES);
        waits = mem_realloc(waits, (n + here + 1) * sizeof(*waits));
        memcpy(waits + n, r[i].waits_us, here * sizeof(*waits));
        n += here;
        done += r[i].done;
    }
    qsort(waits, n, sizeof(*waits), by_size);
    (void)printf("{\"perSecond\":%.1f,\"p50\":%.3f,\"p99\":%.3f,\"cpuUs\":%.1f}\n",
                 (double)done / seconds, n ? (double)waits[n / 2] / 1000 : 0,
                 n ? (double)waits[n * 99 / 100] / 1000 : 0, done ? cpu_us / (double)done : 0);
    mem_free(waits);
}

static struct db *open_at(const char *path)
{
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    SCOPED(cx_end) struct cx cx;
    struct db *db = NULL;
    int applied = 0;
    if (db_open(&(struct db_options){.path = path}, &db, &why)) {
        die(why.p);
    }
    cx_begin(&cx, db);
    cx_for_platform(&cx);
    if (db_migrate_up(&cx, &applied)) {
        die(cx.detail);
    }
    return db;
}

static void run(struct receiver *r, size_t threads, double seconds)
{
    const int64_t until = clock_mono_us() + (int64_t)(seconds * 1e6);
    const double before = processor_us();
    for (size_t i = 0; i < threads; i++) {
        r[i].until_us = until;
        if (pthread_create(&r[i].thread, NULL, receive_on, &r[i])) {
            die("no more threads");
        }
    }
    for (size_t i = 0; i < threads; i++) {
        (void)pthread_join(r[i].thread, NULL);
    }
    report(r, threads, seconds, processor_us() - before);
}

int main(int argc, char **argv)
{
    int64_t threads = 0;
    double seconds = 0;
    if (argc != 4 || !str_to_i64(str_of(argv[1]), 1, MAX_THREADS, &threads) ||
        !str_to_f64(str_of(argv[2]), 0.1, 3600, &seconds)) {
        die("usage: inbound_bare THREADS SECONDS PATH");
    }
    struct db *db = open_at(argv[3]);
    struct tenant tenant;
    struct cx cx;
    cx_begin(&cx, db);
    if (make_tenant(&cx, &tenant)) {
        die(cx.detail);
    }
    cx_for_tenant(&cx, tenant.id);
    struct conversation_id *conversations = mem_alloc(CONVERSATIONS, sizeof(*conversations));
    for (size_t i = 0; i < CONVERSATIONS; i++) {
        if (open_conversation(&cx, &conversations[i])) {
            die(cx.detail);
        }
    }
    struct receiver *r = mem_alloc((size_t)threads, sizeof(*r));
    for (int64_t i = 0; i < threads; i++) {
        r[i] = (struct receiver){.db = db,
                                 .tenant = tenant.id,
                                 .conversations = conversations,
                                 .waits_us = mem_alloc(SAMPLES, sizeof(int64_t))};
    }
    run(r, (size_t)threads, seconds);
    for (int64_t i = 0; i < threads; i++) {
        mem_free(r[i].waits_us);
    }
    mem_free(r);
    mem_free(conversations);
    cx_end(&cx);
    db_close(&db);
    return 0;
}
