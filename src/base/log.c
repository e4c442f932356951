#include "base/log.h"

#include "base/clock.h"
#include "base/jw.h"

#include <stdatomic.h>
#include <unistd.h>

enum {
    FIELDS_MAX = 16 * 1024,
};

static _Atomic int threshold = LOG_INFO;
static _Atomic int out_fd = STDERR_FILENO;

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

void log_fields(const struct cx *cx, enum log_level level, const char *event,
                const struct log_field *fields, size_t count)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load(&threshold)) {
        return;
    }
    struct arena *a = arena_new();
    SCOPED(buf_fini) struct buf b = buf_make(FIELDS_MAX + KB);
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
    if (b.n > FIELDS_MAX || b.full) {
        b.full = false;
        b.n = head;
        jw_member_bool(&b, "fieldsTooLong",
                       true); /* an event without its fields is better than none */
    }
    jw_close(&b, '}');
    buf_char(&b, '\n');
    arena_free(&a);
    if (!b.full) {
        (void)!write(atomic_load(&out_fd), b.p,
                     b.n); /* a log that cannot be written has nobody to tell */
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
