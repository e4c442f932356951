/* What the hub's thread does for a topic: the news to those who are live, the rest to newcomers. */
#include "base/conf.h"

#include "realtime/hub_in.h"

enum { STEP = 500 }; /* events loaded at once */

static enum hub_encoded encode_event(const struct hub_form *form, const void *what, void **ret)
{
    return form->encode(form->arg, what, ret);
}

static void send_event(struct hub *h, struct crowd *c, const struct hub_event *e)
{
    if (c->count) {
        crowd_send(h, c, encode_event, e, e->seq);
        crowd_drop(h, c);
    }
}

/* Under the lock. */
static void take(struct crowd *c, struct hub_follower *f, const struct hub_event *e)
{
    f->sent = e->seq;
    if (!*f->type || str_is(e->type, f->type)) {
        crowd_add(c, f);
    }
}

/* --- news --- */

/* Under the lock. */
static void take_live(struct crowd *c, const struct room *r, const struct hub_event *e)
{
    for (struct link *l = r ? r->followers.next : NULL; r && l != &r->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_room);
        if (f->live && f->sent < e->seq) {
            take(c, f, e);
        }
    }
}

static void give_out(struct hub *h, struct topic *t, const struct hub_event *e)
{
    struct crowd c = {};
    hub_lock(h);
    t->head = e->seq;
    take_live(&c, room_find(h, (struct hub_room){.tenant = t->tenant}), e);
    if (!uuid_is_nil(e->conversation)) {
        take_live(&c, room_find(h, (struct hub_room){t->tenant, e->conversation}), e);
    }
    hub_unlock(h);
    send_event(h, &c, e);
}

/* Nobody is live: what is there already is the newcomers' rest. */
static enum err find_head(struct hub *h, struct cx *cx, struct topic *t)
{
    int64_t oldest = 0;
    int64_t newest = 0;
    TRY(h->source.range(h->source.arg, cx, &oldest, &newest));
    hub_lock(h);
    t->head = newest;
    hub_unlock(h);
    return ERR_OK;
}

enum err deliver_news(struct hub *h, struct cx *cx, struct topic *t, bool *ret_more)
{
    struct hub_event *events = NULL;
    size_t count = 0;
    *ret_more = false;
    hub_lock(h);
    const bool any_live = t->live > 0; /* only this thread makes more */
    hub_unlock(h);
    if (!any_live) {
        return find_head(h, cx, t);
    }
    TRY(hub_load(h, cx, (struct uuid){}, t->head, STEP, &events, &count));
    for (size_t i = 0; i < count; i++) {
        give_out(h, t, &events[i]);
    }
    *ret_more = count == STEP;
    return ERR_OK;
}

/* --- the rest --- */

struct rest {
    struct crowd first; /* one */
    struct room *room;  /* held */
    int64_t since;
    int64_t head;
    bool checked;
};

/* Those of the room that have all up to since; who comes later has missed a part of the step. */
static void mark_companions(const struct rest *r)
{
    for (struct link *l = r->room->followers.next; l != &r->room->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_room);
        f->in_step = !f->live && f->reached >= r->since;
    }
}

/* False when there is no newcomer. */
static bool rest_begin(struct hub *h, struct topic *t, struct rest *r)
{
    *r = (struct rest){.head = t->head};
    hub_lock(h);
    const bool any = !link_alone(&t->newcomers);
    if (any) {
        struct hub_follower *f = LINKED(t->newcomers.next, hub_follower, in_newcomers);
        crowd_add(&r->first, f);
        r->since = f->reached;
        r->checked = f->checked;
        r->room = f->room;
        r->room->users++;
        link_remove(&f->in_newcomers);
        link_append(&t->newcomers, &f->in_newcomers);
        if (r->since < r->head) {
            mark_companions(r);
        }
    }
    hub_unlock(h);
    return any;
}

static void rest_end(struct hub *h, struct rest *r)
{
    crowd_drop(h, &r->first);
    hub_lock(h);
    room_leave(h, r->room);
    hub_unlock(h);
}

