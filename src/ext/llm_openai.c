/* Chat completions of any OpenAI-compatible server, streamed.
 *
 * A call is tried again only before its first streamed byte, only where that may help
 * (llm_retry.h), and only within the deadline. A server that keeps failing is left alone for a
 * while (breaker.h); the breaker outlives the call and is kept by address and key. What a failure
 * says carries no words of the provider, for they may hold words of the customer. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/metric.h"
#include "ext/breaker.h"
#include "ext/llm_frame.h"
#include "ext/llm_retry.h"
#include "ext/llm_wait.h"
#include "net/client.h"
#include "net/sse.h"

enum { FRAME_MAX = 1024 * 1024, ERROR_BODY_MAX = 64 * 1024 };

static struct breakers breakers = BREAKERS_INIT("llm");

struct openai {
    struct cx *cx;
    struct net_client *net;
    const struct llm_request *rq;
    void (*piece)(void *arg, struct str text);
    void *arg;
    struct llm_answer *ret;
    struct buf text;
    struct arena *frame;  /* of the request, and then of one frame at a time */
    struct llm_form form; /* of the frames of this stream */
    int64_t began_us;
    bool streaming; /* a byte has been passed on */
    bool finished;
    bool retry; /* the last attempt failed in a way that may pass */
    int64_t pause_us;
    enum breaker_outcome outcome;
};

static enum err broken(struct openai *o, const char *what)
{
    o->outcome = BREAKER_FAILED;
    return cx_fail(o->cx, CODE_EXTERNAL_SERVICE_ERROR, "the model's answer %s", what);
}

/* A mid-stream error ends the answer; its words stay outside. */
static enum err told_error(struct openai *o, const struct llm_frame *f)
{
    const struct llm_refusal r = {.error_type = f->error_type, .error_code = f->error_code};
    o->outcome = llm_refusal_is_exhausted(&r) ? BREAKER_EXHAUSTED : BREAKER_FAILED;
    if (o->outcome == BREAKER_EXHAUSTED) {
        return cx_fail(o->cx, CODE_RATE_LIMITED, "the model's quota is used up");
    }
    return cx_fail(o->cx, CODE_EXTERNAL_SERVICE_ERROR, "the model reported an error in its answer");
}

static void note_about(struct openai *o, const struct llm_frame *f)
{
    if (f->model.n && !o->ret->model.n) {
        o->ret->model = str_dup(o->cx->arena, f->model);
    }
    if (f->has_usage) {
        o->ret->usage.prompt_tokens = f->prompt_tokens;
        o->ret->usage.completion_tokens = f->completion_tokens;
    }
    if (f->finish_reason.n && !o->ret->finish_reason.n) {
        o->ret->finish_reason = str_dup(o->cx->arena, f->finish_reason);
    }
}

static enum err take_text(struct openai *o, struct str text)
{
    if (!text.n) {
        return ERR_OK;
    }
    if (!o->text.n) {
        o->ret->usage.first_us = clock_mono_us() - o->began_us;
    }
    buf_str(&o->text, text);
    if (o->text.full) {
        return cx_fail(o->cx, CODE_PAYLOAD_TOO_LARGE, "the model's answer is too long");
    }
    o->piece(o->arg, text);
    return ERR_OK;
}

/* The tree of a frame goes with the frame, and not with the unit of work. */
static enum err parse_frame(struct openai *o, struct str data, struct llm_frame *ret)
{
    struct arena *whole = o->cx->arena;
    o->cx->arena = o->frame;
    const enum err e = llm_frame_parse(o->cx, data, ret);
    o->cx->arena = whole;
    return e;
}

static enum err take_frame(struct openai *o, struct str data)
{
    struct llm_frame f;
    struct str text;
    if (llm_form_has(&o->form, data, &text)) {
        return take_text(o, text);
    }
    enum err e = parse_frame(o, data, &f);
    if (e) {
        o->outcome = BREAKER_FAILED;
    } else if (f.is_error) {
        e = told_error(o, &f);
    } else {
        note_about(o, &f);
        llm_form_learn(&o->form, data, f.text);
        e = take_text(o, f.text);
    }
    arena_reset(o->frame);
    return e;
}

