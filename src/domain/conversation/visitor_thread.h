/* A visitor's own conversations. The page names a conversation by an id that it makes up; ours is
 * (webchat, "<visitor's id>:<page's id>"), so no visitor's names meet another's. */
#ifndef DOMAIN_CONVERSATION_VISITOR_THREAD_H
#define DOMAIN_CONVERSATION_VISITOR_THREAD_H

#include "domain/account/visitor.h"
#include "domain/conversation/inbox.h"

enum { VISITOR_NAME_SIGNS = 64 };

/* The page's id of a conversation that it names none for. */
#define VISITOR_DEFAULT_NAME "main"

/* 1 to VISITOR_NAME_SIGNS letters, digits, '-' or '_'; empty stands for the default. Else a fault
 * of that field. */
enum err visitor_name_check(struct cx *cx, const char *field, struct str name);

/* The visitor's conversation of that name; *ret_found false: there is none yet. */
enum err visitor_conversation(struct db_tx *tx, const struct visitor *v, struct str name,
                              struct conversation *ret, bool *ret_found);

/* What stands for the visitor's conversation of that name until its first message makes it: an id
 * that no conversation has. */
struct uuid visitor_placeholder(const struct visitor *v, struct str name);

/* The visitor's conversation with our id. CONVERSATION_NOT_FOUND when it is not its own. */
enum err visitor_conversation_get(struct db_tx *tx, const struct visitor *v,
                                  struct conversation_id id, struct conversation *ret);

/* Whether the conversation is this visitor's. */
bool visitor_owns(const struct visitor *v, const struct conversation *c);

/* The page's name of a conversation that is a visitor's; a view of its external id. */
struct str visitor_conversation_name(const struct conversation *c);

/* A page of its conversations, newest message first; before: last_message and id of the last row
 * seen. */
struct visitor_page {
    bool has_before;
    int64_t before_us;
    struct uuid before_id;
    size_t limit;
};
enum err visitor_conversations(struct db_tx *tx, const struct visitor *v,
                               const struct visitor_page *page, struct conversation **ret,
                               size_t *ret_count);

/* A visitor's message in the one normal form, in the arena: its conversation by name (opened by the
 * first message), its identity, and the page's id of the message (may be empty) within what this
 * visitor sent. */
struct inbound visitor_inbound(struct arena *a, const struct visitor *v, struct str name,
                               struct str text, struct str client_id);

/* What a visitor sees of a message's metadata: action, citations, clientMessageId, stopped; all
 * else is between the tenant's people and programs. JSON in cx's arena. */
enum err visitor_metadata(struct cx *cx, struct str metadata, struct str *ret);

#endif
