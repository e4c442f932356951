/* The rules of the one writer, one by one.
 *
 * Threads are brought into order without sleeping: db_health says how many wait, and a test step
 * goes on when that number is reached. */
#include "db/db_fault.h"
#include "db/db_fixture.h"
#include "db/sqlite.h"

#include "base/clock.h"
#include "base/metric.h"

#include <sched.h>
#include <setjmp.h>

#include <cmocka.h>

enum { CREW = 3, MANY = 64 };

static const struct db_stmt insert_n = DB_PLATFORM_SQL("INSERT INTO t (n) VALUES ($1)");
static const struct db_stmt count_n = DB_PLATFORM_SQL("SELECT count(*) FROM t WHERE n = $1");
static const struct db_stmt insert_or_lose =
    DB_PLATFORM_SQL("INSERT OR ROLLBACK INTO t (n) VALUES ($1)");
static const struct db_stmt breaks_midway =
    DB_PLATFORM_SQL("SELECT abs(v) FROM (SELECT 1 AS v UNION ALL SELECT (-9223372036854775807) - 1 "
                    "UNION ALL SELECT 2)");
static const struct db_stmt orphan = DB_PLATFORM_SQL("INSERT INTO child (parent) VALUES (99)");
static const struct db_stmt long_count =
    DB_PLATFORM_SQL("WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < "
                    "300000) SELECT count(*) FROM c");

static int setup(void **state)
{
    struct db_fixture *f = malloc(sizeof(*f));
    db_fixture_init(f);
    f->options.batch_us = 60 * SECOND_US;
    *state = f;
    return 0;
}

static void open_with_table(struct db_fixture *f)
{
    db_fixture_open(f);
    db_fixture_script(
        f, "CREATE TABLE t (seq INTEGER PRIMARY KEY AUTOINCREMENT, n INTEGER NOT NULL UNIQUE);"
           "CREATE TABLE parent (id INTEGER PRIMARY KEY);"
           "CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY "
           "DEFERRED)");
}

static int setup_open(void **state)
{
    (void)setup(state);
    open_with_table(*state);
    return 0;
}

static int teardown(void **state)
{
    db_fault_at(DB_FAULT_SYNC, 0, 0, false);
    db_fixture_fini(*state);
    free(*state);
    return 0;
}

static void await_waiting(struct db_fixture *f, int n)
{
    struct db_health h;
    do {
        (void)sched_yield();
        db_health(f->db, &h);
    } while (h.waiting < n);
}

/* One who writes in a thread of its own. */
struct member {
    struct db_fixture *f;
    int n; /* what it inserts */
    enum err (*work)(struct member *m, struct db_tx *tx);
    int64_t deadline_us;
    bool roll_back;
    bool schema; /* begins a schema change instead of a write */
    enum err begun;
    enum err worked;
    enum err ended;
    atomic_int *clock; /* counts returns; shared */
    int returned_at;
    pthread_t thread;
};

static enum err insert(struct member *m, struct db_tx *tx)
{
    db_note(tx, (struct db_note){.kind = 1, .n = m->n});
    return db_exec(tx, &insert_n, DB_ARGS(DB_INT(m->n)), NULL);
}

/* The first failure, or OK. */
static enum err outcome(const struct member *m)
{
    return m->begun ? m->begun : m->worked ? m->worked : m->ended;
}

static void run_member(struct member *m)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(m->f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    cx.deadline_us = m->deadline_us;
    m->begun =
        m->schema ? db_begin(&cx, DB_SCHEMA, &tx, __FILE__, __LINE__) : db_begin_write(&cx, &tx);
    if (!m->begun) {
        m->worked = m->work(m, tx);
        m->ended = m->roll_back ? ERR_OK : db_commit(tx);
        db_tx_close(&tx);
    }
    if (m->clock) {
        m->returned_at = atomic_fetch_add(m->clock, 1);
    }
}

static void *in_thread(void *arg)
{
    run_member(arg);
    return NULL;
}

/* The first holds the turn until all others wait behind it, in order: so they share a batch. */
struct crew {
    struct db_fixture *f;
    struct cx cx;
    struct db_tx *tx;
    struct member others[CREW];
    size_t count;
};

static void crew_start(struct crew *c, struct db_fixture *f, size_t count)
{
    *c = (struct crew){.f = f, .cx = db_fixture_platform(f), .count = count};
    assert_int_equal(db_begin_write(&c->cx, &c->tx), ERR_OK);
    for (size_t i = 0; i < count; i++) {
        c->others[i] = (struct member){.f = f, .n = (int)i + 1, .work = insert};
    }
}

