/* The prompt: a pure function of what the turn record holds, so that it can be made again, byte for
 * byte. The system message holds the house's rules and the tenant's policy and nothing else;
 * passages and the customer's words go as data in a user message, between marks that the data
 * cannot contain. Any thread. */
#ifndef DOMAIN_ASSISTANT_COMPOSE_H
#define DOMAIN_ASSISTANT_COMPOSE_H

#include "domain/assistant/policy.h"
#include "ext/llm.h"

/* Rises when compose() makes other bytes of the same input. */
enum { COMPOSE_VERSION = 1 };

/* The texts of the system message: with passages, and without. {name}, {tone}, {language},
 * {instructions}, {clock} and {time_zone} are filled in. */
extern const char compose_template_passages[];
extern const char compose_template_plain[];

/* One message of the conversation, oldest first. */
struct compose_line {
    bool customer; /* else the assistant's or an agent's */
    bool fresh;    /* to be answered now; the fresh ones come last */
    struct str text;
};

struct compose_passage {
    int number;
    struct str name, heading, text;
};

struct compose_in {
    const struct policy *policy;
    struct str template;
    struct str language;  /* of the answer, "de" */
    struct str time_zone; /* of the tenant */
    int64_t clock_us;
    int64_t history_tokens; /* room for the lines, newest first; the newest always has its place,
                               cut if need be */
    const struct compose_line *lines;
    size_t line_count;
    const struct compose_passage *passages;
    size_t passage_count;
};

struct prompt {
    struct llm_message *messages;
    size_t count;
    struct str json; /* [{"role", "content"}, …], canonical */
    struct str hash; /* SHA-256 of json, hexadecimal */
};

/* In the arena. */
struct prompt compose(struct arena *a, const struct compose_in *in);

/* The first of in->lines that is within the budget. Composing from there on makes the same bytes.
 */
size_t compose_first_line(const struct compose_in *in);

/* An estimate that errs upwards for most models: four ASCII bytes, or one other code point and a
 * half. text must be UTF-8. */
int64_t compose_tokens(struct str text);

/* SHA-256, hexadecimal, in the arena. */
struct str compose_hash(struct arena *a, struct str text);

#endif
