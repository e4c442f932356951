/* What both drivers have in common.
 *
 * States of a transaction: begun → ended [db_commit, db_tx_close]. cx->in_tx is true exactly while
 * a transaction of that cx is begun and not ended.
 *
 * Invariants:
 * 1. A cx has one transaction at a time; who it acts for does not change meanwhile (cx_for_* assert
 *    it).
 * 2. A driver runs a statement only after db_check_scope: so $1 of a tenant-scoped one is always
 *    the tenant of an authenticated cx.
 * 3. Notes leave a transaction only through the driver's end(tx, true). */
#include "db/driver.h"

#include "base/conf.h"
#include "base/mem.h"
#include "base/metric.h"

#include <unistd.h>

static struct db_options complete(const struct db_options *o)
{
    struct db_options full = *o;
    if (full.readers <= 0) {
        const long cores = sysconf(_SC_NPROCESSORS_ONLN);
        full.readers =
            conf.db_readers > 0 ? (int)conf.db_readers : 4 * (cores > 0 ? (int)cores : 1);
    }
    if (full.wait_us <= 0) {
        full.wait_us = conf.db_wait_ms * 1000;
    }
    if (full.batch_max <= 0) {
        full.batch_max = (int)conf.db_batch_max;
    }
    if (full.batch_us <= 0) {
        full.batch_us = conf.db_batch_us;
    }
    return full;
}

enum err db_open(const struct db_options *options, struct db **ret, struct buf *why)
{
    const struct db_options full = complete(options);
    struct db *db;
    TRY(db_sqlite_driver.open(&full, &db, why));
    db->driver = &db_sqlite_driver;
    *ret = db;
    return ERR_OK;
}

void db_close(struct db **db)
{
    if (*db) {
        (*db)->driver->close(*db);
        *db = NULL;
    }
}

enum err db_begin(struct cx *cx, enum db_mode mode, struct db_tx **ret, const char *file, int line)
{
    if (cx->in_tx) {
        must_fail(file, line, "one transaction at a time");
    }
    must(cx->db);
    TRY(cx_check(cx));
    struct db_tx *tx = mem_new(struct db_tx);
    *tx = (struct db_tx){.cx = cx, .db = cx->db, .mode = mode, .file = file, .line = line};
    const enum err e = cx->db->driver->begin(tx);
    if (e) {
        mem_free(tx);
        return e;
    }
    metric_add(METRIC_DB_TRANSACTIONS, mode == DB_READ ? "read" : "write", 1);
    cx->in_tx = true;
    *ret = tx;
    return ERR_OK;
}

enum err db_begin_read_at(struct cx *cx, struct db_tx **ret, const char *file, int line)
{
    return db_begin(cx, DB_READ, ret, file, line);
}

enum err db_begin_write_at(struct cx *cx, struct db_tx **ret, const char *file, int line)
{
    return db_begin(cx, DB_WRITE, ret, file, line);
}

static void check_open(const struct db_tx *tx)
{
    if (tx->ended) {
        must_fail(tx->file, tx->line, "the transaction begun here is used after its end");
    }
}

enum err db_commit(struct db_tx *tx)
{
    check_open(tx);
    tx->ended = true;
    const enum err e = tx->db->driver->end(tx, true);
    tx->cx->in_tx = false;
    return e;
}

void db_tx_close(struct db_tx **tx)
{
    if (!*tx) {
        return;
    }
    if (!(*tx)->ended) {
        (void)(*tx)->db->driver->end(*tx, false);
        (*tx)->cx->in_tx = false;
    }
    db_notes_fini(&(*tx)->notes);
    mem_free(*tx);
    *tx = NULL;
}

enum err db_check_scope(struct cx *cx, const struct db_stmt *stmt)
{
    const enum scope need = stmt->scope == DB_TENANT ? SCOPE_TENANT : SCOPE_PLATFORM;
    if (cx->who == need) {
        return ERR_OK;
    }
    return cx_fail(cx, CODE_INTERNAL_ERROR, "a %s-scoped statement in a unit of work of %s: %.80s",
                   stmt->scope == DB_TENANT ? "tenant" : "platform",
                   cx->who == SCOPE_NONE     ? "nobody"
                   : cx->who == SCOPE_TENANT ? "a tenant"
                                             : "the platform",
                   stmt->sql);
}

