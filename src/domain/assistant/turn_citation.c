/* A citation of a recorded turn, opened: the words around its quote. */
#include "domain/assistant/turn.h"

static const struct db_stmt select_heading = DB_TENANT_SQL(
    "SELECT heading FROM turn_passages WHERE tenant_id = $1 AND turn_id = $2 AND document_id = $3 "
    "AND version = $4 AND start_byte <= $5 AND end_byte >= $6 ORDER BY number LIMIT 1");

static enum err find_heading(struct db_tx *tx, struct turn_id id, const struct citation *c,
                             struct str *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_heading,
                 DB_ARGS(DB_ID(id.v), DB_ID(c->document.v), DB_INT(c->version), DB_INT(c->start),
                         DB_INT(c->end)),
                 &rows));
    *ret = rows.count ? db_text(&rows, 0, 0) : STR("");
    return ERR_OK;
}

enum err turn_citation(struct db_tx *tx, const struct turn *t, int64_t n, struct opened *ret)
{
    struct cx *cx = db_tx_cx(tx);
    bool found = false;
    if (n < 1 || n > (int64_t)t->citation_count) {
        return cx_fail(cx, CODE_CITATION_NOT_FOUND, "the answer has no such citation");
    }
    ret->citation = t->citations[n - 1];
    const struct citation *c = &ret->citation;
    TRY(document_excerpt(tx, c->document, c->version, c->start, c->end, &ret->excerpt, &found));
    if (!found || !str_eq(ret->excerpt.quote, c->quote)) {
        return cx_fail(cx, CODE_CITATION_NOT_FOUND, "the text that it cites was erased");
    }
    return find_heading(tx, t->id, c, &ret->heading);
}
