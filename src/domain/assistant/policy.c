#include "domain/assistant/policy.h"

#include "base/base64.h"
#include "base/conf.h"
#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "crypto/seal.h"
#include "domain/assistant/compose.h"
#include "domain/assistant/policy_text.h"
#include "ext/llm.h"

enum { TEXT_MAX = 65536 };

static const struct db_stmt sql_newest =
    DB_TENANT_SQL("SELECT p.version, p.hash, p.api_key, p.created_us, t.text FROM policies p "
                  "JOIN turn_texts t ON t.tenant_id = $1 AND t.hash = p.hash "
                  "WHERE p.tenant_id = $1 ORDER BY p.version DESC LIMIT 1");

static const struct db_stmt sql_insert =
    DB_TENANT_SQL("INSERT INTO policies (tenant_id, version, hash, api_key, created_us) VALUES "
                  "($1, $2, $3, $4, $5)");

static const struct db_stmt sql_text_insert =
    DB_TENANT_SQL("INSERT INTO turn_texts (tenant_id, hash, text) VALUES ($1, $2, $3) "
                  "ON CONFLICT (tenant_id, hash) DO NOTHING");

static const struct db_stmt sql_text =
    DB_TENANT_SQL("SELECT text FROM turn_texts WHERE tenant_id = $1 AND hash = $2");

struct str policy_text(struct arena *a, const struct policy *p)
{
    SCOPED(buf_fini) struct buf b = buf_make(TEXT_MAX);
    jw_open(&b, '{');
#define POLICY_STR(m)  jw_member_str(&b, #m, p->m);
#define POLICY_INT(m)  jw_member_i64(&b, #m, p->m);
#define POLICY_NUM(m)  jw_member_f64(&b, #m, p->m);
#define POLICY_BOOL(m) jw_member_bool(&b, #m, p->m);
#include "domain/assistant/policy_table.h"
#undef POLICY_STR
#undef POLICY_INT
#undef POLICY_NUM
#undef POLICY_BOOL
    jw_close(&b, '}');
    return str_dup(a, buf_view(&b));
}

/* What a later version of the program leaves out stays at its default. */
static enum err read_text(struct cx *cx, struct str text, struct policy *p)
{
    json_t *o = NULL;
    policy_default(p);
    TRY(json_parse(cx, text, &o));
#define POLICY_STR(m)  p->m = json_object_get(o, #m) ? json_get_str(o, #m) : p->m;
#define POLICY_INT(m)  p->m = json_get_i64(o, #m, p->m);
#define POLICY_NUM(m)  p->m = json_get_f64(o, #m, p->m);
#define POLICY_BOOL(m) p->m = json_get_bool(o, #m, p->m);
#include "domain/assistant/policy_table.h"
#undef POLICY_STR
#undef POLICY_INT
#undef POLICY_NUM
#undef POLICY_BOOL
    return ERR_OK;
}

void policy_default(struct policy *p)
{
    *p = (struct policy){
        .enabled = true,
        .name = STR("Assistant"),
        .tone = STR("friendly"),
        .provider = STR("extractive"),
        .retrieval = true,
        .top_k = 3,
        .temperature = 0.2,
        .max_tokens = 1024,
        .handover_below = 0.2,
        .review_below = 0.4,
        .disclaimer_below = 0.6,
        .unknown_handover_after = conf.unknown_handover_after,
    };
    static const struct str none = {"", 0};
    p->instructions = p->model = p->base_url = p->api_key = p->handover_words = none;
    p->handover_text = p->unknown_text = p->disclaimer_text = none;
}

enum err policy_get(struct db_tx *tx, struct policy *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct db_rows rows;
    TRY(db_query(tx, &sql_newest, DB_NO_ARGS, &rows));
    if (!rows.count) {
        policy_default(ret);
        ret->hash = compose_hash(cx->arena, policy_text(cx->arena, ret));
        return ERR_OK;
    }
    TRY(read_text(cx, db_text(&rows, 0, 4), ret));
    ret->version = db_int(&rows, 0, 0);
    ret->hash = db_text(&rows, 0, 1);
    ret->api_key = db_text(&rows, 0, 2);
    ret->has_api_key = ret->api_key.n > 0;
    ret->created_us = db_int(&rows, 0, 3);
    return ERR_OK;
}

enum err policy_by_hash(struct db_tx *tx, struct str hash, struct policy *ret, bool *ret_found)
{
    struct str text;
    TRY(policy_text_find(tx, hash, &text, ret_found));
    if (!*ret_found) {
        return ERR_OK;
    }
    TRY(read_text(db_tx_cx(tx), text, ret));
    ret->hash = hash;
    return ERR_OK;
}

enum err policy_text_find(struct db_tx *tx, struct str hash, struct str *ret, bool *ret_found)
{
    struct db_rows rows;
    TRY(db_query(tx, &sql_text, DB_ARGS(DB_TEXT(hash)), &rows));
    *ret_found = rows.count > 0;
    *ret = rows.count ? db_text(&rows, 0, 0) : (struct str){"", 0};
    return ERR_OK;
}

enum err policy_text_keep(struct db_tx *tx, struct str hash, struct str text)
{
    return db_exec(tx, &sql_text_insert, DB_ARGS(DB_TEXT(hash), DB_TEXT(text)), NULL);
}

