/* Durable write transactions a second through db/: three small statements each, as in receiving a
 * message (count up a conversation, insert the message, insert an event).
 *
 *     db_commit THREADS SECONDS PATH [LOAD]
 *
 * PATH is a database file that does not exist yet; it is left behind. LOAD is write (default), or
 * mixed: beside the writers one thread for each core reads single rows. Prints one line of JSON:
 * rate, median, 99th percentile and longest wait of a transaction in ms, transactions of the
 * least and the most served thread, mean size of a batch, and the time of a bare fsync on that
 * disk. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "db/db.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum { CONVERSATIONS = 1000, SAMPLES = 1 << 20, SYNCS = 200, BODY = 300 };

static const char *const tables[] = {
    "CREATE TABLE conversations (tenant_id BLOB NOT NULL, id BIGINT NOT NULL, last BIGINT NOT NULL,"
    " PRIMARY KEY (tenant_id, id))",
    "CREATE TABLE messages (tenant_id BLOB NOT NULL, id BLOB NOT NULL, conversation_id BIGINT NOT "
    "NULL, body TEXT NOT NULL, created_us BIGINT NOT NULL, PRIMARY KEY (tenant_id, id),"
    " FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id))",
    "CREATE TABLE events (tenant_id BLOB NOT NULL, id BLOB NOT NULL, payload TEXT NOT NULL,"
    " PRIMARY KEY (tenant_id, id))",
};

static const struct db_stmt count_up =
    DB_TENANT_SQL("INSERT INTO conversations (tenant_id, id, last) VALUES ($1, $2, 1) "
                  "ON CONFLICT (tenant_id, id) DO UPDATE SET last = conversations.last + 1 "
                  "RETURNING last");
static const struct db_stmt insert_message =
    DB_TENANT_SQL("INSERT INTO messages (tenant_id, id, conversation_id, body, created_us) "
                  "VALUES ($1, $2, $3, $4, $5)");
static const struct db_stmt insert_event =
    DB_TENANT_SQL("INSERT INTO events (tenant_id, id, payload) VALUES ($1, $2, $3)");
static const struct db_stmt read_one =
    DB_TENANT_SQL("SELECT last FROM conversations WHERE tenant_id = $1 AND id = $2");

struct worker {
    struct db *db;
    int64_t until_us;
    int64_t done;
    int64_t *waits_us; /* of the first SAMPLES */
    pthread_t thread;
};

__attribute__((noreturn)) static void die(const char *what)
{
    (void)fprintf(stderr, "db_commit: %s\n", what);
    exit(1);
}

static void begin_unit(struct cx *cx, struct db *db)
{
    cx_begin(cx, db);
    cx_for_tenant(cx, (struct tenant_id){{{7}}});
}

static enum err receive(struct cx *cx, int64_t conversation)
{
    static const char body[BODY] = "";
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows rows;
    TRY(db_begin_write(cx, &tx));
    TRY(db_query(tx, &count_up, DB_ARGS(DB_INT(conversation)), &rows));
    TRY(db_exec(tx, &insert_message,
                DB_ARGS(DB_ID(uuid_new()), DB_INT(conversation),
                        DB_TEXT(((struct str){body, sizeof(body)})), DB_INT(cx->now_us)),
                NULL));
    TRY(db_exec(tx, &insert_event, DB_ARGS(DB_ID(uuid_new()), DB_CSTR("{\"type\":\"message\"}")),
                NULL));
    return db_commit(tx);
}

static void *write_on(void *arg)
{
    struct worker *w = arg;
    int64_t now = clock_mono_us();
    while (now < w->until_us) {
        SCOPED(cx_end) struct cx cx;
        begin_unit(&cx, w->db);
        if (receive(&cx, (int64_t)rand_below(CONVERSATIONS))) {
            die(cx.detail);
        }
        const int64_t after = clock_mono_us();
        if (w->done < SAMPLES) {
            w->waits_us[w->done] = after - now;
        }
        w->done++;
        now = after;
    }
    return NULL;
}

static enum err read_row(struct cx *cx)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows rows;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &read_one, DB_ARGS(DB_INT((int64_t)rand_below(CONVERSATIONS))), &rows));
    return db_commit(tx);
}

static void *read_on(void *arg)
{
    struct worker *w = arg;
    while (clock_mono_us() < w->until_us) {
        SCOPED(cx_end) struct cx cx;
        begin_unit(&cx, w->db);
        if (read_row(&cx)) {
            die(cx.detail);
        }
        w->done++;
    }
    return NULL;
}

