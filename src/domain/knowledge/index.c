#include "domain/knowledge/index.h"

#include "base/mem.h"
#include "domain/account/tenant.h"
#include "domain/knowledge/posting_cache.h"
#include "domain/knowledge/tally.h"

static const struct db_stmt insert_chunk = DB_TENANT_SQL(
    "INSERT INTO chunks (tenant_id, fts, id, document_id, version, position, start_at, end_at, "
    "heading, language, text, title_terms, heading_terms, body_terms) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)");
static const struct db_stmt take_numbers = DB_TENANT_SQL(
    "INSERT INTO text_counters (tenant_id, next) VALUES ($1, 1 + $2) "
    "ON CONFLICT (tenant_id) DO UPDATE SET next = text_counters.next + $2 RETURNING next");
static const struct db_stmt add_df =
    DB_TENANT_SQL("INSERT INTO term_df (tenant_id, term, df) VALUES ($1, $2, $3) "
                  "ON CONFLICT (tenant_id, term) DO UPDATE SET df = term_df.df + excluded.df");
static const struct db_stmt subtract_df = DB_TENANT_SQL(
    "UPDATE term_df SET df = df - $3 WHERE tenant_id = $1 AND term = $2 RETURNING df");
static const struct db_stmt delete_df =
    DB_TENANT_SQL("DELETE FROM term_df WHERE tenant_id = $1 AND term = $2");
static const struct db_stmt add_totals = DB_TENANT_SQL(
    "INSERT INTO text_totals (tenant_id, language, chunks, title_len, heading_len, body_len) "
    "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (tenant_id, language) DO UPDATE SET "
    "chunks = text_totals.chunks + excluded.chunks, "
    "title_len = text_totals.title_len + excluded.title_len, "
    "heading_len = text_totals.heading_len + excluded.heading_len, "
    "body_len = text_totals.body_len + excluded.body_len");
static const struct db_stmt subtract_totals =
    DB_TENANT_SQL("UPDATE text_totals SET chunks = chunks - $3, title_len = title_len - $4, "
                  "heading_len = heading_len - $5, body_len = body_len - $6 "
                  "WHERE tenant_id = $1 AND language = $2");
static const struct db_stmt select_chunks = DB_TENANT_SQL(
    "SELECT fts, language, title_terms, heading_terms, body_terms FROM chunks "
    "WHERE tenant_id = $1 AND document_id = $2 AND version = $3 ORDER BY position LIMIT $4");
#define FTS_COLUMNS "rowid, title_terms, heading_terms, body_terms"
#define FTS_OF_CHUNK                                                                               \
    "fts, title_terms, heading_terms, body_terms FROM chunks WHERE tenant_id = $1 AND fts = $2"
static const struct db_stmt insert_fts =
    DB_TENANT_SQL("INSERT INTO chunks_fts (" FTS_COLUMNS ") SELECT " FTS_OF_CHUNK);
static const struct db_stmt delete_fts = DB_TENANT_SQL(
    "INSERT INTO chunks_fts (chunks_fts, " FTS_COLUMNS ") SELECT 'delete', " FTS_OF_CHUNK);
static const struct db_stmt delete_chunk =
    DB_TENANT_SQL("DELETE FROM chunks WHERE tenant_id = $1 AND fts = $2");

struct columns {
    struct str title, heading, body;
};

static struct str search_text_of(struct terms *t, struct arena *a, struct str text)
{
    SCOPED(buf_fini) struct buf b = buf_make(SIZE_MAX / 2);
    (void)terms_index(t, text, &b);
    return str_dup(a, buf_view(&b));
}

static enum err take_keys(struct db_tx *tx, size_t count, int64_t *ret_first)
{
    struct tenant tenant;
    TRY(tenant_get(tx, &tenant));
    struct db_rows rows;
    TRY(db_query(tx, &take_numbers, DB_ARGS(DB_INT((int64_t)count)), &rows));
    *ret_first = (tenant.slot << 32) + db_int(&rows, 0, 0) - (int64_t)count;
    return ERR_OK;
}

