/* The inside of the SQLite driver.
 *
 *   sqlite.c        the driver: open, close, checks at start
 *   sqlite_conn.c   one connection: settings, prepared statements, running one, errors
 *   sqlite_write.c  the one writer: fair turns, a savepoint each, one commit for many
 *   sqlite_read.c   the pool of read-only connections
 *   sqlite_plan.c   does a tenant-scoped statement stay with its tenant?
 *   sqlite_lock.c   keeps a second server out
 *   sqlite_files.c  are the open files still those at their paths?
 *   sqlite_stats.c  what text search wants to know of a row */
#ifndef DB_SQLITE_H
#define DB_SQLITE_H

#include "db/driver.h"
#include "db/latch.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>

/* --- one connection; belongs to the thread that has it --- */

/* Statements of the driver itself. */
enum own_stmt {
    OWN_BEGIN_READ,
    OWN_BEGIN_WRITE,
    OWN_COMMIT,
    OWN_ROLLBACK,
    OWN_SAVEPOINT,
    OWN_RELEASE,
    OWN_UNDO, /* back to the savepoint, which stays */
    OWN_COUNT
};

enum conn_kind {
    CONN_READER,
    CONN_WRITER,
    CONN_SCRATCH, /* an empty database in memory */
};

struct cached; /* a prepared statement */

struct conn {
    struct conn *next; /* in the pool */
    sqlite3 *sq;
    enum conn_kind kind;
    bool check_plans;
    struct cx *cx; /* whose work runs on it now; NULL: nobody's */
    sqlite3_stmt *own[OWN_COUNT];
    struct cached *cache; /* open hashing by address of the struct db_stmt */
    size_t cache_size;    /* a power of two */
    size_t cache_count;
};

/* path is not looked at for CONN_SCRATCH. The caller closes it. */
enum err sqlite_conn_open(const char *path, enum conn_kind kind, bool check_plans,
                          struct conn **ret, struct buf *why);
void sqlite_conn_close(struct conn **c);

/* Runs a statement of the driver; an SQLite result code, SQLITE_OK when done. */
int sqlite_conn_own(struct conn *c, enum own_stmt which);

/* Runs a caller's statement for c->cx; leaves it reset. */
enum err sqlite_conn_run(struct conn *c, const struct db_tx *tx, const struct db_stmt *stmt,
                         const struct db_val *args, size_t count, struct db_rows *ret_rows,
                         int64_t *ret_changed);
/* Likewise, row by row; see db_each. */
enum err sqlite_conn_each(struct conn *c, const struct db_tx *tx, const struct db_stmt *stmt,
                          const struct db_val *args, size_t count, const struct db_reader *reader);
/* What the driver calls script and schema (driver.h), on one connection. */
enum err sqlite_conn_script(struct conn *c, struct cx *cx, const char *sql);
enum err sqlite_conn_schema(struct conn *c, struct cx *cx, struct db_rows *ret);

/* The connection's last error as one of ours, with its words. */
enum err sqlite_conn_fail(struct conn *c, struct cx *cx);

/* Refuses a tenant-scoped statement that could reach another tenant's rows; see sqlite_plan.c. */
enum err plan_check(struct conn *c, struct cx *cx, const struct db_stmt *stmt, struct str sql);

/* Registers mc_stats (see db/text_stats.h); an SQLite result code. */
int stats_register(sqlite3 *sq);

/* --- the writer --- */

/* One who waits for the turn to write; lives on the waiter's stack. */
struct waiter {
    struct waiter *next;
    struct latch turn;
};

/* Write transactions that share one commit. Counted: one for the writer while it is the current
 * one, one for each member. */
struct batch {
    atomic_int refs;
    struct latch ended;
    bool durable;        /* the outcome; written before ended opens */
    char why[CX_DETAIL]; /* of what is not durable */
    bool dead;           /* SQLite has thrown the transaction away */
    bool alone;          /* a schema change: takes no second member */
    int members;         /* that had their turn */
    int64_t began_us;
    struct db_notes notes; /* in the order in which members ended */
};

struct writer {
    struct db *db;
    pthread_mutex_t lock; /* guards the queue: taken, first, last, waiting */
    bool taken;           /* somebody has the turn */
    struct waiter *first;
    struct waiter **last;
    int waiting;
    atomic_bool healthy; /* the last commit worked */

    /* belong to whoever has the turn */
    struct conn *conn;
    struct batch *batch; /* NULL: no transaction is open */
};

void writer_init(struct writer *w, struct db *db, struct conn *conn);
void writer_fini(struct writer *w);
/* What the driver calls begin and end (driver.h), for DB_WRITE and DB_SCHEMA; see sqlite_write.c.
 */
enum err writer_begin(struct writer *w, struct db_tx *tx);
enum err writer_end(struct writer *w, struct db_tx *tx, bool keep);
/* To be called after any failed statement: notes when SQLite has thrown the transaction away. */
void writer_look(struct writer *w);
/* How many wait for the turn. */
int writer_waiting(struct writer *w);

/* --- the readers --- */

struct readers {
    struct db *db;
    pthread_mutex_t lock;
    pthread_cond_t freed;
    struct conn *idle; /* the last one used first, so that few stay warm */
    int open;
    int used;
    int waiting;
};

void readers_init(struct readers *r, struct db *db);
/* All must be back. */
void readers_fini(struct readers *r);
/* Begin and end of a DB_READ. */
enum err readers_begin(struct readers *r, struct db_tx *tx);
void readers_end(struct readers *r, struct db_tx *tx);
/* Fills in what health says of the pool. */
void readers_load(struct readers *r, struct db_health *ret);

/* --- the lock file --- */

/* *ret_fd holds the lock until it is closed. why has the sentence. */
enum err lock_take(const char *path, int *ret_fd, struct buf *why);

/* --- the driver --- */

/* Refuses a library that is too old; why has the sentence. */
enum err sqlite_check_version(int version, const char *text, struct buf *why);

struct file_id {
    dev_t device;
    ino_t inode;
};

struct db_sqlite {
    struct db db;
    char *path;
    char *wal_path;
    char *lock_path;
    struct file_id db_id;
    struct file_id wal_id;
    int lock_fd;                 /* -1: none; once serving, of whoever has the turn to write */
    const char *_Atomic trouble; /* what the last files_keep said */
    struct conn *write_conn;     /* NULL: opened for reading only */
    struct writer writer;
    struct readers readers;
};

/* --- the files --- */

/* Notes which files are open; false when one is not there. */
bool files_note(struct db_sqlite *s);

/* What is wrong with the database and its log, in words, or NULL. Any thread. */
const char *files_trouble(const struct db_sqlite *s);

/* Likewise, and sees to it that the lock file is ours; by whoever has the turn to write. */
const char *files_keep(struct db_sqlite *s);

#endif
