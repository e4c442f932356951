#include "net/ws_fixture.h"

#include <setjmp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { FINAL = 0x80 };

const struct net_ws_options ws_usual = {.max_message = MB};

static void count(struct ws_end *e, int *counter, int by)
{
    (void)pthread_mutex_lock(&e->f->lock);
    *counter += by;
    (void)pthread_cond_broadcast(&e->f->changed);
    (void)pthread_mutex_unlock(&e->f->lock);
}

/* A message may come before net_ws_open has returned. */
static struct net_ref ref_of(struct ws_end *e)
{
    (void)pthread_mutex_lock(&e->f->lock);
    const struct net_ref ref = e->ref;
    (void)pthread_mutex_unlock(&e->f->lock);
    return ref;
}

static void on_message(void *arg, enum ws_kind kind, struct str message)
{
    struct ws_end *e = arg;
    const struct net_ref ref = ref_of(e);
    e->bytes += message.n;
    if (!e->quiet) {
        (void)net_stream_send(e->f->server, ref, net_ws_frame(kind, message));
    }
    if (e->pauses) {
        net_ws_pause(e->f->server, ref, true);
    }
    count(e, &e->messages, 1);
}

static void on_close(void *arg, int code)
{
    struct ws_end *e = arg;
    e->code = code;
    count(e, &e->closed, 1);
}

void ws_take(struct ws_end *e, struct fixture *f, const struct net_ws_options *options)
{
    const struct net_ws_ops ops = {.arg = e, .on_message = on_message, .on_close = on_close};
    struct net_req *r = fixture_take(f);
    e->f = f;
    (void)pthread_mutex_lock(&f->lock);
    e->ref = net_ws_open(&r, f->server, NULL, 0, options, &ops);
    (void)pthread_mutex_unlock(&f->lock);
}

void ws_accept(struct ws_end *e, struct fixture *f, int fd, struct str ask,
               const struct net_ws_options *options)
{
    client_send(fd, ask);
    ws_take(e, f, options);
}

int ws_connect(struct ws_end *e, struct fixture *f, const struct net_ws_options *options)
{
    const int fd = client_connect(f);
    ws_accept(e, f, fd, STR(WS_ASK), options);
    SCOPED(buf_fini) struct buf head = client_answer(fd);
    assert_int_equal(status_of(&head), 101);
    return fd;
}

void ws_add(struct buf *b, int first, struct str payload)
{
    static const char mask[] = {0x37, (char)0xfa, 0x21, 0x3d};
    char head[WS_MAX_HEAD];
    const size_t n = ws_head(head, first & 0x0f, payload.n);
    head[0] = (char)first;
    head[1] = (char)(head[1] | 0x80);
    buf_add(b, head, n);
    buf_add(b, mask, sizeof(mask));
    char *room = buf_room(b, payload.n);
    assert_non_null(room);
    for (size_t i = 0; i < payload.n; i++) {
        room[i] = (char)(payload.p[i] ^ mask[i % sizeof(mask)]);
    }
    buf_wrote(b, payload.n);
}

void ws_send(int fd, int first, struct str payload)
{
    SCOPED(buf_fini) struct buf b = buf_make(payload.n + 100);
    ws_add(&b, first, payload);
    client_send(fd, buf_view(&b));
}

static bool read_exactly(int fd, struct buf *b, size_t n)
{
    while (n) {
        char *room = buf_room(b, n);
        const ssize_t got = recv(fd, room, n, 0);
        if (got <= 0) {
            return false;
        }
        buf_wrote(b, (size_t)got);
        n -= (size_t)got;
    }
    return true;
}

struct ws_got ws_read(int fd)
{
    SCOPED(buf_fini) struct buf head = buf_make(WS_MAX_HEAD);
    struct ws_got got = {.payload = buf_make(64 * MB)};
    if (!read_exactly(fd, &head, 2) ||
        !read_exactly(fd, &head, ws_head_size(buf_view(&head)) - 2)) {
        return got;
    }
    assert_false((uint8_t)head.p[1] & 0x80); /* a server does not mask */
    uint64_t n = (uint8_t)head.p[1];
    for (size_t i = 2; i < head.n; i++) {
        n = (i == 2 ? 0 : n << 8) | (uint8_t)head.p[i];
    }
    got.first = read_exactly(fd, &got.payload, n) ? (uint8_t)head.p[0] : 0;
    return got;
}

void ws_expect(int fd, int first, struct str payload)
{
    struct ws_got got = ws_read(fd);
    assert_int_equal(got.first, first);
    assert_true(str_eq(buf_view(&got.payload), payload));
    buf_fini(&got.payload);
}

void ws_expect_close(int fd, int code)
{
    struct ws_got got = ws_read(fd);
    SCOPED(buf_fini) struct buf rest = client_rest(fd);
    const struct str p = buf_view(&got.payload);
    assert_int_equal(got.first, FINAL | WS_CLOSE);
    assert_int_equal(p.n < 2 ? WS_NO_CODE : (uint8_t)p.p[0] << 8 | (uint8_t)p.p[1], code);
    assert_int_equal(rest.n, 0);
    buf_fini(&got.payload);
}
