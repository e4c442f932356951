/* Sending to many: one packet for each form. */
#include "base/mem.h"

#include "realtime/hub_in.h"

void crowd_add(struct crowd *c, struct hub_follower *f)
{
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 8;
        c->followers = mem_realloc(c->followers, c->room * sizeof(struct hub_follower *));
    }
    f->holders++;
    c->followers[c->count++] = f;
}

/* Brings those of the same form as the first from here on together; where they end. */
static size_t bring_together(struct crowd *c, size_t from)
{
    const struct hub_form *form = c->followers[from]->form;
    size_t end = from + 1;
    for (size_t i = end; i < c->count; i++) {
        struct hub_follower *f = c->followers[i];
        if (f->form == form) {
            c->followers[i] = c->followers[end];
            c->followers[end++] = f;
        }
    }
    return end;
}

static void **targets_of(struct hub_follower *const *fs, size_t n)
{
    void **targets = mem_alloc(n, sizeof(void *));
    for (size_t i = 0; i < n; i++) {
        targets[i] = fs[i]->target;
    }
    return targets;
}

void crowd_send(struct hub *h, struct crowd *c, crowd_encode *encode, const void *what, int64_t seq)
{
    for (size_t at = 0, end = 0; at < c->count; at = end) {
        end = bring_together(c, at);
        const struct hub_form *form = c->followers[at]->form;
        void *packet = NULL;
        const enum hub_encoded made = encode(form, what, &packet);
        if (made == HUB_PACKET) {
            void **targets = targets_of(c->followers + at, end - at);
            form->send(form->arg, targets, end - at, packet);
            form->free_packet(packet);
            mem_free(targets);
        }
        for (size_t i = at; made == HUB_UNFIT && i < end; i++) {
            follower_reload(h, c->followers[i], seq);
        }
    }
}

void crowd_beat(struct crowd *c)
{
    for (size_t at = 0, end = 0; at < c->count; at = end) {
        end = bring_together(c, at);
        const struct hub_form *form = c->followers[at]->form;
        void **targets = targets_of(c->followers + at, end - at);
        form->beat(form->arg, targets, end - at);
        mem_free(targets);
    }
}

void crowd_drop(struct hub *h, struct crowd *c)
{
    size_t dead = 0;
    if (!c->count) {
        return;
    }
    hub_lock(h);
    for (size_t i = 0; i < c->count; i++) {
        if (--c->followers[i]->holders == 0) {
            c->followers[dead++] = c->followers[i];
        }
    }
    hub_unlock(h);
    for (size_t i = 0; i < dead; i++) {
        follower_free(c->followers[i]);
    }
    mem_free(c->followers);
    *c = (struct crowd){};
}
