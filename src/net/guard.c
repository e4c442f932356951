#include "net/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum {
    MAX_URL = 2000,
    MAX_EXCEPTIONS = 256,
};

/* A block of addresses. IPv4 stands in the last four bytes of its mapped form, with 96 added to its
 * length, so that there is one kind of block. */
struct block {
    uint8_t address[16];
    int bits;
};

#define V4(a, b, c, d, bits)                                                                       \
    {                                                                                              \
        {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}, 96 + (bits)                        \
    }
#define V6(a, b, bits)                                                                             \
    {                                                                                              \
        {(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff}, bits                                             \
    }

/* Not globally reachable, by IANA's registries of special-purpose addresses. */
static const struct block refused[] = {
    V4(0, 0, 0, 0, 8),       /* this network */
    V4(10, 0, 0, 0, 8),      /* private */
    V4(100, 64, 0, 0, 10),   /* carrier-grade NAT */
    V4(127, 0, 0, 0, 8),     /* loopback */
    V4(169, 254, 0, 0, 16),  /* link-local, and the clouds' metadata */
    V4(172, 16, 0, 0, 12),   /* private */
    V4(192, 0, 0, 0, 24),    /* protocol assignments */
    V4(192, 0, 2, 0, 24),    /* documentation */
    V4(192, 88, 99, 0, 24),  /* 6to4 relays */
    V4(192, 168, 0, 0, 16),  /* private */
    V4(198, 18, 0, 0, 15),   /* benchmarks */
    V4(198, 51, 100, 0, 24), /* documentation */
    V4(203, 0, 113, 0, 24),  /* documentation */
    V4(224, 0, 0, 0, 4),     /* multicast */
    V4(240, 0, 0, 0, 4),     /* reserved, and broadcast */
};

/* Only 2000::/3 is given out as global unicast; these parts of it are special. */
static const struct block global_v6 = V6(0x2000, 0, 3);
static const struct block refused_v6[] = {
    V6(0x2001, 0x0000, 23), /* protocol assignments, Teredo among them */
    V6(0x2001, 0x0db8, 32), /* documentation */
    V6(0x3fff, 0x0000, 20), /* documentation */
};

/* Forms that carry an IPv4 address inside; that one decides. */
static const struct block mapped = V4(0, 0, 0, 0, 0);
static const struct block six_to_four = V6(0x2002, 0, 16);
static const struct block nat64 = V6(0x0064, 0xff9b, 96);

static struct block exceptions[MAX_EXCEPTIONS];
static size_t exception_count;

static bool within(const uint8_t address[16], const struct block *b)
{
    const int whole = b->bits / 8;
    const int rest = b->bits % 8;
    if (memcmp(address, b->address, (size_t)whole) != 0) {
        return false;
    }
    const int mask = 0xff00 >> rest & 0xff;
    return rest == 0 || (address[whole] & mask) == (b->address[whole] & mask);
}

static bool within_any(const uint8_t address[16], const struct block *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (within(address, &blocks[i])) {
            return true;
        }
    }
    return false;
}

static void map_v4(const uint8_t v4[4], uint8_t ret[16])
{
    memcpy(ret, mapped.address, 12);
    memcpy(ret + 12, v4, 4);
}

/* Every address in the sixteen-byte form. */
static bool bytes_of(const struct sockaddr *address, uint8_t ret[16])
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        uint8_t b[4];
        memcpy(&v4, address, sizeof(v4));
        memcpy(b, &v4.sin_addr, sizeof(b));
        map_v4(b, ret);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(ret, &v6.sin6_addr, 16);
        return true;
    }
    return false;
}

/* NOLINTNEXTLINE(misc-no-recursion): what is within is an IPv4 address, which holds no other */
static bool is_public(const uint8_t a[16])
{
    uint8_t inner[16];
    if (within(a, &mapped)) {
        return !within_any(a, refused, COUNT(refused));
    }
    if (within(a, &nat64)) {
        map_v4(a + 12, inner);
        return is_public(inner);
    }
    if (within(a, &six_to_four)) {
        map_v4(a + 2, inner);
        return is_public(inner);
    }
    return within(a, &global_v6) && !within_any(a, refused_v6, COUNT(refused_v6));
}

bool guard_allows(const struct sockaddr *address)
{
    uint8_t a[16];
    if (!bytes_of(address, a) || (address->sa_family == AF_INET6 && within(a, &mapped))) {
        return false;
    }
    return within_any(a, exceptions, exception_count) || is_public(a);
}

static bool parse_block(struct str s, struct block *ret)
{
    char text[INET6_ADDRSTRLEN];
    const ptrdiff_t slash = str_find_char(s, '/', 0);
    const struct str address = str_sub(s, 0, slash < 0 ? s.n : (size_t)slash);
    uint8_t v4[4];
    if (address.n == 0 || address.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    int base = 0;
    if (inet_pton(AF_INET, text, v4) == 1) {
        map_v4(v4, ret->address);
        base = 96;
    } else if (inet_pton(AF_INET6, text, ret->address) != 1) {
        return false;
    }
    int64_t bits = 128 - base;
    if (slash >= 0 && !str_to_i64(str_sub(s, (size_t)slash + 1, s.n), 0, 128 - base, &bits)) {
        return false;
    }
    ret->bits = base + (int)bits;
    return true;
}

bool guard_set_exceptions(struct str list, struct str *ret_bad)
{
    struct str part;
    exception_count = 0;
    if (str_trim(list).n == 0) {
        return true;
    }
    while (str_split(&list, ',', &part)) {
        part = str_trim(part);
        if (exception_count == MAX_EXCEPTIONS || !parse_block(part, &exceptions[exception_count])) {
            *ret_bad = part;
            exception_count = 0;
            return false;
        }
        exception_count++;
    }
    return true;
}

bool guard_allows_text(struct str address)
{
    char text[INET6_ADDRSTRLEN];
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    if (address.n == 0 || address.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, address.p, address.n);
    text[address.n] = '\0';
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return guard_allows((const struct sockaddr *)&v4);
    }
    return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1 &&
           guard_allows((const struct sockaddr *)&v6);
}

static bool is_host_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '.' || c == '_';
}

/* A name or an IPv4 address, or an IPv6 address in brackets without a zone; then perhaps a port. */
static bool is_authority(struct str s)
{
    size_t n = 0;
    if (s.n && s.p[0] == '[') {
        struct block b;
        const ptrdiff_t end = str_find_char(s, ']', 0);
        if (end < 0 || !parse_block(str_sub(s, 1, (size_t)end - 1), &b) || b.bits != 128) {
            return false;
        }
        n = (size_t)end + 1;
    } else {
        while (n < s.n && is_host_char(s.p[n])) {
            n++;
        }
    }
    int64_t port;
    return n > 0 &&
           (n == s.n || (s.p[n] == ':' && str_to_i64(str_sub(s, n + 1, s.n), 1, 65535, &port)));
}

bool guard_url_ok(struct str url)
{
    for (size_t i = 0; i < url.n; i++) {
        const unsigned char c = (unsigned char)url.p[i];
        if (c <= ' ' || c >= 0x7f || c == '\\') {
            return false;
        }
    }
    const ptrdiff_t sep = str_find(url, STR("://"), 0);
    if (url.n > MAX_URL || sep < 0) {
        return false;
    }
    const struct str scheme = str_sub(url, 0, (size_t)sep);
    if (!str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https"))) {
        return false;
    }
    const struct str rest = str_sub(url, (size_t)sep + 3, url.n);
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?' && rest.p[n] != '#') {
        n++;
    }
    return is_authority(str_sub(rest, 0, n));
}
