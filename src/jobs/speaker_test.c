#include "jobs/speaker.h"

#include <setjmp.h>

#include <cmocka.h>

/* What was said, a letter a word: s, t, w, e (settled); the reader's in capitals, C committed. */
static char heard[64];
static size_t n;
static struct job job;

static void hear(char c)
{
    assert_true(n + 1 < sizeof(heard));
    heard[n++] = c;
    heard[n] = 0;
}

static void say(void *arg, const struct live_word *word)
{
    static const char letters[] = {
        [LIVE_STARTED] = 's', [LIVE_TEXT] = 't', [LIVE_WITHDRAWN] = 'w', [LIVE_SETTLED] = 'e'};
    assert_ptr_equal(arg, &n);
    assert_true(uuid_eq(word->tenant.v, job.tenant.v));
    assert_true(uuid_eq(word->conversation.v, job.lane));
    assert_int_equal(word->turn.v.b[0], 5);
    assert_true((word->what == LIVE_TEXT) == (word->text.n > 0));
    hear(letters[word->what]);
}

static void on_started(void *arg, struct turn_id turn)
{
    (void)arg;
    (void)turn;
    hear('S');
}

static void on_delta(void *arg, struct turn_id turn, struct str text)
{
    (void)arg;
    (void)turn;
    assert_true(text.n > 0);
    hear('T');
}

static void on_withdrawn(void *arg, struct turn_id turn)
{
    (void)arg;
    (void)turn;
    hear('W');
}

static void on_committed(void *arg, const struct turn *turn)
{
    (void)arg;
    assert_non_null(turn);
    hear('C');
}

static const struct turn_sink reader = {NULL,         on_started,   on_delta,
                                        on_withdrawn, on_committed, NULL};

/* What a turn does: a letter a step; then it is committed, or not. */
static const struct {
    const char *turn;
    bool committed;
    const char *alone;    /* what the room hears */
    const char *together; /* with a reader */
} rows[] = {
    {"stte", true, "stte", "sStTtTeC"},
    {"se", true, "se", "sSeC"},               /* a greeting */
    {"stwe", true, "stw", "sStTwWC"},         /* handed over */
    {"stwte", true, "stwste", "sStTwWstTeC"}, /* another model stood in */
    {"stew", true, "stew", "sStTewWC"},       /* a person took over at the end */
    {"st", false, "stw", "sStTw"},            /* fenced off, or failed */
    {"ste", false, "stew", "sStTew"},
    {"s", false, "sw", "sSw"},
    {"", false, "", ""}, /* nothing to do */
};

static void play(const char *steps, bool committed, const struct turn_sink *to)
{
    static const struct job_env env = {.say = say, .say_arg = &n};
    const struct turn_id turn = {{{5}}};
    const struct turn record = {.id = turn};
    struct speaker s;
    n = 0;
    heard[0] = 0;
    speaker_begin(&s, &env, &job, to);
    for (const char *p = steps; *p; p++) {
        if (*p == 's') {
            s.sink.started(s.sink.arg, turn);
        } else if (*p == 't') {
            s.sink.delta(s.sink.arg, turn, STR("x"));
        } else if (*p == 'w') {
            s.sink.withdrawn(s.sink.arg, turn);
        } else if (*p == 'e') {
            s.sink.settled(s.sink.arg, turn);
        }
    }
    speaker_end(&s, &record, committed);
}

static void every_start_has_an_end(void **state)
{
    (void)state;
    memset(job.tenant.v.b, 3, sizeof(job.tenant.v.b));
    memset(job.lane.b, 4, sizeof(job.lane.b));
    for (size_t i = 0; i < COUNT(rows); i++) {
        play(rows[i].turn, rows[i].committed, NULL);
        assert_string_equal(heard, rows[i].alone);
        play(rows[i].turn, rows[i].committed, &reader);
        assert_string_equal(heard, rows[i].together);
    }
}

static void without_a_room_the_reader_hears(void **state)
{
    (void)state;
    static const struct job_env env = {};
    const struct turn_id turn = {{{5}}};
    struct speaker s;
    n = 0;
    speaker_begin(&s, &env, &job, &reader);
    s.sink.started(s.sink.arg, turn);
    s.sink.delta(s.sink.arg, turn, STR("x"));
    speaker_end(&s, &(struct turn){.id = turn}, true);
    assert_string_equal(heard, "STC");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_start_has_an_end),
        cmocka_unit_test(without_a_room_the_reader_hears),
    };
    return cmocka_run_group_tests_name("speaker", tests, NULL, NULL);
}
