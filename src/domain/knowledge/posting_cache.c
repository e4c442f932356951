/* A table of tenants, each with the state of its passages that was asked for last, in the order of
 * their last use.
 *
 * What names a state is text_counters.next: it grows in every transaction that changes a passage or
 * which of them are shown (posting_cache_changed, and the numbers that index.c takes), and a reader
 * reads it from the same snapshot as the passages. A transaction that may write is turned away: it
 * sees its own changes and those of its batch under a number that others may get for theirs.
 *
 * A state is read from the database when it is asked for a second time, by one thread; meanwhile,
 * and the first time, there is none: while documents are taken in, each question would otherwise
 * read them all. */
#include "domain/knowledge/posting_cache.h"

#include "base/conf.h"
#include "base/mem.h"

#include <pthread.h>

enum { BUCKETS = 1024, ENTRIES_MAX = 16384 };

static const struct db_stmt select_state =
    DB_TENANT_SQL("SELECT next FROM text_counters WHERE tenant_id = $1");
static const struct db_stmt next_state =
    DB_TENANT_SQL("UPDATE text_counters SET next = next + 1 WHERE tenant_id = $1");

struct entry {
    struct tenant_id tenant;
    int64_t state;
    struct postings *held; /* NULL: asked for once */
    bool reading;          /* somebody reads them */
    struct entry *in_bucket;
    struct entry *newer, *older;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards all below, and refs */
static struct entry *buckets[BUCKETS];
static struct entry *newest, *oldest;
static size_t entry_count;
static int64_t bytes_held;

static struct entry **place_of(struct tenant_id tenant)
{
    const struct str id = {(const char *)tenant.v.b, sizeof(tenant.v.b)};
    struct entry **p = &buckets[str_hash(id) % BUCKETS];
    while (*p && !uuid_eq((*p)->tenant.v, tenant.v)) {
        p = &(*p)->in_bucket;
    }
    return p;
}

static void unlink_entry(struct entry *e)
{
    *(e->newer ? &e->newer->older : &newest) = e->older;
    *(e->older ? &e->older->newer : &oldest) = e->newer;
}

static void link_newest(struct entry *e)
{
    e->newer = NULL;
    e->older = newest;
    *(newest ? &newest->newer : &oldest) = e;
    newest = e;
}

static void unref(struct postings *p)
{
    if (--p->refs == 0) {
        postings_free(p);
    }
}

static void drop(struct entry *e)
{
    if (e->held) {
        bytes_held -= e->held->bytes;
        unref(e->held);
        e->held = NULL;
    }
}

/* Longest unused first; one that somebody reads comes back when it is read. */
static void make_room(int64_t bytes)
{
    while (oldest && (bytes_held + bytes > conf.search_memory || entry_count >= ENTRIES_MAX)) {
        struct entry *e = oldest;
        drop(e);
        unlink_entry(e);
        *place_of(e->tenant) = e->in_bucket;
        mem_free(e);
        entry_count--;
    }
}

static struct entry *entry_of(struct tenant_id tenant)
{
    struct entry *e = *place_of(tenant);
    if (e) {
        unlink_entry(e);
    } else {
        make_room(0);
        e = mem_new(struct entry);
        e->tenant = tenant;
        *place_of(tenant) = e;
        entry_count++;
    }
    link_newest(e);
    return e;
}

/* Under the lock. *ret_read: the caller is to read them. */
static struct postings *look(struct tenant_id tenant, int64_t state, bool *ret_read)
{
    struct entry *e = entry_of(tenant);
    *ret_read = e->state == state && !e->held && !e->reading;
    e->reading |= *ret_read;
    if (state > e->state) {
        drop(e);
        e->state = state;
    }
    return e->state == state ? e->held : NULL;
}

/* Under the lock. p NULL: they could not be read. */
static void keep(struct tenant_id tenant, int64_t state, struct postings *p)
{
    struct entry *e = *place_of(tenant);
    if (!e) {
        return;
    }
    e->reading = false;
    if (p && e->state == state && !e->held && p->bytes <= conf.search_memory) {
        unlink_entry(e); /* not to be dropped for itself */
        link_newest(e);
        make_room(p->bytes);
        p->refs++;
        e->held = p;
        bytes_held += p->bytes;
    }
}

static void give_back(void *p)
{
    (void)pthread_mutex_lock(&lock);
    unref(p);
    (void)pthread_mutex_unlock(&lock);
}

static enum err state_of(struct db_tx *tx, int64_t *ret)
{
    struct db_rows rows;
    TRY(db_query(tx, &select_state, DB_NO_ARGS, &rows));
    *ret = rows.count ? db_int(&rows, 0, 0) : 0;
    return ERR_OK;
}

static enum err read_and_keep(struct db_tx *tx, int64_t state, struct postings **ret)
{
    const struct tenant_id tenant = db_tx_cx(tx)->tenant;
    const enum err e = postings_read(tx, ret);
    (void)pthread_mutex_lock(&lock);
    if (!e) {
        (*ret)->refs = 1; /* the caller's */
    }
    keep(tenant, state, e ? NULL : *ret);
    (void)pthread_mutex_unlock(&lock);
    return e;
}

enum err posting_cache_get(struct db_tx *tx, int64_t estimate, const struct postings **ret)
{
    struct cx *cx = db_tx_cx(tx);
    int64_t state = 0;
    bool read = false;
    *ret = NULL;
    if (!db_tx_only_reads(tx) || estimate > conf.search_memory) {
        return ERR_OK;
    }
    TRY(state_of(tx, &state));
    if (!state) {
        return ERR_OK;
    }
    (void)pthread_mutex_lock(&lock);
    struct postings *p = look(cx->tenant, state, &read);
    if (p) {
        p->refs++;
    }
    (void)pthread_mutex_unlock(&lock);
    if (read) {
        TRY(read_and_keep(tx, state, &p));
    }
    if (p) {
        arena_defer(cx->arena, give_back, p);
    }
    *ret = p;
    return ERR_OK;
}

enum err posting_cache_changed(struct db_tx *tx)
{
    return db_exec(tx, &next_state, DB_NO_ARGS, NULL);
}
