/* Follow-up questions made whole from the conversation before they are searched for. Pure; any
 * thread. */
#ifndef DOMAIN_ASSISTANT_FOLLOWUP_H
#define DOMAIN_ASSISTANT_FOLLOWUP_H

#include "base/str.h"

enum { FOLLOWUP_BACK = 3, FOLLOWUP_MAX = 2000 };

/* Whether the question cannot be understood alone: it names nothing, goes on from the one before
 * ("and …", "what about …"), or stands on a pronoun. language: of the conversation; small words of
 * one are content in another. */
bool followup_is(struct arena *a, struct str question, struct str language);

/* The question with the earlier ones of the customer that it leans on, a line each, the question
 * last; at most FOLLOWUP_MAX bytes. earlier: newest first. In the arena. */
struct str followup_whole(struct arena *a, struct str question, struct str language,
                          const struct str *earlier, size_t count);

#endif
