/* What the hub learns from the domain: the events that are stored, and what turns say. */
#ifndef MAIN_NEWS_H
#define MAIN_NEWS_H

#include "jobs/live.h"
#include "realtime/hub.h"

/* The event log. */
extern const struct hub_source news_source;

/* What a turn says, to its conversation's room; the jobs' say, with a struct hub. */
void news_say(void *hub, const struct live_word *word);

#endif
