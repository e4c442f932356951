/* The database: one interface, two drivers (SQLite now, PostgreSQL to come). The only floor that
 * steps statements.
 *
 * Linear use:
 *     SCOPED(db_tx_close) struct db_tx *tx = NULL;      rolled back unless committed
 *     TRY(db_begin_write(cx, &tx));
 *     TRY(db_exec(tx, &SQL_INSERT, DB_ARGS(DB_ID(id.v), DB_TEXT(name)), NULL));
 *     TRY(db_commit(tx));                               returns when durable
 *
 * Statements are static objects {sql, scope}. In a tenant-scoped one $1 is the tenant and is bound
 * by the driver from cx, never by the caller; the caller's values begin at $2. It needs a cx of
 * SCOPE_TENANT; a platform-scoped one needs SCOPE_PLATFORM. Anything else is refused before it
 * runs.
 *
 * Invariants: a write inside a read, a second transaction of one cx, a commit twice: bugs that
 * assert, with the opener's file and line. Results are copied out: no statement stays open after a
 * call. */
#ifndef DB_DB_H
#define DB_DB_H

#include "base/buf.h"
#include "base/cx.h"

struct db;
struct db_tx;

enum db_scope {
    DB_TENANT,   /* names tenant_id = $1 for every tenant table it touches */
    DB_PLATFORM, /* one of the few that look across tenants, or at tables without a tenant */
};

struct db_stmt {
    const char *sql;
    enum db_scope scope;
    const char *pg; /* where the text cannot be common; NULL: the same */
};

#define DB_TENANT_SQL(text)                                                                        \
    {                                                                                              \
        .sql = (text), .scope = DB_TENANT                                                          \
    }
#define DB_PLATFORM_SQL(text)                                                                      \
    {                                                                                              \
        .sql = (text), .scope = DB_PLATFORM                                                        \
    }

struct db_val {
    enum db_kind {
        DB_K_NULL,
        DB_K_I64,
        DB_K_F64,
        DB_K_TEXT,
        DB_K_BLOB,
    } kind;
    bool is_id;
    union { /* i is 0 for NULL */
        int64_t i;
        double f;
        struct str s;
        struct uuid id; /* keeps the bytes of an id argument, if is_id */
    };
};

#define DB_INT(v)  ((struct db_val){.kind = DB_K_I64, .i = (v)})
#define DB_NUM(v)  ((struct db_val){.kind = DB_K_F64, .f = (v)})
#define DB_TEXT(v) ((struct db_val){.kind = DB_K_TEXT, .s = (v)})
#define DB_CSTR(v) ((struct db_val){.kind = DB_K_TEXT, .s = str_of(v)})
#define DB_BLOB(v) ((struct db_val){.kind = DB_K_BLOB, .s = (v)})
#define DB_ID(v)   ((struct db_val){.kind = DB_K_BLOB, .id = (v), .is_id = true})
#define DB_NULL    ((struct db_val){.kind = DB_K_NULL, .i = 0})
/* NULL for an empty text or a nil id. */
#define DB_OPT_TEXT(v) ((v).n ? DB_TEXT(v) : DB_NULL)
#define DB_OPT_ID(v)   (uuid_is_nil(v) ? DB_NULL : DB_ID(v))

#define DB_ARGS(...)                                                                               \
    (const struct db_val[]){__VA_ARGS__}, COUNT(((const struct db_val[]){__VA_ARGS__}))
#define DB_NO_ARGS NULL, 0

/* All rows of one query, in the arena of the transaction's cx. */
struct db_rows {
    size_t count;
    size_t columns;
    const struct db_val *vals; /* row after row */
};

/* A number that is 0 is taken from conf. Texts are copied. */
struct db_options {
    const char *path;      /* SQLite: the file */
    const char *lock_path; /* SQLite: the file whose lock keeps a second server out; NULL: take none
                              (read only) */
    bool read_only;        /* for commands beside a running server */
    /* When a tenant-scoped statement is first prepared, refuse it (INTERNAL_ERROR) if it could
     * leave its tenant; the rules stand in sqlite_plan.c. On everywhere but in production. */
    bool check_plans;
    int readers;      /* connections for reading, opened when needed; if conf says 0 too: four for
                         each core */
    int64_t wait_us;  /* longest wait for a connection or for the turn to write, if the cx has no
                         nearer deadline */
    int batch_max;    /* write transactions that share a commit */
    int64_t batch_us; /* age at which a batch is committed; see is_old in sqlite_write.c */
};

/* Opens and checks the database (makes the file when missing and not read_only; runs no migration).
 * why gets cause and remedy on failure; ERR_CONFLICT: another process has it. The caller closes it.
 */
enum err db_open(const struct db_options *options, struct db **ret, struct buf *why);
void db_close(struct db **db);

/* A read: a consistent view of what is durable. Waits for a connection at most until the deadline;
 * then DATABASE_ERROR with ERR_UNAVAILABLE. Its statements end with
 * ERR_TIMEOUT or ERR_CANCELLED when cx does. Blocks; worker threads only. */
#define db_begin_read(cx, ret) db_begin_read_at((cx), (ret), __FILE__, __LINE__)
/* A write: waits for its turn (a fair queue), and never leaves that queue: when the turn comes
 * after the deadline or wait_us, DEADLINE_EXCEEDED; CANCELLED likewise. What it reads may be rows
 * of others that are not durable yet, but will be, or be gone, before this transaction returns.
 * Statements are never interrupted: big work goes in transactions of a few milliseconds. */
