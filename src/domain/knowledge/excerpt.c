#include "domain/knowledge/excerpt.h"

#include "base/utf8.h"

static const struct db_stmt select_there = DB_TENANT_SQL(
    "SELECT 1 FROM documents WHERE tenant_id = $1 AND id = $2 AND deleted_us IS NULL");

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Marks that end a sentence whatever comes behind. */
static bool ends_with_mark(struct str s)
{
    static const char *const marks[] = {"。", "！", "？", "؟", "۔", "।"};
    for (size_t i = 0; i < COUNT(marks); i++) {
        if (str_ends(s, str_of(marks[i]))) {
            return true;
        }
    }
    return false;
}

/* Whether a line or a sentence ends just before at. Behind a full stop there must be a blank, so at
 * the end of a piece it proves nothing. */
static bool ends_at(struct str s, size_t at)
{
    const char last = at ? s.p[at - 1] : '\0';
    const bool stop = last == '.' || last == '!' || last == '?';
    return last == '\n' || (stop && at < s.n && is_blank(s.p[at])) ||
           ends_with_mark(str_sub(s, 0, at));
}

static bool blank_at(struct str s, size_t at)
{
    return at && is_blank(s.p[at - 1]);
}

static bool is_inside(struct str s, size_t at)
{
    return at < s.n && ((unsigned char)s.p[at] & 0xc0) == 0x80;
}

#define NOWHERE SIZE_MAX

/* The first place up to max that a predicate holds for. */
static size_t first_place(struct str s, size_t max, bool (*holds)(struct str s, size_t at))
{
    size_t at = 0;
    while (at <= max && !holds(s, at)) {
        at++;
    }
    return at <= max ? at : NOWHERE;
}

/* The last one from min on. */
static size_t last_place(struct str s, size_t min, bool (*holds)(struct str s, size_t at))
{
    size_t at = s.n;
    while (at > min && !holds(s, at)) {
        at--;
    }
    return holds(s, at) ? at : NOWHERE;
}

static size_t begin_of(struct str s, size_t start)
{
    size_t at = first_place(s, start, ends_at);
    at = at != NOWHERE ? at : first_place(s, start, blank_at);
    if (at != NOWHERE) {
        return at;
    }
    at = 0;
    while (at < start && is_inside(s, at)) {
        at++;
    }
    return at;
}

/* Without a code point that is cut at the end. */
static size_t whole(struct str s)
{
    const size_t begin = s.n ? utf8_floor(s, s.n - 1) : 0;
    return utf8_valid(str_sub(s, begin, s.n)) ? s.n : begin;
}

static size_t end_of(struct str s, size_t end)
{
    size_t at = last_place(s, end, ends_at);
    at = at != NOWHERE ? at : last_place(s, end, blank_at);
    return at != NOWHERE ? at : whole(s);
}

struct excerpt excerpt_cut(struct str piece, size_t start, size_t end, bool first, bool last)
{
    size_t from = first ? 0 : begin_of(piece, start);
    size_t to = last ? piece.n : end_of(piece, end);
    while (from < start && is_blank(piece.p[from])) {
        from++;
    }
    while (to > end && is_blank(piece.p[to - 1])) {
        to--;
    }
    return (struct excerpt){
        .before = str_sub(piece, from, start - from),
        .quote = str_sub(piece, start, end - start),
        .after = str_sub(piece, end, to - end),
    };
}

enum err document_excerpt(struct db_tx *tx, struct document_id id, int64_t version, int64_t start,
                          int64_t end, struct excerpt *ret, bool *ret_found)
{
    const int64_t from = max_i64(start - EXCERPT_AROUND, 0);
    struct db_rows rows;
    struct str piece;
    *ret_found = false;
    TRY(db_query(tx, &select_there, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return ERR_OK;
    }
    TRY(document_text(tx, id, version, from, end + EXCERPT_AROUND, &piece, ret_found));
    *ret_found = *ret_found && start < end && (int64_t)piece.n >= end - from;
    if (*ret_found) {
        const bool last = (int64_t)piece.n < end + EXCERPT_AROUND - from;
        *ret = excerpt_cut(piece, (size_t)(start - from), (size_t)(end - from), from == 0, last);
    }
    return ERR_OK;
}
