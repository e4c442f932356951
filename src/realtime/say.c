/* What is said and not stored, and the drafts of running turns.
 *
 * A voice is held from the look at who is there until all of them have it, so for one room what is
 * said comes in one order, and who comes in the middle of a turn gets its draft and then exactly
 * what follows it. Voice before lock. */
#include "base/conf.h"
#include "base/jw.h"
#include "base/mem.h"

#include "realtime/hub_in.h"

enum { JSON_SLACK = 1024 };

static pthread_mutex_t *voice_of(struct hub *h, struct hub_room room)
{
    const uint64_t hash = str_hash((struct str){(const char *)&room, sizeof(room)});
    return &h->voices[(hash ^ hash >> 32) % VOICES];
}

/* --- as packets --- */

struct spoken {
    struct str name;
    struct str json;
};

static enum hub_encoded encode_spoken(const struct hub_form *form, const void *what, void **ret)
{
    const struct spoken *s = what;
    *ret = form->encode_said(form->arg, s->name, s->json);
    return *ret ? HUB_PACKET : HUB_SKIP;
}

static void turn_json(struct buf *b, struct uuid turn, struct uuid conversation, const char *state)
{
    jw_open(b, '{');
    jw_member_id(b, "turnId", turn);
    jw_member_id(b, "conversationId", conversation);
    jw_member_str(b, "state", str_of(state));
    jw_close(b, '}');
}

static void delta_json(struct buf *b, struct uuid turn, struct str text, int64_t at)
{
    jw_open(b, '{');
    jw_member_id(b, "turnId", turn);
    jw_member_str(b, "text", text);
    jw_member_i64(b, "at", at);
    jw_close(b, '}');
}

/* A text of n bytes may grow sixfold as JSON. */
static struct buf json_buf(size_t n)
{
    return buf_make(6 * n + JSON_SLACK);
}

static void speak(struct hub *h, struct crowd *c, const char *name, const struct buf *json)
{
    const struct spoken s = {str_of(name), buf_view(json)};
    crowd_send(h, c, encode_spoken, &s, 0);
}

static void speak_turn(struct hub *h, struct crowd *c, const struct hub_said *s, const char *state)
{
    SCOPED(buf_fini) struct buf b = json_buf(0);
    turn_json(&b, s->turn, s->room.conversation, state);
    speak(h, c, "turn", &b);
}

static void speak_delta(struct hub *h, struct crowd *c, const struct hub_said *s)
{
    SCOPED(buf_fini) struct buf b = json_buf(s->text.n);
    delta_json(&b, s->turn, s->text, s->at);
    speak(h, c, "delta", &b);
}

static void speak_out(struct hub *h, struct crowd *c, const struct hub_said *s)
{
    const struct spoken spoken = {s->name, s->json};
    switch (s->what) {
    case HUB_SAY:
        crowd_send(h, c, encode_spoken, &spoken, 0);
        break;
    case HUB_TURN_STARTED:
        speak_turn(h, c, s, "started");
        break;
    case HUB_TURN_TEXT:
        speak_delta(h, c, s);
        break;
    case HUB_TURN_WITHDRAWN:
        speak_turn(h, c, s, "withdrawn");
        break;
    case HUB_TURN_SETTLED:
        break;
    }
}

/* --- drafts; under the lock --- */

static struct draft **find_draft(struct room *r, struct uuid turn)
{
    struct draft **at = &r->drafts;
    while (*at && !uuid_eq((*at)->turn, turn)) {
        at = &(*at)->next;
    }
    return at;
}

static void begin_draft(struct hub *h, const struct hub_said *s)
{
    struct room *r = room_use(h, s->room);
    struct draft *d = mem_new(struct draft);
    d->turn = s->turn;
    d->text = buf_make((size_t)conf.llm_max_output + JSON_SLACK);
    d->next = r->drafts;
    r->drafts = d;
}

static void end_draft(struct hub *h, struct room *r, struct draft **at)
{
    struct draft *d = *at;
    *at = d->next;
    buf_fini(&d->text);
    mem_free(d);
    room_leave(h, r);
}

static void note_draft(struct hub *h, struct hub_said *s)
{
    struct room *r = room_find(h, s->room);
    struct draft **at = r ? find_draft(r, s->turn) : NULL;
    if (s->what == HUB_TURN_STARTED && (!at || !*at)) {
        begin_draft(h, s);
    } else if (s->what == HUB_TURN_TEXT && at && *at) {
        struct draft *d = *at;
        s->at = d->at;
        d->at += (int64_t)s->text.n;
        buf_str(&d->text, s->text);
    } else if ((s->what == HUB_TURN_WITHDRAWN || s->what == HUB_TURN_SETTLED) && at && *at) {
        end_draft(h, r, at);
    }
}

void say_forget(struct hub *h)
{
    for (size_t b = 0; b < ROOM_BUCKETS; b++) {
        for (struct room *r = h->rooms[b], *next = NULL; r; r = next) {
            next = r->next;
            r->users++;
            while (r->drafts) {
                end_draft(h, r, &r->drafts);
            }
            room_leave(h, r);
        }
    }
}

