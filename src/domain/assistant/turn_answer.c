#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"
#include "domain/assistant/policy_text.h"
#include "domain/assistant/turn_work.h"
#include "ext/llm.h"

/* For the record, which the tenant's people read: no words of the database. */
static void note_failure(struct work *w, const char *what, enum err e, const char *words)
{
    const struct str before = w->turn.failure;
    w->turn.failure = str_fmt(w->cx->arena, STR_FMT "%s%s: %s: %s", STR_ARG(before),
                              before.n ? "; " : "", what, err_name(e), words);
}

static enum err search(struct work *w)
{
    SCOPED(db_tx_close) struct db_tx *tx = NULL;
    const bool quotes = str_is(w->policy.provider, "extractive");
    const int64_t limit = quotes ? max_i64(w->policy.top_k, conf.quote_passages) : w->policy.top_k;
    const struct search_query q = {
        .text = w->question, .language = w->language, .limit = (size_t)limit};
    TRY(db_begin_read(w->cx, &tx));
    TRY(search_text(tx, &q, &w->found));
    return db_commit(tx);
}

enum err turn_retrieve(struct work *w)
{
    if (!w->policy.retrieval || !w->question.n) {
        return ERR_OK;
    }
    const int64_t began = clock_mono_us();
    const enum err e = search(w);
    w->turn.search_us = clock_mono_us() - began;
    metric_seen(METRIC_RAG_DURATION, NULL, (double)w->turn.search_us / (double)SECOND_US);
    if (!e) {
        w->searched = true;
        return ERR_OK;
    }
    TRY(cx_check(w->cx));
    w->found = (struct search_result){};
    note_failure(w, "search", e, code_info(w->cx->code)->doc);
    metric_add(METRIC_RAG_FAILED, NULL, 1);
    return ERR_OK;
}

static struct compose_in compose_of(struct work *w)
{
    struct arena *a = w->cx->arena;
    struct compose_line *lines = arena_many(a, struct compose_line, w->line_count + 1);
    struct compose_passage *passages = arena_many(a, struct compose_passage, w->found.count + 1);
    for (size_t i = 0; i < w->line_count; i++) {
        lines[i] = (struct compose_line){w->lines[i].customer, w->lines[i].fresh, w->lines[i].text};
    }
    for (size_t i = 0; i < w->found.count; i++) {
        const struct passage *p = &w->found.passages[i];
        passages[i] = (struct compose_passage){(int)i + 1, p->document_name, p->heading, p->text};
    }
    return (struct compose_in){
        .policy = &w->policy,
        .template = w->template,
        .language = w->language,
        .time_zone = w->tenant.time_zone,
        .clock_us = w->cx->now_us,
        .history_tokens = conf.history_tokens,
        .lines = lines,
        .line_count = w->line_count,
        .passages = w->policy.retrieval ? passages : NULL,
        .passage_count = w->found.count,
    };
}

/* What is needed to ask; the prompt as JSON is only for its hash, and a turn waits long. */
static struct prompt keep(struct arena *a, const struct prompt *p)
{
    struct prompt r = {.messages = arena_many(a, struct llm_message, p->count + 1),
                       .count = p->count,
                       .hash = str_dup(a, p->hash)};
    for (size_t i = 0; i < p->count; i++) {
        r.messages[i] =
            (struct llm_message){p->messages[i].role, str_dup(a, p->messages[i].content)};
    }
    return r;
}

void turn_compose(struct work *w)
{
    SCOPED(arena_free) struct arena *scratch = arena_new();
    const struct compose_in in = compose_of(w);
    w->first_line = compose_first_line(&in);
    const struct prompt whole = compose(scratch, &in);
    w->prompt = keep(w->cx->arena, &whole);
    w->turn.template_hash = w->template_hash;
    w->turn.prompt_hash = w->prompt.hash;
}

static void on_piece(void *arg, struct str text)
{
    struct work *w = arg;
    const struct str visible = markers_feed(&w->filter, text);
    if (visible.n && w->sink) {
        w->streamed = true;
        w->sink->delta(w->sink->arg, w->turn.id, visible);
    }
}

void turn_withdraw(struct work *w)
{
    if (w->streamed && w->sink) {
        w->sink->withdrawn(w->sink->arg, w->turn.id);
    }
    w->streamed = false;
}

/* The installation's key goes to the installation's address and nowhere else. */
static enum err endpoint(struct work *w, struct llm_request *rq)
{
    const struct policy *p = &w->policy;
    rq->guarded = p->base_url.n > 0;
    rq->model = p->model.n ? p->model : str_of(conf.openai_model);
    if (rq->guarded) {
        rq->base_url = p->base_url;
    } else {
        rq->base_url = conf.openai_base_url[0] ? str_of(conf.openai_base_url)
                                               : STR("https://api.openai.com/v1");
    }
    if (p->has_api_key) {
        return policy_open_key(w->cx, w->as->keys, p, &rq->api_key);
    }
    rq->api_key = rq->guarded ? (struct str){"", 0} : str_of(conf.openai_api_key);
    return ERR_OK;
}

