/* For tests of the hub without a network: a made-up event log of one tenant with a few
 * conversations, and listeners that write down what reaches them. */
#ifndef REALTIME_HUB_FIXTURE_H
#define REALTIME_HUB_FIXTURE_H

#include "realtime/hub.h"

enum { NOWHERE = -1, ALL = -2 }; /* an event of no conversation; the room of all */

struct heard {
    int64_t seq;    /* of an event, or of a reload */
    bool is_reload; /* the target was told to reload */
    char name[24];  /* of what was said; empty: it was not said */
    char *json;     /* of it, or of the event */
};

struct listener {
    struct heard *list;
    size_t count;
    size_t room;
    bool released;
};

/* Two forms that do the same, and one that ends on reload, as event streams do. */
extern struct hub_form form_a, form_b, form_ending;

extern struct hub *fixture_hub;

/* NULL, or called before a packet is written down, with its event's number (0: it was said), on the
 * thread that sends. */
extern void (*fixture_before)(int64_t seq);

/* cmocka's; the log is empty, and nothing of it deleted. */
int fixture_start(void **state);
int fixture_stop(void **state);

/* Another one over the same log; the caller frees it. */
struct hub *fixture_new_hub(void);

struct tenant_id fixture_tenant(void);
/* conversation: a small number, NOWHERE or ALL. */
struct uuid fixture_id(int conversation);
struct hub_room fixture_room(int conversation);

/* Appends an event; told: the hub gets the note of it. The number. */
int64_t fixture_commit(int conversation, bool told);
int64_t fixture_newest(void);
/* The first event of the room above since; 0: none. */
int64_t fixture_next(int conversation, int64_t since);
/* Events up to this number are deleted. */
void fixture_delete(int64_t upto);
/* An event that no form can encode. */
void fixture_make_unfit(int64_t seq);

/* Loads wait while it is shut. */
void fixture_shut(bool to);
/* How often events were loaded, and encoded (by all forms). */
int fixture_loads(void);
int fixture_encoded(void);

struct hub_follower *fixture_follow(struct listener *l, const struct hub_form *form,
                                    int conversation, int64_t since);

/* Waits (20 s at most, then the test fails) until it has heard the event or reload; or so many
 * things; or that it was released. */
void fixture_wait_seq(struct listener *l, int64_t seq);
void fixture_wait_count(struct listener *l, size_t n);
void fixture_wait_released(struct listener *l);

/* Waits until nobody is a newcomer any more. */
void fixture_wait_live(void);

/* How many things it has heard by now. */
size_t fixture_count(struct listener *l);

/* Frees what it has written down. */
void listener_fini(struct listener *l);

#endif
