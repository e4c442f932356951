#include "net/body.h"

#include "base/log.h"

#include <errno.h>
#include <unistd.h>

void body_init(struct body *b, const struct body_rules *rules, uint64_t max)
{
    *b = (struct body){.rules = *rules, .max = max};
    b->memory = buf_make(rules->spool && rules->max_memory < max ? rules->max_memory : max);
}

void body_fini(struct body *b)
{
    if (b->in_file) {
        (void)close(b->fd);
        spool_release(b->rules.spool, b->n);
        b->in_file = false;
    }
    buf_fini(&b->memory);
}

static enum body_fault broken(const char *what)
{
    log_ev(NULL, LOG_WARN, "spool_failed", /* lint: log: no client is told why */
           LOG_CSTR("step", what), LOG_I64("errno", errno));
    return BODY_BROKEN;
}

static enum body_fault write_file(struct body *b, const char *p, size_t n)
{
    if (!spool_claim(b->rules.spool, n)) {
        return BODY_NO_ROOM;
    }
    uint64_t at = b->n;
    b->n += n; /* claimed, whatever becomes of it */
    while (n) {
        const ssize_t wrote = pwrite(b->fd, p, n, (off_t)at);
        if (wrote < 0 && errno != EINTR) {
            return broken("write");
        }
        const size_t moved = wrote > 0 ? (size_t)wrote : 0;
        p += moved;
        n -= moved;
        at += moved;
    }
    return BODY_OK;
}

/* From memory to a file; n counts anew what is claimed. */
static enum body_fault move_to_file(struct body *b)
{
    b->fd = spool_file(b->rules.spool);
    if (b->fd < 0) {
        return broken("make");
    }
    b->in_file = true;
    b->n = 0;
    const enum body_fault fault = write_file(b, b->memory.p, b->memory.n);
    buf_fini(&b->memory);
    return fault;
}

void body_expect(struct body *b, uint64_t n)
{
    if (n > b->max) {
        b->fault = BODY_TOO_LARGE;
    } else if (n > b->memory.max && !spool_has_room(b->rules.spool, n)) {
        b->fault = BODY_NO_ROOM;
    }
}

void body_add(struct body *b, const void *p, size_t n)
{
    if (b->fault) {
        return;
    }
    if (n > b->max - b->n) {
        b->fault = BODY_TOO_LARGE;
        return;
    }
    if (!b->in_file && n <= b->memory.max - b->memory.n) {
        buf_add(&b->memory, p, n);
        b->n += n;
        return;
    }
    b->fault = b->in_file ? BODY_OK : move_to_file(b);
    b->fault = b->fault ? b->fault : write_file(b, p, n);
}

struct extent body_extent(const struct body *b)
{
    return b->in_file ? extent_of_file(b->fd, 0, b->n) : extent_of(buf_view(&b->memory));
}