static struct db *open_at(const char *path)
{
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    struct db *db;
    if (access(path, F_OK) == 0) {
        die("the file is there already");
    }
    if (db_open(&(struct db_options){.path = path}, &db, &why)) {
        die(why.p);
    }
    SCOPED(cx_end) struct cx cx;
    cx_begin(&cx, db);
    cx_for_platform(&cx);
    for (size_t i = 0; i < COUNT(tables); i++) {
        const struct db_stmt create = DB_PLATFORM_SQL(tables[i]);
        SCOPED(db_tx_close) struct db_tx *tx = NULL;
        if (db_begin_write(&cx, &tx) || db_exec(tx, &create, DB_NO_ARGS, NULL) || db_commit(tx)) {
            die(cx.detail);
        }
    }
    return db;
}

static double fsync_us(const char *path)
{
    char name[1024];
    (void)snprintf(name, sizeof(name), "%s.fsync", path);
    const int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    const int64_t from = clock_mono_us();
    for (int i = 0; i < SYNCS; i++) {
        static const char page[4096];
        if (write(fd, page, sizeof(page)) < 0 || fsync(fd)) {
            die("cannot write beside the database");
        }
    }
    const double us = (double)(clock_mono_us() - from) / SYNCS;
    (void)close(fd);
    (void)unlink(name);
    return us;
}

static int by_size(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a;
    const int64_t y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

struct result {
    int64_t done, least, most;
    int64_t *waits_us; /* sorted */
    size_t waits;
};

static struct result collect(const struct worker *w, size_t threads)
{
    struct result r = {.least = INT64_MAX};
    for (size_t i = 0; i < threads; i++) {
        const size_t n = (size_t)min_i64(w[i].done, SAMPLES);
        r.done += w[i].done;
        r.least = min_i64(r.least, w[i].done);
        r.most = max_i64(r.most, w[i].done);
        r.waits_us = mem_realloc(r.waits_us, (r.waits + n) * sizeof(*r.waits_us));
        memcpy(r.waits_us + r.waits, w[i].waits_us, n * sizeof(*r.waits_us));
        r.waits += n;
    }
    if (r.waits) {
        qsort(r.waits_us, r.waits, sizeof(*r.waits_us), by_size);
    }
    return r;
}

static double at_ms(const struct result *r, double share)
{
    const size_t i = (size_t)(share * (double)(r->waits - 1));
    return r->waits ? (double)r->waits_us[i] / 1000 : 0;
}

int main(int argc, char **argv)
{
    int64_t threads;
    int64_t seconds;
    if (argc < 4 || !str_to_i64(str_of(argv[1]), 1, 4096, &threads) ||
        !str_to_i64(str_of(argv[2]), 1, 3600, &seconds)) {
        die("THREADS SECONDS PATH [write|mixed] are needed");
    }
    const size_t readers =
        argc > 4 && str_is(str_of(argv[4]), "mixed") ? (size_t)sysconf(_SC_NPROCESSORS_ONLN) : 0;
    struct db *db = open_at(argv[3]);
    const double sync = fsync_us(argv[3]);
    struct worker *w = mem_alloc((size_t)threads + readers, sizeof(*w));
    const double commits = metric_value(METRIC_DB_COMMITS, NULL);
    const int64_t until = clock_mono_us() + seconds * SECOND_US;
    for (size_t i = 0; i < (size_t)threads + readers; i++) {
        const bool writes = i < (size_t)threads;
        w[i] = (struct worker){.db = db, .until_us = until};
        w[i].waits_us = writes ? mem_alloc(SAMPLES, sizeof(int64_t)) : NULL;
        must(pthread_create(&w[i].thread, NULL, writes ? write_on : read_on, &w[i]) == 0);
    }
    int64_t reads = 0;
    for (size_t i = 0; i < (size_t)threads + readers; i++) {
        (void)pthread_join(w[i].thread, NULL);
        reads += i < (size_t)threads ? 0 : w[i].done;
    }
    const struct result r = collect(w, (size_t)threads);
    const double batches = metric_value(METRIC_DB_COMMITS, NULL) - commits;
    (void)printf("{\"threads\":%" PRId64 ",\"perSecond\":%.0f,\"p50Ms\":%.3f,\"p99Ms\":%.3f,"
                 "\"maxMs\":%.3f,\"least\":%" PRId64 ",\"most\":%" PRId64
                 ",\"batch\":%.1f,\"readsPerSecond\":%.0f,\"fsyncUs\":%.0f}\n",
                 threads, (double)r.done / (double)seconds, at_ms(&r, 0.5), at_ms(&r, 0.99),
                 at_ms(&r, 1), r.least, r.most, (double)r.done / batches,
                 (double)reads / (double)seconds, sync);
    for (size_t i = 0; i < (size_t)threads + readers; i++) {
        mem_free(w[i].waits_us);
    }
    mem_free(r.waits_us);
    mem_free(w);
    db_close(&db);
    return 0;
}
