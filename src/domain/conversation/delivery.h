/* The way out: a reply is a message, and how it reaches its channel. api and webchat callers read
 * replies from answers and events: such a message is sent as soon as it is committed. Other
 * channels get a delivery job once they are connected; on a conversation whose channel is not
 * connected the message fails with a reason. */
#ifndef DOMAIN_CONVERSATION_DELIVERY_H
#define DOMAIN_CONVERSATION_DELIVERY_H

#include "domain/conversation/message.h"

/* Appends an outbound message and starts its delivery, in the transaction. content 1-100,000 bytes.
 */
enum err delivery_send(struct db_tx *tx, struct conversation *c, struct message *m);

#endif
