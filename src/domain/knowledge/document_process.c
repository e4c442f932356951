/* The job "document.process": bytes → text → passages, a window of the document at a time: its text
 * is read, its passages are cut, both are written, and its memory is given back.
 *
 * Invariants:
 * 1. Passages are only ever written into a version that is not current; one transaction makes it
 * current, together with the job's end.
 * 2. Every transaction that writes passages first sees that the document lives and the version is
 * its newest: once a delete or a replacement has committed, no more are written. What is there by
 * then the purge takes, which waits for this job's lane.
 * 3. What an earlier attempt left of the version is removed before writing; two attempts that write
 * at once (one of them lost its lease) collide on (version, position), and the switch counts.
 * 4. Large documents have no more than half of the threads of jobs: one that finds them taken is
 * put off. So the documents of one tenant do not hold up what others wait for. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "domain/account/tenant.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/index.h"
#include "domain/knowledge/language.h"
#include "domain/knowledge/posting_cache.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
    PIECES_STEP = 8, /* pieces of text that one transaction writes or removes: half a megabyte */
    LARGE = 4 * 1024 * 1024, /* bytes of a document */
};

#define PUT_OFF_US SECOND_US

static atomic_int large_running; /* of this process */

static const struct db_stmt begin_processing = DB_TENANT_SQL(
    "UPDATE documents SET status = 'processing', updated_us = $3 WHERE tenant_id = $1 AND id = $2 "
    "AND deleted_us IS NULL AND status IN ('pending', 'processing') RETURNING " DOCUMENT_COLUMNS);
static const struct db_stmt select_version =
    DB_TENANT_SQL("SELECT sha256, size, mime_type FROM document_versions WHERE tenant_id = $1 "
                  "AND document_id = $2 AND version = $3 AND status = 'pending'");
static const struct db_stmt select_alive =
    DB_TENANT_SQL("SELECT 1 FROM documents WHERE tenant_id = $1 AND id = $2 AND version = $3 "
                  "AND deleted_us IS NULL AND status = 'processing'");
static const struct db_stmt delete_pieces = DB_TENANT_SQL(
    "DELETE FROM document_texts WHERE tenant_id = $1 AND document_id = $2 AND version = $3 "
    "AND piece IN (SELECT t.piece FROM document_texts t WHERE t.tenant_id = $1 "
    "AND t.document_id = $2 AND t.version = $3 ORDER BY t.piece LIMIT $4)");
static const struct db_stmt insert_piece =
    DB_TENANT_SQL("INSERT INTO document_texts (tenant_id, document_id, version, piece, bytes) "
                  "VALUES ($1, $2, $3, $4, $5)");
static const struct db_stmt count_chunks = DB_TENANT_SQL(
    "SELECT count(*) FROM chunks WHERE tenant_id = $1 AND document_id = $2 AND version = $3");
static const struct db_stmt version_ready =
    DB_TENANT_SQL("UPDATE document_versions SET status = 'ready', text_bytes = $4 "
                  "WHERE tenant_id = $1 AND document_id = $2 AND version = $3");
static const struct db_stmt make_current = DB_TENANT_SQL(
    "UPDATE documents SET status = 'ready', current = version, chunks = $3, language = $4, "
    "error = '', updated_us = $5 WHERE tenant_id = $1 AND id = $2");
static const struct db_stmt version_failed = DB_TENANT_SQL(
    "UPDATE document_versions SET status = 'failed', error = $4 "
    "WHERE tenant_id = $1 AND document_id = $2 AND version = $3 AND status = 'pending'");
static const struct db_stmt mark_failed = DB_TENANT_SQL(
    "UPDATE documents SET status = 'failed', error = $4, updated_us = $5 WHERE tenant_id = $1 "
    "AND id = $2 AND version = $3 AND deleted_us IS NULL AND status IN ('pending', 'processing')");

struct process {
    struct cx *cx;
    const struct job *job;
    struct document d;
    struct blob_name blob;
    struct str mime_type;
    struct extract_reader reader;
    struct index_version v;
    struct chunk_path path;
    int64_t terms; /* of all passages */

    /* the window that is being written */
    struct extracted ex;
    struct chunk_span *spans;
    size_t count;

    struct buf text; /* what is still to be written of it and those before */
    size_t written;  /* bytes of that */
    size_t piece;    /* the next one's number */
};

static struct document_id document_of(const struct job *job)
{
    return (struct document_id){job->lane};
}

