#include "base/err.h"

static const struct code_info codes[CODE_COUNT] = {
#define CODE(name, class, status, retry, doc) {#name, class, status, retry, doc},
#include "base/err_table.h"
#undef CODE
};

const struct code_info *code_info(enum code code)
{
    must(code >= 0 && code < CODE_COUNT);
    return &codes[code];
}

enum code code_of_class(enum err e)
{
    switch (e) {
    case ERR_INVALID:
        return CODE_VALIDATION_ERROR;
    case ERR_UNAUTHENTICATED:
        return CODE_UNAUTHORIZED;
    case ERR_FORBIDDEN:
        return CODE_FORBIDDEN;
    case ERR_NOT_FOUND:
        return CODE_NOT_FOUND;
    case ERR_CONFLICT:
        return CODE_CONFLICT;
    case ERR_LIMIT:
        return CODE_RATE_LIMITED;
    case ERR_TOO_LARGE:
        return CODE_PAYLOAD_TOO_LARGE;
    case ERR_UNAVAILABLE:
        return CODE_OVERLOADED;
    case ERR_TIMEOUT:
        return CODE_DEADLINE_EXCEEDED;
    case ERR_CANCELLED:
        return CODE_CANCELLED;
    case ERR_RERUN:
        return CODE_RERUN;
    case ERR_OK:
    case ERR_INTERNAL:
        break;
    }
    return CODE_INTERNAL_ERROR;
}

const char *err_name(enum err e)
{
    static const char *const names[] = {
        [ERR_OK] = "ok",
        [ERR_INVALID] = "invalid",
        [ERR_UNAUTHENTICATED] = "unauthenticated",
        [ERR_FORBIDDEN] = "forbidden",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_CONFLICT] = "conflict",
        [ERR_LIMIT] = "limit",
        [ERR_TOO_LARGE] = "too_large",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_TIMEOUT] = "timeout",
        [ERR_CANCELLED] = "cancelled",
        [ERR_RERUN] = "rerun",
        [ERR_INTERNAL] = "internal",
    };
    return e < COUNT(names) ? names[e] : "unknown";
}
