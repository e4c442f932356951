#include "db/db_fixture.h"

#include "db/driver.h"

#include <ftw.h>
#include <unistd.h>

static void check(struct cx *cx, enum err e)
{
    if (e) {
        (void)fprintf(stderr, "fixture: %s: %s\n", err_name(e), cx->detail);
        abort();
    }
}

void db_fixture_init(struct db_fixture *f)
{
    *f = (struct db_fixture){};
    (void)snprintf(f->dir, sizeof(f->dir), P_tmpdir "/mc-db-XXXXXX");
    must(mkdtemp(f->dir));
    (void)snprintf(f->path, sizeof(f->path), "%s/db", f->dir);
    (void)snprintf(f->lock_path, sizeof(f->lock_path), "%s/lock", f->dir);
    f->options = (struct db_options){.path = f->path, .check_plans = true};
}

void db_fixture_open(struct db_fixture *f)
{
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    if (db_open(&f->options, &f->db, &why)) {
        (void)fprintf(stderr, "fixture: " STR_FMT "\n", STR_ARG(buf_view(&why)));
        abort();
    }
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void db_fixture_fini(struct db_fixture *f)
{
    db_close(&f->db);
    (void)nftw(f->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

struct cx db_fixture_platform(struct db_fixture *f)
{
    struct cx cx;
    cx_begin(&cx, f->db);
    cx_for_platform(&cx);
    return cx;
}

struct cx db_fixture_tenant(struct db_fixture *f, uint8_t number)
{
    struct cx cx;
    cx_begin(&cx, f->db);
    cx_for_tenant(&cx, (struct tenant_id){{{number}}});
    return cx;
}

void db_fixture_script(struct db_fixture *f, const char *sql)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    check(&cx, db_begin(&cx, DB_SCHEMA, &tx, __FILE__, __LINE__));
    check(&cx, f->db->driver->script(tx, sql));
    check(&cx, db_commit(tx));
}

int64_t db_fixture_number(struct db_fixture *f, const char *sql)
{
    const struct db_stmt stmt = DB_PLATFORM_SQL(sql);
    SCOPED(cx_end) struct cx cx = db_fixture_platform(f);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct db_rows rows;
    check(&cx, db_begin_read(&cx, &tx));
    check(&cx, db_query(tx, &stmt, DB_NO_ARGS, &rows));
    must(rows.count == 1);
    return db_int(&rows, 0, 0);
}
