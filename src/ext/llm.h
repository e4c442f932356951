/* Language models: one interface, one file a provider (llm_openai.c, llm_extractive.c). They know
 * other people's wire formats and none of our tables. Blocking, on the caller's thread, with the
 * deadline and cancel of cx; no transaction may be open. */
#ifndef EXT_LLM_H
#define EXT_LLM_H

#include "base/cx.h"

struct net_client;

struct llm_message {
    struct str role; /* system | user | assistant */
    struct str content;
};

/* A passage as the extractive provider needs it; others read it out of the messages. */
struct llm_passage {
    int number;          /* as cited: 1 … */
    struct str document; /* its name */
    struct str path;     /* the headings above it, " › " between */
    struct str heading;  /* what it is about: both together */
    struct str text;
    double coverage;
};

struct llm_request {
    struct str model;
    const struct llm_message *messages;
    size_t message_count;
    const struct llm_passage *passages;
    size_t passage_count;
    struct str question; /* made whole from the conversation */
    struct str language;
    bool known; /* whether the search believes that the passages answer it */
    double temperature;
    int64_t max_tokens;
    struct str base_url; /* "https://api.openai.com/v1" */
    struct str api_key;
    bool guarded;     /* base_url came from the tenant */
    int64_t attempts; /* at most, before the first streamed byte */
};

struct llm_usage {
    int64_t prompt_tokens, completion_tokens; /* -1: not told by the provider */
    int64_t attempts;
    int64_t first_us; /* from the call to the first piece of text */
    int64_t total_us;
};

struct llm_answer {
    struct str text;          /* raw, whole (also what came before a failure) */
    struct str finish_reason; /* stop | length | content_filter | … ; empty when cut off */
    struct llm_usage usage;
    double missed;         /* share of the question that its quotes do not speak of, 0-1; 0 where
                              the provider does not quote by words */
    struct str model;      /* as the provider names it */
    struct str request_id; /* the provider's */
};

struct llm_provider {
    const char *name;
    /* Streams the answer: piece(arg, text) for each part as it comes. On failure *ret still holds
     * what came, and cx has a short reason: ERR_UNAVAILABLE (EXTERNAL_SERVICE_ERROR), ERR_TIMEOUT,
     * ERR_CANCELLED, ERR_LIMIT (out of quota), ERR_INVALID (the provider refuses the request),
     * ERR_TOO_LARGE. */
    enum err (*answer)(struct cx *cx, struct net_client *net, const struct llm_request *rq,
                       void (*piece)(void *arg, struct str text), void *arg,
                       struct llm_answer *ret);
};

extern const struct llm_provider llm_extractive;
extern const struct llm_provider llm_openai;

/* Whether a tenant may name this as a base_url: http or https with a host, and nothing secret in
 * it. Where it leads is looked at with each call. */
bool llm_base_url_ok(struct str url);

/* By name; NULL when there is none. */
const struct llm_provider *llm_find(struct str name);

#endif
