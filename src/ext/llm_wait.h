/* A pause on the caller's thread that the deadline or the cancellation of its work ends. */
#ifndef EXT_LLM_WAIT_H
#define EXT_LLM_WAIT_H

#include "base/cx.h"

/* Blocks for us microseconds. ERR_CANCELLED or ERR_TIMEOUT when cx is to end, at once. Asserts that
 * no transaction is open. */
enum err llm_wait(struct cx *cx, int64_t us);

#endif
