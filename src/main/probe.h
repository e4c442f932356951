/* `metachat probe NAME`: what the program makes of bytes from outside, for people who wonder why
 * something was refused. Each parser has a row, in the file of its kind; a new parser adds its own.
 * A row uses the very functions and bounds that the server uses, and needs no data folder. */
#ifndef MAIN_PROBE_H
#define MAIN_PROBE_H

#include "base/buf.h"
#include "base/cx.h"
#include "net/refusal.h"

/* In the order of the command's table of options. */
enum probe_option {
    PROBE_LIST,
    PROBE_CONTENT_TYPE,
    PROBE_NAME,
    PROBE_LANGUAGE,
    PROBE_DATA,
    PROBE_RESOLVE,
    PROBE_OPTIONS,
};

enum {
    PROBE_ITEMS = 1000,       /* of a list that are shown; how many there are is said beside it */
    PROBE_PREVIEW = 256,      /* bytes of a body that are shown */
    PROBE_OUTPUT = 256 << 20, /* bytes of a result; what says more is refused */
};

struct probe {
    struct cx cx;
    struct str input;
    struct str filename;        /* last part of the path; empty for standard input */
    const char *const *options; /* by enum probe_option; NULL: not given */
    struct buf out; /* members of the result; also those that were understood before a refusal */
    int status;     /* of a refusal, where it is not its code's own; else 0 */
};

struct probe_row {
    const char *name;
    const char *reads;    /* what, in a line */
    unsigned int options; /* 1 << enum probe_option for each that it takes */
    enum err (*run)(struct probe *p);
};

/* Each ends with a row without a name. */
extern const struct probe_row probe_http_rows[];
extern const struct probe_row probe_data_rows[];
extern const struct probe_row probe_text_rows[];
extern const struct probe_row probe_net_rows[];
extern const struct probe_row probe_realtime_rows[];

/* The text of an option, empty when it was not given. */
struct str probe_option(const struct probe *p, enum probe_option o);

/* The input without the line end that a shell puts behind it. */
struct str probe_line(const struct probe *p);

/* PAYLOAD_TOO_LARGE when the input has more than max bytes. */
enum err probe_bound(struct probe *p, size_t max);

/* VALIDATION_ERROR when the input is not UTF-8. */
enum err probe_utf8(struct probe *p);

/* The refusal as an error; ERR_OK for none. */
enum err probe_refuse(struct probe *p, struct refusal refusal);

/* A list that is shown in part: "count" and the items. add is called for the first PROBE_ITEMS. */
void probe_list(struct probe *p, const char *key, size_t count,
                void (*add)(struct buf *out, const void *items, size_t i), const void *items);

#endif