static void crew_queue(struct crew *c)
{
    for (size_t i = 0; i < c->count; i++) {
        assert_int_equal(pthread_create(&c->others[i].thread, NULL, in_thread, &c->others[i]), 0);
        await_waiting(c->f, (int)i + 1);
    }
}

static enum err crew_finish(struct crew *c)
{
    const enum err e = db_commit(c->tx);
    for (size_t i = 0; i < c->count; i++) {
        (void)pthread_join(c->others[i].thread, NULL);
    }
    db_tx_close(&c->tx);
    cx_end(&c->cx);
    return e;
}

static int64_t rows(struct db_fixture *f)
{
    return db_fixture_number(f, "SELECT count(*) FROM t");
}

static void those_who_wait_share_a_commit(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    crew_queue(&c);
    const double before = metric_value(METRIC_DB_COMMITS, NULL);
    assert_int_equal(db_exec(c.tx, &insert_n, DB_ARGS(DB_INT(0)), NULL), ERR_OK);
    assert_int_equal(crew_finish(&c), ERR_OK);
    for (size_t i = 0; i < CREW; i++) {
        assert_int_equal(outcome(&c.others[i]), ERR_OK);
    }
    assert_int_equal((int)(metric_value(METRIC_DB_COMMITS, NULL) - before), 1);
    assert_int_equal(rows(*state), 1 + CREW);
}

static void a_full_batch_is_committed(void **state)
{
    struct db_fixture *f = *state;
    f->options.batch_max = 2;
    open_with_table(f);
    struct crew c;
    crew_start(&c, f, CREW);
    crew_queue(&c);
    const double before = metric_value(METRIC_DB_COMMITS, NULL);
    assert_int_equal(crew_finish(&c), ERR_OK);
    assert_int_equal((int)(metric_value(METRIC_DB_COMMITS, NULL) - before), 2);
    assert_int_equal(rows(f), CREW);
}

static void an_old_batch_is_committed(void **state)
{
    struct db_fixture *f = *state;
    f->options.batch_us = 1;
    open_with_table(f);
    struct crew c;
    crew_start(&c, f, CREW);
    crew_queue(&c);
    const double before = metric_value(METRIC_DB_COMMITS, NULL);
    assert_int_equal(crew_finish(&c), ERR_OK);
    assert_true(metric_value(METRIC_DB_COMMITS, NULL) - before >= 2);
    assert_int_equal(rows(f), CREW);
}

static enum err break_a_rule_and_go_on(struct member *m, struct db_tx *tx)
{
    const enum err first = db_exec(tx, &insert_n, DB_ARGS(DB_INT(0)), NULL);
    const enum err null = db_exec(tx, &insert_n, DB_ARGS(DB_NULL), NULL);
    const enum err second = db_exec(tx, &insert_n, DB_ARGS(DB_INT(m->n)), NULL);
    return first == ERR_CONFLICT && null == ERR_INVALID && second == ERR_OK ? ERR_OK : ERR_INTERNAL;
}

static void a_broken_rule_undoes_its_statement_alone(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    c.others[1].work = break_a_rule_and_go_on;
    crew_queue(&c);
    assert_int_equal(db_exec(c.tx, &insert_n, DB_ARGS(DB_INT(0)), NULL), ERR_OK);
    assert_int_equal(crew_finish(&c), ERR_OK);
    for (size_t i = 0; i < CREW; i++) {
        assert_int_equal(outcome(&c.others[i]), ERR_OK);
    }
    assert_int_equal(rows(*state), 1 + CREW);
}

static void a_rollback_undoes_its_member_alone(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    c.others[1].roll_back = true;
    crew_queue(&c);
    assert_int_equal(crew_finish(&c), ERR_OK);
    assert_int_equal(rows(*state), CREW - 1);
    assert_int_equal(db_fixture_number(*state, "SELECT count(*) FROM t WHERE n = 2"), 0);
}