static enum err take_part(struct openai *o, struct sse *sse, struct str part)
{
    struct str event;
    struct str data;
    o->streaming = true;
    while (!o->finished) {
        const enum sse_result r = sse_next(sse, part, &event, &data);
        if (r == SSE_MORE) {
            return ERR_OK;
        }
        if (r == SSE_TOO_LONG) {
            return broken(o, "has a frame that is too long");
        }
        if (str_is(str_trim(data), "[DONE]")) {
            o->finished = true;
        } else {
            TRY(take_frame(o, data));
        }
    }
    return ERR_OK;
}

static enum err read_stream(struct openai *o, struct net_call *call)
{
    SCOPED(sse_fini) struct sse sse = sse_make(FRAME_MAX);
    struct str part;
    while (!o->finished) {
        TRY(net_call_read(o->cx, call, &part));
        if (!part.n) {
            break;
        }
        TRY(take_part(o, &sse, part));
    }
    return o->finished || o->ret->finish_reason.n ? ERR_OK : broken(o, "was cut off");
}

/* Servers that do not stream send all at once. */
static enum err read_whole(struct openai *o, struct net_call *call)
{
    struct str body;
    TRY(net_call_read_all(o->cx, call, &body));
    o->streaming = true;
    return take_frame(o, body);
}

static void note_refusal(struct openai *o, const struct llm_refusal *r)
{
    o->retry = llm_refusal_may_retry(r);
    o->pause_us = llm_refusal_pause_us(r, o->ret->usage.attempts);
    if (llm_refusal_is_exhausted(r)) {
        o->outcome = BREAKER_EXHAUSTED;
    } else if (r->status == 0 || r->status >= 500) {
        o->outcome = BREAKER_FAILED;
    }
}

static enum err refused(struct openai *o, struct net_call *call)
{
    struct llm_frame f = {};
    struct str body = {"", 0};
    if (!net_call_read_all(o->cx, call, &body) && body.n <= ERROR_BODY_MAX) {
        (void)!llm_frame_parse(o->cx, body, &f);
    }
    const struct llm_refusal r = {
        .status = net_call_status(call),
        .retry_after = net_call_header(call, "retry-after"),
        .retry_after_ms = net_call_header(call, "retry-after-ms"),
        .should_retry = net_call_header(call, "x-should-retry"),
        .error_type = f.error_type,
        .error_code = f.error_code,
    };
    note_refusal(o, &r);
    if (r.status == 429 || o->outcome == BREAKER_EXHAUSTED) {
        return cx_fail(o->cx, CODE_RATE_LIMITED, "the model answered %d", r.status);
    }
    if (r.status >= 400 && r.status < 500 && !o->retry) {
        return cx_fail(o->cx, CODE_VALIDATION_ERROR, "the model refuses the request with %d",
                       r.status);
    }
    return cx_fail(o->cx, CODE_EXTERNAL_SERVICE_ERROR, "the model answered %d", r.status);
}

/* The body is copied by the call. */
static struct str body_of(struct openai *o)
{
    struct arena *whole = o->cx->arena;
    o->cx->arena = o->frame;
    const struct str body = llm_frame_request(o->cx, o->rq);
    o->cx->arena = whole;
    return body;
}

static enum err begin(struct openai *o, struct net_call **ret)
{
    struct arena *a = o->cx->arena;
    const struct llm_request *rq = o->rq;
    struct str headers[4];
    size_t n = 0;
    headers[n++] = STR("Content-Type: application/json");
    headers[n++] = STR("Accept: text/event-stream, application/json");
    if (rq->api_key.n) {
        headers[n++] = str_fmt(a, "Authorization: Bearer " STR_FMT, STR_ARG(rq->api_key));
    }
    if (o->cx->request_id.n) {
        headers[n++] = str_fmt(a, "X-Request-Id: " STR_FMT, STR_ARG(o->cx->request_id));
    }
    struct str base = rq->base_url;
    while (str_ends(base, STR("/"))) {
        base.n--;
    }
    const struct net_call_spec spec = {
        .method = "POST",
        .url = str_fmt(a, STR_FMT "/chat/completions", STR_ARG(base)),
        .headers = headers,
        .header_count = n,
        .body = body_of(o),
        .connect_timeout_us = conf.llm_connect_timeout_ms * MS_US,
        .stall_timeout_us = conf.llm_stall_timeout_ms * MS_US,
        .max_bytes = (size_t)conf.llm_max_output * 64, /* a frame has many times its text's bytes */
        .guarded = rq->guarded,
    };
    const enum err e = net_call_begin(o->cx, o->net, &spec, ret);
    arena_reset(o->frame);
    return e;
}

