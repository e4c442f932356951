/* The thread that hears the process's signals, and what follows from them:
 *
 *   SIGTERM, SIGINT   announced; METACHAT_DRAIN_DELAY_MS later the stop; a second one ends at once
 *   SIGHUP            tend, asked; and every few seconds without
 */
#ifndef MAIN_SIGNALS_H
#define MAIN_SIGNALS_H

#include "base/base.h"

struct signals;

struct signals_ops {
    void *arg;
    void (*announce)(void *arg);                    /* a stop will come */
    void (*stop)(void *arg, int64_t until_mono_us); /* may come again, with an earlier time */
    void (*tend)(void *arg, bool asked);            /* looks whether files have changed */
};

/* Blocks the signals on the calling thread, and so on those that it makes: before any of them. */
void signals_block(void);

/* Calls ops on a thread of its own, one call at a time. */
struct signals *signals_start(const struct signals_ops *ops);

/* *s may be NULL and is NULL afterwards. */
void signals_end(struct signals **s);

#endif