static void a_failed_commit_fails_all(void **state)
{
    static const struct {
        enum db_fault_op op;
        int code;
    } faults[] = {
        {DB_FAULT_SYNC, SQLITE_IOERR_FSYNC},
        {DB_FAULT_WRITE, SQLITE_FULL},
        {DB_FAULT_WRITE, SQLITE_IOERR_WRITE},
    };
    struct db_health h;
    for (size_t i = 0; i < COUNT(faults); i++) {
        struct crew c;
        crew_start(&c, *state, CREW);
        crew_queue(&c);
        db_fault_at(faults[i].op, 1, faults[i].code, false);
        assert_int_equal(crew_finish(&c), ERR_RERUN);
        assert_int_equal(c.cx.code, CODE_RERUN);
        assert_true(db_fault_fired());
        for (size_t k = 0; k < CREW; k++) {
            assert_int_equal(c.others[k].worked, ERR_OK);
            assert_int_equal(c.others[k].ended, ERR_RERUN);
        }
        db_health(c.f->db, &h);
        assert_false(h.writable);
        assert_int_equal(rows(*state), 0);
    }
    struct crew c;
    crew_start(&c, *state, CREW);
    crew_queue(&c);
    assert_int_equal(crew_finish(&c), ERR_OK);
    assert_int_equal(rows(*state), CREW);
    db_health(c.f->db, &h);
    assert_true(h.writable);
}

/* SQLite refuses this COMMIT and leaves the transaction open. */
static void a_refused_commit_is_rolled_back(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    crew_queue(&c);
    assert_int_equal(db_exec(c.tx, &orphan, DB_NO_ARGS, NULL), ERR_OK);
    assert_int_equal(crew_finish(&c), ERR_RERUN);
    assert_int_equal(c.others[CREW - 1].ended, ERR_RERUN);
    assert_int_equal(rows(*state), 0);
    assert_int_equal(db_fixture_number(*state, "SELECT count(*) FROM child"), 0);

    struct member m = {.f = *state, .n = 5, .work = insert};
    run_member(&m);
    assert_int_equal(outcome(&m), ERR_OK);
    assert_int_equal(rows(*state), 1);
}

static enum err lose_the_transaction(struct member *m, struct db_tx *tx)
{
    const enum err lost = db_exec(tx, &insert_or_lose, DB_ARGS(DB_INT(0)), NULL);
    const enum err after = db_exec(tx, &insert_n, DB_ARGS(DB_INT(m->n)), NULL);
    return lost == ERR_CONFLICT && after == ERR_RERUN ? ERR_OK : ERR_INTERNAL;
}

static void a_lost_transaction_kills_its_batch_and_no_other(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    c.others[1].work = lose_the_transaction;
    crew_queue(&c);
    assert_int_equal(db_exec(c.tx, &insert_n, DB_ARGS(DB_INT(0)), NULL), ERR_OK);
    assert_int_equal(crew_finish(&c), ERR_RERUN);
    assert_int_equal(c.others[0].ended, ERR_RERUN);
    assert_int_equal(c.others[1].worked, ERR_OK);
    assert_int_equal(c.others[1].ended, ERR_RERUN);
    assert_int_equal(outcome(&c.others[2]), ERR_OK);
    assert_int_equal(rows(*state), 1);
}

static void who_comes_too_late_still_does_the_duty(void **state)
{
    /* The late one is the last, and has to commit; or in the middle, and has to hand on. */
    for (size_t late = 1; late < CREW; late++) {
        struct crew c;
        crew_start(&c, *state, CREW);
        for (size_t i = 0; i < CREW; i++) {
            c.others[i].n += (int)(late * 10);
        }
        c.others[late].deadline_us = clock_mono_us() + 20 * MS_US;
        crew_queue(&c);
        while (clock_mono_us() <= c.others[late].deadline_us) {
            (void)sched_yield();
        }
        assert_int_equal(crew_finish(&c), ERR_OK);
        for (size_t i = 0; i < CREW; i++) {
            assert_int_equal(outcome(&c.others[i]), i == late ? ERR_TIMEOUT : ERR_OK);
        }
        assert_int_equal(rows(*state), (CREW - 1) * (int64_t)late);
    }
}

static void a_wait_has_a_bound_of_its_own(void **state)
{
    struct db_fixture *f = *state;
    f->options.wait_us = 20 * MS_US;
    open_with_table(f);
    struct crew c;
    crew_start(&c, f, 1);
    crew_queue(&c);
    const int64_t queued_us = clock_mono_us();
    while (clock_mono_us() <= queued_us + f->options.wait_us) {
        (void)sched_yield();
    }
    assert_int_equal(crew_finish(&c), ERR_OK);
    assert_int_equal(c.others[0].begun, ERR_TIMEOUT);
}

static sqlite3 *writer_of(struct db_fixture *f)
{
    return container_of(f->db, struct db_sqlite, db)->write_conn->sq;
}