/* Those of a room, for who has come. */
struct drafts {
    struct hub_said *said;
    size_t count;
};

static struct drafts copy_drafts(struct hub *h, struct arena *a, struct hub_room key)
{
    const struct room *r = room_find(h, key);
    struct drafts ds = {};
    for (const struct draft *d = r ? r->drafts : NULL; d; d = d->next) {
        ds.count++;
    }
    ds.said = arena_many(a, struct hub_said, ds.count + 1);
    size_t i = ds.count; /* the newest stands first there */
    for (const struct draft *d = r ? r->drafts : NULL; d; d = d->next) {
        ds.said[--i] =
            (struct hub_said){.room = key, .turn = d->turn, .text = str_dup(a, buf_view(&d->text))};
    }
    return ds;
}

static void tell_drafts(struct hub *h, struct crowd *c, const struct drafts *ds)
{
    for (size_t i = 0; i < ds->count; i++) {
        speak_turn(h, c, &ds->said[i], "started");
        if (ds->said[i].text.n) {
            speak_delta(h, c, &ds->said[i]);
        }
    }
}

/* --- who hears it; under the lock --- */

static void take_one(struct crowd *c, struct hub_follower *f, const struct hub_follower *but)
{
    if (f != but && f->form->encode_said) {
        crowd_add(c, f);
    }
}

static void take_hearers(struct crowd *c, const struct room *r, const struct hub_follower *but)
{
    for (struct link *l = r->followers.next; l != &r->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_room);
        if (f->live) {
            take_one(c, f, but);
        }
    }
    for (struct link *l = r->joins.next; l != &r->joins; l = l->next) {
        take_one(c, LINKED(l, join, in_room)->follower, but);
    }
}

/* --- saying --- */

static void say(struct hub *h, struct hub_said *s, const struct hub_follower *but,
                const struct hub_relay *relay)
{
    pthread_mutex_t *voice = voice_of(h, s->room);
    struct crowd c = {};
    (void)pthread_mutex_lock(voice);
    hub_lock(h);
    note_draft(h, s);
    const struct room *r = room_find(h, s->room);
    if (r) {
        take_hearers(&c, r, but);
    }
    hub_unlock(h);
    if (c.count) {
        speak_out(h, &c, s);
    }
    if (relay && relay->say) {
        relay->say(relay->arg, s);
    }
    (void)pthread_mutex_unlock(voice);
    crowd_drop(h, &c);
}

void hub_say(struct hub *h, const struct hub_said *said, const struct hub_follower *but)
{
    struct hub_said s = *said;
    s.at = 0;
    say(h, &s, but, &h->relay);
}

void hub_relayed(struct hub *h, const struct hub_said *said)
{
    struct hub_said s = *said;
    say(h, &s, NULL, NULL);
}

void hub_set_relay(struct hub *h, const struct hub_relay *relay)
{
    h->relay = relay ? *relay : (struct hub_relay){};
}

/* --- coming in the middle --- */

/* Under the lock and the voice: makes f one of the hearers of a room; false when it does not
 * become one. */
typedef bool come_in(struct hub_follower *f, struct hub_room room, void *arg);

/* Lets f in, and tells it the drafts. conversation nil: f's own room. */
static void welcome(struct hub_follower *f, struct uuid conversation, come_in *enter, void *arg)
{
    struct hub *h = f->hub;
    SCOPED(arena_free) struct arena *a = arena_new();
    struct hub_room key = {.conversation = conversation};
    struct crowd c = {};
    struct drafts ds = {};
    hub_lock(h);
    if (f->room) {
        key.tenant = f->room->topic->tenant;
        key.conversation = uuid_is_nil(conversation) ? f->room->conversation : conversation;
    }
    hub_unlock(h);
    pthread_mutex_t *voice = voice_of(h, key);
    (void)pthread_mutex_lock(voice);
    hub_lock(h);
    if (enter(f, key, arg)) {
        take_one(&c, f, NULL);
        ds = copy_drafts(h, a, key);
    }
    hub_unlock(h);
    if (c.count) {
        tell_drafts(h, &c, &ds);
    }
    (void)pthread_mutex_unlock(voice);
    crowd_drop(h, &c);
}

static bool become_live(struct hub_follower *f, struct hub_room room, void *arg)
{
    const int64_t *head = arg;
    const bool arrived = f->room && uuid_eq(f->room->conversation, room.conversation) && !f->live &&
                         f->reached >= *head;
    if (arrived) {
        follower_set_live(f);
    }
    return arrived;
}

void say_welcome(struct hub_follower *f, int64_t head)
{
    welcome(f, (struct uuid){}, become_live, &head);
}

static bool become_joined(struct hub_follower *f, struct hub_room room, void *arg)
{
    bool *ret_joined = arg;
    bool is_new = false;
    *ret_joined = follower_join(f, room.conversation, conf.follow_max_joins, &is_new);
    return is_new;
}

bool hub_join(struct hub_follower *f, struct uuid conversation)
{
    bool joined = false;
    welcome(f, conversation, become_joined, &joined);
    return joined;
}
