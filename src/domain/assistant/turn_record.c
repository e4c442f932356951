/* The rows of a turn. One row holds what is read together; messages covered and passages have rows
 * of their own. */
#include "domain/assistant/turn_record.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "domain/assistant/turn_work.h"

enum { JSON_MAX = 4 * 1024 * 1024 };

/* No provider's word. */
#define FINISH_STOPPED "stopped_by_reader"

static const struct db_stmt sql_insert = DB_TENANT_SQL(
    "INSERT INTO turns (tenant_id, id, conversation_id, message_id, reply_id, silence, action, "
    "reason, context_used, confidence, provider, model, provider_request, finish_reason, attempts, "
    "prompt_tokens, completion_tokens, cost_usd, latency_us, search_us, provider_us, "
    "first_token_us, failure, policy_hash, template_hash, prompt_hash, compose_version, clock_us, "
    "parameters, signals, citations, tool_calls, raw_output, request_id, attempt, created_us) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, "
    "$20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36)");

static const struct db_stmt sql_cover =
    DB_TENANT_SQL("INSERT INTO turn_messages (tenant_id, message_id, turn_id) VALUES ($1, $2, $3)");

static const struct db_stmt sql_passage = DB_TENANT_SQL(
    "INSERT INTO turn_passages (tenant_id, turn_id, number, document_id, document_name, version, "
    "chunk_id, heading, start_byte, end_byte, hash, score, coverage) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)");

/* Columns of TURN_COLUMNS, in their order. */
enum {
    C_ID,
    C_CONVERSATION,
    C_MESSAGE,
    C_REPLY,
    C_SILENCE,
    C_ACTION,
    C_REASON,
    C_CONTEXT,
    C_CONFIDENCE,
    C_PROVIDER,
    C_MODEL,
    C_PROMPT_TOKENS,
    C_COMPLETION_TOKENS,
    C_COST,
    C_LATENCY,
    C_SEARCH,
    C_PROVIDER_US,
    C_FIRST,
    C_FAILURE,
    C_POLICY,
    C_TEMPLATE,
    C_PROMPT,
    C_COMPOSE,
    C_SIGNALS,
    C_CITATIONS,
    C_REQUEST,
    C_CREATED,
    C_CONTENT,
    C_FINISH,
};

static const struct db_stmt sql_get = DB_TENANT_SQL(
    "SELECT t.id, t.conversation_id, t.message_id, t.reply_id, t.silence, t.action, t.reason, "
    "t.context_used, t.confidence, t.provider, t.model, t.prompt_tokens, t.completion_tokens, "
    "t.cost_usd, t.latency_us, t.search_us, t.provider_us, t.first_token_us, t.failure, "
    "t.policy_hash, t.template_hash, t.prompt_hash, t.compose_version, t.signals, t.citations, "
    "t.request_id, t.created_us, m.content, t.finish_reason FROM turns t "
    "LEFT JOIN messages m ON m.tenant_id = $1 AND m.id = t.reply_id "
    "WHERE t.tenant_id = $1 AND t.id = $2");

static const struct db_stmt sql_of_message =
    DB_TENANT_SQL("SELECT turn_id FROM turn_messages WHERE tenant_id = $1 AND message_id = $2");

static const struct db_stmt sql_list =
    DB_TENANT_SQL("SELECT id FROM turns WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3");

static struct str written(const struct work *w, struct buf *b)
{
    must(!b->full);
    return str_dup(w->cx->arena, buf_view(b));
}

/* What the prompt was made of beside the texts, and what was asked of the model. */
static struct str parameters_json(const struct work *w)
{
    SCOPED(buf_fini) struct buf b = buf_make(JSON_MAX);
    jw_open(&b, '{');
    jw_member_i64(&b, "historyTokens", conf.history_tokens);
    jw_member_str(&b, "language", w->language);
    jw_member_str(&b, "timeZone", w->tenant.time_zone);
    jw_member_bool(&b, "retrieval", w->policy.retrieval);
    jw_member_i64(&b, "topK", w->policy.top_k);
    jw_member_f64(&b, "temperature", w->policy.temperature);
    jw_member_i64(&b, "maxTokens", w->policy.max_tokens);
    jw_member_str(&b, "question", w->question);
    jw_member_bool(&b, "known", w->found.known);
    jw_member_f64(&b, "coverage", w->found.coverage);
    jw_member_f64(&b, "margin", w->found.margin);
    jw_key(&b, "lines");
    jw_open(&b, '[');
    for (size_t i = w->first_line; w->turn.prompt_hash.n && i < w->line_count; i++) {
        jw_open(&b, '{');
        jw_member_id(&b, "id", w->lines[i].id.v);
        jw_member_bool(&b, "fresh", w->lines[i].fresh);
        jw_close(&b, '}');
    }
    jw_close(&b, ']');
    jw_close(&b, '}');
    return written(w, &b);
}

