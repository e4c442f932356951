#include "base/log.h"

#include "base/clock.h"
#include "base/jw.h"
#include "base/metric.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

enum {
    LINE_BYTES = PIPE_BUF, /* a pipe takes so much whole, or not at all */
    END_BYTES = 32,        /* of it, for what closes the line */
};

static _Atomic int threshold = LOG_INFO;
static _Atomic int out_fd = STDERR_FILENO;
static _Atomic int64_t dropped_us; /* when a line was last dropped; 0: never */

void log_set_level(enum log_level level)
{
    atomic_store(&threshold, (int)level);
}

void log_set_fd(int fd)
{
    atomic_store(&out_fd, fd);
}

static void add_field(struct buf *b, const struct log_field *f)
{
    char id[UUID_TEXT + 1];
    jw_key(b, f->name);
    switch (f->kind) {
    case LOG_F_STR:
        jw_str(b, f->s);
        break;
    case LOG_F_I64:
        jw_i64(b, f->i);
        break;
    case LOG_F_F64:
        jw_f64(b, f->f);
        break;
    case LOG_F_ID:
        uuid_format(f->id, id);
        jw_str(b, str_of(id));
        break;
    case LOG_F_BOOL:
        jw_bool(b, f->i);
        break;
    }
}

int64_t log_dropped_us(void)
{
    return atomic_load(&dropped_us);
}

/* Whoever reads the log may have stopped reading: nobody waits for it. A pipe or socket that says
 * it has room takes a line without blocking, as long as only one of our threads asks and writes. */
static void write_line(struct str line)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)pthread_mutex_lock(&lock);
    const int fd = atomic_load(&out_fd);
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    const bool written = poll(&room, 1, 0) == 1 && room.revents & POLLOUT &&
                         write(fd, line.p, line.n) == (ssize_t)line.n;
    (void)pthread_mutex_unlock(&lock);
    if (!written) {
        atomic_store(&dropped_us, clock_mono_us());
        metric_add(METRIC_LOG_DROPPED, NULL, 1);
    }
}

void log_fields(const struct cx *cx, enum log_level level, const char *event,
                const struct log_field *fields, size_t count)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&threshold)) {
        return;
    }
    struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf b = buf_make(LINE_BYTES);
    jw_open(&b, '{');
    jw_member_str(&b, "time", clock_rfc3339(a, clock_wall_us()));
    jw_member_str(&b, "level", str_of(names[level]));
    jw_member_str(&b, "event", str_of(event));
    if (cx && cx->request_id.n) {
        jw_member_str(&b, "requestId", cx->request_id);
    }
    if (cx && cx->who == SCOPE_TENANT) {
        jw_member_str(&b, "tenantId", uuid_text(a, cx->tenant.v));
    }
    const size_t head = b.n;
    for (size_t i = 0; i < count; i++) {
        add_field(&b, &fields[i]);
    }
    if (b.n > LINE_BYTES - END_BYTES || b.full) {
        b.full = false;
        b.n = head;
        /* an event without its fields is better than none */
        jw_member_bool(&b, "fieldsTooLong", true);
    }
    jw_close(&b, '}');
    buf_char(&b, '\n');
    arena_free(&a);
    if (!b.full) {
        write_line(buf_view(&b));
    }
}

void log_failure(struct cx *cx, const char *event, enum err e)
{
    const enum code code = code_info(cx->code)->class == e ? cx->code : code_of_class(e);
    const struct code_info *info = code_info(code);
    const bool ours = info->http_status >= 500 && e != ERR_CANCELLED && e != ERR_RERUN;
    log_ev(cx, ours ? LOG_ERROR : LOG_INFO, event, LOG_CSTR("code", info->name),
           LOG_CSTR("class", err_name(e)), LOG_CSTR("detail", cx->detail));
}
