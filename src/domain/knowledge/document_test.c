#include "domain/knowledge/knowledge_fixture.h"

#include "base/conf.h"
#include "crypto/hash.h"

#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

static const struct document_id none;

static int setup(void **state)
{
    static struct knowledge_fixture f;
    knowledge_fixture_init(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    knowledge_fixture_verify(*state);
    knowledge_fixture_fini(*state);
    return 0;
}

static struct document upload(struct knowledge_fixture *f, struct cx *cx, const char *name,
                              const char *text)
{
    struct document d;
    knowledge_fixture_check(cx, knowledge_fixture_upload(f, cx, name, str_of(text), none, &d),
                            "upload");
    return d;
}

static struct document upload_and_read(struct knowledge_fixture *f, struct cx *cx, const char *name,
                                       const char *text)
{
    const struct document d = upload(f, cx, name, text);
    (void)knowledge_fixture_work(f);
    return knowledge_fixture_get(f, cx, d.id);
}

static void test_life(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    struct document d = upload(f, &cx, "../../docs/returns.md", "# Returns\n\nWithin thirty days.");
    assert_true(str_is(d.status, "pending") && str_is(d.name, "returns.md"));
    assert_true(str_is(d.mime_type, "text/markdown"));
    assert_int_equal(knowledge_fixture_work(f), 1);
    d = knowledge_fixture_get(f, &cx, d.id);
    assert_true(str_is(d.status, "ready") && str_is(d.language, "en"));
    assert_int_equal(d.chunks, 1);
    assert_int_equal(d.current, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    knowledge_fixture_check(&cx, db_begin_read(&cx, &tx), "begin");
    struct chunk *chunks;
    size_t count;
    knowledge_fixture_check(&cx, document_chunks(tx, d.id, 0, 10, &chunks, &count), "chunks");
    assert_int_equal(count, 1);
    assert_string_equal(chunks[0].text.p, "Returns\n\nWithin thirty days.");
    assert_string_equal(chunks[0].heading.p, "Returns");
    struct str text;
    bool found;
    knowledge_fixture_check(&cx, document_text(tx, d.id, 1, 9, 15, &text, &found), "text");
    assert_true(found && str_is(text, "Within"));
    knowledge_fixture_check(&cx, document_text(tx, d.id, 1, 0, -1, &text, &found), "text");
    assert_true(found && str_eq(text, chunks[0].text));
    knowledge_fixture_check(&cx, document_text(tx, d.id, 2, 0, -1, &text, &found), "text");
    assert_false(found);
    db_tx_close(&tx);
    struct extent bytes;
    struct str mime;
    struct str name;
    knowledge_fixture_check(&cx, document_content(&cx, f->blobs, d.id, &bytes, &mime, &name),
                            "file");
    assert_true(extent_take(cx.arena, &bytes, &text));
    (void)close(bytes.fd);
    assert_true(str_is(text, "# Returns\n\nWithin thirty days.") && str_is(mime, "text/markdown"));
}

static void test_refused(void **state)
{
    struct knowledge_fixture *f = *state;
    static const struct {
        const char *name, *bytes;
        enum code code;
    } rows[] = {
        {"a.txt", "", CODE_VALIDATION_ERROR},
        {"", "x", CODE_VALIDATION_ERROR},
        {"a/..", "x", CODE_VALIDATION_ERROR},
        {"a\nb.txt", "x", CODE_VALIDATION_ERROR},
        {"a.pdf", "x", CODE_UNSUPPORTED_MEDIA_TYPE},
        {"a.txt", "%PDF-1.4", CODE_UNSUPPORTED_MEDIA_TYPE},
        {"a.txt", "caf\xe9", CODE_UNSUPPORTED_MEDIA_TYPE},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
        struct document d;
        const enum err e =
            knowledge_fixture_upload(f, &cx, rows[i].name, str_of(rows[i].bytes), none, &d);
        assert_int_equal(e, ERR_INVALID);
        assert_int_equal(cx.code, rows[i].code);
    }
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    const int64_t max = conf.document_max_bytes;
    conf.document_max_bytes = 4;
    struct document d;
    assert_int_equal(knowledge_fixture_upload(f, &cx, "a.txt", STR("12345"), none, &d),
                     ERR_TOO_LARGE);
    conf.document_max_bytes = max;
}

static void test_failed(void **state)
{
    struct knowledge_fixture *f = *state;
    static const struct {
        const char *name, *bytes, *why;
    } rows[] = {
        {"a.txt", " \n ", "there is no text in it"},
        {"a.md", "# Only\n\n## Headings", "there are only headings in it, and no text below them"},
        {"a.txt", "... --- ...", "there are no words in it that could be found"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
        const struct document d = upload_and_read(f, &cx, rows[i].name, rows[i].bytes);
        assert_true(str_is(d.status, "failed"));
        assert_string_equal(d.error.p, rows[i].why);
        assert_int_equal(d.current, 0);
    }
}

/* One line of 10 MB is either read in pieces or refused with a reason; both within the limits. */
static void test_endless_line(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    const size_t size = 10 * MB;
    char *line = arena_alloc(cx.arena, size + 1);
    memset(line, 'a', size);
    struct document d = upload_and_read(f, &cx, "line.txt", line);
    assert_true(str_is(d.status, "ready") || str_is(d.status, "failed"));
    line[900 * KB] = '\0'; /* one window, whose last passage is no word either */
    d = upload_and_read(f, &cx, "window.txt", line);
    assert_true(str_is(d.status, "failed"));
    assert_string_equal(d.error.p, "there are no words in it that could be found");
    for (size_t i = 0; i < 256 * KB; i += 8) {
        line[i] = ' ';
    }
    line[256 * KB] = '\0';
    d = upload_and_read(f, &cx, "words.txt", line);
    assert_true(str_is(d.status, "ready"));
    assert_true(d.chunks > 200);
}

static void test_replace(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    struct document d = upload_and_read(f, &cx, "p.txt", "The parrot costs ten coins.");
    struct document next;
    knowledge_fixture_check(&cx,
                            knowledge_fixture_upload(
                                f, &cx, "p.txt", STR("The parrot costs fifty coins."), d.id, &next),
                            "replace");
    assert_int_equal(next.version, 2);
    /* until it is read, the old version answers */
    struct search_result r = knowledge_fixture_search(f, &cx, "What does the parrot cost?", 5);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.passages[0].version, 1);
    (void)knowledge_fixture_work(f);
    r = knowledge_fixture_search(f, &cx, "What does the parrot cost?", 5);
    assert_int_equal(r.count, 1);
    assert_int_equal(r.passages[0].version, 2);
    assert_non_null(strstr(r.passages[0].text.p, "fifty"));
    assert_int_equal(db_fixture_number(&f->db, "SELECT count(*) FROM chunks WHERE version = 1 "
                                               "AND text LIKE '%parrot%'"),
                     0);
    /* a version that cannot be read leaves the one before it in place, and its text too */
    knowledge_fixture_check(&cx, knowledge_fixture_upload(f, &cx, "p.txt", STR("  "), d.id, &next),
                            "replace");
    (void)knowledge_fixture_work(f);
    d = knowledge_fixture_get(f, &cx, d.id);
    assert_true(str_is(d.status, "failed"));
    assert_int_equal(d.version, 3);
    assert_int_equal(d.current, 2);
    r = knowledge_fixture_search(f, &cx, "What does the parrot cost?", 5);
    assert_int_equal(r.count, 1);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    knowledge_fixture_check(&cx, db_begin_read(&cx, &tx), "begin");
    struct str text;
    bool found;
    knowledge_fixture_check(&cx, document_text(tx, d.id, 1, 0, -1, &text, &found), "text");
    assert_true(found && str_is(text, "The parrot costs ten coins."));
}

static void in_write(struct cx *cx, struct db_tx **tx)
{
    knowledge_fixture_check(cx, db_begin_write(cx, tx), "begin");
}

static void delete_one(struct cx *cx, struct document_id id)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    in_write(cx, &tx);
    knowledge_fixture_check(cx, document_delete(tx, id), "delete");
    knowledge_fixture_check(cx, db_commit(tx), "commit");
}

static void test_delete(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    const struct document d = upload_and_read(f, &cx, "z.txt", "The zeppelin lands at noon.");
    assert_int_equal(knowledge_fixture_search(f, &cx, "zeppelin", 5).count, 1);
    delete_one(&cx, d.id);
    assert_int_equal(knowledge_fixture_search(f, &cx, "zeppelin", 5).count, 0);
    (void)knowledge_fixture_work(f);
    assert_int_equal(
        db_fixture_number(&f->db, "SELECT count(*) FROM chunks WHERE text LIKE '%zeppelin%'"), 0);
    assert_int_equal(
        db_fixture_number(&f->db, "SELECT count(*) FROM documents WHERE name = 'z.txt'"), 0);
    assert_int_equal(
        db_fixture_number(&f->db, "SELECT count(*) FROM term_df WHERE term = 'zeppelin'"), 0);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    in_write(&cx, &tx);
    assert_int_equal(document_delete(tx, d.id), ERR_NOT_FOUND);
}

/* Under the same question and the same file name, one tenant never sees another's text. */
static void test_tenants(void **state)
{
    struct knowledge_fixture *f = *state;
    const struct tenant_id first = f->tenant;
    const struct tenant_id second = knowledge_fixture_tenant(f, "Second");
    SCOPED(cx_end) struct cx a = knowledge_fixture_cx(f);
    const struct document d =
        upload_and_read(f, &a, "prices.txt", "The marker is XYLOPHONE and costs 5.");
    f->tenant = second;
    SCOPED(cx_end) struct cx b = knowledge_fixture_cx(f);
    (void)upload_and_read(f, &b, "prices.txt", "The marker is TROMBONE and costs 7.");
    struct search_result r = knowledge_fixture_search(f, &b, "What is the marker xylophone?", 20);
    assert_int_equal(r.count, 1);
    assert_non_null(strstr(r.passages[0].text.p, "TROMBONE"));
    assert_false(r.known);
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    knowledge_fixture_check(&b, db_begin_read(&b, &tx), "begin");
    struct document foreign;
    struct str text;
    bool found;
    assert_int_equal(document_get(tx, d.id, &foreign), ERR_NOT_FOUND);
    knowledge_fixture_check(&b, document_text(tx, d.id, 1, 0, -1, &text, &found), "text");
    assert_false(found);
    db_tx_close(&tx);
    in_write(&b, &tx);
    assert_int_equal(document_delete(tx, d.id), ERR_NOT_FOUND);
    assert_int_equal(document_reprocess(tx, d.id, &foreign), ERR_NOT_FOUND);
    db_tx_close(&tx);
    f->tenant = first;
}

static void test_update_and_list(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    struct document d = upload_and_read(f, &cx,
                                        "Gr\xc3\xb6\xc3\x9f"
                                        "e_100%.txt",
                                        "Sizes are here.");
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    in_write(&cx, &tx);
    const struct document_change stale = {.status = STR("stale"),
                                          .reason = STR("prices changed"),
                                          .title = STR("Sizes"),
                                          .has_status = true,
                                          .has_title = true};
    knowledge_fixture_check(&cx, document_update(tx, d.id, &stale, &d), "update");
    assert_true(str_is(d.status, "stale") && str_is(d.error, "prices changed"));
    assert_string_equal(d.metadata.p, "{\"title\":\"Sizes\"}");
    const struct document_change ready = {.status = STR("ready"), .has_status = true};
    assert_int_equal(document_update(tx, d.id, &ready, &d), ERR_INVALID);
    const struct document_change url = {.source_url = STR("ftp://x"), .has_source_url = true};
    assert_int_equal(document_update(tx, d.id, &url, &d), ERR_INVALID);
    knowledge_fixture_check(&cx, document_reprocess(tx, d.id, &d), "reprocess");
    assert_true(str_is(d.status, "pending"));
    knowledge_fixture_check(&cx, db_commit(tx), "commit");
    db_tx_close(&tx);
    (void)knowledge_fixture_work(f);
    assert_true(str_is(knowledge_fixture_get(f, &cx, d.id).status, "ready"));
    knowledge_fixture_check(&cx, db_begin_read(&cx, &tx), "begin");
    static const struct {
        const char *q;
        size_t count;
    } rows[] = {{"grosse_", 1}, {"100%", 1}, {"GR\xc3\x96SS", 1}, {"gr%e", 0}, {"nothere", 0}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct document_filter filter = {.q = str_of(rows[i].q), .limit = 10};
        struct document *list;
        size_t count;
        knowledge_fixture_check(&cx, document_list(tx, &filter, &list, &count), "list");
        assert_int_equal(count, rows[i].count);
    }
    struct document_version *versions;
    size_t count;
    knowledge_fixture_check(&cx, document_versions(tx, d.id, 2, 10, &versions, &count), "versions");
    assert_int_equal(count, 1);
    assert_int_equal(versions[0].version, 1);
    knowledge_fixture_check(&cx, document_versions(tx, d.id, 0, 10, &versions, &count), "versions");
    assert_int_equal(count, 2);
    assert_int_equal(versions[0].version, 2);
    assert_int_equal(versions[0].sha256.n, 64);
}

/* What a crash leaves: rows without jobs. The sweeper gives them one. */
/* shows: DOC-3 */
static void test_sweep(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    const struct document gone = upload_and_read(f, &cx, "gone.txt", "A page about narwhals.");
    const struct document lost = upload(f, &cx, "lost.txt", "A lost page about walruses.");
    delete_one(&cx, gone.id);
    db_fixture_script(&f->db, "DELETE FROM jobs; UPDATE documents SET updated_us = 1 "
                              "WHERE name IN ('lost.txt', 'gone.txt'); UPDATE documents "
                              "SET status = 'processing' WHERE name = 'lost.txt'");
    struct cx platform = db_fixture_platform(&f->db);
    knowledge_fixture_check(&platform, document_sweep(&platform), "sweep");
    cx_end(&platform);
    (void)knowledge_fixture_work(f);
    assert_true(str_is(knowledge_fixture_get(f, &cx, lost.id).status, "ready"));
    assert_int_equal(
        db_fixture_number(&f->db, "SELECT count(*) FROM documents WHERE name = 'gone.txt'"), 0);
}

/* A file that two documents share stays until both are gone and no upload can still want it. */
static void test_files(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    const struct document a = upload_and_read(f, &cx, "a.txt", "Same words about otters.");
    const struct document b = upload_and_read(f, &cx, "b.txt", "Same words about otters.");
    delete_one(&cx, a.id);
    (void)knowledge_fixture_work(f);
    db_fixture_script(&f->db, "UPDATE document_files SET used_us = 1; UPDATE jobs SET due_us = 1");
    (void)knowledge_fixture_work(f);
    struct extent bytes;
    struct str mime;
    struct str name;
    knowledge_fixture_check(&cx, document_content(&cx, f->blobs, b.id, &bytes, &mime, &name),
                            "file");
    (void)close(bytes.fd);
    delete_one(&cx, b.id);
    (void)knowledge_fixture_work(f);
    struct blob_name blob = {};
    const struct str sha = STR("Same words about otters.");
    hash_sha256(sha.p, sha.n, blob.sha256);
    assert_int_equal(blob_get(&cx, f->blobs, blob, &bytes), ERR_OK);
    (void)close(bytes.fd);
    db_fixture_script(&f->db, "UPDATE document_files SET used_us = 1; UPDATE jobs SET due_us = 1");
    (void)knowledge_fixture_work(f);
    assert_int_equal(blob_get(&cx, f->blobs, blob, &bytes), ERR_NOT_FOUND);
}

struct worker_arg {
    struct knowledge_fixture *f;
    struct job job;
};

static void *process_in_thread(void *arg)
{
    struct worker_arg *w = arg;
    struct cx cx;
    cx_begin(&cx, w->f->db.db);
    cx_for_tenant(&cx, w->job.tenant);
    const enum err e = document_process(&cx, w->f->blobs, &w->job);
    assert_true(e == ERR_OK || e == ERR_CONFLICT);
    cx_end(&cx);
    return NULL;
}

static int64_t rows_of(struct knowledge_fixture *f)
{
    return db_fixture_number(&f->db, "SELECT count(*) FROM chunks WHERE text LIKE '%quagga%' "
                                     "OR document_id NOT IN (SELECT id FROM documents)");
}

/* A delete that falls somewhere into the processing leaves no passage behind. */
/* shows: DOC-14 */
static void test_delete_while_processing(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(buf_fini) struct buf text = buf_make(MB);
    for (int i = 0; i < 1500; i++) {
        buf_fmt(&text, "Paragraph %d speaks of the quagga, of hay and of its %d stripes.\n\n", i,
                i * 7);
    }
    for (int round = 0; round < 12; round++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
        struct document d;
        knowledge_fixture_check(
            &cx, knowledge_fixture_upload(f, &cx, "q.txt", buf_view(&text), none, &d), "upload");
        SCOPED(cx_end) struct cx platform = db_fixture_platform(&f->db);
        struct job *jobs;
        size_t count;
        knowledge_fixture_check(&platform, job_claim(&platform, STR("race"), 1, &jobs, &count),
                                "claim");
        assert_int_equal(count, 1);
        struct worker_arg w = {f, jobs[0]};
        pthread_t t;
        assert_int_equal(pthread_create(&t, NULL, process_in_thread, &w), 0);
        /* each round waits for a few more passages before it deletes */
        while (rows_of(f) < round * 10 &&
               db_fixture_number(&f->db, "SELECT count(*) FROM documents WHERE status = 'ready' "
                                         "AND name = 'q.txt' AND deleted_us IS NULL") == 0) {
            sched_yield();
        }
        delete_one(&cx, d.id);
        const int64_t left = rows_of(f);
        assert_int_equal(pthread_join(t, NULL), 0);
        assert_int_equal(rows_of(f), left); /* none written after the delete */
        (void)knowledge_fixture_work(f);
        assert_int_equal(rows_of(f), 0);
    }
}

/* While a document is replaced again and again, each search sees one version alone. */
static void *search_in_thread(void *arg)
{
    struct worker_arg *w = arg;
    for (int i = 0; i < 200; i++) {
        SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(w->f);
        const struct search_result r = knowledge_fixture_search(w->f, &cx, "okapi herd", 20);
        assert_true(r.count > 0);
        for (size_t k = 1; k < r.count; k++) {
            assert_int_equal(r.passages[k].version, r.passages[0].version);
        }
    }
    return NULL;
}

/* shows: DOC-10 */
static void test_replace_while_searching(void **state)
{
    struct knowledge_fixture *f = *state;
    SCOPED(cx_end) struct cx cx = knowledge_fixture_cx(f);
    struct document d = {};
    pthread_t t = 0;
    struct worker_arg w = {.f = f};
    for (int round = 0; round < 6; round++) {
        SCOPED(buf_fini) struct buf text = buf_make(MB);
        for (int i = 0; i < 60; i++) {
            buf_fmt(&text,
                    "Round %d: the okapi herd number %d grazes far from the road and rests "
                    "below old trees until the evening comes and the air is cool again.\n\n",
                    round, i);
        }
        knowledge_fixture_check(
            &cx, knowledge_fixture_upload(f, &cx, "o.txt", buf_view(&text), d.id, &d), "upload");
        (void)knowledge_fixture_work(f);
        if (round == 0) {
            assert_int_equal(pthread_create(&t, NULL, search_in_thread, &w), 0);
        }
    }
    assert_int_equal(pthread_join(t, NULL), 0);
    assert_int_equal(knowledge_fixture_get(f, &cx, d.id).current, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failed),
        cmocka_unit_test(test_endless_line),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_tenants),
        cmocka_unit_test(test_update_and_list),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_delete_while_processing),
        cmocka_unit_test(test_replace_while_searching),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