/* *ret_work false: there is nothing (more) to do; the job has ended. */
static enum err begin(struct process *p, bool *ret_work)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(p->cx, &tx));
    struct db_rows rows;
    TRY(db_query(tx, &begin_processing, DB_ARGS(DB_ID(p->job->lane), DB_INT(p->cx->now_us)),
                 &rows));
    *ret_work = rows.count > 0;
    if (*ret_work) {
        p->d = document_read(&rows, 0);
        TRY(db_query(tx, &select_version, DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version)), &rows));
        if (rows.count != 1) {
            return cx_fail(p->cx, CODE_INTERNAL_ERROR,
                           "a document waits for a version that does not");
        }
        memcpy(p->blob.sha256, db_text(&rows, 0, 0).p, sizeof(p->blob.sha256));
        p->mime_type = db_text(&rows, 0, 2);
    } else {
        TRY(job_done(tx, p->job));
    }
    return db_commit(tx);
}

static enum err tenant_language(struct cx *cx, struct str *ret)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_read(cx, &tx));
    struct tenant tenant;
    TRY(tenant_get(tx, &tenant));
    *ret = tenant.language;
    return ERR_OK;
}

/* As the upload says; else as the text shows; else as the file says; else the tenant's. */
static enum err choose_language(struct process *p, struct str *ret)
{
    struct arena *a = p->cx->arena;
    *ret = language_code(a, document_metadata(p->cx, &p->d, "language"));
    if (!ret->n) {
        *ret = language_guess(p->ex.text);
    }
    if (!ret->n) {
        *ret = language_code(a, p->ex.language);
    }
    if (!ret->n) {
        TRY(tenant_language(p->cx, ret));
        *ret = language_code(a, *ret);
    }
    if (!ret->n) {
        *ret = STR("en");
    }
    return ERR_OK;
}

static struct str without_ending(struct str name)
{
    for (size_t i = name.n; i > 1 && name.n - i <= 8; i--) {
        if (name.p[i - 1] == '.') {
            return str_sub(name, 0, i - 1);
        }
    }
    return name;
}

static struct str title_of(const struct process *p)
{
    const struct str given = document_metadata(p->cx, &p->d, "title");
    const struct str title = given.n ? given : p->ex.title;
    return str_fmt(p->cx->arena, STR_FMT " " STR_FMT, STR_ARG(title),
                   STR_ARG(without_ending(p->d.name)));
}

static enum err is_alive(struct db_tx *tx, const struct process *p, bool *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_alive, DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version)), &rows));
    *ret = rows.count > 0;
    return ERR_OK;
}

/* One small transaction of the way; step fills *ret_more. Each has an arena of its own, since a
 * long text makes many. */
typedef enum err step_fn(struct db_tx *tx, struct process *p, size_t n, bool *ret_more);

/* What went wrong in a part of the work. */
static enum err pass_on(struct process *p, const struct cx *part, enum err e)
{
    p->cx->code = part->code;
    memcpy(p->cx->detail, part->detail, sizeof(part->detail));
    return e;
}

static enum err one_step(struct process *p, step_fn *step, size_t n, bool *ret_more,
                         bool *ret_alive)
{
    struct cx cx = *p->cx;
    cx.arena = arena_new();
    struct db_tx *tx = NULL;
    enum err e = db_begin_write(&cx, &tx);
    e = e ? e : is_alive(tx, p, ret_alive);
    if (!e && *ret_alive) {
        e = step(tx, p, n, ret_more);
        e = e ? e : db_commit(tx);
    }
    db_tx_close(&tx);
    arena_free(&cx.arena);
    return e ? pass_on(p, &cx, e) : ERR_OK;
}

static enum err all_steps(struct process *p, step_fn *step, bool *ret_alive)
{
    bool more = true;
    for (size_t n = 0; more && *ret_alive; n++) {
        TRY(cx_check(p->cx));
        TRY(one_step(p, step, n, &more, ret_alive));
    }
    return ERR_OK;
}

/* What an earlier attempt left. */
static enum err clean_step(struct db_tx *tx, struct process *p, size_t n, bool *ret_more)
{
    (void)n;
    int64_t pieces = 0;
    size_t removed = 0;
    TRY(db_exec(tx, &delete_pieces,
                DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version), DB_INT(PIECES_STEP)), &pieces));
    TRY(index_remove(tx, p->d.id, p->d.version, &removed));
    *ret_more = pieces > 0 || removed > 0;
    return ERR_OK;
}

static enum err write_piece(struct db_tx *tx, struct process *p)
{
    const struct str bytes = str_sub(buf_view(&p->text), p->written, TEXT_PIECE);
    TRY(db_exec(
        tx, &insert_piece,
        DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version), DB_INT((int64_t)p->piece), DB_BLOB(bytes)),
        NULL));
    p->written += bytes.n;
    p->piece++;
    return ERR_OK;
}

