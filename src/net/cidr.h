/* Addresses and blocks of them ("10.0.0.0/8", CIDR, RFC 4632). Pure; any thread. */
#ifndef NET_CIDR_H
#define NET_CIDR_H

#include "base/str.h"

#include <sys/socket.h>

/* An address of either kind: IPv4 stands in its mapped form (::ffff:a.b.c.d, RFC 4291), so that
 * both spellings are the same. */
struct ip {
    uint8_t b[16];
};

/* A numeric address, IPv4 or IPv6 without brackets, zone or port; false for anything else. */
bool ip_parse(struct str text, struct ip *ret);

/* The address in a socket's; false for what is no IP (a Unix socket). */
bool ip_of(const struct sockaddr *address, struct ip *ret);

/* Whether it stands for an IPv4 address. */
bool ip_is_v4(struct ip a);

/* As people write it (RFC 5952), the mapped form as IPv4. */
enum { IP_TEXT = 46 }; /* with its NUL */
void ip_text(struct ip a, char ret[IP_TEXT]);

/* A block: all addresses that begin with the same bits. Those of IPv4 have 96 bits before them. */
struct cidr {
    struct ip ip;
    int bits; /* 0-128 */
};

/* "address/bits", or one address. */
bool cidr_parse(struct str text, struct cidr *ret);
bool cidr_holds(const struct cidr *block, struct ip a);

enum { CIDR_LIST_MAX = 256 };

struct cidr_list {
    struct cidr blocks[CIDR_LIST_MAX];
    size_t count;
};

/* "10.0.0.0/8, ::1": at most CIDR_LIST_MAX blocks apart by commas, or nothing. False, with the
 * first part that is not one and an empty list, when malformed. */
bool cidr_list_parse(struct str text, struct cidr_list *ret, struct str *ret_bad);
bool cidr_list_holds(const struct cidr_list *list, struct ip a);

#endif