static struct str signals_json(const struct work *w)
{
    SCOPED(buf_fini) struct buf b = buf_make(JSON_MAX);
    jw_open(&b, '[');
    for (size_t i = 0; i < w->turn.signal_count; i++) {
        const struct signal_value *s = &w->turn.signals[i];
        jw_open(&b, '{');
        jw_member_str(&b, "name", s->name);
        jw_member_f64(&b, "value", s->value);
        jw_member_f64(&b, "weight", s->weight);
        jw_close(&b, '}');
    }
    jw_close(&b, ']');
    return written(w, &b);
}

static struct str citations_json(const struct work *w)
{
    SCOPED(buf_fini) struct buf b = buf_make(JSON_MAX);
    jw_open(&b, '[');
    for (size_t i = 0; i < w->turn.citation_count; i++) {
        const struct citation *c = &w->turn.citations[i];
        jw_open(&b, '{');
        jw_member_id(&b, "documentId", c->document.v);
        jw_member_str(&b, "documentName", c->document_name);
        jw_member_i64(&b, "version", c->version);
        jw_member_i64(&b, "start", c->start);
        jw_member_i64(&b, "end", c->end);
        jw_member_str(&b, "quote", c->quote);
        jw_close(&b, '}');
    }
    jw_close(&b, ']');
    return written(w, &b);
}

static enum err insert_turn(struct db_tx *tx, const struct work *w)
{
    const struct turn *t = &w->turn;
    return db_exec(
        tx, &sql_insert,
        DB_ARGS(DB_ID(t->id.v), DB_ID(t->conversation.v), DB_ID(t->message.v),
                DB_OPT_ID(t->reply_message.v), DB_TEXT(t->silence), DB_TEXT(t->action),
                DB_TEXT(t->reason), DB_INT(t->context_used), DB_NUM(t->confidence),
                DB_TEXT(t->provider), DB_TEXT(utf8_prefix(t->model, 255)),
                DB_TEXT(utf8_prefix(w->answer.request_id, 255)),
                t->stopped ? DB_CSTR(FINISH_STOPPED)
                           : DB_TEXT(utf8_prefix(w->answer.finish_reason, 40)),
                DB_INT(w->answer.usage.attempts), DB_INT(t->prompt_tokens),
                DB_INT(t->completion_tokens), t->cost_known ? DB_NUM(t->cost_usd) : DB_NULL,
                DB_INT(t->latency_us), DB_INT(t->search_us), DB_INT(t->provider_us),
                DB_INT(t->first_token_us), DB_TEXT(utf8_prefix(t->failure, 1000)),
                DB_TEXT(w->policy.hash), DB_TEXT(t->template_hash), DB_TEXT(t->prompt_hash),
                DB_INT(t->compose_version), DB_INT(w->cx->now_us), DB_TEXT(parameters_json(w)),
                DB_TEXT(signals_json(w)), DB_TEXT(citations_json(w)), DB_CSTR("[]"),
                DB_TEXT(w->raw), DB_TEXT(utf8_prefix(t->request_id, 128)), DB_INT(w->job->attempt),
                DB_INT(t->created_us)),
        NULL);
}

static enum err insert_passages(struct db_tx *tx, const struct work *w)
{
    for (size_t i = 0; w->turn.prompt_hash.n && i < w->found.count; i++) {
        const struct passage *p = &w->found.passages[i];
        TRY(db_exec(tx, &sql_passage,
                    DB_ARGS(DB_ID(w->turn.id.v), DB_INT((int64_t)i + 1), DB_ID(p->document.v),
                            DB_TEXT(p->document_name), DB_INT(p->version), DB_ID(p->chunk),
                            DB_TEXT(p->heading), DB_INT(p->start), DB_INT(p->end),
                            DB_TEXT(compose_hash(w->cx->arena, p->text)), DB_NUM(p->score),
                            DB_NUM(p->coverage)),
                    NULL));
    }
    return ERR_OK;
}

enum err turn_insert(struct db_tx *tx, const struct work *w)
{
    TRY(insert_turn(tx, w));
    for (size_t i = w->line_count - w->fresh_count; i < w->line_count; i++) {
        TRY(db_exec(tx, &sql_cover, DB_ARGS(DB_ID(w->lines[i].id.v), DB_ID(w->turn.id.v)), NULL));
    }
    return insert_passages(tx, w);
}

/* Stored by ourselves: another form is a fault of ours. */
static enum err parse_list(struct cx *cx, struct str text, json_t **ret)
{
    if (json_parse(cx, text, ret) || !json_is_array(*ret)) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "a stored list of a turn cannot be read");
    }
    return ERR_OK;
}

static enum err read_signals(struct cx *cx, struct str text, struct turn *t)
{
    json_t *list = NULL;
    json_t *v = NULL;
    size_t i = 0;
    TRY(parse_list(cx, text, &list));
    t->signals = arena_many(cx->arena, struct signal_value, json_array_size(list) + 1);
    json_array_foreach (list, i, v) {
        t->signals[t->signal_count++] = (struct signal_value){
            json_get_str(v, "name"), json_get_f64(v, "value", 0), json_get_f64(v, "weight", 0)};
    }
    return ERR_OK;
}