static enum err write_one(struct db_tx *tx, const struct index_version *v,
                          const struct chunk_span *span, size_t position, int64_t key,
                          const struct columns *c)
{
    TRY(db_exec(tx, &insert_chunk,
                DB_ARGS(DB_INT(key), DB_ID(uuid_new()), DB_ID(v->document.v), DB_INT(v->version),
                        DB_INT((int64_t)(v->first + position)),
                        DB_INT((int64_t)(v->text_at + span->start)),
                        DB_INT((int64_t)(v->text_at + span->end)), DB_TEXT(span->heading),
                        DB_TEXT(v->language),
                        DB_TEXT(str_sub(v->text, span->start, span->end - span->start)),
                        DB_TEXT(c->title), DB_TEXT(c->heading), DB_TEXT(c->body)),
                NULL));
    return db_exec(tx, &insert_fts, DB_ARGS(DB_INT(key)), NULL);
}

static enum err write_tally(struct db_tx *tx, const struct tally *t, struct str language)
{
    for (const struct tally_term *term = t->terms; term; term = term->next) {
        TRY(db_exec(tx, &add_df, DB_ARGS(DB_TEXT(term->text), DB_INT(term->df)), NULL));
    }
    return db_exec(tx, &add_totals,
                   DB_ARGS(DB_TEXT(language), DB_INT(t->chunks), DB_INT(t->title_len),
                           DB_INT(t->heading_len), DB_INT(t->body_len)),
                   NULL);
}

enum err index_write(struct db_tx *tx, const struct index_version *v,
                     const struct chunk_span *spans, size_t count, size_t from, int64_t *ret_terms)
{
    struct arena *a = db_tx_cx(tx)->arena;
    const size_t n = count - from < INDEX_STEP ? count - from : INDEX_STEP;
    int64_t key;
    TRY(take_keys(tx, n, &key));
    SCOPED(tally_fini) struct tally tally;
    tally_init(&tally, a);
    struct columns c = {.title = search_text_of(v->terms, a, v->title)};
    for (size_t i = from; i < from + n; i++) {
        const struct chunk_span *span = &spans[i];
        c.heading = search_text_of(v->terms, a, span->heading);
        c.body =
            search_text_of(v->terms, a, str_sub(v->text, span->start, span->end - span->start));
        tally_chunk(&tally, c.title, c.heading, c.body);
        TRY(write_one(tx, v, span, i, key + (int64_t)(i - from), &c));
    }
    *ret_terms = tally.body_len;
    return write_tally(tx, &tally, v->language);
}

static enum err subtract_tally(struct db_tx *tx, const struct tally *t, struct str language)
{
    for (const struct tally_term *term = t->terms; term; term = term->next) {
        struct db_rows rows;
        TRY(db_query(tx, &subtract_df, DB_ARGS(DB_TEXT(term->text), DB_INT(term->df)), &rows));
        if (rows.count && db_int(&rows, 0, 0) == 0) {
            TRY(db_exec(tx, &delete_df, DB_ARGS(DB_TEXT(term->text)), NULL));
        }
    }
    return db_exec(tx, &subtract_totals,
                   DB_ARGS(DB_TEXT(language), DB_INT(t->chunks), DB_INT(t->title_len),
                           DB_INT(t->heading_len), DB_INT(t->body_len)),
                   NULL);
}

enum err index_remove(struct db_tx *tx, struct document_id document, int64_t version,
                      size_t *ret_removed)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_chunks,
                 DB_ARGS(DB_ID(document.v), DB_INT(version), DB_INT(INDEX_STEP)), &rows));
    *ret_removed = rows.count;
    if (!rows.count) {
        return ERR_OK;
    }
    SCOPED(tally_fini) struct tally tally;
    tally_init(&tally, db_tx_cx(tx)->arena);
    for (size_t i = 0; i < rows.count; i++) {
        tally_chunk(&tally, db_text(&rows, i, 2), db_text(&rows, i, 3), db_text(&rows, i, 4));
        TRY(db_exec(tx, &delete_fts, DB_ARGS(DB_INT(db_int(&rows, i, 0))), NULL));
        TRY(db_exec(tx, &delete_chunk, DB_ARGS(DB_INT(db_int(&rows, i, 0))), NULL));
    }
    TRY(posting_cache_changed(tx));
    return subtract_tally(tx, &tally, db_text(&rows, 0, 1)); /* a version has one language */
}
