#include "base/cx.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <pthread.h>
#include <stdatomic.h>

struct cancel {
    atomic_bool set;
    pthread_mutex_t lock;
    void (*wake)(void *arg);
    void *arg;
};

void cx_begin(struct cx *cx, struct db *db)
{
    *cx = (struct cx){.arena = arena_new(), .db = db, .now_us = clock_wall_us()};
}

void cx_end(struct cx *cx)
{
    must(!cx->in_tx);
    arena_free(&cx->arena);
}

void cx_again(struct cx *cx)
{
    must(!cx->in_tx);
    char id[128];
    const size_t n = cx->request_id.n < sizeof(id) ? cx->request_id.n : sizeof(id);
    if (n) {
        memcpy(id, cx->request_id.p, n);
    }
    arena_reset(cx->arena);
    cx->request_id = str_dup(cx->arena, (struct str){id, n});
    cx->now_us = clock_wall_us();
    cx->code = (enum code)0;
    cx->detail[0] = '\0';
    cx->field_count = 0;
}

void cx_for_tenant(struct cx *cx, struct tenant_id tenant)
{
    must(!cx->in_tx && !uuid_is_nil(tenant.v));
    cx->who = SCOPE_TENANT;
    cx->tenant = tenant;
}

void cx_for_platform(struct cx *cx)
{
    must(!cx->in_tx);
    cx->who = SCOPE_PLATFORM;
    cx->tenant = (struct tenant_id){};
}

/* Through a buffer of its own, since the words may quote the detail that they replace. */
enum err cx_fail(struct cx *cx, enum code code, const char *fmt, ...)
{
    char words[CX_DETAIL + 4]; /* enough to see whether the cut falls into a sign of UTF-8 */
    va_list ap;
    va_start(ap, fmt);
    const int n = vsnprintf(words, sizeof(words), fmt, ap);
    va_end(ap);
    must(n >= 0);
    const size_t got = (size_t)n < sizeof(words) ? (size_t)n : sizeof(words) - 1;
    const size_t kept = utf8_floor((struct str){words, got}, CX_DETAIL - 1);
    memcpy(cx->detail, words, kept);
    cx->detail[kept] = '\0';
    cx->code = code;
    return code_info(code)->class;
}

enum err cx_fail_field(struct cx *cx, const char *field, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    const struct str message = str_vfmt(cx->arena, fmt, ap);
    va_end(ap);
    if (cx->field_count < CX_FIELDS) {
        cx->fields[cx->field_count++] =
            (struct field_error){str_dup(cx->arena, str_of(field)), message};
    }
    return cx_fail(cx, CODE_VALIDATION_ERROR, "%s: %s", field, message.p);
}

int64_t cx_left_us(const struct cx *cx)
{
    return cx->deadline_us ? max_i64(0, cx->deadline_us - clock_mono_us()) : INT64_MAX;
}

enum err cx_check(struct cx *cx)
{
    if (cancel_is(cx->cancel)) {
        return cx_fail(cx, CODE_CANCELLED, "cancelled");
    }
    if (cx_left_us(cx) == 0) {
        return cx_fail(cx, CODE_DEADLINE_EXCEEDED, "out of time");
    }
    return ERR_OK;
}

struct cancel *cancel_new(void)
{
    struct cancel *c = mem_new(struct cancel);
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

void cancel_free(struct cancel **c)
{
    if (*c) {
        (void)pthread_mutex_destroy(&(*c)->lock);
        mem_free(*c);
        *c = NULL;
    }
}

void cancel_now(struct cancel *c)
{
    if (!c) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    if (!atomic_exchange(&c->set, true) && c->wake) {
        c->wake(c->arg);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

bool cancel_is(const struct cancel *c)
{
    return c && atomic_load(&c->set);
}

void cancel_on(struct cancel *c, void (*wake)(void *arg), void *arg)
{
    if (!c) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    must(!c->wake);
    c->wake = wake;
    c->arg = arg;
    if (atomic_load(&c->set)) {
        wake(arg);
    }
    (void)pthread_mutex_unlock(&c->lock);
}

void cancel_off(struct cancel *c)
{
    if (!c) {
        return;
    }
    (void)pthread_mutex_lock(&c->lock);
    c->wake = NULL;
    (void)pthread_mutex_unlock(&c->lock);
}