static struct llm_request request_of(const struct work *w)
{
    struct llm_passage *passages = arena_many(w->cx->arena, struct llm_passage, w->found.count + 1);
    for (size_t i = 0; i < w->found.count; i++) {
        const struct passage *p = &w->found.passages[i];
        passages[i] = (struct llm_passage){
            .number = (int)i + 1,
            .document = p->document_name,
            .path = p->heading,
            .heading = str_fmt(w->cx->arena, STR_FMT " " STR_FMT, STR_ARG(p->document_name),
                               STR_ARG(p->heading)),
            .text = p->text,
            .coverage = p->coverage,
        };
    }
    return (struct llm_request){
        .messages = w->prompt.messages,
        .message_count = w->prompt.count,
        .passages = passages,
        .passage_count = w->found.count,
        .question = w->question,
        .language = w->language,
        .known = w->found.known,
        .temperature = w->policy.temperature,
        .max_tokens = w->policy.max_tokens,
        .attempts = conf.llm_max_attempts,
    };
}

static void pass_on(void *arg)
{
    cancel_now(arg);
}

/* What cancels the turn cancels the answer, but not the other way round. */
static enum err ask_until_stopped(struct work *w, const struct llm_provider *p,
                                  const struct llm_request *rq)
{
    struct cx *cx = w->cx;
    struct cancel *whole = cx->cancel;
    if (!w->asking.cancel) {
        return p->answer(cx, w->as->net, rq, on_piece, w, &w->answer);
    }
    cancel_on(whole, pass_on, w->asking.cancel);
    cx->cancel = w->asking.cancel;
    const enum err e = p->answer(cx, w->as->net, rq, on_piece, w, &w->answer);
    cx->cancel = whole;
    cancel_off(whole);
    return e;
}

/* Time for the fallback and the commit is kept back. */
static enum err ask_in_time(struct work *w, const struct llm_provider *p,
                            const struct llm_request *rq)
{
    struct cx *cx = w->cx;
    const int64_t whole = cx->deadline_us;
    const int64_t reserve = min_i64(conf.turn_reserve_ms * MS_US, cx_left_us(cx) / 2);
    cx->deadline_us = whole ? whole - reserve : 0;
    const enum err e = ask_until_stopped(w, p, rq);
    cx->deadline_us = whole;
    return e;
}

static enum err ask(struct work *w, struct str name)
{
    const struct llm_provider *(*find)(struct str) =
        w->as->find_provider ? w->as->find_provider : llm_find;
    const struct llm_provider *p = find(name);
    struct llm_request rq = request_of(w);
    w->filter = markers_make(w->cx->arena, (size_t)conf.llm_max_output + 64);
    w->filtering = true;
    w->turn.provider = name;
    w->turn.cost_known = str_is(name, "extractive");
    if (!p) {
        return cx_fail(w->cx, CODE_INTERNAL_ERROR, "there is no such provider");
    }
    if (str_is(name, "openai")) {
        TRY(endpoint(w, &rq));
    }
    const int64_t began = clock_mono_us();
    const enum err e = ask_in_time(w, p, &rq);
    w->turn.provider_us += clock_mono_us() - began;
    w->turn.first_token_us = max_i64(0, w->answer.usage.first_us);
    w->turn.model = w->answer.model.n ? w->answer.model : rq.model;
    w->raw = w->answer.text;
    return e;
}

static void end_filter(struct work *w)
{
    const struct str rest = markers_end(&w->filter);
    if (rest.n && w->sink) {
        w->streamed = true;
        w->sink->delta(w->sink->arg, w->turn.id, rest);
    }
}

/* Another answers in the place of the one that failed. */
static enum err stand_in(struct work *w, enum err failed)
{
    TRY(cx_check(w->cx));
    note_failure(w, "provider", failed, w->cx->detail);
    turn_withdraw(w);
    markers_fini(&w->filter);
    w->stood_in = true;
    w->gave_up = !w->found.known;
    if (w->gave_up) {
        w->filtering = false;
        return ERR_OK;
    }
    const struct str raw = w->raw;
    const enum err e = ask(w, STR("extractive"));
    w->raw = str_fmt(w->cx->arena, STR_FMT "%s" STR_FMT, STR_ARG(raw),
                     raw.n ? "\n\n[instead] " : "", STR_ARG(w->raw));
    return e;
}

enum err turn_answer(struct work *w)
{
    enum err e = ask(w, w->policy.provider);
    if (e && !turn_asking_is_stopped(w)) {
        e = stand_in(w, e);
        if (w->gave_up) {
            return e;
        }
    }
    if (e && turn_asking_is_stopped(w)) {
        e = ERR_OK; /* what came is the answer */
    }
    if (!e) {
        end_filter(w);
    }
    w->turn.prompt_tokens = w->answer.usage.prompt_tokens;
    w->turn.completion_tokens = w->answer.usage.completion_tokens;
    return e;
}
