#include "ext/llm_retry.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/id.h"

bool llm_refusal_is_exhausted(const struct llm_refusal *r)
{
    static const char *const codes[] = {"insufficient_quota", "credit_balance_exhausted",
                                        "billing_hard_limit_reached",
                                        "enforced_spend_limit_reached"};
    for (size_t i = 0; i < COUNT(codes); i++) {
        if (str_is(r->error_code, codes[i]) || str_is(r->error_type, codes[i])) {
            return true;
        }
    }
    return r->status == 402;
}

bool llm_refusal_may_retry(const struct llm_refusal *r)
{
    if (llm_refusal_is_exhausted(r) || str_eq_nocase(r->should_retry, STR("false"))) {
        return false;
    }
    if (str_eq_nocase(r->should_retry, STR("true"))) {
        return true;
    }
    return r->status == 0 || r->status == 408 || r->status == 409 || r->status == 429 ||
           r->status >= 500;
}

static bool asked_pause_us(const struct llm_refusal *r, int64_t *ret)
{
    double v = 0;
    if (str_to_f64(str_trim(r->retry_after_ms), 0, 1e9, &v)) {
        *ret = (int64_t)(v * (double)MS_US);
        return true;
    }
    if (str_to_f64(str_trim(r->retry_after), 0, 1e6, &v)) {
        *ret = (int64_t)(v * (double)SECOND_US);
        return true;
    }
    return false;
}

int64_t llm_refusal_pause_us(const struct llm_refusal *r, int64_t attempt)
{
    int64_t asked = 0;
    int64_t pause = conf.llm_backoff_ms * MS_US;
    for (int64_t i = 1; i < attempt && pause < conf.llm_backoff_max_ms * MS_US; i++) {
        pause *= 2;
    }
    pause = min_i64(pause, conf.llm_backoff_max_ms * MS_US);
    pause -= (int64_t)rand_below((uint64_t)pause / 4 + 1);
    return asked_pause_us(r, &asked) ? asked : pause;
}
