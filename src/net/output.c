#include "net/output.h"

#include "net/tls.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

enum {
    SIZE_LINE = 20, /* sixteen digits of a chunk's size, CRLF, NUL */
    PARTS_EACH_SEND = 32,
};

struct output_part {
    struct output_part *next;
    struct net_bytes *bytes;
    struct str tail;
    size_t done; /* bytes of this part that were sent */
    uint8_t head_n;
    char head[SIZE_LINE];
};

static size_t part_size(const struct output_part *p)
{
    return p->head_n + (p->bytes ? net_bytes_view(p->bytes).n : 0) + p->tail.n;
}

static struct output_part *append(struct output *o, struct net_bytes *bytes, struct str tail)
{
    struct output_part *p = mem_new(struct output_part);
    p->bytes = bytes;
    p->tail = tail;
    if (o->last) {
        o->last->next = p;
    } else {
        o->first = p;
    }
    o->last = p;
    return p;
}

static void count(struct output *o, const struct output_part *p)
{
    o->unsent += part_size(p);
    o->queued += part_size(p);
}

void output_add(struct output *o, struct net_bytes *bytes, struct str tail)
{
    count(o, append(o, bytes, tail));
}

void output_add_chunk(struct output *o, struct net_bytes *bytes)
{
    struct output_part *p = append(o, bytes, STR("\r\n"));
    const int n = snprintf(p->head, sizeof(p->head), "%zx\r\n", net_bytes_view(bytes).n);
    p->head_n = (uint8_t)n;
    count(o, p);
}

static void drop_first(struct output *o)
{
    struct output_part *p = o->first;
    o->first = p->next;
    if (!o->first) {
        o->last = NULL;
    }
    net_bytes_unref(p->bytes);
    mem_free(p);
}

/* Adds what is left of one text after skipping *skip bytes. */
static void add_iov(struct iovec *iov, int *n, struct str s, size_t *skip)
{
    const size_t cut = *skip < s.n ? *skip : s.n;
    *skip -= cut;
    if (s.n > cut) {
        /* sendmsg takes a pointer to non-const, and only reads */
        iov[(*n)++] = (struct iovec){(void *)(uintptr_t)(s.p + cut), s.n - cut};
    }
}

static int gather(const struct output *o, struct iovec *iov)
{
    int n = 0;
    int parts = 0;
    for (const struct output_part *p = o->first; p && parts < PARTS_EACH_SEND; p = p->next) {
        size_t skip = p->done;
        add_iov(iov, &n, (struct str){p->head, p->head_n}, &skip);
        add_iov(iov, &n, p->bytes ? net_bytes_view(p->bytes) : STR(""), &skip);
        add_iov(iov, &n, p->tail, &skip);
        parts++;
    }
    return n;
}

static void sent(struct output *o, size_t n)
{
    o->unsent -= n;
    while (o->first) {
        const size_t left = part_size(o->first) - o->first->done;
        if (left > n) {
            o->first->done += n;
            return;
        }
        n -= left;
        drop_first(o);
    }
}

static ssize_t put(int fd, struct tls_session *tls, struct iovec *iov, int n)
{
    if (tls) {
        return tls_write(tls, iov, n);
    }
    const struct msghdr m = {.msg_iov = iov, .msg_iovlen = (size_t)n};
    return sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

enum output_result output_flush(struct output *o, int fd, struct tls_session *tls)
{
    struct iovec iov[3 * PARTS_EACH_SEND];
    while (o->first) {
        const ssize_t n = put(fd, tls, iov, gather(o, iov));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return errno == EAGAIN || errno == EWOULDBLOCK ? OUTPUT_WAIT : OUTPUT_GONE;
        }
        sent(o, (size_t)n);
    }
    return OUTPUT_DONE;
}

void output_fini(struct output *o)
{
    while (o->first) {
        drop_first(o);
    }
    o->unsent = 0;
}