static enum err read_citations(struct cx *cx, struct str text, struct turn *t)
{
    json_t *list = NULL;
    json_t *v = NULL;
    size_t i = 0;
    TRY(parse_list(cx, text, &list));
    t->citations = arena_many(cx->arena, struct citation, json_array_size(list) + 1);
    json_array_foreach (list, i, v) {
        struct citation *c = &t->citations[t->citation_count++];
        *c = (struct citation){
            .document_name = json_get_str(v, "documentName"),
            .version = json_get_i64(v, "version", 0),
            .start = json_get_i64(v, "start", 0),
            .end = json_get_i64(v, "end", 0),
            .quote = json_get_str(v, "quote"),
        };
        if (!uuid_parse(json_get_str(v, "documentId"), &c->document.v)) {
            return cx_fail(cx, CODE_INTERNAL_ERROR, "a stored citation has no document");
        }
    }
    return ERR_OK;
}

static enum err read_sources(struct db_tx *tx, struct turn *t)
{
    struct recorded_passage *p = NULL;
    size_t count = 0;
    TRY(turn_record_passages(tx, t->id, &p, &count));
    t->sources = arena_many(db_tx_cx(tx)->arena, struct source, count + 1);
    t->source_count = count;
    for (size_t i = 0; i < count; i++) {
        t->sources[i] = (struct source){p[i].document, p[i].chunk, p[i].document_name, p[i].score};
    }
    return ERR_OK;
}

static void read_columns(const struct db_rows *r, struct turn *t)
{
    *t = (struct turn){
        .id = {db_id(r, 0, C_ID)},
        .conversation = {db_id(r, 0, C_CONVERSATION)},
        .message = {db_id(r, 0, C_MESSAGE)},
        .reply_message = {db_id(r, 0, C_REPLY)},
        .reply = db_text(r, 0, C_CONTENT),
        .action = db_text(r, 0, C_ACTION),
        .reason = db_text(r, 0, C_REASON),
        .silence = db_text(r, 0, C_SILENCE),
        .context_used = db_int(r, 0, C_CONTEXT) != 0,
        .stopped = str_is(db_text(r, 0, C_FINISH), FINISH_STOPPED),
        .confidence = db_num(r, 0, C_CONFIDENCE),
        .level = str_of(judge_level(db_num(r, 0, C_CONFIDENCE))),
        .provider = db_text(r, 0, C_PROVIDER),
        .model = db_text(r, 0, C_MODEL),
        .prompt_tokens = db_int(r, 0, C_PROMPT_TOKENS),
        .completion_tokens = db_int(r, 0, C_COMPLETION_TOKENS),
        .cost_usd = db_num(r, 0, C_COST),
        .cost_known = !db_is_null(r, 0, C_COST),
        .latency_us = db_int(r, 0, C_LATENCY),
        .search_us = db_int(r, 0, C_SEARCH),
        .provider_us = db_int(r, 0, C_PROVIDER_US),
        .first_token_us = db_int(r, 0, C_FIRST),
        .failure = db_text(r, 0, C_FAILURE),
        .policy_hash = db_text(r, 0, C_POLICY),
        .template_hash = db_text(r, 0, C_TEMPLATE),
        .prompt_hash = db_text(r, 0, C_PROMPT),
        .compose_version = db_int(r, 0, C_COMPOSE),
        .request_id = db_text(r, 0, C_REQUEST),
        .created_us = db_int(r, 0, C_CREATED),
    };
}

enum err turn_get(struct db_tx *tx, struct turn_id id, struct turn *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    TRY(db_query(tx, &sql_get, DB_ARGS(DB_ID(id.v)), &rows));
    if (!rows.count) {
        return cx_fail(cx, CODE_TURN_NOT_FOUND, "there is no such turn");
    }
    read_columns(&rows, ret);
    TRY(read_signals(cx, db_text(&rows, 0, C_SIGNALS), ret));
    TRY(read_citations(cx, db_text(&rows, 0, C_CITATIONS), ret));
    return read_sources(tx, ret);
}

enum err turn_of_message(struct db_tx *tx, struct message_id id, struct turn *ret, bool *ret_found)
{
    struct db_rows rows;
    TRY(db_query(tx, &sql_of_message, DB_ARGS(DB_ID(id.v)), &rows));
    *ret_found = rows.count > 0;
    return rows.count ? turn_get(tx, (struct turn_id){db_id(&rows, 0, 0)}, ret) : ERR_OK;
}

enum err turn_list(struct db_tx *tx, struct turn_id after, size_t limit, struct turn_id **ret,
                   size_t *ret_count)
{
    struct db_rows rows;
    TRY(db_query(tx, &sql_list, DB_ARGS(DB_ID(after.v), DB_INT((int64_t)limit)), &rows));
    *ret = arena_many(db_tx_cx(tx)->arena, struct turn_id, rows.count + 1);
    *ret_count = rows.count;
    for (size_t i = 0; i < rows.count; i++) {
        (*ret)[i].v = db_id(&rows, i, 0);
    }
    return ERR_OK;
}