#define db_begin_write(cx, ret) db_begin_write_at((cx), (ret), __FILE__, __LINE__)
enum err db_begin_read_at(struct cx *cx, struct db_tx **ret, const char *file, int line);
enum err db_begin_write_at(struct cx *cx, struct db_tx **ret, const char *file, int line);

/* Ends the transaction. A write returns OK only when its batch is durable; ERR_RERUN when the batch
 * died, and then the whole unit of work may be run again. Of a read: just ends it. */
enum err db_commit(struct db_tx *tx);

/* Rolls back unless committed, frees; *tx may be NULL and is NULL afterwards. A rolled-back write
 * too returns only after its batch has ended, for it may have read rows that were not durable. */
void db_tx_close(struct db_tx **tx);

/* Runs a statement; *ret_changed (may be NULL) is the number of rows it changed. A broken UNIQUE is
 * ERR_CONFLICT, a broken CHECK, NOT NULL or FOREIGN KEY ERR_INVALID (for those the statement alone
 * is undone, and the transaction may go on); a full or read-only disk DATABASE_ERROR. */
enum err db_exec(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                 size_t count, int64_t *ret_changed);

/* Runs a query (or a statement with RETURNING) to its end. No row is not an error. */
enum err db_query(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                  size_t count, struct db_rows *ret);

/* Takes the rows of a query one by one. */
struct db_reader {
    /* rows holds this one row; its texts are lent until row returns. It must not use the
     * transaction. What it returns other than ERR_OK ends the query and is its result. */
    enum err (*row)(void *arg, const struct db_rows *rows);
    void *arg;
};

enum { DB_EACH_COLUMNS = 16 }; /* that such a query may have */

/* As db_query, for many rows of which little is kept: none is copied. */
enum err db_each(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                 size_t count, const struct db_reader *reader);

/* Typed columns; row < rows->count. NULL gives 0, the empty text, or the nil id. Asserts the type
 * otherwise. */
int64_t db_int(const struct db_rows *rows, size_t row, size_t column);
double db_num(const struct db_rows *rows, size_t row, size_t column);
struct str db_text(const struct db_rows *rows, size_t row,
                   size_t column); /* text or blob; borrows from the arena */
struct uuid db_id(const struct db_rows *rows, size_t row, size_t column);
bool db_is_null(const struct db_rows *rows, size_t row, size_t column);

/* Whether it was begun to read: what it sees is durable. */
bool db_tx_only_reads(const struct db_tx *tx);

/* The unit of work that began it. */
struct cx *db_tx_cx(const struct db_tx *tx);

/* One pointer that a room keeps with the transaction (the ledger: its events not yet numbered).
 * NULL at the begin; what it points to lives in the arena of cx. */
void **db_tx_slot(struct db_tx *tx);

/* Something that others will want to know once the transaction is durable. */
struct db_note {
    int kind; /* meaning is the domain's */
    struct tenant_id tenant;
    int64_t n;
};

/* Given to the listener in commit order, right after the commit that made it durable; dropped on
 * rollback. */
void db_note(struct db_tx *tx, struct db_note note);

/* One listener; called under the writer's lock: must only append to a queue. Set before the
 * first write; NULL takes it away, when nobody writes any more. */
void db_listen(struct db *db, void (*fn)(void *arg, const struct db_note *note), void *arg);

/* What the driver can do; asked instead of its name. */
enum db_capability {
    DB_CAN_SKIP_LOCKED,
    DB_HAS_ROW_SECURITY,
    DB_HAS_FTS5,
};
bool db_can(const struct db *db, enum db_capability what);

/* For health: whether the last write could be made durable, and the schema version. */
struct db_health {
    bool writable;
    const char *trouble; /* with the files, in words; NULL: none */
    int64_t wal_bytes;
    int readers, readers_used, waiting;
};
void db_health(struct db *db, struct db_health *ret);

/* --- migrations (migrate.c); the texts are compiled in from migrations/<driver>/ --- */

struct db_migration {
    int version;
    const char *name;
    const char *up;
    const char *down;
};

struct db_migrate_status {
    int known;   /* newest version in the program */
    int applied; /* newest version in the database */
    int pending;
    int unknown;      /* applied here, but not known to the program */
    int edited;       /* applied with another text than the program's (checksum) */
    struct str drift; /* differences between the schema that the migrations make and the one that
                         is; empty: none */
};
enum err db_migrate_status(struct cx *cx, struct db_migrate_status *ret);
/* The three work on behalf of the platform (SCOPE_PLATFORM). Applies all pending ones, each in a
 * transaction of its own with foreign keys checked at its end, so that a table may be rebuilt;
 * *ret_count how many. CONFLICT when some are unknown or edited; DATABASE_ERROR names the one that
 * failed, and what stood before it stays. */
enum err db_migrate_up(struct cx *cx, int *ret_count);
/* Takes back the newest count migrations; unknown ones by the text that was stored with them. */
enum err db_migrate_down(struct cx *cx, int count, int *ret_count);
/* The list, for `migrate status`. */
const struct db_migration *db_migrations(size_t *ret_count);

#endif
