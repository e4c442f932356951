/* What a database driver is: the inside of db/, used by db.c, migrate.c and the drivers.
 *
 * db.c checks scopes, the order of begin and end, and collects notes; a driver sees only calls that
 * are allowed. Every call of a transaction comes from the thread that began it. */
#ifndef DB_DRIVER_H
#define DB_DRIVER_H

#include "db/db.h"

enum db_mode {
    DB_READ,
    DB_WRITE,
    DB_SCHEMA, /* a write that is alone in its commit, with foreign keys checked at its end: for
                  migrations, which rebuild tables */
};

/* Notes in the order in which they were made. */
struct db_notes {
    struct db_note *items;
    size_t count;
    size_t room;
};

struct db_tx {
    struct cx *cx;
    struct db *db;
    enum db_mode mode;
    const char *file; /* of the opener */
    int line;
    bool ended;
    struct db_notes notes;
    void *slot;  /* db_tx_slot */
    void *conn;  /* the driver's connection, from begin to end */
    void *group; /* SQLite: the batch whose fate this write shares */
};

struct db {
    const struct db_driver *driver;
    struct db_options options; /* with every default filled in */
    void (*listener)(void *arg, const struct db_note *note);
    void *listener_arg;
};

/* A differing name of a schema is reported by kind and name; text is what is compared. */
enum { SCHEMA_KIND, SCHEMA_NAME, SCHEMA_TEXT, SCHEMA_COLUMNS };

struct db_driver {
    const char *name;

    /* options are complete. On failure why has the sentence. */
    enum err (*open)(const struct db_options *options, struct db **ret, struct buf *why);
    void (*close)(struct db *db);

    /* mode, cx, db, file and line of tx are set. On failure the transaction does not exist. */
    enum err (*begin)(struct db_tx *tx);
    /* Ends it in any case. keep: commit, else roll back; the result of a rollback is dropped. */
    enum err (*end)(struct db_tx *tx, bool keep);

    /* Runs one statement to its end. ret_rows and ret_changed may be NULL. $1 of a tenant-scoped
     * statement is the driver's to bind; args follow. */
    enum err (*run)(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                    size_t count, struct db_rows *ret_rows, int64_t *ret_changed);
    /* Runs a query and gives row each row while it stands on it; an error of row ends it. */
    enum err (*each)(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                     size_t count, const struct db_reader *reader);
    /* Runs many statements without parameters: a migration. */
    enum err (*script)(struct db_tx *tx, const char *sql);

    /* Whether the table schema_versions is there. */
    enum err (*has_versions)(struct db_tx *tx, bool *ret);
    /* Rows of (kind, name, text), sorted: the schema that tx sees, and the one that these
     * migrations would make in an empty database. Without the table schema_versions. */
    enum err (*schema)(struct db_tx *tx, struct db_rows *ret);
    enum err (*schema_made_by)(struct cx *cx, const struct db_migration *list, size_t count,
                               struct db_rows *ret);
    const struct db_migration *migrations; /* ends with version 0 */

    bool (*can)(enum db_capability what);
    void (*health)(struct db *db, struct db_health *ret);
};

extern const struct db_driver db_sqlite_driver;

/* What db_begin_* do, for any mode. */
enum err db_begin(struct cx *cx, enum db_mode mode, struct db_tx **ret, const char *file, int line);

/* Moves all notes of *from to the end of *to. */
void db_notes_move(struct db_notes *to, struct db_notes *from);
void db_notes_fini(struct db_notes *n);

/* Refuses a statement whose scope is not that of cx: INTERNAL_ERROR. */
enum err db_check_scope(struct cx *cx, const struct db_stmt *stmt);

#endif
