/* What the server answers when it does not let a request through: a status, the code a client sees,
 * and a literal sentence for a person. status 0 means: nothing is wrong. */
#ifndef NET_REFUSAL_H
#define NET_REFUSAL_H

#include "base/err.h"

struct refusal {
    int status;
    enum code code;
    const char *detail;
};

#define REFUSAL_NONE ((struct refusal){})

static inline struct refusal refusal_bad(const char *detail)
{
    return (struct refusal){400, CODE_MALFORMED_REQUEST, detail};
}

#endif
