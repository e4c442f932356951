#include "domain/assistant/followup.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/turn_work.h"
#include "domain/knowledge/language.h"

/* A page of history is also the room for a burst; more pages are read only while they hold messages
 * that no turn covers. */
enum { PAGE = 64, PAGES_MAX = 16 };

static const struct db_stmt sql_page = DB_TENANT_SQL(
    "SELECT m.id, m.direction, m.type, m.sender, m.content, "
    "CASE WHEN m.direction <> 'inbound' THEN 0 WHEN EXISTS (SELECT 1 FROM turn_messages t "
    "WHERE t.tenant_id = $1 AND t.message_id = m.id) THEN 1 ELSE 0 END FROM messages m "
    "WHERE m.tenant_id = $1 AND m.conversation_id = $2 AND m.id < $3 ORDER BY m.id DESC LIMIT $4");

struct str turn_line_text(struct arena *a, struct str type, struct str content)
{
    return str_is(type, "text")
               ? content
               : str_fmt(a, "(" STR_FMT ") " STR_FMT, STR_ARG(type), STR_ARG(content));
}

static struct work_line read_line(struct arena *a, const struct db_rows *rows, size_t i)
{
    const struct str type = db_text(rows, i, 2);
    const bool inbound = str_is(db_text(rows, i, 1), "inbound");
    return (struct work_line){
        .id = {db_id(rows, i, 0)},
        .customer = inbound,
        .fresh = inbound && !db_int(rows, i, 5),
        .is_text = str_is(type, "text"),
        .text = turn_line_text(a, type, db_text(rows, i, 4)),
    };
}

/* Puts a page, newest first, before the lines that are there. */
static bool add_page(struct work *w, const struct db_rows *rows)
{
    struct arena *a = w->cx->arena;
    struct work_line *all = arena_many(a, struct work_line, rows->count + w->line_count + 1);
    struct work_line *end = all + rows->count;
    bool fresh = false;
    if (w->line_count) {
        memcpy(end, w->lines, w->line_count * sizeof(*end));
    }
    w->lines = end;
    for (size_t i = 0; i < rows->count; i++) {
        if (!str_is(db_text(rows, i, 3), "system")) {
            *--w->lines = read_line(a, rows, i);
            fresh |= w->lines->fresh;
            w->fresh_count += w->lines->fresh;
            w->line_count++;
        }
    }
    return fresh;
}

static enum err read_lines(struct db_tx *tx, struct work *w)
{
    struct uuid before;
    memset(&before, 0xFF, sizeof(before));
    w->more = true;
    for (int page = 0; page < PAGES_MAX && w->more; page++) {
        struct db_rows rows;
        TRY(db_query(tx, &sql_page,
                     DB_ARGS(DB_ID(w->conversation.id.v), DB_ID(before), DB_INT(PAGE)), &rows));
        w->more = add_page(w, &rows) && rows.count == PAGE;
        if (rows.count) {
            before = db_id(&rows, rows.count - 1, 0);
        }
    }
    return ERR_OK;
}

/* Fresh ones to the end, in their order: an agent may have written in between. */
static void put_fresh_last(struct work *w)
{
    struct work_line *sorted = arena_many(w->cx->arena, struct work_line, w->line_count + 1);
    size_t n = 0;
    for (int fresh = 0; fresh < 2; fresh++) {
        for (size_t i = 0; i < w->line_count; i++) {
            if (w->lines[i].fresh == (bool)fresh) {
                sorted[n++] = w->lines[i];
            }
        }
    }
    w->lines = sorted;
}

static void read_fresh(struct work *w)
{
    SCOPED(buf_fini) struct buf b = buf_make(SIZE_MAX / 2);
    for (size_t i = w->line_count - w->fresh_count; i < w->line_count; i++) {
        const struct work_line *l = &w->lines[i];
        w->has_other |= !l->is_text;
        if (l->is_text) {
            buf_cstr(&b, b.n ? "\n" : "");
            buf_str(&b, l->text);
        }
        if (uuid_is_nil(w->turn.message.v) || memcmp(&w->turn.message, &l->id, sizeof(l->id)) < 0) {
            w->turn.message = l->id;
        }
    }
    w->text = str_dup(w->cx->arena, buf_view(&b));
}

static void make_whole(struct work *w)
{
    struct str earlier[FOLLOWUP_BACK * 2];
    size_t n = 0;
    for (size_t i = w->line_count - w->fresh_count; i > 0 && n < COUNT(earlier); i--) {
        const struct work_line *l = &w->lines[i - 1];
        if (l->customer && l->is_text) {
            earlier[n++] = l->text;
        }
    }
    w->question = followup_whole(w->cx->arena, w->text, w->language, earlier, n);
}

/* The contact's choice, else what the words tell, else what was spoken so far, else the tenant's.
 */
static enum err find_language(struct db_tx *tx, struct work *w)
{
    struct contact contact;
    TRY(contact_get(tx, w->conversation.contact, &contact));
    const struct str guessed = language_guess(w->text);
    const struct str choices[] = {contact.language, guessed, w->conversation.language,
                                  w->tenant.language, STR("en")};
    for (size_t i = 0; i < COUNT(choices) && !w->language.n; i++) {
        w->language = language_code(w->cx->arena, choices[i]);
    }
    return ERR_OK;
}

enum err turn_load(struct db_tx *tx, struct work *w)
{
    struct str text;
    w->language = (struct str){"", 0};
    TRY(conversation_get(tx, (struct conversation_id){w->job->lane}, &w->conversation));
    TRY(read_lines(tx, w));
    if (!w->fresh_count) {
        return ERR_OK;
    }
    TRY(tenant_get(tx, &w->tenant));
    TRY(policy_get(tx, &w->policy));
    TRY(policy_text_find(tx, w->policy.hash, &text, &w->has_policy_text));
    put_fresh_last(w);
    read_fresh(w);
    TRY(find_language(tx, w));
    make_whole(w);
    w->template = str_of(w->policy.retrieval ? compose_template_passages : compose_template_plain);
    w->template_hash = compose_hash(w->cx->arena, w->template);
    return policy_text_find(tx, w->template_hash, &text, &w->has_template_text);
}
