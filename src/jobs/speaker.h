/* A turn's one sink: to the conversation's room, and to the one who waits for just this job. */
#ifndef JOBS_SPEAKER_H
#define JOBS_SPEAKER_H

#include "jobs/kinds.h"

struct speaker {
    const struct job_env *env;
    const struct job *job;
    const struct turn_sink *reader; /* NULL: nobody waits */
    struct turn_sink sink;          /* to be given to the turn */
    struct turn_id turn;
    bool speaks; /* the room has heard that it started, and of no end */
};

/* All of them are lent until speaker_end. One thread. */
void speaker_begin(struct speaker *s, const struct job_env *env, const struct job *job,
                   const struct turn_sink *reader);

/* The turn has ended. One that was not committed is taken back. */
void speaker_end(struct speaker *s, const struct turn *turn, bool committed);

#endif
