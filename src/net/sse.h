/* Reading server-sent events (WHATWG HTML, "event streams"): bytes in, events out. Any line ends,
 * comments, multi-line data, a byte-order mark. Bounded: an event's data is at most max bytes. One
 * thread. */
#ifndef NET_SSE_H
#define NET_SSE_H

#include "base/buf.h"

struct sse {
    struct buf line;
    struct buf data;
    struct buf event;
    bool had_data;
    bool after_cr;
    bool begun;
    size_t at; /* how far the current part was read */
};

/* A reader at the start of a stream; max bounds one event's data and name, in bytes. */
struct sse sse_make(size_t max);
void sse_fini(struct sse *s);

enum sse_result {
    SSE_MORE,     /* the part is used up; bring the next one */
    SSE_EVENT,    /* *ret_event and *ret_data are set; valid until the next call */
    SSE_TOO_LONG, /* over the bound; the stream is to be given up */
};

/* Takes the next event out of part (call again with the same part until SSE_MORE). */
enum sse_result sse_next(struct sse *s, struct str part, struct str *ret_event,
                         struct str *ret_data);

#endif
