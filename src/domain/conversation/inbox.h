/* The way in: every customer message of every channel passes here. One transaction: contact,
 * conversation, message, key, event, job "turn". Acknowledge only after the commit. */
#ifndef DOMAIN_CONVERSATION_INBOX_H
#define DOMAIN_CONVERSATION_INBOX_H

#include "domain/conversation/message.h"
#include "domain/ledger/job.h"

/* The kind of job that answers a conversation; its lane is the conversation. */
#define JOB_TURN "turn"

/* The one normal form that channels parse into. */
struct inbound {
    struct conversation_id conversation; /* nil: found or opened by channel type and external id */
    struct str channel_type;
    struct str external_id;
    struct contact_in contact;
    struct str type; /* one of MESSAGE_TYPES */
    struct str content;
    struct str key_source; /* who made the key: "client", or the provider's name */
    struct str key;        /* provider's or client's message id; empty: none, never a duplicate */
    struct str client_message; /* the client's own id of the message, as it gave it; empty: none */
    struct str claim_for;      /* owner that wants to run the turn itself; empty: any worker */
};

struct received {
    struct conversation conversation;
    struct message message;
    bool duplicate; /* the key was seen before: message is the first one, nothing was written */
    bool claimed;   /* the turn's job is claimed for claim_for; job is set */
    struct job job;
};

/* Receives one message within the caller's transaction (which the caller flushes and commits). A
 * closed conversation reopens. CONVERSATION_NOT_FOUND; VALIDATION_ERROR for empty content. */
enum err inbox_receive(struct db_tx *tx, const struct inbound *in, struct received *ret);

#endif
