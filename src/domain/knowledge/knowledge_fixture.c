#include "domain/knowledge/knowledge_fixture.h"

#include "domain/account/tenant.h"
#include "domain/knowledge/document_row.h"
#include "domain/knowledge/tally.h"

void knowledge_fixture_check(struct cx *cx, enum err e, const char *what)
{
    if (e) {
        (void)fprintf(stderr, "fixture: %s: %s: %s\n", what, err_name(e), cx->detail);
        abort();
    }
}

static struct tenant_id make_tenant(struct knowledge_fixture *f, const char *name)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(&f->db);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct tenant tenant;
    knowledge_fixture_check(&cx, db_begin_write(&cx, &tx), "begin");
    knowledge_fixture_check(&cx, tenant_create(tx, str_of(name), &tenant), "tenant");
    knowledge_fixture_check(&cx, db_commit(tx), "commit");
    return tenant.id;
}

void knowledge_fixture_init(struct knowledge_fixture *f)
{
    *f = (struct knowledge_fixture){};
    db_fixture_init(&f->db);
    db_fixture_open(&f->db);
    SCOPED(cx_end) struct cx cx = db_fixture_platform(&f->db);
    int applied;
    knowledge_fixture_check(&cx, db_migrate_up(&cx, &applied), "migrate");
    SCOPED(buf_fini) struct buf why = buf_make(KB);
    const struct str dir = str_fmt(cx.arena, "%s/blobs", f->db.dir);
    knowledge_fixture_check(&cx, blob_open(dir.p, &f->blobs, &why), "blobs");
    f->tenant = make_tenant(f, "Fixture");
}

void knowledge_fixture_fini(struct knowledge_fixture *f)
{
    blob_close(&f->blobs);
    db_fixture_fini(&f->db);
}

struct tenant_id knowledge_fixture_tenant(struct knowledge_fixture *f, const char *name)
{
    return make_tenant(f, name);
}

struct cx knowledge_fixture_cx(struct knowledge_fixture *f)
{
    struct cx cx;
    cx_begin(&cx, f->db.db);
    cx_for_tenant(&cx, f->tenant);
    return cx;
}

enum err knowledge_fixture_upload(struct knowledge_fixture *f, struct cx *cx, const char *name,
                                  struct str bytes, struct document_id replace,
                                  struct document *ret)
{
    const struct document_in in = {.name = str_of(name), .bytes = extent_of(bytes)};
    struct document_upload up;
    TRY(document_receive(cx, f->blobs, &in, &up));
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    TRY(db_begin_write(cx, &tx));
    TRY(document_store(tx, &up, replace, ret));
    int64_t last;
    TRY(event_flush(tx, &last));
    return db_commit(tx);
}

static void run_job(struct knowledge_fixture *f, const struct job *job)
{
    struct cx cx;
    cx_begin(&cx, f->db.db);
    cx_for_tenant(&cx, job->tenant);
    const bool process = str_is(job->kind, "document.process");
    must(process || str_is(job->kind, "document.purge"));
    knowledge_fixture_check(
        &cx, process ? document_process(&cx, f->blobs, job) : document_purge(&cx, f->blobs, job),
        process ? "process" : "purge");
    cx_end(&cx);
}

int knowledge_fixture_work(struct knowledge_fixture *f)
{
    int done = 0;
    for (;;) {
        SCOPED(cx_end) struct cx cx = db_fixture_platform(&f->db);
        struct job *jobs;
        size_t count;
        knowledge_fixture_check(&cx, job_claim(&cx, STR("fixture"), 8, &jobs, &count), "claim");
        if (!count) {
            return done;
        }
        for (size_t i = 0; i < count; i++) {
            run_job(f, &jobs[i]);
            done++;
        }
    }
}

struct document knowledge_fixture_get(struct knowledge_fixture *f, struct cx *cx,
                                      struct document_id id)
{
    (void)f;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct document d;
    knowledge_fixture_check(cx, db_begin_read(cx, &tx), "begin");
    knowledge_fixture_check(cx, document_get(tx, id, &d), "get");
    return d;
}

struct search_result knowledge_fixture_search(struct knowledge_fixture *f, struct cx *cx,
                                              const char *text, size_t limit)
{
    (void)f;
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    struct search_result result;
    const struct search_query query = {.text = str_of(text), .limit = limit};
    knowledge_fixture_check(cx, db_begin_read(cx, &tx), "begin");
    knowledge_fixture_check(cx, search_text(tx, &query, &result), "search");
    return result;
}

static void verify_tenant(struct cx *cx, struct db_tx *tx, struct uuid tenant)
{
    const struct db_stmt select_rows = DB_PLATFORM_SQL(
        "SELECT title_terms, heading_terms, body_terms FROM chunks WHERE tenant_id = $1");
    const struct db_stmt select_df =
        DB_PLATFORM_SQL("SELECT df FROM term_df WHERE tenant_id = $1 AND term = $2");
    const struct db_stmt sum_df =
        DB_PLATFORM_SQL("SELECT coalesce(sum(df), 0) FROM term_df WHERE tenant_id = $1");
    const struct db_stmt sum_totals = DB_PLATFORM_SQL(
        "SELECT coalesce(sum(chunks), 0), coalesce(sum(title_len), 0), "
        "coalesce(sum(heading_len), 0), coalesce(sum(body_len), 0) FROM text_totals "
        "WHERE tenant_id = $1");
    struct db_rows rows;
    SCOPED(tally_fini) struct tally t;
    tally_init(&t, cx->arena);
    knowledge_fixture_check(cx, db_query(tx, &select_rows, DB_ARGS(DB_ID(tenant)), &rows), "rows");
    for (size_t i = 0; i < rows.count; i++) {
        tally_chunk(&t, db_text(&rows, i, 0), db_text(&rows, i, 1), db_text(&rows, i, 2));
    }
    int64_t sum = 0;
    for (const struct tally_term *term = t.terms; term; term = term->next) {
        const enum err e =
            db_query(tx, &select_df, DB_ARGS(DB_ID(tenant), DB_TEXT(term->text)), &rows);
        knowledge_fixture_check(cx, e, "df");
        must(rows.count == 1 && db_int(&rows, 0, 0) == term->df);
        sum += term->df;
    }
    knowledge_fixture_check(cx, db_query(tx, &sum_df, DB_ARGS(DB_ID(tenant)), &rows), "sum");
    must(db_int(&rows, 0, 0) == sum);
    knowledge_fixture_check(cx, db_query(tx, &sum_totals, DB_ARGS(DB_ID(tenant)), &rows), "totals");
    must(db_int(&rows, 0, 0) == t.chunks && db_int(&rows, 0, 1) == t.title_len &&
         db_int(&rows, 0, 2) == t.heading_len && db_int(&rows, 0, 3) == t.body_len);
}

void knowledge_fixture_verify(struct knowledge_fixture *f)
{
    SCOPED(cx_end) struct cx cx = db_fixture_platform(&f->db);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    const struct db_stmt tenants = DB_PLATFORM_SQL("SELECT id FROM tenants");
    struct db_rows rows;
    knowledge_fixture_check(&cx, db_begin_read(&cx, &tx), "begin");
    knowledge_fixture_check(&cx, db_query(tx, &tenants, DB_NO_ARGS, &rows), "tenants");
    for (size_t i = 0; i < rows.count; i++) {
        verify_tenant(&cx, tx, db_id(&rows, i, 0));
    }
    db_tx_close(&tx);
    db_fixture_script(&f->db, "INSERT INTO chunks_fts (chunks_fts) VALUES ('integrity-check')");
}
