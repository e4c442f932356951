#include "domain/knowledge/document.h"

#include "base/jw.h"
#include "base/utf8.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/fold.h"

#define LIVE "tenant_id = $1 AND deleted_us IS NULL"

static const struct db_stmt select_one =
    DB_TENANT_SQL("SELECT " DOCUMENT_COLUMNS " FROM documents WHERE " LIVE " AND id = $2");
/* A filter that is not set is NULL and lets everything through. */
static const struct db_stmt select_page = DB_TENANT_SQL(
    "SELECT " DOCUMENT_COLUMNS " FROM documents WHERE " LIVE " "
    "AND (created_us, id) < ($2, $3) "
    "AND ($4 IS NULL OR status = $4) AND ($5 IS NULL OR folded_name LIKE $5 ESCAPE '!') "
    "ORDER BY created_us DESC, id DESC LIMIT $6");
static const struct db_stmt update_one = DB_TENANT_SQL(
    "UPDATE documents SET name = $3, folded_name = $4, status = $5, error = $6, metadata = $7, "
    "updated_us = $8 WHERE " LIVE " AND id = $2");
static const struct db_stmt select_versions = DB_TENANT_SQL(
    "SELECT v.version, v.size, v.mime_type, v.sha256, v.status, v.error, v.created_us "
    "FROM document_versions v WHERE v.tenant_id = $1 AND v.document_id = $2 AND v.version < $3 "
    "ORDER BY v.version DESC LIMIT $4");
static const struct db_stmt select_chunks = DB_TENANT_SQL(
    "SELECT id, version, position, start_at, end_at, heading, language, text FROM chunks "
    "WHERE tenant_id = $1 AND document_id = $2 AND version = $3 AND position >= $4 "
    "ORDER BY position LIMIT $5");
static const struct db_stmt select_length = DB_TENANT_SQL(
    "SELECT text_bytes FROM document_versions "
    "WHERE tenant_id = $1 AND document_id = $2 AND version = $3 AND status = 'ready'");
static const struct db_stmt select_pieces = DB_TENANT_SQL(
    "SELECT bytes FROM document_texts WHERE tenant_id = $1 AND document_id = $2 AND version = $3 "
    "AND piece BETWEEN $4 AND $5 ORDER BY piece");
static const struct db_stmt select_file =
    DB_TENANT_SQL("SELECT v.sha256, v.mime_type, d.name FROM documents d "
                  "JOIN document_versions v ON v.tenant_id = $1 AND v.document_id = d.id "
                  "AND v.version = d.version "
                  "WHERE d.tenant_id = $1 AND d.id = $2 AND d.deleted_us IS NULL");

struct document document_read(const struct db_rows *rows, size_t i)
{
    return (struct document){
        .id = {db_id(rows, i, 0)},
        .name = db_text(rows, i, 1),
        .status = db_text(rows, i, 2),
        .version = db_int(rows, i, 3),
        .current = db_int(rows, i, 4),
        .size = db_int(rows, i, 5),
        .mime_type = db_text(rows, i, 6),
        .chunks = db_int(rows, i, 7),
        .error = db_text(rows, i, 8),
        .language = db_text(rows, i, 9),
        .metadata = db_text(rows, i, 10),
        .created_us = db_int(rows, i, 11),
        .updated_us = db_int(rows, i, 12),
    };
}

enum err document_event(struct db_tx *tx, enum event_type type, const struct document *d,
                        struct str error)
{
    SCOPED(buf_fini) struct buf b = buf_make(8 * KB);
    jw_open(&b, '{');
    jw_member_id(&b, "documentId", d->id.v);
    jw_member_str(&b, "name", d->name);
    jw_member_i64(&b, "version", d->version);
    if (error.n) {
        jw_member_str(&b, "error", error);
    }
    jw_close(&b, '}');
    return event_add(tx, type, (struct uuid){}, str_dup(db_tx_cx(tx)->arena, buf_view(&b)));
}

enum err document_job(struct db_tx *tx, struct document_id id, const char *kind, int64_t due_us)
{
    const struct job_spec spec = {
        .kind = kind, .lane = id.v, .payload = STR("{}"), .due_us = due_us};
    struct job_id job;
    return job_add(tx, &spec, &job);
}