static struct seal_place key_place(const struct cx *cx)
{
    return (struct seal_place){cx->tenant, STR("assistant.api_key")};
}

enum err policy_seal_key(struct cx *cx, const struct keyring *keys, struct str plain,
                         struct policy *p)
{
    struct str sealed = {"", 0};
    for (size_t i = 0; i < plain.n; i++) {
        if (plain.p[i] <= ' ' || plain.p[i] == 0x7F) {
            return cx_fail_field(cx, "apiKey", "must be without blanks and control signs");
        }
    }
    if (plain.n) {
        TRY(seal_close(cx, keys, key_place(cx), plain, &sealed));
        sealed = base64_text(cx->arena, BASE64_PLAIN, sealed.p, sealed.n);
    }
    p->api_key = sealed;
    p->has_api_key = sealed.n > 0;
    return ERR_OK;
}

enum err policy_open_key(struct cx *cx, const struct keyring *keys, const struct policy *p,
                         struct str *ret)
{
    const size_t max = base64_bytes(p->api_key.n);
    char *sealed = arena_alloc(cx->arena, max + 1);
    size_t n = 0;
    if (!base64_decode(BASE64_PLAIN, p->api_key, sealed, max, &n)) {
        return cx_fail(cx, CODE_INTERNAL_ERROR, "the stored model key is not Base64");
    }
    return seal_open(cx, keys, key_place(cx), (struct str){sealed, n}, ret);
}

static void check_range(struct cx *cx, const char *field, double v, double min, double max,
                        enum err *ret)
{
    if (!(v >= min && v <= max)) {
        *ret = cx_fail_field(cx, field, "must be from %g to %g", min, max);
    }
}

static void check_text(struct cx *cx, const char *field, struct str s, size_t min, size_t max,
                       enum err *ret)
{
    const bool text = utf8_is_text(s);
    if (!text || utf8_count(s) < min || utf8_count(s) > max) {
        *ret = cx_fail_field(cx, field, "must be text of %zu to %zu characters", min, max);
    }
}

static bool is_one_of(struct str s, const char *list)
{
    struct str rest = str_of(list);
    struct str part;
    while (str_split(&rest, '|', &part)) {
        if (str_eq(s, part)) {
            return true;
        }
    }
    return false;
}

static void check_words(struct cx *cx, const struct policy *p, enum err *ret)
{
    check_text(cx, "name", p->name, 1, 80, ret);
    check_text(cx, "instructions", p->instructions, 0, 8000, ret);
    check_text(cx, "model", p->model, 0, 255, ret);
    check_text(cx, "openai.baseUrl", p->base_url, 0, 1024, ret);
    check_text(cx, "handoverWords", p->handover_words, 0, 2000, ret);
    check_text(cx, "handoverText", p->handover_text, 0, 1000, ret);
    check_text(cx, "unknownText", p->unknown_text, 0, 1000, ret);
    check_text(cx, "disclaimerText", p->disclaimer_text, 0, 1000, ret);
    if (!is_one_of(p->tone, "friendly|formal|concise")) {
        *ret = cx_fail_field(cx, "tone", "must be friendly, formal or concise");
    }
    if (!is_one_of(p->provider, "extractive|openai")) {
        *ret = cx_fail_field(cx, "provider", "must be extractive or openai");
    }
    if (p->base_url.n && !llm_base_url_ok(p->base_url)) {
        *ret = cx_fail_field(cx, "openai.baseUrl",
                             "must be an https:// or http:// address without a password");
    }
}

static void check_numbers(struct cx *cx, const struct policy *p, enum err *ret)
{
    check_range(cx, "topK", (double)p->top_k, 1, 20, ret);
    check_range(cx, "temperature", p->temperature, 0, 2, ret);
    check_range(cx, "maxTokens", (double)p->max_tokens, 16, 16384, ret);
    check_range(cx, "unknownHandoverAfter", (double)p->unknown_handover_after, 1, 100, ret);
    check_range(cx, "handoverBelow", p->handover_below, 0, 1, ret);
    check_range(cx, "reviewBelow", p->review_below, 0, 1, ret);
    check_range(cx, "disclaimerBelow", p->disclaimer_below, 0, 1, ret);
    if (p->handover_below > p->review_below) {
        *ret = cx_fail_field(cx, "reviewBelow", "must not be below handoverBelow");
    }
    if (p->review_below > p->disclaimer_below) {
        *ret = cx_fail_field(cx, "disclaimerBelow", "must not be below reviewBelow");
    }
}

enum err policy_put(struct db_tx *tx, struct policy *next, struct policy *ret)
{
    struct cx *cx = db_tx_cx(tx);
    struct policy now;
    enum err e = ERR_OK;
    check_words(cx, next, &e);
    check_numbers(cx, next, &e);
    TRY(e);
    TRY(policy_get(tx, &now));
    const struct str text = policy_text(cx->arena, next);
    next->version = now.version + 1;
    next->hash = compose_hash(cx->arena, text);
    next->created_us = cx->now_us;
    next->has_api_key = next->api_key.n > 0;
    TRY(policy_text_keep(tx, next->hash, text));
    TRY(db_exec(tx, &sql_insert,
                DB_ARGS(DB_INT(next->version), DB_TEXT(next->hash), DB_TEXT(next->api_key),
                        DB_INT(next->created_us)),
                NULL));
    *ret = *next;
    return ERR_OK;
}
