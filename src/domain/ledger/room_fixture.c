#include "domain/ledger/room_fixture.h"

#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

struct room_fixture room;

static void add_tenant(int i)
{
    static const char text[] =
        "INSERT INTO tenants (id, slot, name, status, language, time_zone, created_us, updated_us) "
        "VALUES ($1, $2, 'A tenant', 'active', 'en', 'UTC', 1, 1)";
    static const struct db_stmt insert = DB_PLATFORM_SQL(text);
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    room.tenant[i].v = uuid_new();
    want(&cx, ERR_OK, db_begin_write(&cx, &tx));
    want(&cx, ERR_OK,
         db_exec(tx, &insert, DB_ARGS(DB_ID(room.tenant[i].v), DB_INT(1000 + i)), NULL));
    want(&cx, ERR_OK, db_commit(tx));
}

int room_setup(void **state)
{
    int applied;
    (void)state;
    db_fixture_init(&room.f);
    db_fixture_open(&room.f);
    SCOPED(cx_end) struct cx cx = room_platform();
    want(&cx, ERR_OK, db_migrate_up(&cx, &applied));
    for (int i = 0; i < ROOM_TENANTS; i++) {
        add_tenant(i);
    }
    return 0;
}

int room_teardown(void **state)
{
    (void)state;
    db_fixture_fini(&room.f);
    return 0;
}

struct cx room_cx(int tenant)
{
    struct cx cx;
    cx_begin(&cx, room.f.db);
    cx_for_tenant(&cx, room.tenant[tenant]);
    return cx;
}

struct cx room_platform(void)
{
    return db_fixture_platform(&room.f);
}

const struct db_stmt *room_statement(const char *sql)
{
    static struct kept {
        struct kept *next;
        struct db_stmt stmt;
    } * first;
    for (struct kept *k = first; k; k = k->next) {
        if (strcmp(k->stmt.sql, sql) == 0) {
            return &k->stmt;
        }
    }
    struct kept *k = mem_new(struct kept);
    k->stmt = (struct db_stmt){.sql = mem_dup(sql, strlen(sql)), .scope = DB_PLATFORM};
    k->next = first;
    first = k;
    return &k->stmt;
}

enum err room_sql(const char *sql)
{
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(&cx, &tx));
    const enum err e = db_exec(tx, room_statement(sql), DB_NO_ARGS, NULL);
    if (e == ERR_INTERNAL) {
        print_error("%s\n", cx.detail);
    }
    TRY(e);
    return db_commit(tx);
}

int64_t room_number(const char *sql)
{
    SCOPED(cx_end) struct cx cx = room_platform();
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows rows;
    want(&cx, ERR_OK, db_begin_read(&cx, &tx));
    want(&cx, ERR_OK, db_query(tx, room_statement(sql), DB_NO_ARGS, &rows));
    must(rows.count == 1);
    return db_int(&rows, 0, 0);
}

struct share {
    void (*fn)(void *arg, int i);
    void *arg;
    int i;
    pthread_barrier_t *start;
};

static void *run_share(void *arg)
{
    const struct share *s = arg;
    (void)pthread_barrier_wait(s->start);
    s->fn(s->arg, s->i);
    return NULL;
}

void room_threads(int n, void (*fn)(void *arg, int i), void *arg)
{
    enum { MAX = 64 };
    pthread_t threads[MAX];
    struct share shares[MAX];
    pthread_barrier_t start;
    must(n <= MAX);
    must(pthread_barrier_init(&start, NULL, (unsigned)n) == 0);
    for (int i = 0; i < n; i++) {
        shares[i] = (struct share){fn, arg, i, &start};
        must(pthread_create(&threads[i], NULL, run_share, &shares[i]) == 0);
    }
    for (int i = 0; i < n; i++) {
        must(pthread_join(threads[i], NULL) == 0);
    }
    (void)pthread_barrier_destroy(&start);
}

void room_want(struct cx *cx, enum err wanted, enum err e, const char *what, const char *file,
               int line)
{
    if (e != wanted) {
        print_error("%s gave %s instead of %s: %s\n", what, err_name(e), err_name(wanted),
                    cx->detail);
        _fail(file, line);
    }
}
