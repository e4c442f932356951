#include "db/sqlite.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLDEST = 3040000 };

extern const struct db_migration db_sqlite_migrations[];

static struct db_sqlite *of(struct db *db)
{
    return container_of(db, struct db_sqlite, db);
}

/* SQLite's count of its memory costs a lock for each allocation. */
static void before_first(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum err sqlite_check_version(int version, const char *text, struct buf *why)
{
    if (version >= OLDEST) {
        return ERR_OK;
    }
    buf_fmt(why,
            "SQLite %s is too old: metachat needs 3.40 or newer; install libsqlite3 of Debian "
            "12 or later",
            text);
    return ERR_UNAVAILABLE;
}

/* SQLite would make it readable for everyone, and copies its mode for the files beside it. */
static enum err make_file(const char *path, struct buf *why)
{
    const int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        buf_fmt(why, "cannot open the database %s: %s; is the folder there and writable?", path,
                strerror(errno));
        return ERR_UNAVAILABLE;
    }
    (void)close(fd);
    return ERR_OK;
}

/* The log is what lets readers and the writer go on side by side. */
static enum err check_wal(struct conn *c, const char *path, struct buf *why)
{
    sqlite3_stmt *st = NULL;
    const int rc = sqlite3_prepare_v2(c->sq, "PRAGMA journal_mode", -1, &st, NULL);
    const bool got = !rc && sqlite3_step(st) == SQLITE_ROW;
    const bool wal = got && str_is(str_of((const char *)sqlite3_column_text(st, 0)), "wal");
    (void)sqlite3_finalize(st);
    if (wal) {
        return ERR_OK;
    }
    buf_fmt(why, "the database %s cannot keep a write-ahead log: %s; a local file system is needed",
            path, got ? "this file system shares no memory" : sqlite3_errmsg(c->sq));
    return ERR_UNAVAILABLE;
}

static enum err open_writer(struct db_sqlite *s, const struct db_options *o, struct buf *why)
{
    if (o->lock_path) {
        TRY(lock_take(o->lock_path, &s->lock_fd, why));
    }
    TRY(make_file(o->path, why));
    TRY(sqlite_conn_open(o->path, CONN_WRITER, o->check_plans, &s->write_conn, why));
    TRY(check_wal(s->write_conn, o->path, why));
    /* the first look makes the log's file */
    if (sqlite3_exec(s->write_conn->sq, "SELECT 1 FROM sqlite_schema", NULL, NULL, NULL) ||
        !files_note(s)) {
        buf_fmt(why, "cannot open the database %s or its log: %s", o->path,
                sqlite3_errmsg(s->write_conn->sq));
        return ERR_UNAVAILABLE;
    }
    return ERR_OK;
}

/* Proves at start that the file is there and is a database. */
static enum err open_reader(struct db_sqlite *s, const struct db_options *o, struct buf *why)
{
    struct conn *c;
    TRY(sqlite_conn_open(o->path, CONN_READER, o->check_plans, &c, why));
    c->next = s->readers.idle;
    s->readers.idle = c;
    s->readers.open++;
    TRY(check_wal(c, o->path, why));
    (void)files_note(s);
    return ERR_OK;
}

/* Readers go first: the last connection to close checkpoints, and that has to be the writer. */
static void sqlite_close(struct db *db)
{
    struct db_sqlite *s = of(db);
    readers_fini(&s->readers);
    writer_fini(&s->writer);
    sqlite_conn_close(&s->write_conn);
    if (s->lock_fd >= 0) {
        (void)close(s->lock_fd);
    }
    mem_free(s->path);
    mem_free(s->wal_path);
    mem_free(s->lock_path);
    mem_free(s);
}

static struct db_sqlite *sqlite_new(const struct db_options *o)
{
    struct db_sqlite *s = mem_new(struct db_sqlite);
    const size_t n = strlen(o->path);
    s->lock_fd = -1;
    s->path = mem_dup(o->path, n);
    s->wal_path = mem_alloc(n + sizeof("-wal"), 1);
    (void)snprintf(s->wal_path, n + sizeof("-wal"), "%s-wal", o->path);
    s->lock_path = o->lock_path ? mem_dup(o->lock_path, strlen(o->lock_path)) : NULL;
    s->db.options = *o;
    s->db.options.path = s->path;
    s->db.options.lock_path = NULL;
    readers_init(&s->readers, &s->db);
    writer_init(&s->writer, &s->db, NULL);
    return s;
}

static enum err sqlite_open(const struct db_options *o, struct db **ret, struct buf *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, before_first);
    TRY(sqlite_check_version(sqlite3_libversion_number(), sqlite3_libversion(), why));
    struct db_sqlite *s = sqlite_new(o);
    const enum err e = o->read_only ? open_reader(s, o, why) : open_writer(s, o, why);
    if (e) {
        sqlite_close(&s->db);
        return e;
    }
    s->writer.conn = s->write_conn;
    *ret = &s->db;
    return ERR_OK;
}

