#include "jobs/speaker.h"

static void say(const struct speaker *s, enum live_saying what, struct str text)
{
    const struct live_word word = {.what = what,
                                   .tenant = s->job->tenant,
                                   .conversation = {s->job->lane},
                                   .turn = s->turn,
                                   .text = text};
    if (s->env->say) {
        s->env->say(s->env->say_arg, &word);
    }
}

static void start(struct speaker *s, struct turn_id turn)
{
    if (!s->speaks) {
        s->turn = turn;
        s->speaks = true;
        say(s, LIVE_STARTED, (struct str){"", 0});
    }
}

static void take_back(struct speaker *s)
{
    if (s->speaks) {
        say(s, LIVE_WITHDRAWN, (struct str){"", 0});
        s->speaks = false;
    }
}

static void on_started(void *arg, struct turn_id turn)
{
    struct speaker *s = arg;
    start(s, turn);
    if (s->reader) {
        s->reader->started(s->reader->arg, turn);
    }
}

static void on_delta(void *arg, struct turn_id turn, struct str text)
{
    struct speaker *s = arg;
    start(s, turn);
    say(s, LIVE_TEXT, text);
    if (s->reader) {
        s->reader->delta(s->reader->arg, turn, text);
    }
}

static void on_withdrawn(void *arg, struct turn_id turn)
{
    struct speaker *s = arg;
    take_back(s);
    if (s->reader) {
        s->reader->withdrawn(s->reader->arg, turn);
    }
}

static void on_settled(void *arg, struct turn_id turn)
{
    const struct speaker *s = arg;
    (void)turn;
    if (s->speaks) {
        say(s, LIVE_SETTLED, (struct str){"", 0});
    }
}

void speaker_begin(struct speaker *s, const struct job_env *env, const struct job *job,
                   const struct turn_sink *reader)
{
    *s = (struct speaker){.env = env, .job = job, .reader = reader};
    s->sink = (struct turn_sink){.arg = s,
                                 .started = on_started,
                                 .delta = on_delta,
                                 .withdrawn = on_withdrawn,
                                 .settled = on_settled};
}

void speaker_end(struct speaker *s, const struct turn *turn, bool committed)
{
    if (!committed) {
        take_back(s);
    } else if (s->reader && s->reader->committed) {
        s->reader->committed(s->reader->arg, turn);
    }
}
