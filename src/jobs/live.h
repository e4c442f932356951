/* Turns whose text somebody reads as it comes: which sink belongs to which claimed job. A sink is
 * registered before its job runs in this process and taken out afterwards, by the same thread;
 * others only look. Any thread. */
#ifndef JOBS_LIVE_H
#define JOBS_LIVE_H

#include "domain/assistant/turn.h"

struct live;

/* What a running turn says to its conversation. Each LIVE_STARTED is followed by LIVE_WITHDRAWN, or
 * by LIVE_SETTLED and the commit; a turn that was withdrawn may start anew. */
enum live_saying {
    LIVE_STARTED,
    LIVE_TEXT,
    LIVE_WITHDRAWN,
    LIVE_SETTLED, /* the text is whole; the commit comes next */
};

struct live_word {
    enum live_saying what;
    struct tenant_id tenant;
    struct conversation_id conversation;
    struct turn_id turn;
    struct str text; /* of LIVE_TEXT */
};

/* The caller frees it, when nothing is registered any more. */
struct live *live_new(void);
void live_free(struct live **l);

/* The sink stays the caller's and must live until live_remove. */
void live_add(struct live *l, struct job_id job, const struct turn_sink *sink);
void live_remove(struct live *l, struct job_id job);

/* NULL when nobody reads along. */
const struct turn_sink *live_find(struct live *l, struct job_id job);

#endif