/* Whether too much has happened since, or the first of what it wants was deleted. */
static enum err is_late(struct hub *h, struct cx *cx, const struct rest *r, bool *ret)
{
    const struct uuid conversation = r->room->conversation;
    const bool from_any = uuid_is_nil(conversation) && r->since == 0;
    int64_t oldest = 0;
    int64_t newest = 0;
    int64_t behind = 0;
    TRY(h->source.range(h->source.arg, cx, &oldest, &newest));
    TRY(h->source.count(h->source.arg, cx, conversation, r->since, conf.follow_max_behind + 1,
                        &behind));
    *ret = (!from_any && r->since + 1 < oldest) || behind > conf.follow_max_behind;
    return ERR_OK;
}

/* Whether it saw numbers that are no more: a backup was put back. Else head comes after it. */
static enum err is_ahead(struct hub *h, struct cx *cx, const struct rest *r, bool *ret)
{
    int64_t oldest = 0;
    int64_t newest = 0;
    TRY(h->source.range(h->source.arg, cx, &oldest, &newest));
    *ret = r->since > newest;
    return ERR_OK;
}

/* Whether it must reload. Once it is not, it is not looked at again. */
static enum err is_lost(struct hub *h, struct cx *cx, const struct rest *r, bool *ret)
{
    *ret = false;
    if (r->since >= r->head) {
        return r->since > r->head ? is_ahead(h, cx, r, ret) : ERR_OK;
    }
    if (!r->checked) {
        TRY(is_late(h, cx, r, ret));
        struct hub_follower *f = r->first.followers[0];
        hub_lock(h);
        f->checked = f->in_step;
        hub_unlock(h);
    }
    return ERR_OK;
}

/* Under the lock: those of the step that lack the event. */
static void take_newcomers(struct crowd *c, const struct rest *r, const struct hub_event *e)
{
    for (struct link *l = r->room->followers.next; l != &r->room->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_room);
        if (f->in_step && f->reached < e->seq) {
            f->reached = e->seq;
            take(c, f, e);
        }
    }
}

static void bring(struct hub *h, const struct rest *r, const struct hub_event *e)
{
    struct crowd c = {};
    hub_lock(h);
    take_newcomers(&c, r, e);
    hub_unlock(h);
    send_event(h, &c, e);
}

/* Nothing of the room is missing up to head. */
static void arrive(struct hub *h, const struct rest *r)
{
    hub_lock(h);
    for (struct link *l = r->room->followers.next; l != &r->room->followers; l = l->next) {
        struct hub_follower *f = LINKED(l, hub_follower, in_room);
        if (f->in_step) {
            f->reached = max_i64(f->reached, r->head);
        }
    }
    hub_unlock(h);
}

static enum err catch_up(struct hub *h, struct cx *cx, const struct rest *r)
{
    struct hub_event *events = NULL;
    size_t count = 0;
    TRY(hub_load(h, cx, r->room->conversation, r->since, STEP, &events, &count));
    bool whole = count < STEP;
    for (size_t i = 0; i < count; i++) {
        if (events[i].seq > r->head) {
            whole = true; /* it comes as news */
            break;
        }
        bring(h, r, &events[i]);
    }
    if (whole) {
        arrive(h, r);
    }
    return ERR_OK;
}

static enum err bring_on(struct hub *h, struct cx *cx, const struct rest *r)
{
    bool lost = false;
    TRY(is_lost(h, cx, r, &lost));
    if (lost) {
        follower_reload(h, r->first.followers[0], r->head);
    } else if (r->since < r->head) {
        TRY(catch_up(h, cx, r));
    }
    say_welcome(r->first.followers[0], r->head);
    return ERR_OK;
}

enum err deliver_rest(struct hub *h, struct cx *cx, struct topic *t)
{
    struct rest r;
    if (!rest_begin(h, t, &r)) {
        return ERR_OK;
    }
    const enum err e = bring_on(h, cx, &r);
    rest_end(h, &r);
    return e;
}
