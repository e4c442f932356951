/* Inside the room: a turn while it runs, and its stages. Everything lives in cx's arena. */
#ifndef DOMAIN_ASSISTANT_TURN_WORK_H
#define DOMAIN_ASSISTANT_TURN_WORK_H

#include "domain/account/tenant.h"
#include "domain/assistant/compose.h"
#include "domain/assistant/gate.h"
#include "domain/assistant/judge.h"
#include "domain/assistant/texts.h"
#include "domain/ledger/event.h"

/* A message as the turn sees it, oldest first. */
struct work_line {
    struct message_id id;
    bool customer;
    bool fresh; /* inbound and not covered by a turn yet */
    bool is_text;
    struct str text; /* as it stands in a prompt */
};

/* A turn that may be stopped: from before the model is asked to when it has answered. */
struct asking {
    struct asking *next;
    struct tenant_id tenant;
    struct conversation_id conversation;
    struct turn_id turn;
    struct cancel *cancel; /* of the model's answer; NULL: cannot be stopped */
    bool stopped;
};

struct work {
    struct cx *cx;
    const struct assistant *as;
    const struct job *job;
    const struct turn_sink *sink; /* may be NULL */
    int64_t began_us;             /* monotonic */

    /* load */
    struct tenant tenant;
    struct conversation conversation;
    struct policy policy;
    struct str language;
    struct work_line *lines;
    size_t line_count;
    size_t fresh_count;
    bool more;           /* fresh ones are left over for another turn */
    bool has_other;      /* fresh ones that are not text */
    struct str text;     /* of the fresh ones, a line each */
    struct str question; /* made whole */

    /* gate */
    enum gate_verdict verdict;

    /* retrieve, compose */
    struct search_result found;
    bool searched;
    struct str template;
    struct str template_hash;
    bool has_policy_text, has_template_text; /* stored already */
    struct prompt prompt;
    size_t first_line; /* of lines, that is in the prompt */

    /* answer */
    struct asking asking;
    struct marker_filter filter;
    bool filtering;
    bool streamed; /* a delta has left */
    bool gave_up;  /* no provider could answer */
    bool stood_in;
    struct llm_answer answer;
    struct str raw; /* of the one that was taken, or what came before the failure */

    struct judgement judged;
    bool is_judged;

    struct turn turn; /* the record, as it grows */
};

/* load: reads all that the turn stands on, in the caller's transaction. fresh_count 0: nothing is
 * to be done. */
enum err turn_load(struct db_tx *tx, struct work *w);

/* How a message that is not text stands in a prompt. */
struct str turn_line_text(struct arena *a, struct str type, struct str content);

/* retrieve and compose. A failed search is noted in turn.failure and is no error. */
enum err turn_retrieve(struct work *w);
void turn_compose(struct work *w);

/* answer: asks the provider, then the one that stands in. Errors only when the work is to end. */
enum err turn_answer(struct work *w);

/* stop: from here to turn_asking_end the turn can be stopped. */
void turn_asking_begin(struct work *w);
/* Whether it was. */
bool turn_asking_end(struct work *w);
bool turn_asking_is_stopped(const struct work *w);

/* Tells the reader that the draft will not be the answer, if there was one. */
void turn_withdraw(struct work *w);

/* Decides what is said: fills turn.reply, action, reason, citations, confidence. */
void turn_decide(struct work *w);
/* The house's or the tenant's own text in the language of the turn. */
struct str turn_text(const struct work *w, enum text_key key);

/* commit: everything in one transaction, that is run again when its batch dies. */
enum err turn_commit(struct work *w, bool *ret_committed);
/* What of it also a dead job's turn needs: message, record, conversation, event. c as just read. */
enum err turn_store(struct db_tx *tx, struct work *w, struct conversation *c,
                    enum event_type event);

/* What goes with the reply: a JSON object of 64 KB at most. */
struct str turn_metadata(struct arena *a, const struct turn *t);

/* record: the rows. */
enum err turn_insert(struct db_tx *tx, const struct work *w);

#endif
