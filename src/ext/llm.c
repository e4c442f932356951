#include "ext/llm.h"

#include "net/guard.h"

static const struct llm_provider *const providers[] = {&llm_extractive, &llm_openai};

bool llm_base_url_ok(struct str url)
{
    return guard_url_ok(url);
}

const struct llm_provider *llm_find(struct str name)
{
    for (size_t i = 0; i < COUNT(providers); i++) {
        if (str_is(name, providers[i]->name)) {
            return providers[i];
        }
    }
    return NULL;
}
