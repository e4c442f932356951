/* A conversation: one thread with one customer on one channel.
 * Status is active, assigned_human or closed, and nothing else; snooze, priority and waiting are
 * fields of their own. One conversation per (tenant, channel type, external id). */
#ifndef DOMAIN_CONVERSATION_CONVERSATION_H
#define DOMAIN_CONVERSATION_CONVERSATION_H

#include "domain/conversation/contact.h"

struct conversation_id {
    struct uuid v;
};

#define CHANNEL_TYPES           "whatsapp|messenger|webchat|api"
#define CONVERSATION_STATES     "active|assigned_human|closed"
#define CONVERSATION_PRIORITIES "low|normal|high|urgent"

struct conversation {
    struct conversation_id id;
    struct str channel_type;
    struct str external_id;
    struct contact_id contact;
    struct str contact_name;
    struct str status;
    struct uuid assignee; /* nil: nobody */
    struct str language;
    struct str subject;
    struct str priority;    /* low | normal | high | urgent */
    int64_t unknown_in_row; /* answers of "I do not know" without another in between */
    int64_t snoozed_until_us;
    int64_t waiting_since_us; /* the customer's oldest unanswered message; 0: nobody waits */
    int64_t last_message_us;
    int64_t created_us;
    int64_t updated_us;
    int64_t closed_us;
};

/* CONVERSATION_NOT_FOUND, also for another tenant's. */
enum err conversation_get(struct db_tx *tx, struct conversation_id id, struct conversation *ret);

/* Finds by channel type and external id, or opens it (and its contact) and adds
 * conversation.created. Fifty at once end in one. external_id empty: a new one is made. */
enum err conversation_open(struct db_tx *tx, struct str channel_type, struct str external_id,
                           const struct contact_in *contact, struct conversation *ret,
                           bool *ret_created);

struct conversation_filter {
    struct str status;  /* empty: all */
    struct str channel; /* empty: all */
    struct str q;       /* words in the contact's name or subject; empty: all */
    int64_t before_us;  /* keyset: last_message and id of the last row seen */
    struct uuid before_id;
    bool has_before;
    size_t limit;
};
/* Newest message first. With q the whole range may be read, portion by portion. */
enum err conversation_list(struct db_tx *tx, const struct conversation_filter *filter,
                           struct conversation **ret, size_t *ret_count);

struct conversation_change {
    struct str status, subject, priority, language;
    struct uuid assignee;
    int64_t snoozed_until_us;
    bool has_status, has_subject, has_priority, has_language, has_assignee, has_snoozed;
};
/* Checks the change (faults name the field), applies it, adds conversation.updated, or
 * conversation.closed when it closes; a change that changes nothing adds nothing. Back to active
 * takes the assignee away (unless one is given) and starts the count of unknowns anew. */
enum err conversation_update(struct db_tx *tx, struct conversation_id id,
                             const struct conversation_change *change, struct conversation *ret);

/* A person shall take over: assigned_human (conversation.updated), and handover.requested with the
 * reason. Already so: nothing. */
enum err conversation_handover(struct db_tx *tx, struct conversation *c, struct str reason);

/* Reopens a closed one (conversation.updated); otherwise nothing. */
enum err conversation_reopen(struct db_tx *tx, struct conversation *c);

/* Counts answers of "I do not know" in a row: known sets it back to 0. */
enum err conversation_note_unknown(struct db_tx *tx, struct conversation *c, bool known);

/* How many are not closed, over all tenants, for the gauge. cx of the platform, own transaction. */
enum err conversation_count_active(struct cx *cx, int64_t *ret);

#endif
