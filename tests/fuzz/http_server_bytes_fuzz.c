/* fuzz: net llhttp */
/* The reading side of a connection without its socket: heads, bodies and pipelines, fed at once and
 * in parts, which must lead to the same requests. The first byte says how large the parts are. */
#include "net/http1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
    MAX_BODY = 10000,
    MAX_HEAD = 16384,
};

struct reader {
    struct buf in;
    size_t scanned;
    struct http1 http1;
    bool in_body;
    bool over;
    struct buf log; /* what was read, for comparison */
};

static void end_request(struct reader *r)
{
    must(r->http1.complete);
    buf_fmt(&r->log, "[%zu:%016" PRIx64 "]", (size_t)r->http1.body.n,
            str_hash(body_extent(&r->http1.body).bytes));
    http1_fini(&r->http1);
    r->in_body = false;
}

static void refuse(struct reader *r, struct refusal why)
{
    buf_fmt(&r->log, "%d", why.status);
    r->over = true;
}

static size_t read_head(struct reader *r, struct str s)
{
    static struct head head;
    size_t size = 0;
    const enum head_scan scan = head_scan(s, &r->scanned, &size);
    if (scan == HEAD_BROKEN) {
        refuse(r, refusal_bad(""));
    }
    if (scan != HEAD_WHOLE) {
        return 0;
    }
    r->scanned = 0;
    struct refusal bad = head_check(str_sub(s, 0, size), &head);
    if (!bad.status) {
        bad = http1_begin(&r->http1, str_sub(s, 0, size), &head);
    }
    if (!bad.status) {
        bad = http1_allow(&r->http1, &(struct body_rules){}, MAX_BODY);
    }
    if (bad.status) {
        refuse(r, bad);
        return size;
    }
    r->in_body = true;
    buf_fmt(&r->log, STR_FMT " " STR_FMT, STR_ARG(head.method), STR_ARG(head.target));
    if (r->http1.complete) {
        end_request(r);
    }
    return size;
}

static size_t read_body(struct reader *r, struct str s)
{
    size_t used = 0;
    const struct refusal bad = http1_feed(&r->http1, s, &used);
    must(used <= s.n);
    if (bad.status) {
        refuse(r, bad);
    } else if (r->http1.complete) {
        end_request(r);
    }
    return used;
}

static void feed(struct reader *r, struct str part)
{
    buf_str(&r->in, part);
    while (!r->over && r->in.n) {
        const struct str s = buf_view(&r->in);
        const size_t used = r->in_body ? read_body(r, s) : read_head(r, s);
        if (used == 0) {
            break;
        }
        buf_drop(&r->in, used);
    }
}

static struct buf run(struct str s, size_t step)
{
    struct reader r = {.in = buf_make(s.n + 1), .log = buf_make(s.n * 40 + 100)};
    for (size_t at = 0; at < s.n && !r.over; at += step) {
        feed(&r, str_sub(s, at, step));
    }
    if (r.in_body) {
        http1_fini(&r.http1);
    }
    buf_fini(&r.in);
    return r.log;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 2 || n > MAX_HEAD) {
        return 0;
    }
    const struct str s = {(const char *)data + 1, n - 1};
    SCOPED(buf_fini) struct buf whole = run(s, s.n);
    SCOPED(buf_fini) struct buf parts = run(s, (size_t)data[0] + 1);
    must(str_eq(buf_view(&whole), buf_view(&parts)));
    return 0;
}
