/* GCRA in memory. A key's state is one time: when its budget will be whole again ("theoretical
 * arrival time"). A take moves it on by the key's interval, and is refused when that would bring it
 * more than a minute ahead of now.
 *
 * Invariants: 1. used entries are in one hash chain and in the list of use, newest first. 2. count
 * <= max; at max the oldest entry is used anew: what is forgotten is a budget that was touched
 * longest ago, so a flood of new keys frees old ones, never a new one. */
#include "http/rate.h"

#include "base/clock.h"
#include "base/id.h"
#include "base/mem.h"
#include "net/cidr.h"

#include <pthread.h>

enum { KEY_BYTES = 63, NONE = UINT32_MAX };

static const int64_t window_ns = 60 * SECOND_US * 1000;

struct entry {
    int64_t whole_at_ns;
    uint32_t chain; /* next with the same hash */
    uint32_t newer;
    uint32_t older;
    uint8_t key_n;
    char key[KEY_BYTES];
};

struct rate_store {
    pthread_mutex_t lock;
    struct entry *entries;
    uint32_t *heads;
    uint32_t max;
    uint32_t mask;
    uint32_t count;
    uint32_t newest;
    uint32_t oldest;
    char salt[16]; /* so that nobody outside can choose keys of one chain */
};

struct rate_store *rate_store_memory(size_t max_keys)
{
    must(max_keys > 0 && max_keys < UINT32_MAX / 4);
    struct rate_store *s = mem_new(struct rate_store);
    uint32_t heads = 1;
    while (heads < max_keys) {
        heads *= 2;
    }
    (void)pthread_mutex_init(&s->lock, NULL);
    s->max = (uint32_t)max_keys;
    s->mask = heads - 1;
    s->entries = mem_alloc(max_keys, sizeof(*s->entries));
    s->heads = mem_alloc(heads, sizeof(*s->heads)); /* 0: none, else 1 + index */
    s->newest = s->oldest = NONE;
    rand_bytes(s->salt, sizeof(s->salt));
    return s;
}

void rate_store_free(struct rate_store **s)
{
    if (*s) {
        (void)pthread_mutex_destroy(&(*s)->lock);
        mem_free((*s)->entries);
        mem_free((*s)->heads);
        mem_free(*s);
        *s = NULL;
    }
}

static uint32_t *head_of(struct rate_store *s, const char *key, size_t n)
{
    char salted[sizeof(s->salt) + KEY_BYTES];
    memcpy(salted, s->salt, sizeof(s->salt));
    memcpy(salted + sizeof(s->salt), key, n);
    const uint64_t h = str_hash((struct str){salted, sizeof(s->salt) + n});
    return &s->heads[(h ^ (h >> 32)) & s->mask];
}

static void unlink_use(struct rate_store *s, uint32_t i)
{
    const struct entry *e = &s->entries[i];
    *(e->newer == NONE ? &s->newest : &s->entries[e->newer].older) = e->older;
    *(e->older == NONE ? &s->oldest : &s->entries[e->older].newer) = e->newer;
}

static void link_newest(struct rate_store *s, uint32_t i)
{
    struct entry *e = &s->entries[i];
    e->newer = NONE;
    e->older = s->newest;
    *(s->newest == NONE ? &s->oldest : &s->entries[s->newest].newer) = i;
    s->newest = i;
}

static void unlink_chain(struct rate_store *s, uint32_t i)
{
    uint32_t *at = head_of(s, s->entries[i].key, s->entries[i].key_n);
    while (*at != i + 1) {
        at = &s->entries[*at - 1].chain;
    }
    *at = s->entries[i].chain;
}

/* Under the lock: the key's entry, as the newest one. */
static struct entry *entry_of(struct rate_store *s, struct str key)
{
    uint32_t *head = head_of(s, key.p, key.n);
    for (uint32_t at = *head; at; at = s->entries[at - 1].chain) {
        struct entry *e = &s->entries[at - 1];
        if (str_eq((struct str){e->key, e->key_n}, key)) {
            unlink_use(s, at - 1);
            link_newest(s, at - 1);
            return e;
        }
    }
    uint32_t i = s->count;
    if (s->count < s->max) {
        s->count++;
    } else {
        i = s->oldest;
        unlink_use(s, i);
        unlink_chain(s, i);
    }
    struct entry *e = &s->entries[i];
    *e = (struct entry){.key_n = (uint8_t)key.n, .chain = *head};
    memcpy(e->key, key.p, key.n);
    *head = i + 1;
    link_newest(s, i);
    return e;
}

static int64_t whole_seconds(int64_t ns)
{
    const int64_t second_ns = SECOND_US * 1000;
    return ns <= 0 ? 0 : (ns + second_ns - 1) / second_ns;
}

struct rate_verdict rate_take(struct rate_store *s, struct str key, int64_t per_minute,
                              int64_t now_us)
{
    must(key.n > 0 && per_minute > 0);
    const struct str cut = str_sub(key, 0, KEY_BYTES);
    const int64_t now = now_us * 1000;
    const int64_t step = max_i64(1, window_ns / per_minute);
    struct rate_verdict v = {.limit = per_minute};
    (void)pthread_mutex_lock(&s->lock);
    struct entry *e = entry_of(s, cut);
    /* never more than a minute ahead, even if a setting or the clock's start was another before */
    const int64_t from = min_i64(max_i64(e->whole_at_ns, now), now + window_ns);
    v.allowed = from + step <= now + window_ns;
    e->whole_at_ns = v.allowed ? from + step : from;
    const int64_t ahead = e->whole_at_ns - now;
    (void)pthread_mutex_unlock(&s->lock);
    v.remaining = (window_ns - ahead) / step;
    v.reset_s = whole_seconds(ahead);
    v.retry_after_s = v.allowed ? 0 : max_i64(1, whole_seconds(ahead + step - window_ns));
    return v;
}

struct str rate_address_key(struct arena *a, struct str peer)
{
    struct ip ip;
    char text[IP_TEXT];
    const ptrdiff_t zone = str_find_char(peer, '%', 0);
    const struct str address = zone < 0 ? peer : str_sub(peer, 0, (size_t)zone);
    if (!ip_parse(address, &ip)) {
        return str_dup(a, address);
    }
    if (ip_is_v4(ip)) {
        ip_text(ip, text);
        return str_dup(a, str_of(text));
    }
    return str_fmt(a, STR_FMT "/64", STR_ARG(str_hex(a, ip.b, 8)));
}
