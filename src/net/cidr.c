#include "net/cidr.h"

#include <arpa/inet.h>
#include <netinet/in.h>

enum { V4_BITS = 96 }; /* before an IPv4 address in its mapped form */

static const struct ip mapped = {{[10] = 0xff, [11] = 0xff}};

bool ip_parse(struct str text, struct ip *ret)
{
    char copy[INET6_ADDRSTRLEN];
    if (text.n == 0 || text.n >= sizeof(copy)) {
        return false;
    }
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    struct ip v4 = mapped;
    if (inet_pton(AF_INET, copy, v4.b + 12) == 1) {
        *ret = v4;
        return true;
    }
    return inet_pton(AF_INET6, copy, ret->b) == 1;
}

bool ip_of(const struct sockaddr *address, struct ip *ret)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        *ret = mapped;
        memcpy(ret->b + 12, &v4.sin_addr, 4);
        return true;
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 v6;
        memcpy(&v6, address, sizeof(v6));
        memcpy(ret->b, &v6.sin6_addr, sizeof(ret->b));
        return true;
    }
    return false;
}

bool ip_is_v4(struct ip a)
{
    return memcmp(a.b, mapped.b, V4_BITS / 8) == 0;
}

void ip_text(struct ip a, char ret[IP_TEXT])
{
    const bool v4 = ip_is_v4(a);
    must(inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? a.b + V4_BITS / 8 : a.b, ret, IP_TEXT));
}

bool cidr_parse(struct str text, struct cidr *ret)
{
    const ptrdiff_t slash = str_find_char(text, '/', 0);
    const struct str address = slash < 0 ? text : str_sub(text, 0, (size_t)slash);
    if (!ip_parse(address, &ret->ip)) {
        return false;
    }
    const bool v4 = str_find_char(address, ':', 0) < 0;
    const int64_t most = v4 ? 32 : 128;
    int64_t bits = most;
    if (slash >= 0 && !str_to_i64(str_sub(text, (size_t)slash + 1, text.n), 0, most, &bits)) {
        return false;
    }
    ret->bits = (int)bits + (v4 ? V4_BITS : 0);
    return true;
}

bool cidr_holds(const struct cidr *block, struct ip a)
{
    const size_t whole = (size_t)block->bits / 8;
    const int rest = block->bits % 8;
    const int mask = 0xff00 >> rest & 0xff;
    return memcmp(a.b, block->ip.b, whole) == 0 &&
           (rest == 0 || (a.b[whole] & mask) == (block->ip.b[whole] & mask));
}

bool cidr_list_parse(struct str text, struct cidr_list *ret, struct str *ret_bad)
{
    struct str part;
    ret->count = 0;
    if (str_trim(text).n == 0) {
        return true;
    }
    while (str_split(&text, ',', &part)) {
        part = str_trim(part);
        if (ret->count == CIDR_LIST_MAX || !cidr_parse(part, &ret->blocks[ret->count])) {
            *ret_bad = part;
            ret->count = 0;
            return false;
        }
        ret->count++;
    }
    return true;
}

bool cidr_list_holds(const struct cidr_list *list, struct ip a)
{
    for (size_t i = 0; i < list->count; i++) {
        if (cidr_holds(&list->blocks[i], a)) {
            return true;
        }
    }
    return false;
}
