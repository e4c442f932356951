/* The job "document.purge" takes away what nobody can search any more: the passages of versions
 * that are neither current nor being written, and all there is of a deleted document. And the
 * sweeper, which finds what a crash left.
 *
 * Files. A stored file is named by its content, so several versions may share it. It goes when no
 * version names it and no upload has touched it for an hour: an upload notes its file
 * (document_files) before it stores it, and the file is removed inside the transaction that finds
 * and deletes that note, so the two cannot cross. */
#include "base/clock.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/index.h"

enum {
    SWEEP_ROWS = 200,
    FILES_STEP = 16,
};

#define UPLOAD_US HOUR_US                   /* longer than any upload takes to be stored */
#define STUCK_US  ((int64_t)60 * SECOND_US) /* unfinished for so long: looked after */

static const struct db_stmt select_document =
    DB_TENANT_SQL("SELECT current, version, status, deleted_us IS NOT NULL FROM documents "
                  "WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt select_versions =
    DB_TENANT_SQL("SELECT version FROM document_versions WHERE tenant_id = $1 AND document_id = $2 "
                  "ORDER BY version");
static const struct db_stmt delete_pieces = DB_TENANT_SQL(
    "DELETE FROM document_texts WHERE tenant_id = $1 AND document_id = $2 AND version = $3 "
    "AND piece IN (SELECT t.piece FROM document_texts t WHERE t.tenant_id = $1 "
    "AND t.document_id = $2 AND t.version = $3 ORDER BY t.piece LIMIT 16)");
static const struct db_stmt delete_version = DB_TENANT_SQL(
    "DELETE FROM document_versions WHERE tenant_id = $1 AND document_id = $2 AND version = $3");
static const struct db_stmt delete_document =
    DB_TENANT_SQL("DELETE FROM documents WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt select_files =
    DB_TENANT_SQL("SELECT f.sha256 FROM document_files f WHERE f.tenant_id = $1 AND f.used_us < $2 "
                  "AND NOT EXISTS (SELECT 1 FROM document_versions v WHERE v.tenant_id = $1 "
                  "AND v.sha256 = f.sha256) LIMIT $3");
static const struct db_stmt delete_file =
    DB_TENANT_SQL("DELETE FROM document_files WHERE tenant_id = $1 AND sha256 = $2");
static const struct db_stmt select_unfinished = DB_PLATFORM_SQL(
    "SELECT tenant_id, id, deleted_us IS NOT NULL FROM documents "
    "WHERE (status IN ('pending', 'processing') OR deleted_us IS NOT NULL) AND updated_us < $1 "
    "ORDER BY updated_us LIMIT $2");

struct purge {
    struct document_id id;
    int64_t *versions; /* whose passages go */
    size_t count;
    bool found, deleted;
};

/* Which versions nobody can search: all of a deleted document, else those that are neither current
 * nor still to be read. */
static enum err plan(struct cx *cx, struct purge *p)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    struct db_rows rows;
    TRY(db_query(tx, &select_document, DB_ARGS(DB_ID(p->id.v)), &rows));
    p->found = rows.count > 0;
    if (!p->found) {
        return ERR_OK;
    }
    const struct str status = db_text(&rows, 0, 2);
    const bool unread = str_is(status, "pending") || str_is(status, "processing");
    const int64_t current = db_int(&rows, 0, 0);
    const int64_t newest = unread ? db_int(&rows, 0, 1) : 0;
    p->deleted = db_int(&rows, 0, 3) == 1;
    TRY(db_query(tx, &select_versions, DB_ARGS(DB_ID(p->id.v)), &rows));
    p->versions = arena_many(cx->arena, int64_t, rows.count);
    for (size_t i = 0; i < rows.count; i++) {
        const int64_t v = db_int(&rows, i, 0);
        if (p->deleted || (v != current && v != newest)) {
            p->versions[p->count++] = v;
        }
    }
    return ERR_OK;
}

/* Some passages, else some text of a deleted document. */
static enum err remove_some(struct cx *cx, const struct purge *p, int64_t version, bool *ret_more)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    size_t removed;
    TRY(index_remove(tx, p->id, version, &removed));
    *ret_more = removed > 0;
    if (!removed && p->deleted) {
        int64_t pieces = 0;
        TRY(db_exec(tx, &delete_pieces, DB_ARGS(DB_ID(p->id.v), DB_INT(version)), &pieces));
        *ret_more = pieces > 0;
    }
    return db_commit(tx);
}

