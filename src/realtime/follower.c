/* The life of followers. */
#include "base/mem.h"

#include "realtime/hub_in.h"

static struct hub_room key_of(const struct hub_follower *f, struct uuid conversation)
{
    return (struct hub_room){f->room->topic->tenant, conversation};
}

/* --- rooms; under the lock --- */

/* As a newcomer: what it has stands in reached. */
static void enter(struct hub *h, struct hub_follower *f, struct hub_room key)
{
    f->room = room_use(h, key);
    link_append(&f->room->followers, &f->in_room);
    link_append(&f->room->topic->newcomers, &f->in_newcomers);
    f->room->topic->followers++;
    topic_enqueue(h, f->room->topic);
}

static void leave(struct hub *h, struct hub_follower *f)
{
    struct topic *t = f->room->topic;
    link_remove(&f->in_room);
    link_remove(&f->in_newcomers);
    t->followers--;
    t->live -= f->live;
    room_leave(h, f->room);
    f->room = NULL;
    f->live = f->checked = f->in_step = false;
}

void follower_set_live(struct hub_follower *f)
{
    link_remove(&f->in_newcomers);
    f->live = true;
    f->room->topic->live++;
}

static void leave_joined(struct hub *h, struct hub_follower *f, struct join *j)
{
    link_remove(&j->in_room);
    link_remove(&j->in_follower);
    room_leave(h, j->room);
    mem_free(j);
    f->join_count--;
}

static struct join *find_join(const struct hub_follower *f, struct uuid conversation)
{
    for (struct link *l = f->joins.next; l != &f->joins; l = l->next) {
        struct join *j = LINKED(l, join, in_follower);
        if (uuid_eq(j->room->conversation, conversation)) {
            return j;
        }
    }
    return NULL;
}

void follower_unlink(struct hub *h, struct hub_follower *f)
{
    if (!f->room) {
        return;
    }
    while (!link_alone(&f->joins)) {
        leave_joined(h, f, LINKED(f->joins.next, join, in_follower));
    }
    link_remove(&f->in_hub);
    leave(h, f);
}

/* --- coming and going --- */

struct hub_follower *hub_follow(struct hub *h, const struct hub_follow *how)
{
    struct hub_follower *f = mem_new(struct hub_follower);
    *f = (struct hub_follower){.hub = h,
                               .form = how->form,
                               .target = how->target,
                               .type = mem_dup(how->type.n ? how->type.p : "", how->type.n),
                               .sent = how->since,
                               .reached = how->since,
                               .holders = 1};
    link_init(&f->in_newcomers);
    link_init(&f->joins);
    hub_lock(h);
    h->holders++;
    link_append(&h->followers, &f->in_hub);
    enter(h, f, how->room);
    hub_unlock(h);
    return f;
}

void follower_free(struct hub_follower *f)
{
    struct hub *h = f->hub;
    must(!f->room);
    f->form->release(f->form->arg, f->target);
    mem_free(f->type);
    mem_free(f);
    hub_drop(h);
}

void hub_unfollow(struct hub_follower **follower)
{
    struct hub_follower *f = *follower;
    if (!f) {
        return;
    }
    struct hub *h = f->hub;
    hub_lock(h);
    follower_unlink(h, f);
    const bool last = --f->holders == 0;
    hub_unlock(h);
    if (last) {
        follower_free(f);
    }
    *follower = NULL;
}

void follower_reload(struct hub *h, struct hub_follower *f, int64_t seq)
{
    hub_lock(h);
    f->sent = seq;
    f->reached = seq;
    if (f->form->ends_on_reload) {
        follower_unlink(h, f);
    }
    hub_unlock(h);
    f->form->reload(f->form->arg, f->target, seq);
}

/* --- other rooms --- */

/* Under the lock. */
static void move(struct hub *h, struct hub_follower *f, struct uuid conversation)
{
    if (!f->room || uuid_eq(f->room->conversation, conversation)) {
        return;
    }
    const struct hub_room key = key_of(f, conversation);
    leave(h, f);
    f->reached = f->sent;
    enter(h, f, key);
}

void hub_move(struct hub_follower *f, struct uuid conversation)
{
    struct hub *h = f->hub;
    hub_lock(h);
    move(h, f, conversation);
    hub_unlock(h);
}

void hub_move_all(struct hub *h, struct hub_room from, struct uuid conversation)
{
    hub_lock(h);
    struct room *r = uuid_eq(from.conversation, conversation) ? NULL : room_find(h, from);
    if (r) {
        r->users++; /* stays while the last one leaves */
        while (!link_alone(&r->followers)) {
            move(h, LINKED(r->followers.next, hub_follower, in_room), conversation);
        }
        room_leave(h, r);
    }
    hub_unlock(h);
}

bool follower_join(struct hub_follower *f, struct uuid conversation, int64_t max, bool *ret_new)
{
    *ret_new = false;
    if (!f->room || uuid_eq(f->room->conversation, conversation) || find_join(f, conversation)) {
        return true;
    }
    if (f->join_count >= max) {
        return false;
    }
    struct join *j = mem_new(struct join);
    j->follower = f;
    j->room = room_use(f->hub, key_of(f, conversation));
    link_append(&j->room->joins, &j->in_room);
    link_append(&f->joins, &j->in_follower);
    f->join_count++;
    *ret_new = true;
    return true;
}

void hub_leave(struct hub_follower *f, struct uuid conversation)
{
    hub_lock(f->hub);
    struct join *j = find_join(f, conversation);
    if (j) {
        leave_joined(f->hub, f, j);
    }
    hub_unlock(f->hub);
}