/* Whole pieces; what is left over is the beginning of the next window's first one. */
static enum err text_step(struct db_tx *tx, struct process *p, size_t n, bool *ret_more)
{
    (void)n;
    for (int i = 0; i < PIECES_STEP && p->text.n - p->written >= TEXT_PIECE; i++) {
        TRY(write_piece(tx, p));
    }
    *ret_more = p->text.n - p->written >= TEXT_PIECE;
    return ERR_OK;
}

static enum err last_piece_step(struct db_tx *tx, struct process *p, size_t n, bool *ret_more)
{
    (void)n;
    *ret_more = false;
    return p->text.n > p->written ? write_piece(tx, p) : ERR_OK;
}

static enum err chunk_step(struct db_tx *tx, struct process *p, size_t n, bool *ret_more)
{
    int64_t terms = 0;
    if (p->count) {
        TRY(index_write(tx, &p->v, p->spans, p->count, n * INDEX_STEP, &terms));
    }
    p->terms += terms;
    *ret_more = (n + 1) * INDEX_STEP < p->count;
    return ERR_OK;
}

/* Deleted or replaced meanwhile: leaves what there is to the purge. */
static enum err give_up(struct process *p)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(p->cx, &tx));
    TRY(document_job(tx, p->d.id, "document.purge", 0));
    TRY(job_done(tx, p->job));
    return db_commit(tx);
}

static enum err switch_over(struct db_tx *tx, struct process *p)
{
    struct db_rows rows;
    TRY(db_query(tx, &count_chunks, DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version)), &rows));
    if (db_int(&rows, 0, 0) != (int64_t)p->v.first) {
        return cx_fail(p->cx, CODE_CONFLICT, "another attempt has written to this version");
    }
    TRY(db_exec(tx, &version_ready,
                DB_ARGS(DB_ID(p->d.id.v), DB_INT(p->d.version), DB_INT((int64_t)p->v.text_at)),
                NULL));
    TRY(db_exec(tx, &make_current,
                DB_ARGS(DB_ID(p->d.id.v), DB_INT((int64_t)p->v.first), DB_TEXT(p->v.language),
                        DB_INT(p->cx->now_us)),
                NULL));
    TRY(posting_cache_changed(tx));
    if (p->d.version > 1) {
        TRY(document_job(tx, p->d.id, "document.purge", 0));
    }
    return document_event(tx, EVENT_DOCUMENT_READY, &p->d, STR(""));
}

static enum err finish(struct process *p, bool *ret_alive)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(p->cx, &tx));
    TRY(is_alive(tx, p, ret_alive));
    if (!*ret_alive) {
        return ERR_OK;
    }
    int64_t last;
    TRY(switch_over(tx, p));
    TRY(job_done(tx, p->job));
    TRY(event_flush(tx, &last));
    return db_commit(tx);
}

static enum err set_failed(struct db_tx *tx, const struct document *d, struct str why)
{
    why = utf8_prefix(why, ERROR_BYTES);
    int64_t changed = 0;
    TRY(db_exec(
        tx, &mark_failed,
        DB_ARGS(DB_ID(d->id.v), DB_INT(d->version), DB_TEXT(why), DB_INT(db_tx_cx(tx)->now_us)),
        &changed));
    TRY(db_exec(tx, &version_failed, DB_ARGS(DB_ID(d->id.v), DB_INT(d->version), DB_TEXT(why)),
                NULL));
    TRY(document_job(tx, d->id, "document.purge", 0));
    return changed ? document_event(tx, EVENT_DOCUMENT_FAILED, d, why) : ERR_OK;
}

/* What is wrong with the file stays wrong: failed at once, without another attempt. */
static enum err fail(struct process *p)
{
    const struct str why = str_dup(p->cx->arena, str_of(p->cx->detail));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(p->cx, &tx));
    int64_t last;
    TRY(set_failed(tx, &p->d, why));
    TRY(job_done(tx, p->job));
    TRY(event_flush(tx, &last));
    return db_commit(tx);
}

static bool is_final(enum err e)
{
    return e == ERR_INVALID || e == ERR_TOO_LARGE || e == ERR_NOT_FOUND;
}

/* What all passages share, as the first text shows it. */
static enum err begin_version(struct process *p)
{
    p->v =
        (struct index_version){.document = p->d.id, .version = p->d.version, .title = title_of(p)};
    TRY(choose_language(p, &p->v.language));
    p->v.language = str_dup(p->cx->arena, p->v.language);
    p->v.terms = terms_new(p->v.language);
    return ERR_OK;
}

