/* A table of small sets: a digest names its set, and lives in one of its places. Within a set room
 * is made by dropping an empty or refused place first, else the good one that was used longest ago:
 * so invented keys never push out real ones. */
#include "domain/account/apikey_cache.h"

#include "base/clock.h"
#include "base/conf.h"
#include "base/mem.h"
#include "crypto/hash.h"

#include <pthread.h>

enum {
    PLACES = 8,
    FLIGHTS = 64,
};

struct place {
    struct key_digest digest;
    enum key_verdict verdict; /* UNKNOWN: empty; else GOOD or REFUSED */
    int64_t kept_us;
    int64_t used_us;
    int64_t noted_us;  /* used_us when it was last taken */
    struct apikey key; /* of a good one; its texts are in text */
    char *text;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint8_t secret_key[32];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below but flights */
static struct place *places;
static size_t set_count;
static size_t next_used; /* where key_cache_take_used goes on */
static uint64_t age;
static pthread_mutex_t flights[FLIGHTS];

static void start(void)
{
    rand_bytes(secret_key, sizeof(secret_key));
    set_count = (size_t)(conf.api_key_cache_size + PLACES - 1) / PLACES;
    places = mem_alloc(set_count * PLACES, sizeof(*places));
    for (size_t i = 0; i < FLIGHTS; i++) {
        (void)pthread_mutex_init(&flights[i], NULL);
    }
}

static void enter(void)
{
    (void)pthread_once(&once, start);
    (void)pthread_mutex_lock(&lock);
}

static void leave(void)
{
    (void)pthread_mutex_unlock(&lock);
}

void key_digest(struct str secret, struct key_digest *ret)
{
    (void)pthread_once(&once, start);
    hmac_sha256((struct str){(const char *)secret_key, sizeof(secret_key)}, secret, ret->b);
}

static uint64_t number_of(const struct key_digest *d)
{
    uint64_t n;
    memcpy(&n, d->b, sizeof(n));
    return n;
}

static struct place *set_of(const struct key_digest *d)
{
    return places + number_of(d) % set_count * PLACES;
}

static struct place *place_of(const struct key_digest *d)
{
    struct place *set = set_of(d);
    for (size_t i = 0; i < PLACES; i++) {
        if (set[i].verdict != KEY_UNKNOWN && ct_equal(set[i].digest.b, d->b, sizeof(d->b))) {
            return &set[i];
        }
    }
    return NULL;
}

static void empty(struct place *p)
{
    mem_free(p->text);
    *p = (struct place){};
}

static int worth(const struct place *p)
{
    return p->verdict == KEY_UNKNOWN ? 0 : p->verdict == KEY_REFUSED ? 1 : 2;
}

static struct place *make_room(const struct key_digest *d)
{
    struct place *set = set_of(d);
    struct place *least = &set[0];
    for (size_t i = 1; i < PLACES; i++) {
        const int more = worth(&set[i]) - worth(least);
        if (more < 0 || (more == 0 && set[i].used_us < least->used_us)) {
            least = &set[i];
        }
    }
    empty(least);
    return least;
}

static struct apikey copy_out(struct arena *a, const struct apikey *k)
{
    struct apikey copy = *k;
    copy.name = str_dup(a, k->name);
    copy.prefix = str_dup(a, k->prefix);
    copy.last4 = str_dup(a, k->last4);
    copy.scopes = str_dup(a, k->scopes);
    return copy;
}

enum key_verdict key_cache_find(struct arena *a, const struct key_digest *d, int64_t now_us,
                                struct apikey *ret)
{
    enum key_verdict verdict = KEY_UNKNOWN;
    enter();
    struct place *p = place_of(d);
    /* Who began a moment before it was kept may look at it a moment later; but a clock that was set
     * back makes it old, not young for ever. */
    const bool young = p && llabs(now_us - p->kept_us) < conf.api_key_cache_s * SECOND_US;
    if (p && p->verdict == KEY_GOOD) {
        verdict = young ? KEY_GOOD : KEY_OLD;
        p->used_us = now_us;
        *ret = copy_out(a, &p->key);
    } else if (p && young) {
        verdict = KEY_REFUSED;
    }
    leave();
    return verdict;
}

uint64_t key_cache_age(void)
{
    enter();
    const uint64_t now = age;
    leave();
    return now;
}

static struct str put(char **at, struct str s)
{
    char *p = *at;
    if (s.n) {
        memcpy(p, s.p, s.n);
    }
    *at += s.n;
    return (struct str){p, s.n};
}

static void copy_in(struct place *p, const struct apikey *k)
{
    p->text = mem_alloc(k->name.n + k->prefix.n + k->last4.n + k->scopes.n + 1, 1);
    char *at = p->text;
    p->key = *k;
    p->key.name = put(&at, k->name);
    p->key.prefix = put(&at, k->prefix);
    p->key.last4 = put(&at, k->last4);
    p->key.scopes = put(&at, k->scopes);
}

void key_cache_keep(const struct key_digest *d, int64_t now_us, uint64_t age_read,
                    const struct apikey *good)
{
    enter();
    if (age == age_read) {
        struct place *p = place_of(d);
        const int64_t noted_us = p ? p->noted_us : 0;
        if (p) {
            empty(p);
        } else {
            p = make_room(d);
        }
        p->digest = *d;
        p->verdict = good ? KEY_GOOD : KEY_REFUSED;
        p->kept_us = p->used_us = now_us;
        p->noted_us = noted_us;
        if (good) {
            copy_in(p, good);
        }
    }
    leave();
}

size_t key_cache_take_used(struct apikey *ret, size_t max)
{
    size_t n = 0;
    enter();
    for (size_t i = 0; i < set_count * PLACES && n < max; i++) {
        struct place *p = &places[next_used++ % (set_count * PLACES)];
        if (p->verdict == KEY_GOOD && p->used_us > p->noted_us) {
            p->noted_us = p->used_us;
            ret[n++] = (struct apikey){
                .id = p->key.id, .tenant = p->key.tenant, .last_used_us = p->used_us};
        }
    }
    leave();
    return n;
}

void apikey_cache_forget(struct apikey_id id)
{
    enter();
    age++;
    for (size_t i = 0; i < set_count * PLACES; i++) {
        if (places[i].verdict == KEY_GOOD && uuid_eq(places[i].key.id.v, id.v)) {
            empty(&places[i]);
        }
    }
    leave();
}

void apikey_cache_clear(void)
{
    enter();
    age++;
    for (size_t i = 0; i < set_count * PLACES; i++) {
        empty(&places[i]);
    }
    leave();
}

void key_cache_lock(const struct key_digest *d)
{
    (void)pthread_once(&once, start);
    (void)pthread_mutex_lock(&flights[number_of(d) % FLIGHTS]);
}

void key_cache_unlock(const struct key_digest *d)
{
    (void)pthread_mutex_unlock(&flights[number_of(d) % FLIGHTS]);
}
