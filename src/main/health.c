/* One function a part. Each says in words what it found, as it should be or not; docs/runbook.md
 * says what to do about it. Only database, migrations and workers are needed to serve: with the
 * others broken the state is "degraded". */
#include "main/health.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/log.h"
#include "base/metric.h"
#include "main/runtime.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>

/* How long a part stays broken after something that is over in a moment. */
#define ALARM_US (10 * MINUTE_US)

static bool check_database(void *arg, struct buf *detail)
{
    const struct health *all = arg;
    struct db_health h;
    db_health(all->db, &h);
    metric_set(METRIC_DB_POOL_SIZE, NULL, h.readers);
    metric_set(METRIC_DB_POOL_USED, NULL, h.readers_used);
    metric_set(METRIC_DB_POOL_WAITING, NULL, h.waiting);
    buf_fmt(detail, "%s, %d of %d readers in use, %d waiting, log of %" PRId64 " bytes",
            h.trouble    ? h.trouble
            : h.writable ? "writable"
                         : "the last write failed",
            h.readers_used, h.readers, h.waiting, h.wal_bytes);
    return h.writable;
}

static bool check_workers(void *arg, struct buf *detail)
{
    const struct health *all = arg;
    const bool alive = !all->worker || worker_alive(all->worker);
    buf_cstr(detail, !all->worker ? "not in this process"
                     : alive      ? "alive"
                                  : "silent for 5 s or more");
    return alive;
}

/* Compares the schema with what the migrations make. False when it could not be read: then the
 * verdict of before stands, and the database has a part of its own to say so. */
static bool look_at_schema(struct db *db, bool *ret_broken, struct buf *words)
{
    struct cx cx;
    struct db_migrate_status st = {};
    cx_begin(&cx, db);
    cx_for_platform(&cx);
    cx.deadline_us = clock_mono_us() + SECOND_US;
    const enum err e = db_migrate_status(&cx, &st);
    if (!e) {
        *ret_broken = st.pending || st.unknown || st.edited || st.drift.n;
        buf_reset(words);
        buf_fmt(words, "version %d, %d pending, %d unknown, %s", st.applied, st.pending, st.unknown,
                st.drift.n ? "the schema differs" : "no drift");
    }
    cx_end(&cx);
    return !e;
}

/* Only another program could change the schema while we run, and to look takes as long as to make
 * it anew: a verdict stands for a minute, however often health is asked. Who comes while somebody
 * looks hears the one before. */
static bool check_migrations(void *arg, struct buf *detail)
{
    struct health *all = arg;
    const int64_t now = clock_mono_us();
    (void)pthread_mutex_lock(&all->schema_lock_);
    const bool due = now >= all->schema_again_us_;
    all->schema_again_us_ = due ? now + MINUTE_US : all->schema_again_us_;
    bool broken = all->schema_broken_;
    buf_cstr(detail, all->schema_words_);
    (void)pthread_mutex_unlock(&all->schema_lock_);
    if (due && look_at_schema(all->db, &broken, detail)) {
        (void)pthread_mutex_lock(&all->schema_lock_);
        all->schema_broken_ = broken;
        (void)snprintf(all->schema_words_, sizeof(all->schema_words_), STR_FMT,
                       STR_ARG(buf_view(detail)));
        (void)pthread_mutex_unlock(&all->schema_lock_);
    }
    return !broken;
}

static bool check_clock(void *arg, struct buf *detail)
{
    int64_t step_us;
    int64_t ago_us;
    (void)arg;
    if (!clock_jumped(&step_us, &ago_us) || ago_us >= ALARM_US) {
        buf_cstr(detail, "steady");
        return true;
    }
    buf_fmt(detail, "%s by %" PRId64 " s, %" PRId64 " s ago",
            step_us > 0 ? "jumped forward" : "was set back",
            (step_us > 0 ? step_us : -step_us) / SECOND_US, ago_us / SECOND_US);
    return false;
}

/* What of the data folder is not needed while we run, but by the next start. */
static bool check_files(void *arg, struct buf *detail)
{
    static const char *const names[] = {"blobs", "keys", "lock", "admin.sock"};
    const struct health *all = arg;
    struct blob_loss loss;
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(names); i++) {
        struct stat st;
        if (stat(data_path(a, names[i]).p, &st)) {
            buf_fmt(detail, "%s%s is gone", detail->n ? ", " : "", names[i]);
        }
    }
    arena_free(&a);
    if (blob_lost(all->blobs, &loss) && loss.ago_us < ALARM_US) {
        buf_fmt(detail,
                "%s%" PRId64 " reads of uploaded files that are gone or damaged, the last "
                "%" PRId64 " s ago",
                detail->n ? ", " : "", loss.count, loss.ago_us / SECOND_US);
    }
    const bool ok = detail->n == 0;
    buf_cstr(detail, ok ? "all there" : "");
    return ok;
}

/* -1 when not even this folder could be opened. */
static int count_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    int n = 0;
    if (!d) {
        return -1;
    }
    while (readdir(d)) {
        n++;
    }
    (void)closedir(d);
    return n - 3; /* ".", "..", and the folder's own */
}

static bool check_descriptors(void *arg, struct buf *detail)
{
    struct rlimit limit = {};
    (void)arg;
    (void)getrlimit(RLIMIT_NOFILE, &limit);
    const int64_t most = (int64_t)limit.rlim_cur;
    const int counted = count_descriptors();
    const int64_t open = counted < 0 ? most : counted;
    metric_set(METRIC_FILES_OPEN, NULL, (double)open);
    metric_set(METRIC_FILES_MAX, NULL, (double)most);
    buf_fmt(detail, "%" PRId64 " of %" PRId64 " open", open, most);
    return open < most - most / 10;
}

static bool check_log(void *arg, struct buf *detail)
{
    const int64_t last_us = log_dropped_us();
    const bool ok = !last_us || clock_mono_us() - last_us >= ALARM_US;
    (void)arg;
    if (last_us) {
        buf_fmt(detail, "%.0f lines were dropped since the start, the last %" PRId64 " s ago",
                metric_value(METRIC_LOG_DROPPED, NULL), (clock_mono_us() - last_us) / SECOND_US);
    } else {
        buf_cstr(detail, "every line was taken");
    }
    return ok;
}

void health_add(struct http_server *server, struct health *h)
{
    const struct health_part parts[] = {
        {"database", true, check_database, h}, {"migrations", true, check_migrations, h},
        {"workers", true, check_workers, h},   {"clock", false, check_clock, h},
        {"files", false, check_files, h},      {"descriptors", false, check_descriptors, h},
        {"log", false, check_log, h},
    };
    (void)pthread_mutex_init(&h->schema_lock_, NULL);
    for (size_t i = 0; i < COUNT(parts); i++) {
        http_health_add(server, parts[i]);
    }
}
