/* The one writer: transactions of many threads, one after the other on one connection, made durable
 * together.
 *
 *   begin   wait for the turn (first come, first served); BEGIN when no batch is open; SAVEPOINT
 *   run     statements, while holding the turn
 *   end     RELEASE, or back to the savepoint; end of turn; wait for the batch
 *
 * End of turn, the duty of everyone who had one: when nobody waits, or the batch is full, old,
 * alone or dead, COMMIT it, give its notes to the listener, open its latch; then hand the turn on.
 *
 * States of a batch: open [begin] → ended durable | ended lost [end of turn]; open → dead [a
 * statement made SQLite throw the transaction away] → ended lost. Whoever was in it looks at
 * durable only after ended is open.
 *
 * Invariants:
 * 1. conn and batch are touched only by the thread that has the turn.
 * 2. Whoever waits in the queue gets the turn, never leaves before, and does the end-of-turn duty,
 *    even when it came too late to do anything else.
 * 3. A member returns, kept or rolled back, only after its batch ended: it may have read rows of
 *    earlier members that were not durable.
 * 4. Nobody is told OK unless COMMIT returned OK; nothing runs in a batch that is dead. (The other
 *    way round there is no promise: after a sync that failed, a crash before the next commit may
 *    bring a lost batch back. Keys against duplicates stand against that.)
 * 5. Nothing interrupts this connection: an interrupt would roll back the work of others.
 * 6. Between turns no statement is open, and no savepoint.
 * 7. Nothing is committed into files that are no longer at their paths. */
#include "db/sqlite.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"

enum {
    CROWD_SHARE = 8, /* a batch takes one in so many of those who wait, */
    CROWD_AGES = 10, /* unless it is this many times batch_us old */
};

static const char batch_lost[] = "the batch of writes was lost: %s";

void writer_init(struct writer *w, struct db *db, struct conn *conn)
{
    *w = (struct writer){.db = db, .conn = conn};
    w->last = &w->first;
    atomic_store(&w->healthy, true);
    (void)pthread_mutex_init(&w->lock, NULL);
}

void writer_fini(struct writer *w)
{
    must(!w->taken && !w->batch);
    (void)pthread_mutex_destroy(&w->lock);
}

static void take_turn(struct writer *w)
{
    struct waiter self = {};
    (void)pthread_mutex_lock(&w->lock);
    const bool wait = w->taken;
    if (wait) {
        *w->last = &self;
        /* cppcheck-suppress autoVariables ; out of the queue before this returns */
        w->last = &self.next;
        w->waiting++;
    }
    w->taken = true;
    (void)pthread_mutex_unlock(&w->lock);
    if (wait) {
        latch_wait(&self.turn);
    }
}

static void hand_on(struct writer *w)
{
    (void)pthread_mutex_lock(&w->lock);
    struct waiter *next = w->first;
    if (next) {
        w->first = next->next;
        w->last = w->first ? w->last : &w->first;
        w->waiting--;
    }
    w->taken = next != NULL;
    (void)pthread_mutex_unlock(&w->lock);
    if (next) {
        latch_open(&next->turn);
    }
}

int writer_waiting(struct writer *w)
{
    (void)pthread_mutex_lock(&w->lock);
    const int n = w->waiting;
    (void)pthread_mutex_unlock(&w->lock);
    return n;
}

static void batch_unref(struct batch *b)
{
    if (atomic_fetch_sub(&b->refs, 1) == 1) {
        db_notes_fini(&b->notes);
        mem_free(b);
    }
}

static void batch_dies(struct writer *w, const char *why)
{
    if (!w->batch->dead) {
        w->batch->dead = true;
        (void)snprintf(w->batch->why, sizeof(w->batch->why), "%s", why);
    }
}

/* What stands in the way of keeping what is written, or NULL. */
static const char *trouble_of(const struct writer *w)
{
    return files_keep(container_of(w->db, struct db_sqlite, db));
}

void writer_look(struct writer *w)
{
    if (sqlite3_get_autocommit(w->conn->sq)) {
        batch_dies(w, sqlite3_errmsg(w->conn->sq));
    }
}

static void tell_listener(struct writer *w, const struct db_notes *notes)
{
    for (size_t i = 0; i < notes->count && w->db->listener; i++) {
        w->db->listener(w->db->listener_arg, &notes->items[i]);
    }
}

static void commit_batch(struct writer *w)
{
    struct batch *b = w->batch;
    const char *trouble = trouble_of(w);
    if (trouble) {
        batch_dies(w, trouble);
    } else if (!b->dead && sqlite_conn_own(w->conn, OWN_COMMIT)) {
        batch_dies(w, sqlite3_errmsg(w->conn->sq));
    }
    if (b->dead && !sqlite3_get_autocommit(w->conn->sq)) {
        (void)sqlite_conn_own(w->conn, OWN_ROLLBACK);
    }
    b->durable = !b->dead;
    atomic_store(&w->healthy, b->durable);
    metric_add(b->durable ? METRIC_DB_COMMITS : METRIC_DB_BATCH_FAILED, NULL, 1);
    if (b->durable) {
        tell_listener(w, &b->notes);
    }
    w->batch = NULL;
    latch_open(&b->ended);
    batch_unref(b);
}