/* A connection that could not be made or was lost; not what we gave up ourselves. */
static void note_lost(struct openai *o, enum err e)
{
    if (e == ERR_UNAVAILABLE || (e == ERR_TIMEOUT && !cx_check(o->cx))) {
        const struct llm_refusal none = {};
        o->outcome = BREAKER_FAILED;
        o->retry = !o->streaming;
        o->pause_us = llm_refusal_pause_us(&none, o->ret->usage.attempts);
    }
}

static enum err attempt(struct openai *o)
{
    SCOPED(net_call_end) struct net_call *call = NULL;
    o->retry = false;
    o->outcome = BREAKER_NEITHER;
    o->ret->usage.attempts++;
    enum err e = begin(o, &call);
    if (e) {
        note_lost(o, e);
        return e;
    }
    o->ret->request_id = str_dup(o->cx->arena, net_call_header(call, "x-request-id"));
    const int status = net_call_status(call);
    if (status < 200 || status > 299) {
        return refused(o, call);
    }
    const bool json = str_find(str_lower(o->cx->arena, net_call_header(call, "content-type")),
                               STR("application/json"), 0) >= 0;
    e = json ? read_whole(o, call) : read_stream(o, call);
    if (!e && !o->text.n) {
        e = broken(o, "is empty");
    }
    if (e) {
        note_lost(o, e);
    } else {
        o->outcome = BREAKER_WENT_WELL;
    }
    return e;
}

static uint64_t breaker_key(const struct llm_request *rq)
{
    return str_hash(rq->base_url) * 31 + str_hash(rq->api_key);
}

static enum err attempt_if_let(struct openai *o, uint64_t key)
{
    if (!breaker_enter(&breakers, key, clock_mono_us())) {
        o->retry = false;
        return cx_fail(o->cx, CODE_EXTERNAL_SERVICE_ERROR,
                       "the model has failed too often and is left alone for a while");
    }
    const enum err e = attempt(o);
    breaker_leave(&breakers, key, clock_mono_us(), o->outcome);
    return e;
}

static enum err attempts(struct openai *o)
{
    const uint64_t key = breaker_key(o->rq);
    for (;;) {
        const enum err e = attempt_if_let(o, key);
        if (!e || !o->retry || o->streaming || o->ret->usage.attempts >= o->rq->attempts ||
            o->pause_us >= cx_left_us(o->cx)) {
            return e;
        }
        TRY(llm_wait(o->cx, o->pause_us));
    }
}

static void count(const struct openai *o, enum err e)
{
    metric_add(METRIC_LLM_CALLS, e ? err_name(e) : "ok", 1);
    metric_seen(METRIC_LLM_DURATION, "openai", (double)o->ret->usage.total_us / (double)SECOND_US);
    metric_add(METRIC_LLM_TOKENS, "prompt", (double)max_i64(0, o->ret->usage.prompt_tokens));
    metric_add(METRIC_LLM_TOKENS, "completion",
               (double)max_i64(0, o->ret->usage.completion_tokens));
}

static enum err answer(struct cx *cx, struct net_client *net, const struct llm_request *rq,
                       void (*piece)(void *arg, struct str text), void *arg, struct llm_answer *ret)
{
    struct openai o = {.cx = cx, .net = net, .rq = rq, .piece = piece, .arg = arg, .ret = ret};
    must(!cx->in_tx);
    *ret = (struct llm_answer){.usage = {.prompt_tokens = -1, .completion_tokens = -1}};
    o.text = buf_make((size_t)conf.llm_max_output);
    o.frame = arena_new();
    o.form = llm_form_make();
    o.began_us = clock_mono_us();
    const enum err e = attempts(&o);
    ret->text = str_dup(cx->arena, buf_view(&o.text));
    ret->usage.total_us = clock_mono_us() - o.began_us;
    if (e) {
        ret->finish_reason = (struct str){"", 0};
    }
    count(&o, e);
    buf_fini(&o.text);
    llm_form_fini(&o.form);
    arena_free(&o.frame);
    return e;
}

const struct llm_provider llm_openai = {.name = "openai", .answer = answer};
