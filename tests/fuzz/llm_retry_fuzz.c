/* fuzz: llm */
/* A provider's headers beside a refusal, one a line: the pause is never negative and never longer
 * than what such a header may ask for. */
#include "ext/llm_retry.h"

#include "base/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str lines = {(const char *)data, n};
    struct llm_refusal r = {.status = n ? data[0] * 4 : 0};
    struct str *const fields[] = {&r.retry_after, &r.retry_after_ms, &r.should_retry, &r.error_type,
                                  &r.error_code};
    for (size_t i = 0; i < COUNT(fields) && str_split(&lines, '\n', fields[i]); i++) {
    }
    must(!llm_refusal_is_exhausted(&r) || !llm_refusal_may_retry(&r));
    for (int64_t attempt = 1; attempt <= 10; attempt++) {
        const int64_t pause = llm_refusal_pause_us(&r, attempt);
        must(pause >= 0 && pause <= 1000000 * SECOND_US);
    }
    return 0;
}
