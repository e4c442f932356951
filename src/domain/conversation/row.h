/* What the files of this room share about a conversation's row. */
#ifndef DOMAIN_CONVERSATION_ROW_H
#define DOMAIN_CONVERSATION_ROW_H

#include "domain/conversation/conversation.h"

/* The columns that conversation_read expects, and where they come from. */
#define CONVERSATION_COLUMNS                                                                       \
    "c.id, c.channel_type, c.external_id, c.contact_id, p.name, c.status, c.assignee_id, "         \
    "c.language, c.subject, c.priority, c.unknown_in_row, c.snoozed_until_us, "                    \
    "c.waiting_since_us, c.last_message_us, c.created_us, c.updated_us, c.closed_us "              \
    "FROM conversations c JOIN contacts p ON p.tenant_id = c.tenant_id AND p.id = c.contact_id"

/* Row i; texts borrow from the rows. */
struct conversation conversation_read(const struct db_rows *rows, size_t i);

/* Whether value is one of the words, which are apart by '|'. */
bool one_of(struct str value, const char *words);

#endif
