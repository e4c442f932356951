/* Lists of conversations, newest message first.
 *
 * The index conversations_by_status serves all of them: one state is one range of it, all states
 * are three ranges, merged. The channel is looked at on the way. Words are compared in C, folded as
 * Unicode has it, which neither database does by itself; rows are read in portions until enough
 * fit. */
#include "base/utf8.h"
#include "domain/conversation/row.h"

#include <utf8proc.h>

enum {
    PORTION = 200,
    WORDS_MAX = 8,
};

#define RANGE(state)                                                                               \
    "SELECT " CONVERSATION_COLUMNS " WHERE c.tenant_id = $1 AND c.status = " state                 \
    " AND (c.last_message_us, c.id) < ($2, $3) AND ($4 = '' OR c.channel_type = $4)"
/* By position, since two of the joined tables have an id. */
#define NEWEST_FIRST " ORDER BY 14 DESC, 1 DESC LIMIT $5"

static const struct db_stmt select_state =
    DB_TENANT_SQL(RANGE("$6") " ORDER BY c.last_message_us DESC, c.id DESC LIMIT $5");
static const struct db_stmt select_all = DB_TENANT_SQL(RANGE("'active'") " UNION ALL " RANGE(
    "'assigned_human'") " UNION ALL " RANGE("'closed'") NEWEST_FIRST);

struct words {
    struct str word[WORDS_MAX];
    size_t count;
};

/* Lower case, sign by sign; s is UTF-8. A sign's small form may be longer than itself. */
static struct str fold(struct arena *a, struct str s)
{
    enum { SIGN_BYTES = 4 };
    char *out = arena_alloc(a, SIGN_BYTES * utf8_count(s) + 1);
    size_t n = 0;
    for (size_t at = 0; at < s.n;) {
        const utf8proc_int32_t small = utf8proc_tolower((utf8proc_int32_t)utf8_next(s, &at));
        n += (size_t)utf8proc_encode_char(small, (utf8proc_uint8_t *)out + n);
    }
    return (struct str){out, n};
}

static struct words words_of(struct arena *a, struct str q)
{
    struct words w = {};
    struct str rest = fold(a, q);
    struct str word;
    while (w.count < WORDS_MAX && str_split(&rest, ' ', &word)) {
        if (word.n) {
            w.word[w.count++] = word;
        }
    }
    return w;
}

static bool fits(struct arena *a, const struct words *w, const struct conversation *c)
{
    if (!w->count) {
        return true;
    }
    const struct str name = fold(a, c->contact_name);
    const struct str subject = fold(a, c->subject);
    for (size_t i = 0; i < w->count; i++) {
        if (str_find(name, w->word[i], 0) < 0 && str_find(subject, w->word[i], 0) < 0) {
            return false;
        }
    }
    return true;
}

static enum err read_portion(struct db_tx *tx, const struct conversation_filter *f, int64_t before,
                             struct uuid before_id, size_t limit, struct db_rows *ret)
{
    const struct db_val args[] = {DB_INT(before), DB_ID(before_id), DB_TEXT(f->channel),
                                  DB_INT((int64_t)limit), DB_TEXT(f->status)};
    return f->status.n ? db_query(tx, &select_state, args, 5, ret)
                       : db_query(tx, &select_all, args, 4, ret);
}

enum err conversation_list(struct db_tx *tx, const struct conversation_filter *filter,
                           struct conversation **ret, size_t *ret_count)
{
    struct cx *cx = db_tx_cx(tx);
    const struct words words = words_of(cx->arena, filter->q);
    const size_t portion = words.count ? PORTION : filter->limit;
    struct conversation *list = arena_many(cx->arena, struct conversation, filter->limit);
    int64_t before = filter->has_before ? filter->before_us : INT64_MAX;
    struct uuid before_id = filter->before_id;
    size_t n = 0;
    struct db_rows rows = {.count = portion};
    while (n < filter->limit && rows.count == portion) {
        TRY(cx_check(cx));
        TRY(read_portion(tx, filter, before, before_id, portion, &rows));
        for (size_t i = 0; i < rows.count && n < filter->limit; i++) {
            const struct conversation c = conversation_read(&rows, i);
            before = c.last_message_us;
            before_id = c.id.v;
            if (fits(cx->arena, &words, &c)) {
                list[n++] = c;
            }
        }
    }
    *ret = list;
    *ret_count = n;
    return ERR_OK;
}
