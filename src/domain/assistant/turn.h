/* One assistant turn: load, gate, retrieve, compose, answer, judge, commit. The only path by which
 * the assistant answers, for every channel.
 *
 * Invariants:
 * 1. Every inbound message is covered by exactly one committed turn (turn_messages).
 * 2. A committed turn has one outbound message, or a stored reason for silence.
 * 3. The commit is fenced by the job's attempt (job_done in the same transaction).
 * 4. No transaction is open between load and commit.
 * 5. The prompt is a pure function of what the turn record holds, so replay makes the same bytes.
 */
#ifndef DOMAIN_ASSISTANT_TURN_H
#define DOMAIN_ASSISTANT_TURN_H

#include "domain/conversation/message.h"
#include "domain/knowledge/excerpt.h"
#include "domain/knowledge/search.h"
#include "domain/ledger/job.h"

struct net_client;
struct keyring;

struct turn_id {
    struct uuid v;
};

struct llm_provider;
struct turn;
struct turn_stops;

/* What the rooms need from outside; made once in main/, lives as long as the process. */
struct assistant {
    struct net_client *net;
    struct keyring *keys;
    struct turn_stops *stops; /* NULL: turns cannot be stopped */
    /* Where providers come from; NULL: llm_find. */
    const struct llm_provider *(*find_provider)(struct str name);
};

/* Where streamed text goes; the domain owns the shape, others fill it. Called on the turn's thread.
 * Text is provisional, without markers; the final message replaces it. */
struct turn_sink {
    void *arg;
    void (*started)(void *arg, struct turn_id turn);
    void (*delta)(void *arg, struct turn_id turn, struct str text);
    void (*withdrawn)(void *arg, struct turn_id turn);
    /* May be NULL. The turn as it was committed; lent until this returns. */
    void (*committed)(void *arg, const struct turn *turn);
    /* May be NULL. The text is whole, the commit comes next; it may still be withdrawn. */
    void (*settled)(void *arg, struct turn_id turn);
};

struct citation {
    struct document_id document;
    struct str document_name;
    int64_t version;
    int64_t start, end; /* bytes in that version's stored text */
    struct str quote;   /* exactly those bytes */
};

struct signal_value {
    struct str name;
    double value, weight;
};

struct source {
    struct document_id document;
    struct uuid chunk;
    struct str document_name;
    double score;
};

/* A committed turn, as POST /chat and GET /turns/:id show it. */
struct turn {
    struct turn_id id;
    struct conversation_id conversation;
    struct message_id message;       /* newest one covered */
    struct message_id reply_message; /* nil when silent */
    struct str reply;                /* empty when silent */
    struct str action;               /* answer | disclaimer | review | handover */
    struct str reason; /* of an action that is not "answer": unknown | unknown_in_row |
                          low_confidence | asked_for_person | asked_by_model | provider_failed |
                          failed; empty otherwise */
    struct str
        silence; /* reason, when there is no reply: "assigned_human", "disabled", "stopped" */
    struct citation *citations;
    size_t citation_count;
    struct source *sources;
    size_t source_count;
    bool context_used;
    bool stopped; /* the reader did not want more: the reply is what had come */
    double confidence;
    struct str level; /* high | medium | low | very_low */
    struct signal_value *signals;
    size_t signal_count;
    struct str provider, model;
    int64_t prompt_tokens, completion_tokens;
    double cost_usd;
    bool cost_known; /* the provider told, or there is none to pay */
    int64_t latency_us, search_us, provider_us, first_token_us;
    struct str failure; /* why the model or the search failed, short; empty otherwise */
    struct str policy_hash, template_hash, prompt_hash;
    int64_t compose_version;
    struct str request_id;
    int64_t created_us;
};

/* Runs the turn that the claimed job asks for, to its commit, and reads it back. ERR_OK with
 * *ret_committed false when it was fenced off, or nothing was left to cover. Errors give the job
 * back (the caller settles). Ends within METACHAT_TURN_TIMEOUT_MS, or earlier when cx says so.
 * Blocks; worker threads. */
enum err turn_run(struct cx *cx, const struct assistant *as, const struct job *job,
                  const struct turn_sink *sink, struct turn *ret, bool *ret_committed);

/* Ends the model's answer of a turn that runs in this process: what came is judged and committed as
 * the reply, and when nothing came the turn is silent ("stopped"). False when no such turn of the
 * conversation is asking a model, here and now: nothing changes then. Any thread; does not block.
 */
bool turn_stop(const struct assistant *as, struct tenant_id tenant,
               struct conversation_id conversation, struct turn_id turn);

/* Which turns could be stopped. The caller frees it when no turn runs any more; *s may be NULL and
 * is NULL afterwards. */
struct turn_stops *turn_stops_new(void);
void turn_stops_free(struct turn_stops **s);

/* After the last attempt: a turn with reason "failed" that covers the messages, the sentence that
 * we will get back to the customer, handover.requested and turn.failed. The caller flushes the
 * events and commits. */
enum err turn_dead(struct db_tx *tx, const struct job *job);

/* TURN_NOT_FOUND, also for another tenant's. */
enum err turn_get(struct db_tx *tx, struct turn_id id, struct turn *ret);
/* The committed turn that covers a message; *ret_found. */
enum err turn_of_message(struct db_tx *tx, struct message_id id, struct turn *ret, bool *ret_found);

/* A citation with the words around its quote. */
struct opened {
    struct citation citation;
    struct str heading; /* above it in the document; may be empty */
    struct excerpt excerpt;
};

/* Opens the n-th citation of a turn, from 1. CITATION_NOT_FOUND when there is none, or when the
 * text that it cites is no longer there. */
enum err turn_citation(struct db_tx *tx, const struct turn *t, int64_t n, struct opened *ret);

/* Rebuilds the prompt of a recorded turn from what the record holds. The record keeps the hash of
 * the prompt and every part it was made of, so what has this hash is the prompt, byte for byte. A
 * turn that asked no model (silence, a hand-over on request) has no prompt, and is the same. */
struct replay {
    bool same;          /* byte for byte */
    struct str why;     /* when not: what is missing or differs */
    struct str prompt;  /* JSON of the messages, when it is the recorded one; empty otherwise */
    struct str rebuilt; /* what came out; empty when a part is missing */
    struct str raw_output;
};
enum err turn_replay(struct db_tx *tx, struct turn_id id, struct replay *ret);

/* Ids of all turns of the tenant, oldest first above after: for checks that replay everything. */
enum err turn_list(struct db_tx *tx, struct turn_id after, size_t limit, struct turn_id **ret,
                   size_t *ret_count);

/* Whose turn it is, for operator commands, and all turns of all tenants in the order of their ids.
 * cx of the platform. TURN_NOT_FOUND. */
enum err turn_find_tenant(struct db_tx *tx, struct turn_id id, struct tenant_id *ret);
enum err turn_list_all(struct db_tx *tx, struct turn_id after, size_t limit, struct turn_id **ret,
                       size_t *ret_count);

/* Messages without a turn and without a job (a bug or a restored backup) get one; at start. cx of
 * the platform. */
enum err turn_sweep(struct cx *cx);

#endif
