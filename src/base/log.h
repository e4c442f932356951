/* The log: one JSON object a line on standard error, an event name and typed fields. Only http/,
 * jobs/, net's loop and main/ log; everything below returns its failure, so each failure is logged
 * once. Never content, never secrets. A line that cannot be written at once is dropped and counted:
 * a reader that has stopped reading never holds anybody up. Any thread. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/cx.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

struct log_field {
    const char *name;
    enum { LOG_F_STR, LOG_F_I64, LOG_F_F64, LOG_F_ID, LOG_F_BOOL } kind;
    struct str s;
    int64_t i;
    double f;
    struct uuid id;
};

#define LOG_STR(name_, v)  ((struct log_field){.name = (name_), .kind = LOG_F_STR, .s = (v)})
#define LOG_CSTR(name_, v) ((struct log_field){.name = (name_), .kind = LOG_F_STR, .s = str_of(v)})
#define LOG_I64(name_, v)  ((struct log_field){.name = (name_), .kind = LOG_F_I64, .i = (v)})
#define LOG_F64(name_, v)  ((struct log_field){.name = (name_), .kind = LOG_F_F64, .f = (v)})
#define LOG_ID(name_, v)   ((struct log_field){.name = (name_), .kind = LOG_F_ID, .id = (v)})
#define LOG_BOOL(name_, v) ((struct log_field){.name = (name_), .kind = LOG_F_BOOL, .i = (v)})

/* Writes one line when level is at least the set one. From cx (may be NULL) come requestId and
 * tenantId. */
void log_fields(const struct cx *cx, enum log_level level, const char *event,
                const struct log_field *fields, size_t count);

#define log_ev(cx, level, event, ...)                                                              \
    log_fields((cx), (level), (event), (const struct log_field[]){{}, ##__VA_ARGS__} + 1,          \
               COUNT(((const struct log_field[]){{}, ##__VA_ARGS__})) - 1)

/* A failure that is being handled here: adds code, class and detail of cx. Level ERROR for our
 * faults and for dependencies (5xx), INFO for the caller's (4xx). */
void log_failure(struct cx *cx, const char *event, enum err e);

/* When a line was last dropped, monotonic; 0: never. */
int64_t log_dropped_us(void);

/* Lines below the level are not written; LOG_INFO at start. */
void log_set_level(enum log_level level);

/* Where lines go (default: standard error); for tests. fd stays the caller's. */
void log_set_fd(int fd);

#endif
