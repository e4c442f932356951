#include "net/output.h"

#include "net/tls.h"

#include "base/mem.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    SIZE_LINE = 11, /* eight digits of a chunk's size, CRLF, NUL */
    PARTS_EACH_SEND = 64,
    FILE_PIECE = 64 * 1024,
    PIECES_A_TURN = 16, /* of a file, before others are served */
};

/* A file that is sent a piece at a time. */
struct output_file {
    struct extent rest; /* what is still to be read; the part's bytes are the piece before it */
    int fd;             /* ours */
};

/* There may be very many, so it is as small as a line of the cache. */
struct output_part {
    struct output_part *next;
    struct net_bytes *bytes;
    struct output_file *file; /* NULL: none */
    size_t done;              /* bytes of this part that were sent */
    const char *tail;
    uint8_t tail_n;
    uint8_t head_n;
    char head[SIZE_LINE];
};

static size_t part_size(const struct output_part *p)
{
    return p->head_n + (p->bytes ? net_bytes_view(p->bytes).n : 0) + p->tail_n;
}

static struct output_part *append(struct output *o, struct net_bytes *bytes, struct str tail)
{
    struct output_part *p = mem_new(struct output_part);
    p->bytes = bytes;
    must(tail.n <= UINT8_MAX);
    p->tail = tail.p;
    p->tail_n = (uint8_t)tail.n;
    if (o->last) {
        o->last->next = p;
    } else {
        o->first = p;
    }
    o->last = p;
    o->parts++;
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
    must(n < SIZE_LINE);
    p->head_n = (uint8_t)n;
    count(o, p);
}

void output_add_file(struct output *o, struct extent take)
{
    struct output_part *p = append(o, NULL, STR(""));
    p->file = mem_new(struct output_file);
    p->file->rest = take;
    p->file->fd = take.fd;
}

/* Reads the next piece of the file that stands first. */
static bool load_piece(struct output *o)
{
    struct output_part *p = o->first;
    struct extent *rest = &p->file->rest;
    const size_t n = rest->n < FILE_PIECE ? (size_t)rest->n : FILE_PIECE;
    SCOPED(buf_fini) struct buf b = buf_make(n);
    if (!extent_read(rest, 0, buf_room(&b, n), n)) {
        return false;
    }
    buf_wrote(&b, n);
    net_bytes_unref(p->bytes);
    p->bytes = net_bytes_take(&b);
    p->done = 0;
    *rest = extent_sub(*rest, n, UINT64_MAX);
    o->unsent += n;
    o->queued += n;
    return true;
}

/* Whether more of its file is to be read. */
static bool has_more(const struct output_part *p)
{
    return p->file && p->file->rest.n;
}

static bool must_load(const struct output *o)
{
    return has_more(o->first) && o->first->done == part_size(o->first);
}

static void drop_first(struct output *o)
{
    struct output_part *p = o->first;
    if (p->file) {
        (void)close(p->file->fd);
        mem_free(p->file);
    }
    o->first = p->next;
    if (!o->first) {
        o->last = NULL;
    }
    net_bytes_unref(p->bytes);
    mem_free(p);
    o->parts--;
}

size_t output_weight(const struct output *o)
{
    return o->unsent + o->parts * sizeof(struct output_part);
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
        add_iov(iov, &n, (struct str){p->tail, p->tail_n}, &skip);
        if (has_more(p)) {
            break; /* the rest of it stands before what follows */
        }
        parts++;
    }
    return n;
}

static void sent(struct output *o, size_t n)
{
    o->unsent -= n;
    while (o->first) {
        const size_t left = part_size(o->first) - o->first->done;
        if (left > n || has_more(o->first)) {
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
    int pieces = 0;
    while (o->first) {
        if (must_load(o)) {
            if (pieces++ == PIECES_A_TURN) {
                return OUTPUT_WAIT;
            }
            if (!load_piece(o)) {
                return OUTPUT_GONE;
            }
        }
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
