#include "net/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    BACKLOG = 4096, /* the kernel caps it at net.core.somaxconn */
};

static uint16_t port_of(const struct sockaddr_storage *a)
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    if (a->ss_family == AF_INET6) {
        memcpy(&v6, a, sizeof(v6));
        return ntohs(v6.sin6_port);
    }
    memcpy(&v4, a, sizeof(v4));
    return ntohs(v4.sin_port);
}

void address_text(const struct sockaddr_storage *address, char ret[ADDRESS_TEXT])
{
    struct sockaddr_in6 v6;
    struct sockaddr_in v4;
    ret[0] = '\0';
    if (address->ss_family == AF_INET) {
        memcpy(&v4, address, sizeof(v4));
        (void)inet_ntop(AF_INET, &v4.sin_addr, ret, ADDRESS_TEXT);
        return;
    }
    if (address->ss_family != AF_INET6) {
        return;
    }
    memcpy(&v6, address, sizeof(v6));
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
        (void)inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], ret, ADDRESS_TEXT);
    } else {
        (void)inet_ntop(AF_INET6, &v6.sin6_addr, ret, ADDRESS_TEXT);
    }
}

void listener_endpoint(int fd, char ret[ENDPOINT_TEXT])
{
    struct sockaddr_storage a = {};
    socklen_t n = sizeof(a);
    char address[ADDRESS_TEXT];
    must(getsockname(fd, (struct sockaddr *)&a, &n) == 0);
    address_text(&a, address);
    const bool v6 = strchr(address, ':') != NULL;
    (void)snprintf(ret, ENDPOINT_TEXT, "%s%s%s:%u", v6 ? "[" : "", address, v6 ? "]" : "",
                   (unsigned)port_of(&a));
}

/* Splits at the last colon; the brackets of an IPv6 address fall away. */
static bool split(const char *where, char host[256], char port[8])
{
    const char *colon = strrchr(where, ':');
    int64_t number;
    if (!colon || !str_to_i64(str_of(colon + 1), 0, 65535, &number)) {
        return false;
    }
    struct str h = {where, (size_t)(colon - where)};
    if (h.n >= 2 && h.p[0] == '[' && h.p[h.n - 1] == ']') {
        h = str_sub(h, 1, h.n - 2);
    } else if (str_find_char(h, ':', 0) >= 0) {
        return false;
    }
    if (h.n == 0 || h.n >= 256) {
        return false;
    }
    memcpy(host, h.p, h.n);
    host[h.n] = '\0';
    (void)snprintf(port, 8, "%d", (int)number);
    return true;
}

static int open_one(const struct addrinfo *a)
{
    const int on = 1;
    const int off = 0;
    const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (a->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    }
    if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0) {
        return fd;
    }
    const int e = errno;
    (void)close(fd);
    errno = e;
    return -1;
}

static const char *remedy(int e)
{
    switch (e) {
    case EADDRINUSE:
        return "another program has this port; stop it, or choose another port";
    case EACCES:
        return "this user may not use the port; choose one above 1023";
    case EADDRNOTAVAIL:
        return "this machine does not have the address; choose one of its own, or 0.0.0.0";
    default:
        return "see whether address and port are right";
    }
}

enum err listener_open(const char *where, int *ret_fd, struct buf *why)
{
    char host[256];
    char port[8];
    if (!split(where, host, port)) {
        buf_fmt(why, "Cannot listen on \"%s\": it must look like 127.0.0.1:3007 or [::1]:3007.",
                where);
        return ERR_INVALID;
    }
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    const int e = getaddrinfo(host, port, &hints, &found);
    if (e) {
        buf_fmt(why, "Cannot listen on %s: the host is not known (%s); give an address.", where,
                gai_strerror(e));
        return ERR_UNAVAILABLE;
    }
    *ret_fd = -1;
    for (const struct addrinfo *a = found; a && *ret_fd < 0; a = a->ai_next) {
        *ret_fd = open_one(a);
    }
    const int failed = errno;
    freeaddrinfo(found);
    if (*ret_fd >= 0) {
        return ERR_OK;
    }
    char text[128];
    buf_fmt(why, "Cannot listen on %s: %s; %s.", where, strerror_r(failed, text, sizeof(text)),
            remedy(failed));
    return failed == EADDRINUSE ? ERR_CONFLICT : ERR_UNAVAILABLE;
}

static bool open_local(const struct sockaddr_un *at, int *ret_fd)
{
    *ret_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlink(at->sun_path);
    /* nobody can connect before listen, and by then the mode is right */
    return *ret_fd >= 0 && bind(*ret_fd, (const struct sockaddr *)at, sizeof(*at)) == 0 &&
           chmod(at->sun_path, 0600) == 0 && listen(*ret_fd, BACKLOG) == 0;
}

enum err listener_open_local(const char *path, int *ret_fd, struct buf *why)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char text[128];
    if (strlen(path) >= sizeof(at.sun_path)) {
        buf_fmt(
            why,
            "Cannot listen on %s: the path is longer than %zu bytes; choose a shorter data folder.",
            path, sizeof(at.sun_path) - 1);
        return ERR_INVALID;
    }
    memcpy(at.sun_path, path, strlen(path));
    if (open_local(&at, ret_fd)) {
        return ERR_OK;
    }
    const int failed = errno;
    if (*ret_fd >= 0) {
        (void)close(*ret_fd);
        *ret_fd = -1;
    }
    buf_fmt(why, "Cannot listen on %s: %s; see whether the folder can be written.", path,
            strerror_r(failed, text, sizeof(text)));
    return ERR_UNAVAILABLE;
}

bool listener_same_user(int fd)
{
    struct ucred who = {};
    socklen_t n = sizeof(who);
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &n) == 0 &&
           (who.uid == geteuid() || who.uid == 0);
}