struct str document_folded(struct arena *a, struct str name)
{
    SCOPED(buf_fini) struct buf b = buf_make(8 * KB);
    size_t from = 0;
    for (size_t at = 0; from < name.n;) {
        const size_t start = at;
        const uint32_t c = at < name.n ? utf8_next(name, &at) : 0;
        if (!fold_is_letter(c) && !fold_is_digit(c)) {
            char word[FOLD_MAX];
            const struct str run = str_sub(name, from, start - from);
            const struct str folded = fold(run, true, word);
            buf_str(&b, folded.n ? folded : run); /* too long to be folded */
            buf_str(&b, str_sub(name, start, at - start));
            from = at;
        }
        if (start == name.n) {
            break;
        }
    }
    return str_dup(a, buf_view(&b));
}

static enum err not_found(struct cx *cx)
{
    return cx_fail(cx, CODE_DOCUMENT_NOT_FOUND, "there is no such document");
}

enum err document_get(struct db_tx *tx, struct document_id id, struct document *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_one, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return not_found(db_tx_cx(tx));
    }
    *ret = document_read(&rows, 0);
    return ERR_OK;
}

/* "%part%" with the signs that LIKE knows made harmless. */
static struct str like_pattern(struct arena *a, struct str q)
{
    const struct str folded = document_folded(a, q);
    SCOPED(buf_fini) struct buf b = buf_make(2 * folded.n + 2);
    buf_char(&b, '%');
    for (size_t i = 0; i < folded.n; i++) {
        if (strchr("%_!", folded.p[i])) {
            buf_char(&b, '!');
        }
        buf_char(&b, folded.p[i]);
    }
    buf_char(&b, '%');
    return str_dup(a, buf_view(&b));
}

enum err document_list(struct db_tx *tx, const struct document_filter *filter,
                       struct document **ret, size_t *ret_count)
{
    struct arena *a = db_tx_cx(tx)->arena;
    struct uuid last;
    memset(last.b, 0xff, sizeof(last.b));
    const struct str q = str_trim(filter->q);
    struct db_rows rows;
    TRY(db_query(tx, &select_page,
                 DB_ARGS(DB_INT(filter->has_before ? filter->before_us : INT64_MAX),
                         DB_ID(filter->has_before ? filter->before_id : last),
                         DB_OPT_TEXT(filter->status), q.n ? DB_TEXT(like_pattern(a, q)) : DB_NULL,
                         DB_INT((int64_t)filter->limit)),
                 &rows));
    *ret = arena_many(a, struct document, rows.count);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        (*ret)[i] = document_read(&rows, i);
    }
    return ERR_OK;
}

static void take(struct cx *cx, const struct document *d, const char *key, bool has,
                 struct str value, struct str *ret)
{
    *ret = has ? value : document_metadata(cx, d, key);
}

static enum err changed_metadata(struct cx *cx, const struct document_change *c, struct document *d)
{
    struct document_in in = {};
    take(cx, d, "title", c->has_title, c->title, &in.title);
    take(cx, d, "sourceUrl", c->has_source_url, c->source_url, &in.source_url);
    take(cx, d, "author", c->has_author, c->author, &in.author);
    take(cx, d, "category", c->has_category, c->category, &in.category);
    take(cx, d, "language", c->has_language, c->language, &in.language);
    take(cx, d, "tags", c->has_tags, c->tags, &in.tags);
    return document_metadata_json(cx, &in, &d->metadata);
}

/* The only change of status that a caller may make: ready → stale, with a reason. */
static enum err changed_status(struct cx *cx, const struct document_change *c, struct document *d)
{
    if (!str_is(c->status, "stale")) {
        return cx_fail_field(cx, "status", "can only be set to stale");
    }
    if (!str_is(d->status, "ready") && !str_is(d->status, "stale")) {
        return cx_fail(cx, CODE_CONFLICT,
                       "a document that is " STR_FMT " cannot become stale: only a ready one can",
                       STR_ARG(d->status));
    }
    if (c->reason.n > ERROR_BYTES) {
        return cx_fail_field(cx, "reason", "must have at most %d bytes", ERROR_BYTES);
    }
    d->status = STR("stale");
    d->error = c->reason;
    return ERR_OK;
}

enum err document_update(struct db_tx *tx, struct document_id id,
                         const struct document_change *change, struct document *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct document d;
    TRY(document_get(tx, id, &d));
    if (change->has_name) {
        TRY(document_name(cx, change->name, &d.name));
    }
    TRY(changed_metadata(cx, change, &d));
    if (change->has_status) {
        TRY(changed_status(cx, change, &d));
        TRY(document_event(tx, EVENT_DOCUMENT_STALE, &d, d.error));
    }
    d.updated_us = cx->now_us;
    TRY(db_exec(tx, &update_one,
                DB_ARGS(DB_ID(id.v), DB_TEXT(d.name), DB_TEXT(document_folded(cx->arena, d.name)),
                        DB_TEXT(d.status), DB_TEXT(d.error), DB_TEXT(d.metadata),
                        DB_INT(d.updated_us)),
                NULL));
    *ret = d;
    return ERR_OK;
}