/* One small transaction, with an arena of its own: a long document takes many. */
static enum err remove_step(struct cx *cx, const struct purge *p, int64_t version, bool *ret_more)
{
    struct cx own = *cx;
    own.arena = arena_new();
    const enum err e = remove_some(&own, p, version, ret_more);
    if (e) {
        cx->code = own.code;
        memcpy(cx->detail, own.detail, sizeof(own.detail));
    }
    arena_free(&own.arena);
    return e;
}

static enum err remove_rows(struct cx *cx, const struct purge *p)
{
    for (size_t i = 0; i < p->count; i++) {
        bool more = true;
        while (more) {
            TRY(cx_check(cx));
            TRY(remove_step(cx, p, p->versions[i], &more));
        }
    }
    return ERR_OK;
}

/* The end of a deleted document; its files are looked at again when no upload can still want them.
 */
static enum err remove_document(struct db_tx *tx, const struct purge *p)
{
    for (size_t i = 0; i < p->count; i++) {
        TRY(db_exec(tx, &delete_version, DB_ARGS(DB_ID(p->id.v), DB_INT(p->versions[i])), NULL));
    }
    TRY(db_exec(tx, &delete_document, DB_ARGS(DB_ID(p->id.v)), NULL));
    return document_job(tx, p->id, "document.purge", db_tx_cx(tx)->now_us + 2 * UPLOAD_US);
}

static enum err remove_files(struct db_tx *tx, struct blob_store *blobs)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    TRY(db_query(tx, &select_files, DB_ARGS(DB_INT(cx->now_us - UPLOAD_US), DB_INT(FILES_STEP)),
                 &rows));
    for (size_t i = 0; i < rows.count; i++) {
        struct blob_name name;
        memcpy(name.sha256, db_text(&rows, i, 0).p, sizeof(name.sha256));
        TRY(db_exec(tx, &delete_file, DB_ARGS(DB_BLOB(db_text(&rows, i, 0))), NULL));
        TRY(blob_remove(cx, blobs, name));
    }
    return ERR_OK;
}

enum err document_purge(struct cx *cx, struct blob_store *blobs, const struct job *job)
{
    struct purge p = {.id = {job->lane}};
    TRY(plan(cx, &p));
    TRY(remove_rows(cx, &p));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    if (p.deleted) {
        TRY(remove_document(tx, &p));
    } else {
        TRY(remove_files(tx, blobs));
    }
    TRY(job_done(tx, job));
    return db_commit(tx);
}

static enum err give_job(struct cx *cx, struct document_id id, bool deleted)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(document_job(tx, id, deleted ? "document.purge" : "document.process", 0));
    return db_commit(tx);
}

static enum err find_unfinished(struct cx *cx, struct db_rows *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    return db_query(tx, &select_unfinished,
                    DB_ARGS(DB_INT(cx->now_us - STUCK_US), DB_INT(SWEEP_ROWS)), ret);
}

/* A job that is there already is found by job_add; one that runs is followed by another that finds
 * nothing to do. */
enum err document_sweep(struct cx *cx)
{
    struct db_rows rows;
    TRY(find_unfinished(cx, &rows));
    for (size_t i = 0; i < rows.count; i++) {
        cx_for_tenant(cx, (struct tenant_id){db_id(&rows, i, 0)});
        const enum err e =
            give_job(cx, (struct document_id){db_id(&rows, i, 1)}, db_int(&rows, i, 2) == 1);
        cx_for_platform(cx);
        TRY(e);
    }
    return ERR_OK;
}