/* Where a crowd waits, a batch grows older until it has a share of it: everybody waits for the
 * commits before the own one, and fewer are sooner done. */
static bool is_old(const struct writer *w, int waiting)
{
    const int64_t age_us = clock_mono_us() - w->batch->began_us;
    const int64_t due_us = w->db->options.batch_us;
    return age_us >= due_us &&
           (w->batch->members >= waiting / CROWD_SHARE || age_us >= CROWD_AGES * due_us);
}

static bool is_due(struct writer *w)
{
    const struct batch *b = w->batch;
    const int waiting = writer_waiting(w);
    return b->dead || b->alone || b->members >= w->db->options.batch_max || waiting == 0 ||
           is_old(w, waiting);
}

static void end_turn(struct writer *w)
{
    if (w->batch && is_due(w)) {
        commit_batch(w);
    }
    hand_on(w);
}

/* A batch whose rollback failed too may have left its transaction behind. */
static int clear_away(struct writer *w)
{
    return sqlite3_get_autocommit(w->conn->sq) ? SQLITE_OK : sqlite_conn_own(w->conn, OWN_ROLLBACK);
}

/* A lone member finds no batch open, so that the settings of its own can take effect. */
static enum err open_batch(struct writer *w, struct cx *cx, bool alone)
{
    if (w->batch && alone) {
        commit_batch(w);
    }
    if (w->batch) {
        return ERR_OK;
    }
    const char *trouble = trouble_of(w);
    if (trouble) {
        atomic_store(&w->healthy, false);
        return cx_fail(cx, CODE_DATABASE_ERROR, "%s", trouble);
    }
    /* By call, not by statement, so that it cannot fail. */
    (void)sqlite3_db_config(w->conn->sq, SQLITE_DBCONFIG_ENABLE_FKEY, (int)!alone, NULL);
    if (clear_away(w) || sqlite_conn_own(w->conn, OWN_BEGIN_WRITE)) {
        atomic_store(&w->healthy, false);
        return sqlite_conn_fail(w->conn, cx);
    }
    w->batch = mem_new(struct batch);
    w->batch->alone = alone;
    w->batch->began_us = clock_mono_us();
    atomic_store(&w->batch->refs, 1);
    return ERR_OK;
}

static enum err join_batch(struct writer *w, struct db_tx *tx)
{
    TRY(open_batch(w, tx->cx, tx->mode == DB_SCHEMA));
    if (sqlite_conn_own(w->conn, OWN_SAVEPOINT)) {
        const enum err e = sqlite_conn_fail(w->conn, tx->cx);
        batch_dies(w, tx->cx->detail);
        return e;
    }
    atomic_fetch_add(&w->batch->refs, 1);
    w->batch->members++;
    tx->group = w->batch;
    tx->conn = w->conn;
    w->conn->cx = tx->cx;
    return ERR_OK;
}

static enum err check_in_time(struct writer *w, struct cx *cx, int64_t waited_us)
{
    TRY(cx_check(cx));
    if (waited_us > w->db->options.wait_us) {
        return cx_fail(cx, CODE_DEADLINE_EXCEEDED, "the turn to write came after %" PRId64 " ms",
                       waited_us / 1000);
    }
    return ERR_OK;
}

enum err writer_begin(struct writer *w, struct db_tx *tx)
{
    const int64_t from = clock_mono_us();
    take_turn(w);
    const int64_t waited = clock_mono_us() - from;
    metric_seen(METRIC_DB_WAIT, "write", (double)waited / SECOND_US);
    enum err e = check_in_time(w, tx->cx, waited);
    if (!e) {
        e = join_batch(w, tx);
    }
    if (e) {
        end_turn(w);
    }
    return e;
}

/* With foreign keys off, a schema change has to prove that none is broken. */
static bool broken_keys(struct conn *c)
{
    sqlite3_stmt *st = NULL;
    const int rc = sqlite3_prepare_v2(c->sq, "PRAGMA foreign_key_check", -1, &st, NULL);
    const bool broken = rc || sqlite3_step(st) != SQLITE_DONE;
    (void)sqlite3_finalize(st);
    return broken;
}

static void leave(struct writer *w, struct db_tx *tx, bool keep)
{
    struct batch *b = w->batch;
    if (b->dead) {
        return;
    }
    if ((!keep && sqlite_conn_own(w->conn, OWN_UNDO)) || sqlite_conn_own(w->conn, OWN_RELEASE)) {
        batch_dies(w, sqlite3_errmsg(w->conn->sq));
    } else if (keep) {
        db_notes_move(&b->notes, &tx->notes);
    }
}

enum err writer_end(struct writer *w, struct db_tx *tx, bool keep)
{
    struct batch *b = tx->group;
    const bool broken = keep && tx->mode == DB_SCHEMA && !b->dead && broken_keys(w->conn);
    leave(w, tx, keep && !broken);
    w->conn->cx = NULL;
    end_turn(w);
    latch_wait(&b->ended);
    enum err e = ERR_OK;
    if (broken) {
        e = cx_fail(tx->cx, CODE_INTERNAL_ERROR, "the change leaves rows without their parents");
    } else if (keep && !b->durable) {
        e = cx_fail(tx->cx, CODE_RERUN, batch_lost, b->why);
    }
    batch_unref(b);
    return e;
}
