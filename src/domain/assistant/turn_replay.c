/* The parts of a recorded prompt, gathered again: policy and template by hash, the messages by id,
 * the passages out of the stored versions of the documents. */
#include "base/json.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/turn_record.h"
#include "domain/assistant/turn_work.h"

static const struct db_stmt sql_passages = DB_TENANT_SQL(
    "SELECT number, document_id, document_name, version, chunk_id, heading, start_byte, end_byte, "
    "hash, score FROM turn_passages WHERE tenant_id = $1 AND turn_id = $2 ORDER BY number");

static const struct db_stmt sql_parts = DB_TENANT_SQL(
    "SELECT policy_hash, template_hash, prompt_hash, compose_version, clock_us, parameters, "
    "raw_output FROM turns WHERE tenant_id = $1 AND id = $2");

static const struct db_stmt sql_message =
    DB_TENANT_SQL("SELECT direction, type, content FROM messages WHERE tenant_id = $1 AND id = $2");

struct parts {
    struct cx *cx;
    struct db_tx *tx;
    struct turn_id id;
    struct policy policy;
    struct compose_in in;
    const json_t *parameters;
    struct str why; /* what is missing */
};

enum err turn_record_passages(struct db_tx *tx, struct turn_id id, struct recorded_passage **ret,
                              size_t *ret_count)
{
    struct db_rows r;
    TRY(db_query(tx, &sql_passages, DB_ARGS(DB_ID(id.v)), &r));
    struct recorded_passage *p =
        arena_many(db_tx_cx(tx)->arena, struct recorded_passage, r.count + 1);
    for (size_t i = 0; i < r.count; i++) {
        p[i] = (struct recorded_passage){
            .number = db_int(&r, i, 0),
            .document = {db_id(&r, i, 1)},
            .document_name = db_text(&r, i, 2),
            .version = db_int(&r, i, 3),
            .chunk = db_id(&r, i, 4),
            .heading = db_text(&r, i, 5),
            .start = db_int(&r, i, 6),
            .end = db_int(&r, i, 7),
            .hash = db_text(&r, i, 8),
            .score = db_num(&r, i, 9),
        };
    }
    *ret = p;
    *ret_count = r.count;
    return ERR_OK;
}

static enum err gather_texts(struct parts *p, struct str policy, struct str template)
{
    bool found = false;
    TRY(policy_by_hash(p->tx, policy, &p->policy, &found));
    if (!found) {
        p->why = STR("the policy's text is missing");
        return ERR_OK;
    }
    p->in.policy = &p->policy;
    TRY(policy_text_find(p->tx, template, &p->in.template, &found));
    if (!found) {
        p->why = STR("the template's text is missing");
    }
    return ERR_OK;
}

static enum err gather_lines(struct parts *p)
{
    struct cx *cx = p->cx;
    const json_t *list = json_object_get(p->parameters, "lines");
    const size_t count = json_array_size(list);
    struct compose_line *lines = arena_many(cx->arena, struct compose_line, count + 1);
    for (size_t i = 0; i < count; i++) {
        const json_t *line = json_array_get(list, i);
        struct uuid id = {};
        struct db_rows r;
        if (!uuid_parse(json_get_str(line, "id"), &id)) {
            return cx_fail(cx, CODE_INTERNAL_ERROR, "a stored line of a turn has no id");
        }
        TRY(db_query(p->tx, &sql_message, DB_ARGS(DB_ID(id)), &r));
        if (!r.count) {
            p->why = STR("a message of the conversation is missing");
            return ERR_OK;
        }
        lines[i] = (struct compose_line){
            .customer = str_is(db_text(&r, 0, 0), "inbound"),
            .fresh = json_get_bool(line, "fresh", false),
            .text = turn_line_text(cx->arena, db_text(&r, 0, 1), db_text(&r, 0, 2)),
        };
    }
    p->in.lines = lines;
    p->in.line_count = count;
    return ERR_OK;
}

static enum err gather_passage(struct parts *p, const struct recorded_passage *have,
                               struct compose_passage *ret)
{
    struct str text;
    bool found = false;
    TRY(document_text(p->tx, have->document, have->version, have->start, have->end, &text, &found));
    if (!found) {
        p->why = str_fmt(p->cx->arena, "the text of passage %" PRId64 " is no longer stored",
                         have->number);
    } else if (!str_eq(compose_hash(p->cx->arena, text), have->hash)) {
        p->why = str_fmt(p->cx->arena, "the text of passage %" PRId64 " has changed", have->number);
    }
    *ret = (struct compose_passage){(int)have->number, have->document_name, have->heading, text};
    return ERR_OK;
}

static enum err gather_passages(struct parts *p)
{
    struct recorded_passage *have = NULL;
    size_t count = 0;
    TRY(turn_record_passages(p->tx, p->id, &have, &count));
    struct compose_passage *passages = arena_many(p->cx->arena, struct compose_passage, count + 1);
    for (size_t i = 0; i < count && !p->why.n; i++) {
        TRY(gather_passage(p, &have[i], &passages[i]));
    }
    p->in.passages = json_get_bool(p->parameters, "retrieval", false) ? passages : NULL;
    p->in.passage_count = count;
    return ERR_OK;
}

static enum err gather(struct parts *p, const struct db_rows *r)
{
    json_t *parameters = NULL;
    TRY(json_parse(p->cx, db_text(r, 0, 5), &parameters));
    p->parameters = parameters;
    p->in.language = json_get_str(parameters, "language");
    p->in.time_zone = json_get_str(parameters, "timeZone");
    p->in.history_tokens = json_get_i64(parameters, "historyTokens", 0);
    p->in.clock_us = db_int(r, 0, 4);
    if (db_int(r, 0, 3) != COMPOSE_VERSION) {
        p->why =
            str_fmt(p->cx->arena, "it was composed by version %" PRId64 ", this program has %d",
                    db_int(r, 0, 3), COMPOSE_VERSION);
        return ERR_OK;
    }
    TRY(gather_texts(p, db_text(r, 0, 0), db_text(r, 0, 1)));
    if (!p->why.n) {
        TRY(gather_lines(p));
    }
    return p->why.n ? ERR_OK : gather_passages(p);
}

enum err turn_replay(struct db_tx *tx, struct turn_id id, struct replay *ret)
{
    struct parts p = {.cx = db_tx_cx(tx), .tx = tx, .id = id};
    struct db_rows r;
    static const struct str none = {"", 0};
    *ret = (struct replay){.why = none, .prompt = none, .rebuilt = none};
    TRY(db_query(tx, &sql_parts, DB_ARGS(DB_ID(id.v)), &r));
    if (!r.count) {
        return cx_fail(p.cx, CODE_TURN_NOT_FOUND, "there is no such turn");
    }
    const struct str recorded = db_text(&r, 0, 2);
    ret->raw_output = db_text(&r, 0, 6);
    if (!recorded.n) {
        ret->same = true;
        return ERR_OK;
    }
    TRY(gather(&p, &r));
    ret->why = p.why.n ? p.why : none;
    if (p.why.n) {
        return ERR_OK;
    }
    const struct prompt prompt = compose(p.cx->arena, &p.in);
    ret->rebuilt = prompt.json;
    ret->same = str_eq(prompt.hash, recorded);
    ret->prompt = ret->same ? prompt.json : none;
    ret->why = ret->same ? none : STR("the rebuilt prompt has another hash than the recorded one");
    return ERR_OK;
}