static enum err sqlite_begin(struct db_tx *tx)
{
    struct db_sqlite *s = of(tx->db);
    if (tx->mode == DB_READ) {
        return readers_begin(&s->readers, tx);
    }
    if (!s->write_conn) {
        return cx_fail(tx->cx, CODE_DATABASE_ERROR, "the database is open for reading only");
    }
    return writer_begin(&s->writer, tx);
}

static enum err sqlite_end(struct db_tx *tx, bool keep)
{
    struct db_sqlite *s = of(tx->db);
    if (tx->mode == DB_READ) {
        readers_end(&s->readers, tx);
        return ERR_OK;
    }
    return writer_end(&s->writer, tx, keep);
}

/* A batch that died takes no more statements, so that nothing of a member is kept by accident. */
static enum err check_alive(struct db_tx *tx)
{
    const struct batch *b = tx->group;
    return b && b->dead ? cx_fail(tx->cx, CODE_RERUN, "the batch of writes was lost: %s", b->why)
                        : ERR_OK;
}

static enum err look(struct db_tx *tx, enum err e)
{
    if (e && tx->mode != DB_READ) {
        writer_look(&of(tx->db)->writer);
    }
    return e;
}

static enum err sqlite_run(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                           size_t count, struct db_rows *ret_rows, int64_t *ret_changed)
{
    TRY(check_alive(tx));
    return look(tx, sqlite_conn_run(tx->conn, tx, stmt, args, count, ret_rows, ret_changed));
}

static enum err sqlite_each(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                            size_t count, const struct db_reader *reader)
{
    TRY(check_alive(tx));
    return look(tx, sqlite_conn_each(tx->conn, tx, stmt, args, count, reader));
}

static enum err sqlite_script(struct db_tx *tx, const char *sql)
{
    TRY(check_alive(tx));
    return look(tx, sqlite_conn_script(tx->conn, tx->cx, sql));
}

static enum err sqlite_has_versions(struct db_tx *tx, bool *ret)
{
    static const struct db_stmt look =
        DB_PLATFORM_SQL("SELECT count(*) FROM sqlite_schema WHERE name = 'schema_versions'");
    struct db_rows rows;
    TRY(sqlite_conn_run(tx->conn, tx, &look, DB_NO_ARGS, &rows, NULL));
    *ret = db_int(&rows, 0, 0) > 0;
    return ERR_OK;
}

static enum err sqlite_schema(struct db_tx *tx, struct db_rows *ret)
{
    return sqlite_conn_schema(tx->conn, tx->cx, ret);
}

static enum err sqlite_schema_made_by(struct cx *cx, const struct db_migration *list, size_t count,
                                      struct db_rows *ret)
{
    SCOPED(buf_fini) struct buf why = buf_make(1024);
    SCOPED(sqlite_conn_close) struct conn *c = NULL;
    if (sqlite_conn_open("", CONN_SCRATCH, false, &c, &why)) {
        return cx_fail(cx, CODE_DATABASE_ERROR, STR_FMT, STR_ARG(buf_view(&why)));
    }
    for (size_t i = 0; i < count; i++) {
        TRY(sqlite_conn_script(c, cx, list[i].up));
    }
    return sqlite_conn_schema(c, cx, ret);
}

static bool sqlite_can(enum db_capability what)
{
    switch (what) {
    case DB_HAS_FTS5:
        return sqlite3_compileoption_used("ENABLE_FTS5");
    case DB_CAN_SKIP_LOCKED:
    case DB_HAS_ROW_SECURITY:
        break;
    }
    return false;
}

static void sqlite_health(struct db *db, struct db_health *ret)
{
    struct db_sqlite *s = of(db);
    struct stat st;
    const char *trouble = files_trouble(s);
    ret->trouble = trouble ? trouble : atomic_load(&s->trouble);
    ret->writable = s->write_conn && !ret->trouble && atomic_load(&s->writer.healthy);
    ret->wal_bytes = stat(s->wal_path, &st) == 0 ? st.st_size : 0;
    readers_load(&s->readers, ret);
    ret->waiting += writer_waiting(&s->writer);
}

const struct db_driver db_sqlite_driver = {
    .name = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .begin = sqlite_begin,
    .end = sqlite_end,
    .run = sqlite_run,
    .each = sqlite_each,
    .script = sqlite_script,
    .has_versions = sqlite_has_versions,
    .schema = sqlite_schema,
    .schema_made_by = sqlite_schema_made_by,
    .migrations = db_sqlite_migrations,
    .can = sqlite_can,
    .health = sqlite_health,
};
