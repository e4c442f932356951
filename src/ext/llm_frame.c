#include "ext/llm_frame.h"

#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"

enum { REQUEST_MAX = 16 * 1024 * 1024, FORM_MAX = 4096 };

/* OpenAI itself refuses the old name with its newer models; others know only that one. */
static const char *limit_name(const struct llm_request *rq)
{
    return str_find(rq->base_url, STR("//api.openai.com/"), 0) >= 0 ? "max_completion_tokens"
                                                                    : "max_tokens";
}

struct str llm_frame_request(struct cx *cx, const struct llm_request *rq)
{
    SCOPED(buf_fini) struct buf b = buf_make(REQUEST_MAX);
    jw_open(&b, '{');
    jw_member_str(&b, "model", rq->model);
    jw_key(&b, "messages");
    jw_open(&b, '[');
    for (size_t i = 0; i < rq->message_count; i++) {
        jw_open(&b, '{');
        jw_member_str(&b, "role", rq->messages[i].role);
        jw_member_str(&b, "content", rq->messages[i].content);
        jw_close(&b, '}');
    }
    jw_close(&b, ']');
    jw_member_f64(&b, "temperature", rq->temperature);
    jw_member_i64(&b, limit_name(rq), rq->max_tokens);
    jw_member_bool(&b, "stream", true);
    jw_member_raw(&b, "stream_options", STR("{\"include_usage\":true}"));
    jw_close(&b, '}');
    return str_dup(cx->arena, buf_view(&b));
}

static enum err garbage(struct cx *cx, const char *what)
{
    return cx_fail(cx, CODE_EXTERNAL_SERVICE_ERROR, "the model's answer is malformed: %s", what);
}

/* Providers put text or a number there. */
static struct str short_text(struct cx *cx, const json_t *v)
{
    if (json_is_integer(v)) {
        return str_fmt(cx->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    }
    return json_is_string(v) ? (struct str){json_string_value(v), json_string_length(v)}
                             : (struct str){"", 0};
}

static void read_error(struct cx *cx, const json_t *error, struct llm_frame *ret)
{
    ret->is_error = true;
    ret->error_type = short_text(cx, json_object_get(error, "type"));
    ret->error_code = short_text(cx, json_object_get(error, "code"));
}

static void read_usage(const json_t *usage, struct llm_frame *ret)
{
    ret->has_usage = true;
    ret->prompt_tokens = max_i64(-1, json_get_i64(usage, "prompt_tokens", -1));
    ret->completion_tokens = max_i64(-1, json_get_i64(usage, "completion_tokens", -1));
}

/* "delta" of a stream, "message" of a whole answer. */
static enum err read_choice(struct cx *cx, const json_t *choice, struct llm_frame *ret)
{
    const json_t *part = json_object_get(choice, "delta");
    if (!part) {
        part = json_object_get(choice, "message");
    }
    if (!json_is_object(choice) || (part && !json_is_object(part) && !json_is_null(part))) {
        return garbage(cx, "a choice of an unknown form");
    }
    const json_t *content = json_object_get(part, "content");
    if (content && !json_is_string(content) && !json_is_null(content)) {
        return garbage(cx, "content that is not text");
    }
    ret->text = json_get_str(part, "content");
    if (!ret->text.n) {
        ret->text = json_get_str(part, "refusal");
    }
    ret->finish_reason = json_get_str(choice, "finish_reason");
    return ERR_OK;
}

static enum err read_choices(struct cx *cx, const json_t *choices, struct llm_frame *ret)
{
    size_t i = 0;
    const json_t *choice = NULL;
    if (!json_is_array(choices)) {
        return garbage(cx, "choices that are no list");
    }
    json_array_foreach (choices, i, choice) {
        if (json_get_i64(choice, "index", 0) == 0) {
            return read_choice(cx, choice, ret);
        }
    }
    return ERR_OK;
}

enum err llm_frame_parse(struct cx *cx, struct str data, struct llm_frame *ret)
{
    json_t *root = NULL;
    *ret = (struct llm_frame){.prompt_tokens = -1, .completion_tokens = -1};
    if (json_parse(cx, data, &root) || !json_is_object(root)) {
        return garbage(cx, "not a JSON object");
    }
    const json_t *error = json_object_get(root, "error");
    const json_t *choices = json_object_get(root, "choices");
    const json_t *usage = json_object_get(root, "usage");
    if (error && !json_is_null(error)) {
        read_error(cx, error, ret);
        return ERR_OK;
    }
    ret->model = json_get_str(root, "model");
    if (json_is_object(usage)) {
        read_usage(usage, ret);
    }
    if (!choices || json_is_null(choices)) {
        return ret->has_usage ? ERR_OK : garbage(cx, "neither choices nor usage");
    }
    return read_choices(cx, choices, ret);
}

struct llm_form llm_form_make(void)
{
    return (struct llm_form){buf_make(FORM_MAX), buf_make(FORM_MAX)};
}

void llm_form_fini(struct llm_form *f)
{
    buf_fini(&f->before);
    buf_fini(&f->after);
}

/* Text that a JSON string holds as it is. */
static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == '"' || c == '\\') {
            return false;
        }
    }
    return utf8_valid(s);
}

/* Where the value of the only member "content" begins, behind its quote; -1: there is none, or
 * more. In a frame without a backslash these bytes are nowhere but at such a member: within a
 * string the quotes would be escaped. */
static ptrdiff_t content_at(struct str data)
{
    static const struct str name = {"\"content\":", 10};
    const ptrdiff_t at = str_find(data, name, 0);
    if (at < 0 || str_find(data, name, (size_t)at + name.n) >= 0 ||
        str_find_char(data, '\\', 0) >= 0) {
        return -1;
    }
    size_t value = (size_t)at + name.n;
    value += value < data.n && data.p[value] == ' ' ? 1 : 0;
    return value < data.n && data.p[value] == '"' ? (ptrdiff_t)value + 1 : -1;
}

void llm_form_learn(struct llm_form *f, struct str data, struct str text)
{
    const ptrdiff_t at = content_at(data);
    buf_reset(&f->before);
    buf_reset(&f->after);
    if (at < 0 || !text.n || !is_plain(text) ||
        !str_starts(str_sub(data, (size_t)at, data.n), text)) {
        return;
    }
    buf_str(&f->before, str_sub(data, 0, (size_t)at));
    buf_str(&f->after, str_sub(data, (size_t)at + text.n, data.n));
    if (f->before.full || f->after.full || f->after.p[0] != '"') {
        buf_reset(&f->before);
    }
}

bool llm_form_has(const struct llm_form *f, struct str data, struct str *ret_text)
{
    const size_t around = f->before.n + f->after.n;
    if (!f->before.n || data.n <= around || !str_starts(data, buf_view(&f->before)) ||
        !str_ends(data, buf_view(&f->after))) {
        return false;
    }
    *ret_text = str_sub(data, f->before.n, data.n - around);
    return is_plain(*ret_text);
}