static enum err write_window(struct process *p, bool *ret_alive)
{
    buf_drop(&p->text, p->written);
    p->written = 0;
    buf_str(&p->text, p->ex.text);
    p->v.text = p->ex.text;
    TRY(all_steps(p, text_step, ret_alive));
    if (*ret_alive) {
        TRY(all_steps(p, chunk_step, ret_alive));
    }
    p->v.text_at += p->ex.text.n;
    p->v.first += p->count;
    return ERR_OK;
}

static enum err read_window(struct process *p, struct cx *window, bool *ret_alive, bool *ret_more)
{
    const enum err e = extract_next(window, &p->reader, &p->ex, ret_more);
    if (e) {
        return pass_on(p, window, e);
    }
    if (p->ex.text.n && !p->v.terms) {
        TRY(begin_version(p));
    }
    chunk_text(window->arena, &p->ex, (size_t)conf.chunk_chars, &p->path, &p->spans, &p->count);
    return p->ex.text.n ? write_window(p, ret_alive) : ERR_OK;
}

/* A window has an arena of its own, as every step has. */
static enum err one_window(struct process *p, bool *ret_alive, bool *ret_more)
{
    struct cx cx = *p->cx;
    cx.arena = arena_new();
    const enum err e = read_window(p, &cx, ret_alive, ret_more);
    arena_free(&cx.arena);
    return e;
}

/* Without a single term nothing of it could ever be found. */
static enum err check_terms(struct process *p)
{
    return p->terms ? ERR_OK
                    : cx_fail(p->cx, CODE_VALIDATION_ERROR,
                              "there are no words in it that could be found");
}

static enum err write_all(struct process *p, const struct extent *bytes, bool *ret_alive)
{
    bool more = true;
    *ret_alive = true;
    TRY(extract_begin(p->cx, bytes, p->mime_type, &p->reader));
    TRY(all_steps(p, clean_step, ret_alive));
    while (more && *ret_alive) {
        TRY(cx_check(p->cx));
        TRY(one_window(p, ret_alive, &more));
    }
    if (*ret_alive) {
        TRY(all_steps(p, last_piece_step, ret_alive));
    }
    if (!*ret_alive) {
        return ERR_OK;
    }
    TRY(check_terms(p));
    return finish(p, ret_alive);
}

static enum err read_file(struct process *p, struct blob_store *blobs, bool *ret_alive)
{
    struct extent bytes;
    TRY(blob_get(p->cx, blobs, p->blob, &bytes));
    p->text = buf_make(SIZE_MAX / 2);
    const enum err e = write_all(p, &bytes, ret_alive);
    buf_fini(&p->text);
    (void)close(bytes.fd);
    return e;
}

static enum err put_off(struct process *p)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(p->cx, &tx));
    TRY(document_job(tx, p->d.id, "document.process", p->cx->now_us + PUT_OFF_US));
    TRY(job_done(tx, p->job));
    return db_commit(tx);
}

static enum err work(struct process *p, struct blob_store *blobs, const char **ret_status)
{
    bool alive;
    const enum err e = read_file(p, blobs, &alive);
    if (is_final(e)) {
        *ret_status = "failed";
        return fail(p);
    }
    TRY(e);
    *ret_status = alive ? "ready" : "dropped";
    return alive ? ERR_OK : give_up(p);
}

static enum err run(struct process *p, struct blob_store *blobs, const char **ret_status)
{
    bool pending;
    TRY(begin(p, &pending));
    if (!pending) {
        *ret_status = "none";
        return ERR_OK;
    }
    if (p->d.size <= LARGE) {
        return work(p, blobs, ret_status);
    }
    *ret_status = "put off";
    const int before = atomic_fetch_add(&large_running, 1);
    const bool room = before < max_i64(conf.job_threads / 2, 1);
    const enum err e = room ? work(p, blobs, ret_status) : put_off(p);
    (void)atomic_fetch_sub(&large_running, 1);
    return e;
}

enum err document_process(struct cx *cx, struct blob_store *blobs, const struct job *job)
{
    const int64_t start = clock_mono_us();
    struct process p = {.cx = cx, .job = job};
    const char *status = "error";
    const enum err e = run(&p, blobs, &status);
    terms_free(&p.v.terms);
    metric_seen(METRIC_DOCUMENT_DURATION, e ? "error" : status,
                (double)(clock_mono_us() - start) / (double)SECOND_US);
    return e;
}

enum err document_process_dead(struct db_tx *tx, const struct job *job)
{
    struct document d;
    const enum err e = document_get(tx, document_of(job), &d);
    if (e == ERR_NOT_FOUND) {
        return ERR_OK;
    }
    TRY(e);
    return set_failed(tx, &d, STR("it could not be read after several attempts; the log has why"));
}
