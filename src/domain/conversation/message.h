/* Messages of a conversation, in the order of their ids. */
#ifndef DOMAIN_CONVERSATION_MESSAGE_H
#define DOMAIN_CONVERSATION_MESSAGE_H

#include "domain/conversation/conversation.h"

struct message_id {
    struct uuid v;
};

#define MESSAGE_TYPES   "text|image|audio|video|document|location"
#define MESSAGE_SENDERS "customer|assistant|agent|system"

struct message {
    struct message_id id;
    struct conversation_id conversation;
    struct str direction; /* inbound | outbound */
    struct str type;
    struct str sender;
    struct str content;
    struct str metadata; /* JSON object */
    struct str status;   /* received | pending | sent | delivered | read | failed */
    struct uuid turn;    /* of an assistant's reply; nil otherwise */
    int64_t created_us;
};

/* Appends within the transaction that already holds the conversation: message row, the
 * conversation's last message (and waiting) in the same statement's company, event message.received
 * or message.sent. m->id nil: a new one. */
enum err message_append(struct db_tx *tx, struct conversation *c, struct message *m);

/* MESSAGE_NOT_FOUND, also for another tenant's. */
enum err message_get(struct db_tx *tx, struct message_id id, struct message *ret);

/* The customer has read what came up to this message of the conversation: message.status is added
 * when there was something new to read. MESSAGE_NOT_FOUND when it is not of this conversation. */
enum err message_mark_read(struct db_tx *tx, struct conversation_id conversation,
                           struct message_id upto);

/* A page of a thread: before (nil: from the newest), newest first, at most limit. */
enum err message_list(struct db_tx *tx, struct conversation_id conversation,
                      struct message_id before, size_t limit, struct message **ret,
                      size_t *ret_count);

/* The message's own JSON shape of api.md, for events and sockets. */
void message_json(struct buf *out, const struct message *m);

/* The newest id of any tenant's messages (nil: there is none); cx of the platform. At start: it
 * costs a look for each tenant. */
enum err message_newest(struct db_tx *tx, struct uuid *ret);

#endif
