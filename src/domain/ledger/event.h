/* What happened: rows that transactions append, numbered per tenant without holes. The number is
 * given by the last statement of the transaction that commits it, so a reader who has number n has
 * everything up to n. Realtime and outgoing webhooks learn of changes from here; no room calls
 * them. */
#ifndef DOMAIN_LEDGER_EVENT_H
#define DOMAIN_LEDGER_EVENT_H

#include "db/db.h"

/* Every type that is published; the list grows only with a publisher and a test. event_table.h has
 * the rows: EVENT(enum name, "wire.name", what it says). */
enum event_type {
#define EVENT(id, name, doc) EVENT_##id,
#include "domain/ledger/event_table.h"
#undef EVENT
    EVENT_TYPE_COUNT
};

/* The wire name; static storage. */
const char *event_name(enum event_type type);
/* False when there is no such type. */
bool event_parse(struct str name, enum event_type *ret);

/* Remembers an event in the transaction; it is numbered and written by event_flush. payload is a
 * JSON object; it carries ids and states, and message text only where the receiver is meant to read
 * it. conversation may be nil. */
enum err event_add(struct db_tx *tx, enum event_type type, struct uuid conversation,
                   struct str payload);

/* Writes what event_add gathered, with consecutive numbers, and leaves a note for the hub: the last
 * statement before db_commit. Lock order: conversation, then number. *ret_last (may be NULL) is the
 * last number (0: none were gathered). */
enum err event_flush(struct db_tx *tx, int64_t *ret_last);

/* event_flush and db_commit: how every transaction that may have changed something ends. */
enum err event_commit(struct db_tx *tx);

struct event {
    int64_t seq;
    struct str type;
    struct uuid conversation;
    struct str payload; /* JSON */
    int64_t created_us;
};

/* Events above since, oldest first; type empty: all. */
enum err event_list(struct db_tx *tx, int64_t since, struct str type, size_t limit,
                    struct event **ret, size_t *ret_count);

/* Those of one conversation. */
enum err event_list_of(struct db_tx *tx, struct uuid conversation, int64_t since, size_t limit,
                       struct event **ret, size_t *ret_count);

/* How many stand above since (conversation nil: of the tenant); max when there are as many or more.
 */
enum err event_count(struct db_tx *tx, struct uuid conversation, int64_t since, int64_t max,
                     int64_t *ret);

/* The tenant's newest number (0: none yet), and the oldest kept (newest + 1 when none is). A reader
 * who has everything up to since misses nothing while since >= oldest - 1. */
enum err event_range(struct db_tx *tx, int64_t *ret_oldest, int64_t *ret_newest);

/* Removes events older than conf.event_keep_days, tenant by tenant, in small transactions. cx of
 * the platform, no transaction open. */
enum err event_sweep(struct cx *cx, int64_t *ret_removed);

/* {"seq", "type", "conversationId", "data", "createdAt"} */
void event_json(struct buf *out, const struct event *e);

/* Kinds of db_note that the rooms leave. */
enum {
    NOTE_EVENT = 1, /* n: the tenant's newest number */
    NOTE_JOB = 2,   /* a job is due; n: its lane's hash */
};

#endif
