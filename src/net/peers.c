#include "net/peers.h"

#include "base/id.h"
#include "base/mem.h"

#include <endian.h>
#include <netinet/in.h>

struct peer {
    uint64_t key;
    uint32_t count;
    uint32_t next; /* as struct peers' heads */
};

static uint32_t power_of_two(uint32_t at_least)
{
    uint32_t n = 1;
    while (n < at_least && n < UINT32_C(1) << 31) {
        n *= 2;
    }
    return n;
}

void peers_init(struct peers *p, uint32_t max_peers, uint32_t bound)
{
    *p = (struct peers){.bound = bound};
    if (!bound) {
        return;
    }
    const struct uuid random = uuid_new();
    const uint32_t heads = power_of_two(max_peers);
    p->seed = str_hash((struct str){(const char *)&random, sizeof(random)});
    p->mask = heads - 1;
    p->heads = mem_alloc(heads, sizeof(*p->heads));
    p->all = mem_alloc(max_peers, sizeof(*p->all));
    for (uint32_t i = 0; i < max_peers; i++) {
        p->all[i].next = i + 1 < max_peers ? i + 2 : 0;
    }
    p->free = 1;
    (void)pthread_mutex_init(&p->lock, NULL);
}

void peers_fini(struct peers *p)
{
    if (p->bound) {
        (void)pthread_mutex_destroy(&p->lock);
    }
    mem_free(p->heads);
    mem_free(p->all);
}

uint64_t peer_key(const struct sockaddr_storage *address)
{
    /* the prefix of 0:0:ffff::/48 is nobody's /64 */
    const uint64_t v4_prefix = UINT64_C(0xffff) << 32;
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    uint32_t low;
    uint64_t net;
    if (address->ss_family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        return v4_prefix | ntohl(v4.sin_addr.s_addr);
    }
    memcpy(&v6, address, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        memcpy(&low, &v6.sin6_addr.s6_addr[12], sizeof(low));
        return v4_prefix | ntohl(low);
    }
    memcpy(&net, &v6.sin6_addr, sizeof(net));
    return be64toh(net);
}

/* Keyed, so that nobody can choose addresses that share a chain; the mixing is MurmurHash3's. */
static uint32_t *chain(struct peers *p, uint64_t key)
{
    uint64_t h = key ^ p->seed;
    h = (h ^ (h >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    h = (h ^ (h >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return &p->heads[(h ^ (h >> 33)) & p->mask];
}

/* The link that leads to the address, or the empty one at the end of its chain. */
static uint32_t *find(struct peers *p, uint64_t key)
{
    uint32_t *link = chain(p, key);
    while (*link && p->all[*link - 1].key != key) {
        link = &p->all[*link - 1].next;
    }
    return link;
}

static void add(struct peers *p, uint32_t *link, uint64_t key)
{
    must(p->free);
    *link = p->free;
    struct peer *peer = &p->all[*link - 1];
    p->free = peer->next;
    *peer = (struct peer){.key = key};
}

bool peers_enter(struct peers *p, uint64_t key)
{
    if (!p->bound) {
        return true;
    }
    (void)pthread_mutex_lock(&p->lock);
    uint32_t *link = find(p, key);
    if (!*link) {
        add(p, link, key);
    }
    struct peer *peer = &p->all[*link - 1];
    const bool in = peer->count < p->bound;
    peer->count += in;
    (void)pthread_mutex_unlock(&p->lock);
    return in;
}

void peers_leave(struct peers *p, uint64_t key)
{
    if (!p->bound) {
        return;
    }
    (void)pthread_mutex_lock(&p->lock);
    uint32_t *link = find(p, key);
    must(*link);
    const uint32_t at = *link;
    struct peer *peer = &p->all[at - 1];
    if (--peer->count == 0) {
        *link = peer->next;
        peer->next = p->free;
        p->free = at;
    }
    (void)pthread_mutex_unlock(&p->lock);
}