enum err document_versions(struct db_tx *tx, struct document_id id, int64_t below, size_t limit,
                           struct document_version **ret, size_t *ret_count)
{
    struct arena *a = db_tx_cx(tx)->arena;
    struct document d;
    TRY(document_get(tx, id, &d));
    struct db_rows rows;
    TRY(db_query(tx, &select_versions,
                 DB_ARGS(DB_ID(id.v), DB_INT(below ? below : INT64_MAX), DB_INT((int64_t)limit)),
                 &rows));
    *ret = arena_many(a, struct document_version, rows.count);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        const struct str sha = db_text(&rows, i, 3);
        (*ret)[i] = (struct document_version){
            .version = db_int(&rows, i, 0),
            .size = db_int(&rows, i, 1),
            .mime_type = db_text(&rows, i, 2),
            .sha256 = str_hex(a, sha.p, sha.n),
            .status = db_text(&rows, i, 4),
            .error = db_text(&rows, i, 5),
            .created_us = db_int(&rows, i, 6),
        };
    }
    return ERR_OK;
}

enum err document_chunks(struct db_tx *tx, struct document_id id, int64_t from, size_t limit,
                         struct chunk **ret, size_t *ret_count)
{
    struct document d;
    TRY(document_get(tx, id, &d));
    struct db_rows rows;
    TRY(db_query(tx, &select_chunks,
                 DB_ARGS(DB_ID(id.v), DB_INT(d.current), DB_INT(from), DB_INT((int64_t)limit)),
                 &rows));
    *ret = arena_many(db_tx_cx(tx)->arena, struct chunk, rows.count);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        (*ret)[i] = (struct chunk){
            .id = db_id(&rows, i, 0),
            .version = db_int(&rows, i, 1),
            .position = db_int(&rows, i, 2),
            .start = db_int(&rows, i, 3),
            .end = db_int(&rows, i, 4),
            .heading = db_text(&rows, i, 5),
            .language = db_text(&rows, i, 6),
            .text = db_text(&rows, i, 7),
        };
    }
    return ERR_OK;
}

enum err document_text(struct db_tx *tx, struct document_id id, int64_t version, int64_t start,
                       int64_t end, struct str *ret, bool *ret_found)
{
    *ret_found = false;
    struct db_rows rows;
    TRY(db_query(tx, &select_length, DB_ARGS(DB_ID(id.v), DB_INT(version)), &rows));
    if (!rows.count) {
        return ERR_OK;
    }
    const int64_t length = db_int(&rows, 0, 0);
    end = end < 0 || end > length ? length : end;
    start = start < 0 ? 0 : min_i64(start, end);
    const int64_t first = start / TEXT_PIECE;
    TRY(db_query(tx, &select_pieces,
                 DB_ARGS(DB_ID(id.v), DB_INT(version), DB_INT(first),
                         DB_INT(max_i64(end - 1, 0) / TEXT_PIECE)),
                 &rows));
    SCOPED(buf_fini) struct buf b = buf_make(SIZE_MAX / 2);
    for (size_t i = 0; i < rows.count; i++) {
        buf_str(&b, db_text(&rows, i, 0));
    }
    const size_t skip = (size_t)(start - first * TEXT_PIECE);
    if (b.n < skip + (size_t)(end - start)) {
        return ERR_OK; /* the purge is at it */
    }
    *ret = str_dup(db_tx_cx(tx)->arena, str_sub(buf_view(&b), skip, (size_t)(end - start)));
    *ret_found = true;
    return ERR_OK;
}

static enum err find_file(struct cx *cx, struct document_id id, struct db_rows *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    TRY(db_query(tx, &select_file, DB_ARGS(DB_ID(id.v)), ret));
    return ret->count ? ERR_OK : not_found(cx);
}

enum err document_content(struct cx *cx, struct blob_store *blobs, struct document_id id,
                          struct extent *ret, struct str *ret_mime, struct str *ret_name)
{
    struct db_rows rows;
    TRY(find_file(cx, id, &rows));
    struct blob_name blob;
    memcpy(blob.sha256, db_text(&rows, 0, 0).p, sizeof(blob.sha256));
    TRY(blob_get(cx, blobs, blob, ret));
    *ret_mime = db_text(&rows, 0, 1);
    *ret_name = db_text(&rows, 0, 2);
    return ERR_OK;
}