enum err db_exec(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                 size_t count, int64_t *ret_changed)
{
    check_open(tx);
    TRY(db_check_scope(tx->cx, stmt));
    return tx->db->driver->run(tx, stmt, args, count, NULL, ret_changed);
}

enum err db_query(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                  size_t count, struct db_rows *ret)
{
    check_open(tx);
    TRY(db_check_scope(tx->cx, stmt));
    return tx->db->driver->run(tx, stmt, args, count, ret, NULL);
}

static const struct db_val *cell(const struct db_rows *rows, size_t row, size_t column)
{
    must(row < rows->count && column < rows->columns);
    return &rows->vals[row * rows->columns + column];
}

enum err db_each(struct db_tx *tx, const struct db_stmt *stmt, const struct db_val *args,
                 size_t count, const struct db_reader *reader)
{
    check_open(tx);
    TRY(db_check_scope(tx->cx, stmt));
    return tx->db->driver->each(tx, stmt, args, count, reader);
}

int64_t db_int(const struct db_rows *rows, size_t row, size_t column)
{
    const struct db_val *v = cell(rows, row, column);
    must(v->kind == DB_K_I64 || v->kind == DB_K_NULL);
    return v->i;
}

double db_num(const struct db_rows *rows, size_t row, size_t column)
{
    const struct db_val *v = cell(rows, row, column);
    must(v->kind == DB_K_F64 || v->kind == DB_K_I64 || v->kind == DB_K_NULL);
    return v->kind == DB_K_I64 ? (double)v->i : v->f;
}

struct str db_text(const struct db_rows *rows, size_t row, size_t column)
{
    const struct db_val *v = cell(rows, row, column);
    must(v->kind == DB_K_TEXT || v->kind == DB_K_BLOB || v->kind == DB_K_NULL);
    return v->kind == DB_K_NULL ? STR("") : v->s;
}

struct uuid db_id(const struct db_rows *rows, size_t row, size_t column)
{
    const struct db_val *v = cell(rows, row, column);
    struct uuid id = {};
    if (v->kind != DB_K_NULL) {
        must(v->kind == DB_K_BLOB && v->s.n == sizeof(id.b));
        memcpy(id.b, v->s.p, sizeof(id.b));
    }
    return id;
}

bool db_is_null(const struct db_rows *rows, size_t row, size_t column)
{
    return cell(rows, row, column)->kind == DB_K_NULL;
}

bool db_tx_only_reads(const struct db_tx *tx)
{
    return tx->mode == DB_READ;
}

struct cx *db_tx_cx(const struct db_tx *tx)
{
    return tx->cx;
}

void **db_tx_slot(struct db_tx *tx)
{
    check_open(tx);
    return &tx->slot;
}

static void notes_grow(struct db_notes *n, size_t more)
{
    if (n->count + more > n->room) {
        n->room = (n->count + more) * 2;
        n->items = mem_realloc(n->items, n->room * sizeof(*n->items));
    }
}

void db_note(struct db_tx *tx, struct db_note note)
{
    check_open(tx);
    must(tx->mode != DB_READ);
    notes_grow(&tx->notes, 1);
    tx->notes.items[tx->notes.count++] = note;
}

void db_notes_move(struct db_notes *to, struct db_notes *from)
{
    if (from->count) {
        notes_grow(to, from->count);
        memcpy(to->items + to->count, from->items, from->count * sizeof(*from->items));
        to->count += from->count;
        from->count = 0;
    }
}

void db_notes_fini(struct db_notes *n)
{
    mem_free(n->items);
    *n = (struct db_notes){};
}

void db_listen(struct db *db, void (*fn)(void *arg, const struct db_note *note), void *arg)
{
    must(!fn || !db->listener);
    db->listener = fn;
    db->listener_arg = arg;
}

bool db_can(const struct db *db, enum db_capability what)
{
    return db->driver->can(what);
}

void db_health(struct db *db, struct db_health *ret)
{
    *ret = (struct db_health){};
    db->driver->health(db, ret);
}
