/* The way in: uploads, new versions, reading again, and deleting. */
#include "base/conf.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/posting_cache.h"
#include "ext/extract.h"

static const struct db_stmt note_file =
    DB_TENANT_SQL("INSERT INTO document_files (tenant_id, sha256, used_us) VALUES ($1, $2, $3) "
                  "ON CONFLICT (tenant_id, sha256) DO UPDATE SET used_us = excluded.used_us");
static const struct db_stmt insert_document = DB_TENANT_SQL(
    "INSERT INTO documents (tenant_id, id, name, folded_name, status, version, current, size, "
    "mime_type, chunks, error, language, metadata, created_us, updated_us) "
    "VALUES ($1, $2, $3, $4, 'pending', 1, 0, $5, $6, 0, '', '', $7, $8, $8)");
static const struct db_stmt next_version = DB_TENANT_SQL(
    "UPDATE documents SET version = version + 1, status = 'pending', error = '', size = $3, "
    "mime_type = $4, updated_us = $5 "
    "WHERE tenant_id = $1 AND deleted_us IS NULL AND id = $2 RETURNING " DOCUMENT_COLUMNS);
static const struct db_stmt insert_version = DB_TENANT_SQL(
    "INSERT INTO document_versions (tenant_id, document_id, version, size, mime_type, sha256, "
    "status, error, text_bytes, created_us) VALUES ($1, $2, $3, $4, $5, $6, 'pending', '', 0, $7)");
static const struct db_stmt supersede =
    DB_TENANT_SQL("UPDATE document_versions SET status = 'failed', "
                  "error = 'replaced by a newer version before it was read' "
                  "WHERE tenant_id = $1 AND document_id = $2 AND status = 'pending'");
static const struct db_stmt select_newest =
    DB_TENANT_SQL("SELECT sha256, size, mime_type FROM document_versions "
                  "WHERE tenant_id = $1 AND document_id = $2 ORDER BY version DESC LIMIT 1");
static const struct db_stmt mark_deleted =
    DB_TENANT_SQL("UPDATE documents SET deleted_us = $3, updated_us = $3 "
                  "WHERE tenant_id = $1 AND deleted_us IS NULL AND id = $2");

static enum err check_size(struct cx *cx, const struct extent *bytes)
{
    if (!bytes->n) {
        return cx_fail(cx, CODE_VALIDATION_ERROR, "the document is empty");
    }
    if (bytes->n > (uint64_t)conf.document_max_bytes) {
        return cx_fail(cx, CODE_PAYLOAD_TOO_LARGE,
                       "the document has %" PRIu64 " bytes; at most %" PRId64 " are taken",
                       bytes->n, conf.document_max_bytes);
    }
    return ERR_OK;
}

static struct str sha_of(const struct blob_name *name)
{
    return (struct str){(const char *)name->sha256, sizeof(name->sha256)};
}

/* Before the file is stored: from here on nobody collects it (see document_purge.c). */
static enum err claim_file(struct cx *cx, const struct blob_name *name)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(db_exec(tx, &note_file, DB_ARGS(DB_BLOB(sha_of(name)), DB_INT(cx->now_us)), NULL));
    return db_commit(tx);
}

enum err document_receive(struct cx *cx, struct blob_store *blobs, const struct document_in *in,
                          struct document_upload *ret)
{
    struct document_upload up = {.in = *in};
    struct str metadata;
    TRY(check_size(cx, &in->bytes));
    TRY(document_name(cx, in->name, &up.in.name));
    TRY(document_metadata_json(cx, in, &metadata));
    TRY(extract_type(cx, up.in.name, in->mime_type, &in->bytes, &up.mime_type));
    TRY(blob_name_of(cx, &in->bytes, &up.blob));
    TRY(claim_file(cx, &up.blob));
    TRY(blob_put(cx, blobs, &in->bytes, up.blob));
    *ret = up;
    return ERR_OK;
}

static enum err insert_new(struct db_tx *tx, const struct document_upload *up, struct document *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct document d = {
        .id = {uuid_new()},
        .name = up->in.name,
        .status = STR("pending"),
        .version = 1,
        .size = (int64_t)up->in.bytes.n,
        .mime_type = up->mime_type,
        .created_us = cx->now_us,
        .updated_us = cx->now_us,
    };
    TRY(document_metadata_json(cx, &up->in, &d.metadata));
    TRY(db_exec(tx, &insert_document,
                DB_ARGS(DB_ID(d.id.v), DB_TEXT(d.name), DB_TEXT(document_folded(cx->arena, d.name)),
                        DB_INT(d.size), DB_TEXT(d.mime_type), DB_TEXT(d.metadata),
                        DB_INT(cx->now_us)),
                NULL));
    *ret = d;
    return ERR_OK;
}

static enum err insert_next(struct db_tx *tx, struct document_id id, int64_t size,
                            struct str mime_type, struct document *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    TRY(db_query(tx, &next_version,
                 DB_ARGS(DB_ID(id.v), DB_INT(size), DB_TEXT(mime_type), DB_INT(cx->now_us)),
                 &rows));
    if (!rows.count) {
        return cx_fail(cx, CODE_DOCUMENT_NOT_FOUND, "there is no such document");
    }
    *ret = document_read(&rows, 0);
    return db_exec(tx, &supersede, DB_ARGS(DB_ID(id.v)), NULL);
}

static enum err add_version(struct db_tx *tx, const struct document *d, struct str sha256)
{
    TRY(db_exec(tx, &insert_version,
                DB_ARGS(DB_ID(d->id.v), DB_INT(d->version), DB_INT(d->size), DB_TEXT(d->mime_type),
                        DB_BLOB(sha256), DB_INT(db_tx_cx(tx)->now_us)),
                NULL));
    return document_job(tx, d->id, "document.process", 0);
}

enum err document_store(struct db_tx *tx, const struct document_upload *up,
                        struct document_id replace, struct document *ret)
{
    struct document d;
    if (uuid_is_nil(replace.v)) {
        TRY(insert_new(tx, up, &d));
    } else {
        TRY(insert_next(tx, replace, (int64_t)up->in.bytes.n, up->mime_type, &d));
    }
    TRY(add_version(tx, &d, sha_of(&up->blob)));
    TRY(document_event(tx, EVENT_DOCUMENT_UPLOADED, &d, STR("")));
    *ret = d;
    return ERR_OK;
}

enum err document_reprocess(struct db_tx *tx, struct document_id id, struct document *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_newest, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(db_tx_cx(tx), CODE_DOCUMENT_NOT_FOUND, "there is no such document");
    }
    struct document d;
    TRY(insert_next(tx, id, db_int(&rows, 0, 1), db_text(&rows, 0, 2), &d));
    TRY(add_version(tx, &d, db_text(&rows, 0, 0)));
    *ret = d;
    return ERR_OK;
}

enum err document_delete(struct db_tx *tx, struct document_id id)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t changed = 0;
    TRY(db_exec(tx, &mark_deleted, DB_ARGS(DB_ID(id.v), DB_INT(cx->now_us)), &changed));
    if (!changed) {
        return cx_fail(cx, CODE_DOCUMENT_NOT_FOUND, "there is no such document");
    }
    TRY(posting_cache_changed(tx));
    return document_job(tx, id, "document.purge", 0);
}
