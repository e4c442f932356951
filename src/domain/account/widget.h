/* The tenant's web widget: the public key that its script tag carries, the origins that may show
 * it, and how it looks. Every tenant has at least one key that lives, from its making on. */
#ifndef DOMAIN_ACCOUNT_WIDGET_H
#define DOMAIN_ACCOUNT_WIDGET_H

#include "db/db.h"

enum { WIDGET_ORIGINS = 32 }; /* rules that a tenant may have */

#define WIDGET_POSITIONS "right|left"
/* auto: the visitor's browser's. */
#define WIDGET_LANGUAGES "auto|ar|de|en|es|fr|hr|it|nl|pl|pt"

/* All texts are shown as text and never as markup. An empty one: the widget's own words. */
struct widget {
    struct str origins;     /* rules of origin.h, apart by spaces; empty: no page may show it */
    struct str title;       /* at most 80 characters */
    struct str greeting;    /* at most 500 */
    struct str launcher;    /* what the button says, at most 40 */
    struct str placeholder; /* of the field to write in, at most 80 */
    struct str color;       /* #rrggbb, lower case */
    struct str position;    /* one of WIDGET_POSITIONS */
    struct str language;    /* one of WIDGET_LANGUAGES */
    struct str privacy_url; /* https; empty: none */
    int64_t updated_us;     /* 0: never changed */
};

/* How it stands; what a tenant begins with when it was never changed. */
enum err widget_get(struct db_tx *tx, struct widget *ret);

/* Checks every field (faults name it) and stores all of them; *ret is how it stands then. */
enum err widget_put(struct db_tx *tx, const struct widget *w, struct widget *ret);

struct widget_key {
    struct uuid id;
    struct str key; /* "wk_" and 32 hexadecimal signs: public */
    int64_t created_us;
    int64_t ends_us; /* from then on it is refused; 0: not known */
};

/* A first key for a tenant that is being made; cx of the platform. */
enum err widget_key_first(struct db_tx *tx, struct tenant_id tenant);

/* The newest key. */
enum err widget_key_get(struct db_tx *tx, struct widget_key *ret);

/* A new key; the ones before end in overlap_us from now, or when they would have, if that is
 * sooner. */
enum err widget_key_rotate(struct db_tx *tx, int64_t overlap_us, struct widget_key *ret);

/* What a key opens. */
struct widget_door {
    struct tenant_id tenant;
    struct uuid key_id;
    struct str tenant_name;
    struct widget widget;
};

/* WIDGET_KEY_NOT_FOUND when it is not known or has ended, or its tenant is suspended. Reads by
 * itself, for a caller who is nobody yet: cx has no scope, and is left without one. Blocks. */
enum err widget_open(struct cx *cx, struct str key, struct widget_door *ret);

/* Whether the tenant (of cx's transaction) is active, and its key with this id (nil: none is asked
 * for) lives. INVALID_TOKEN when not. */
enum err widget_key_check(struct db_tx *tx, struct uuid key_id);

#endif
