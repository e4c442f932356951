/* When a call to a model provider is made again, and after how long. Pure; any thread. */
#ifndef EXT_LLM_RETRY_H
#define EXT_LLM_RETRY_H

#include "base/base.h"
#include "base/str.h"

/* What came back before the first streamed byte. */
struct llm_refusal {
    int status;             /* 0: could not be reached */
    struct str retry_after; /* headers; empty: absent */
    struct str retry_after_ms;
    struct str should_retry; /* x-should-retry */
    struct str error_type, error_code;
};

/* Out of quota or credit: waiting does not help, nothing else of this key will go through. */
bool llm_refusal_is_exhausted(const struct llm_refusal *r);

/* Whether the same call may go through later. */
bool llm_refusal_may_retry(const struct llm_refusal *r);

/* Microseconds to wait before attempt + 1 (attempt: 1 was the first). What the provider asks for
 * counts; otherwise the doubling pause of the settings less up to a quarter (also
 * for a Retry-After that is a date, which no provider sends). */
int64_t llm_refusal_pause_us(const struct llm_refusal *r, int64_t attempt);

#endif