/* It neither shares the commit of those before it nor lets those behind it in. */
static void a_schema_change_is_alone(void **state)
{
    struct crew c;
    crew_start(&c, *state, CREW);
    c.others[1].schema = true;
    crew_queue(&c);
    const double before = metric_value(METRIC_DB_COMMITS, NULL);
    assert_int_equal(crew_finish(&c), ERR_OK);
    for (size_t i = 0; i < CREW; i++) {
        assert_int_equal(outcome(&c.others[i]), ERR_OK);
    }
    assert_int_equal((int)(metric_value(METRIC_DB_COMMITS, NULL) - before), 3);
    assert_int_equal(rows(*state), CREW);
}

/* Somebody with a tool has the file: whoever comes is told, and the next one is served. */
static void a_begin_that_fails_is_told(void **state)
{
    struct db_fixture *f = *state;
    struct member m = {.f = f, .n = 1, .work = insert};
    sqlite3 *tool = NULL;
    assert_int_equal(sqlite3_open(f->path, &tool), SQLITE_OK);
    assert_int_equal(sqlite3_exec(tool, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_busy_timeout(writer_of(f), 0);
    for (int schema = 0; schema <= 1; schema++) {
        m.schema = schema;
        run_member(&m);
        assert_int_equal(m.begun, ERR_UNAVAILABLE);
    }
    struct db_health h;
    db_health(f->db, &h);
    assert_false(h.writable);
    (void)sqlite3_close(tool);
    m.schema = false;
    run_member(&m);
    assert_int_equal(outcome(&m), ERR_OK);
}

static enum err insert_much(struct member *m, struct db_tx *tx)
{
    static const struct db_stmt fill =
        DB_PLATFORM_SQL("INSERT INTO big (body) VALUES (zeroblob(1000000))");
    (void)m;
    return db_exec(tx, &fill, DB_NO_ARGS, NULL);
}

/* shows: RES-6 */
static void a_full_disk_is_a_database_error(void **state)
{
    struct db_fixture *f = *state;
    db_fixture_script(f, "CREATE TABLE big (body BLOB)");
    struct member big = {.f = f, .work = insert_much};
    struct member small = {.f = f, .n = 1, .work = insert};
    assert_int_equal(sqlite3_exec(writer_of(f), "PRAGMA max_page_count = 50", NULL, NULL, NULL),
                     SQLITE_OK);
    run_member(&big);
    assert_int_equal(big.worked, ERR_UNAVAILABLE);
    run_member(&small);
    assert_int_equal(outcome(&small), ERR_OK);
    assert_int_equal(rows(f), 1);
    assert_int_equal(db_fixture_number(f, "SELECT count(*) FROM big"), 0);
}

struct held {
    struct member m;
    struct latch has_turn;
    struct latch may_go;
};

static enum err hold_turn(struct member *m, struct db_tx *tx)
{
    struct held *h = container_of(m, struct held, m);
    latch_open(&h->has_turn);
    latch_wait(&h->may_go);
    return insert(m, tx);
}

static enum err read_only(struct member *m, struct db_tx *tx)
{
    (void)m;
    struct db_rows r;
    const enum err e = db_query(tx, &count_n, DB_ARGS(DB_INT(0)), &r);
    return e ? e : db_int(&r, 0, 0) == 1 ? ERR_OK : ERR_INTERNAL;
}

static void *finish_in_thread(void *arg)
{
    (void)crew_finish(arg);
    return NULL;
}

/* A member that rolled back, and one that changed nothing, have seen a row that is not durable. */
static void who_changed_nothing_waits_too(void **state)
{
    atomic_int clock = 0;
    struct crew c;
    crew_start(&c, *state, 2);
    struct held last = {.m = {.f = *state, .n = 9, .work = hold_turn, .clock = &clock}};
    for (size_t i = 0; i < 2; i++) {
        c.others[i].work = read_only;
        c.others[i].roll_back = i == 0;
        c.others[i].clock = &clock;
    }
    crew_queue(&c);
    assert_int_equal(pthread_create(&last.m.thread, NULL, in_thread, &last.m), 0);
    await_waiting(*state, 3);
    pthread_t first;
    assert_int_equal(db_exec(c.tx, &insert_n, DB_ARGS(DB_INT(0)), NULL), ERR_OK);

    /* The first one's commit too has to wait, so it needs a thread here. */
    assert_int_equal(pthread_create(&first, NULL, finish_in_thread, &c), 0);
    latch_wait(&last.has_turn);
    for (int i = 0; i < 200; i++) {
        (void)sched_yield();
    }
    assert_int_equal(atomic_load(&clock), 0);
    latch_open(&last.may_go);
    (void)pthread_join(first, NULL);
    (void)pthread_join(last.m.thread, NULL);
    assert_int_equal(c.others[0].worked, ERR_OK);
    assert_int_equal(c.others[1].worked, ERR_OK);
    assert_int_equal(c.others[1].ended, ERR_OK);
    assert_int_equal(atomic_load(&clock), 3);
}

/* Nobody is told OK while the sync is on its way. */
/* shows: RES-12 */
static void ok_comes_after_the_sync(void **state)
{
    struct member m = {.f = *state, .n = 1, .work = insert};
    atomic_int clock = 0;
    m.clock = &clock;
    db_fault_hold_syncs(true);
    assert_int_equal(pthread_create(&m.thread, NULL, in_thread, &m), 0);
    db_fault_await_held();
    for (int i = 0; i < 200; i++) {
        (void)sched_yield();
    }
    assert_int_equal(atomic_load(&clock), 0);
    db_fault_hold_syncs(false);
    (void)pthread_join(m.thread, NULL);
    assert_int_equal(outcome(&m), ERR_OK);
}

static void no_statement_stays_open(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    assert_int_equal(db_exec(tx, &insert_n, DB_ARGS(DB_INT(1)), NULL), ERR_OK);
    assert_int_equal(db_query(tx, &breaks_midway, DB_NO_ARGS, &r), ERR_INTERNAL);
    for (sqlite3_stmt *s = NULL; (s = sqlite3_next_stmt(writer_of(*state), s));) {
        assert_false(sqlite3_stmt_busy(s));
    }
    assert_int_equal(db_commit(tx), ERR_OK);
    assert_int_equal(rows(*state), 1);
}

static void nothing_interrupts_the_writer(void **state)
{
    SCOPED(cancel_free) struct cancel *cancel = cancel_new();
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    cx.cancel = cancel;
    assert_int_equal(db_begin_write(&cx, &tx), ERR_OK);
    cancel_now(cancel);
    cx.deadline_us = 1;
    assert_int_equal(db_query(tx, &long_count, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(db_int(&r, 0, 0), 300000);
    assert_int_equal(db_commit(tx), ERR_OK);
}

static void a_read_ends_at_its_deadline(void **state)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(*state);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    cx.deadline_us = 1;
    assert_int_equal(db_query(tx, &long_count, DB_NO_ARGS, &r), ERR_TIMEOUT);
    cx.deadline_us = 0;
    assert_int_equal(db_query(tx, &long_count, DB_NO_ARGS, &r), ERR_OK);
}

struct heard {
    int n[MANY * MANY];
    size_t count;
};

static void hear(void *arg, const struct db_note *note)
{
    struct heard *h = arg;
    h->n[h->count++] = (int)note->n;
}

static void notes_come_in_order_of_commit(void **state)
{
    struct heard heard = {};
    struct member m[MANY];
    struct db_fixture *f = *state;
    db_listen(f->db, hear, &heard);
    for (int i = 0; i < MANY; i++) {
        m[i] = (struct member){.f = f, .n = i, .work = insert, .roll_back = i % 4 == 3};
        assert_int_equal(pthread_create(&m[i].thread, NULL, in_thread, &m[i]), 0);
    }
    for (int i = 0; i < MANY; i++) {
        (void)pthread_join(m[i].thread, NULL);
    }
    assert_int_equal(heard.count, MANY / 4 * 3);
    static const struct db_stmt in_order = DB_PLATFORM_SQL("SELECT n FROM t ORDER BY seq");
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows r;
    assert_int_equal(db_begin_read(&cx, &tx), ERR_OK);
    assert_int_equal(db_query(tx, &in_order, DB_NO_ARGS, &r), ERR_OK);
    assert_int_equal(r.count, heard.count);
    for (size_t i = 0; i < r.count; i++) {
        assert_int_equal(db_int(&r, i, 0), heard.n[i]);
    }
}

static void a_lost_batch_leaves_no_notes(void **state)
{
    struct heard heard = {};
    struct db_fixture *f = *state;
    db_listen(f->db, hear, &heard);
    struct crew c;
    crew_start(&c, f, CREW);
    crew_queue(&c);
    db_fault_at(DB_FAULT_SYNC, 1, SQLITE_IOERR_FSYNC, false);
    assert_int_equal(crew_finish(&c), ERR_RERUN);
    assert_int_equal(heard.count, 0);
}

struct runner {
    struct db_fixture *f;
    atomic_int *left;
    int base;
    int done;
    pthread_t thread;
};

static void *run_many(void *arg)
{
    struct runner *r = arg;
    while (atomic_fetch_sub(r->left, 1) > 0) {
        struct member m = {.f = r->f, .n = r->base + r->done, .work = insert};
        run_member(&m);
        must(outcome(&m) == ERR_OK);
        r->done++;
    }
    return NULL;
}

static void threads_are_served_alike(void **state)
{
    struct runner r[MANY];
    atomic_int left = MANY * 30;
    for (int i = 0; i < MANY; i++) {
        r[i] = (struct runner){.f = *state, .left = &left, .base = i * 1000000};
        assert_int_equal(pthread_create(&r[i].thread, NULL, run_many, &r[i]), 0);
    }
    int least = INT32_MAX;
    for (int i = 0; i < MANY; i++) {
        (void)pthread_join(r[i].thread, NULL);
        least = r[i].done < least ? r[i].done : least;
    }
    assert_int_equal(rows(*state), MANY * 30);
    /* The last to start has missed some rounds; starved ones would have done next to nothing. */
    assert_true(least >= 5);
}

/* Fails the first, second, third … write or sync of the same small work until it goes through: each
 * time the answer is a legal one, and what was acknowledged is there, and nothing else. */
static void any_operation_may_fail(void **state)
{
    static const struct {
        enum db_fault_op op;
        int code;
        bool for_ever;
    } kinds[] = {
        {DB_FAULT_WRITE, SQLITE_FULL, false},
        {DB_FAULT_WRITE, SQLITE_IOERR_WRITE, true},
        {DB_FAULT_SYNC, SQLITE_IOERR_FSYNC, false},
    };
    int n = 0;
    int64_t acknowledged = 0;
    for (size_t k = 0; k < COUNT(kinds); k++) {
        for (int nth = 1;; nth++) {
            struct member m = {.f = *state, .work = insert};
            db_fault_at(kinds[k].op, nth, kinds[k].code, kinds[k].for_ever);
            for (int i = 0; i < 4; i++) {
                m.n = n++;
                run_member(&m);
                const enum err e = outcome(&m);
                assert_true(e == ERR_OK || e == ERR_RERUN || e == ERR_UNAVAILABLE);
                acknowledged += e == ERR_OK ? 1 : 0;
            }
            const bool fired = db_fault_fired();
            db_fault_at(kinds[k].op, 0, 0, false);
            assert_int_equal(rows(*state), acknowledged);
            if (!fired) {
                break;
            }
        }
    }
    assert_int_equal(db_fixture_number(*state, "SELECT count(*) FROM pragma_integrity_check "
                                               "WHERE integrity_check = 'ok'"),
                     1);
}

int main(void)
{
    db_fault_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(those_who_wait_share_a_commit, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_full_batch_is_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(an_old_batch_is_committed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_broken_rule_undoes_its_statement_alone, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_rollback_undoes_its_member_alone, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_failed_commit_fails_all, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_refused_commit_is_rolled_back, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_lost_transaction_kills_its_batch_and_no_other, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_comes_too_late_still_does_the_duty, setup_open,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_wait_has_a_bound_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_schema_change_is_alone, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_begin_that_fails_is_told, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_a_database_error, setup_open, teardown),
        cmocka_unit_test_setup_teardown(who_changed_nothing_waits_too, setup_open, teardown),
        cmocka_unit_test_setup_teardown(ok_comes_after_the_sync, setup_open, teardown),
        cmocka_unit_test_setup_teardown(no_statement_stays_open, setup_open, teardown),
        cmocka_unit_test_setup_teardown(nothing_interrupts_the_writer, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_read_ends_at_its_deadline, setup_open, teardown),
        cmocka_unit_test_setup_teardown(notes_come_in_order_of_commit, setup_open, teardown),
        cmocka_unit_test_setup_teardown(a_lost_batch_leaves_no_notes, setup_open, teardown),
        cmocka_unit_test_setup_teardown(threads_are_served_alike, setup_open, teardown),
        cmocka_unit_test_setup_teardown(any_operation_may_fail, setup_open, teardown),
    };
    return cmocka_run_group_tests_name("sqlite_write", tests, NULL, NULL);
}
