/* The pool of read-only connections: opened when first needed, at most options.readers of them.
 *
 * Invariants: open counts idle and lent ones, used only the lent; a connection in the pool has no
 * transaction. */
#include "db/sqlite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

void readers_init(struct readers *r, struct db *db)
{
    *r = (struct readers){.db = db};
    (void)pthread_mutex_init(&r->lock, NULL);
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->freed, &attr);
    (void)pthread_condattr_destroy(&attr);
}

void readers_fini(struct readers *r)
{
    must(r->used == 0);
    while (r->idle) {
        struct conn *c = r->idle;
        r->idle = c->next;
        sqlite_conn_close(&c);
    }
    (void)pthread_cond_destroy(&r->freed);
    (void)pthread_mutex_destroy(&r->lock);
}

static struct timespec mono(int64_t us)
{
    return (struct timespec){.tv_sec = us / SECOND_US, .tv_nsec = us % SECOND_US * 1000};
}

static void show(const struct readers *r)
{
    metric_set(METRIC_DB_POOL_SIZE, NULL, r->open);
    metric_set(METRIC_DB_POOL_USED, NULL, r->used);
    metric_set(METRIC_DB_POOL_WAITING, NULL, r->waiting);
}

/* Reserves a place: *ret is an idle connection, or NULL when there is room to open one. False when
 * there was neither until the time. */
static bool reserve(struct readers *r, int64_t until_us, struct conn **ret)
{
    const struct timespec until = mono(until_us);
    (void)pthread_mutex_lock(&r->lock);
    int late = 0;
    r->waiting++;
    while (!r->idle && r->open >= r->db->options.readers && !late) {
        late = pthread_cond_timedwait(&r->freed, &r->lock, &until);
    }
    r->waiting--;
    *ret = r->idle;
    const bool ok = r->idle || r->open < r->db->options.readers;
    if (r->idle) {
        r->idle = r->idle->next;
    } else if (ok) {
        r->open++;
    }
    r->used += ok ? 1 : 0;
    show(r);
    (void)pthread_mutex_unlock(&r->lock);
    return ok;
}

/* c may be NULL: then its place is given back. */
static void give_back(struct readers *r, struct conn *c)
{
    (void)pthread_mutex_lock(&r->lock);
    r->used--;
    if (c) {
        c->next = r->idle;
        r->idle = c;
    } else {
        r->open--;
    }
    show(r);
    (void)pthread_cond_signal(&r->freed);
    (void)pthread_mutex_unlock(&r->lock);
}

static enum err open_one(struct readers *r, struct cx *cx, struct conn **ret)
{
    const struct db_options *o = &r->db->options;
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    if (sqlite_conn_open(o->path, CONN_READER, o->check_plans, ret, &why)) {
        return cx_fail(cx, CODE_DATABASE_ERROR, STR_FMT, STR_ARG(buf_view(&why)));
    }
    const char *trouble = files_trouble(container_of(r->db, struct db_sqlite, db));
    if (trouble) { /* it may be another file that was opened */
        sqlite_conn_close(ret);
        return cx_fail(cx, CODE_DATABASE_ERROR, "%s", trouble);
    }
    return ERR_OK;
}

static enum err start(struct readers *r, struct db_tx *tx, struct conn *c)
{
    if (!c) {
        TRY(open_one(r, tx->cx, &c));
    }
    if (sqlite_conn_own(c, OWN_BEGIN_READ)) {
        const enum err e = sqlite_conn_fail(c, tx->cx);
        sqlite_conn_close(&c);
        return e;
    }
    c->cx = tx->cx;
    tx->conn = c;
    return ERR_OK;
}

enum err readers_begin(struct readers *r, struct db_tx *tx)
{
    const int64_t from = clock_mono_us();
    const int64_t left = min_i64(cx_left_us(tx->cx), r->db->options.wait_us);
    struct conn *c;
    const bool got = reserve(r, from + left, &c);
    metric_seen(METRIC_DB_WAIT, "read", (double)(clock_mono_us() - from) / SECOND_US);
    if (!got) {
        return cx_fail(tx->cx, CODE_DATABASE_ERROR,
                       "no connection for reading within %" PRId64 " ms", left / 1000);
    }
    const enum err e = start(r, tx, c);
    if (e) {
        give_back(r, NULL);
    }
    return e;
}

void readers_end(struct readers *r, struct db_tx *tx)
{
    struct conn *c = tx->conn;
    c->cx = NULL;
    if (sqlite_conn_own(c, OWN_COMMIT)) {
        sqlite_conn_close(&c);
    }
    give_back(r, c);
}

void readers_load(struct readers *r, struct db_health *ret)
{
    (void)pthread_mutex_lock(&r->lock);
    ret->readers = r->open;
    ret->readers_used = r->used;
    ret->waiting = r->waiting;
    (void)pthread_mutex_unlock(&r->lock);
}
