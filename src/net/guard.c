#include "net/guard.h"

#include "net/cidr.h"

enum { MAX_URL = 2000 };

#define V4(a, b, c, d, bits)                                                                       \
    {                                                                                              \
        {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}}, 96 + (bits)                      \
    }
#define V6(a, b, bits)                                                                             \
    {                                                                                              \
        {{(a) >> 8, (a)&0xff, (b) >> 8, (b)&0xff}}, bits                                           \
    }

/* Not globally reachable, by IANA's registries of special-purpose addresses. */
static const struct cidr refused[] = {
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
static const struct cidr global_v6 = V6(0x2000, 0, 3);
static const struct cidr refused_v6[] = {
    V6(0x2001, 0x0000, 23), /* protocol assignments, Teredo among them */
    V6(0x2001, 0x0db8, 32), /* documentation */
    V6(0x3fff, 0x0000, 20), /* documentation */
};

/* Forms that carry an IPv4 address inside; that one decides. */
static const struct cidr mapped = V4(0, 0, 0, 0, 0);
static const struct cidr six_to_four = V6(0x2002, 0, 16);
static const struct cidr nat64 = V6(0x0064, 0xff9b, 96);

static struct cidr_list exceptions;

static bool within_any(struct ip a, const struct cidr *blocks, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (cidr_holds(&blocks[i], a)) {
            return true;
        }
    }
    return false;
}

/* The IPv4 address whose four bytes begin at offset at. */
static struct ip inner(struct ip a, size_t at)
{
    struct ip v4 = mapped.ip;
    memcpy(v4.b + 12, a.b + at, 4);
    return v4;
}

/* NOLINTNEXTLINE(misc-no-recursion): what is within is an IPv4 address, which holds no other */
static bool is_public(struct ip a)
{
    if (ip_is_v4(a)) {
        return !within_any(a, refused, COUNT(refused));
    }
    if (cidr_holds(&nat64, a)) {
        return is_public(inner(a, 12));
    }
    if (cidr_holds(&six_to_four, a)) {
        return is_public(inner(a, 2));
    }
    return cidr_holds(&global_v6, a) && !within_any(a, refused_v6, COUNT(refused_v6));
}

static bool allows(struct ip a, bool written_as_v4)
{
    return (written_as_v4 || !ip_is_v4(a)) && (cidr_list_holds(&exceptions, a) || is_public(a));
}

bool guard_allows(const struct sockaddr *address)
{
    struct ip a;
    return ip_of(address, &a) && allows(a, address->sa_family == AF_INET);
}

bool guard_allows_text(struct str address)
{
    struct ip a;
    return ip_parse(address, &a) && allows(a, str_find_char(address, ':', 0) < 0);
}

bool guard_set_exceptions(struct str list, struct str *ret_bad)
{
    return cidr_list_parse(list, &exceptions, ret_bad);
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
        struct ip a;
        const ptrdiff_t end = str_find_char(s, ']', 0);
        const struct str inside = end < 0 ? STR("") : str_sub(s, 1, (size_t)end - 1);
        if (str_find_char(inside, ':', 0) < 0 || !ip_parse(inside, &a)) {
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
