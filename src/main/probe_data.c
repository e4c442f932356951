/* Probes of data in a form: JSON, settings, keys and tokens, ids and times, a model's frames. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/jw.h"
#include "crypto/apikey.h"
#include "crypto/jwt.h"
#include "ext/llm_frame.h"
#include "main/probe.h"

static enum err probe_json(struct probe *p)
{
    json_t *value = NULL;
    TRY(probe_bound(p, (size_t)conf.http_max_body));
    TRY(json_parse(&p->cx, p->input, &value));
    jw_member_raw(&p->out, "value", json_text(p->cx.arena, value));
    return ERR_OK;
}

static void add_setting(void *arg, const char *var, struct str value)
{
    struct buf *out = arg;
    jw_member_str(out, var, value);
}

static void add_faults(struct buf *out, struct str faults)
{
    struct str line;
    jw_key(out, "faults");
    jw_open(out, '[');
    for (int i = 0; i < PROBE_ITEMS && faults.n && str_split(&faults, '\n', &line); i++) {
        if (line.n) {
            jw_str(out, line);
        }
    }
    jw_close(out, ']');
}

static enum err probe_conf(struct probe *p)
{
    TRY(probe_bound(p, 256 * KB));
    SCOPED(buf_fini) struct buf faults = buf_make(64 * MB);
    const bool ok = conf_load_text(p->input, "line", &faults);
    jw_key(&p->out, "settings");
    jw_open(&p->out, '{');
    conf_each_set(add_setting, &p->out);
    jw_close(&p->out, '}');
    add_faults(&p->out, buf_view(&faults));
    return ok ? ERR_OK : cx_fail(&p->cx, CODE_VALIDATION_ERROR, "faults names what is wrong");
}

/* The part that is looked up is shown, the secret part never. */
static enum err probe_apikey(struct probe *p)
{
    const struct str key = probe_line(p);
    if (apikey_well_formed(key)) {
        jw_member_str(&p->out, "prefix", apikey_prefix(key));
        jw_member_i64(&p->out, "signs", (int64_t)key.n);
        return ERR_OK;
    }
    if (key.n != APIKEY_SIGNS) {
        return cx_fail(&p->cx, CODE_INVALID_TOKEN, "a key has %d signs, this has %zu", APIKEY_SIGNS,
                       key.n);
    }
    return cx_fail(&p->cx, CODE_INVALID_TOKEN, "%s",
                   str_starts(key, STR("mc_live_"))
                       ? "its checksum is wrong: a sign of it is not the one that was given out"
                       : "a key begins with mc_live_");
}

/* Signature and claims, for the audience that the token itself names. */
static enum err verify(struct probe *p, struct str token, struct str payload)
{
    SCOPED(keyring_close) struct keyring *ring = NULL;
    SCOPED(buf_fini) struct buf why = buf_make(4 * KB);
    struct jwt_claims claims;
    json_t *o = NULL;
    const struct str folder = probe_option(p, PROBE_DATA);
    if (keyring_open(str_fmt(p->cx.arena, "%s/keys", folder.p).p, false, &ring, &why)) {
        return cx_fail(&p->cx, CODE_INTERNAL_ERROR, STR_FMT, STR_ARG(buf_view(&why)));
    }
    TRY(json_parse(&p->cx, payload, &o));
    const struct str audience = str_dup(p->cx.arena, json_get_str(o, "aud"));
    TRY(jwt_verify(&p->cx, ring, audience.p, token, &claims));
    jw_member_bool(&p->out, "verified", true);
    return ERR_OK;
}

static enum err probe_jwt(struct probe *p)
{
    const struct str token = probe_line(p);
    struct str header;
    struct str payload;
    const char *fault = jwt_form(&p->cx, token, &header, &payload);
    if (header.n) {
        jw_member_raw(&p->out, "header", header);
    }
    if (payload.n) {
        jw_member_raw(&p->out, "payload", payload);
    }
    if (fault) {
        return cx_fail(&p->cx, CODE_INVALID_TOKEN, "%s", fault);
    }
    if (p->options[PROBE_DATA]) {
        return verify(p, token, payload);
    }
    jw_member_bool(&p->out, "verified", false);
    return ERR_OK;
}

static enum err probe_id(struct probe *p)
{
    struct uuid id;
    if (!uuid_parse(probe_line(p), &id)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR, "must be an id");
    }
    jw_member_id(&p->out, "id", id);
    jw_member_i64(&p->out, "version", id.b[6] >> 4);
    return ERR_OK;
}

static enum err probe_time(struct probe *p)
{
    int64_t us = 0;
    if (!clock_parse_rfc3339(probe_line(p), &us)) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR, "must be a time as RFC 3339 has it");
    }
    jw_member_time(&p->out, "time", us);
    jw_member_i64(&p->out, "microseconds", us);
    return ERR_OK;
}

static enum err probe_llm_frame(struct probe *p)
{
    struct llm_frame f;
    TRY(probe_bound(p, (size_t)conf.llm_max_output));
    TRY(llm_frame_parse(&p->cx, probe_line(p), &f));
    jw_member_str(&p->out, "text", f.text);
    jw_member_str(&p->out, "finishReason", f.finish_reason);
    jw_member_str(&p->out, "model", f.model);
    if (f.has_usage) {
        jw_member_i64(&p->out, "promptTokens", f.prompt_tokens);
        jw_member_i64(&p->out, "completionTokens", f.completion_tokens);
    }
    jw_member_bool(&p->out, "isError", f.is_error);
    if (f.is_error) {
        jw_member_str(&p->out, "errorType", f.error_type);
        jw_member_str(&p->out, "errorCode", f.error_code);
    }
    return ERR_OK;
}

const struct probe_row probe_data_rows[] = {
    {"json", "a body of JSON", 0, probe_json},
    {"conf", "a file of settings, alone", 0, probe_conf},
    {"api-key", "an API key: its form and its checksum", 0, probe_apikey},
    {"jwt", "a token: its form; with --data its signature and claims, too", 1 << PROBE_DATA,
     probe_jwt},
    {"id", "an id of a path or a body", 0, probe_id},
    {"time", "a time of a query or a body", 0, probe_time},
    {"llm-frame", "one frame of an OpenAI-compatible answer, or a whole one", 0, probe_llm_frame},
    {},
};
