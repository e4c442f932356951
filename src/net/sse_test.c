#include "net/sse.h"

#include <setjmp.h>

#include <cmocka.h>

/* All events as "event|data;", and "!" when the stream was given up. */
static struct buf read_all(struct str bytes, size_t step, size_t max)
{
    struct buf out = buf_make(64 * KB);
    SCOPED(sse_fini) struct sse s = sse_make(max);
    for (size_t at = 0; at < bytes.n; at += step) {
        struct str event;
        struct str data;
        enum sse_result r;
        while ((r = sse_next(&s, str_sub(bytes, at, step), &event, &data)) == SSE_EVENT) {
            buf_fmt(&out, STR_FMT "|" STR_FMT ";", STR_ARG(event), STR_ARG(data));
        }
        if (r == SSE_TOO_LONG) {
            buf_char(&out, '!');
            break;
        }
    }
    return out;
}

static void reads_events_at_every_split(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *events;
    } rows[] = {
        {"data: a\n\n", "message|a;"},
        {"data: a\r\n\r\n", "message|a;"},
        {"data: a\r\r", "message|a;"},
        {"data: a\r\ndata: b\r\n\r\n", "message|a\nb;"},
        {"data: a\r\rdata: b\n\r\n", "message|a;message|b;"},
        {"event: x\ndata: a\n\ndata: b\n\n", "x|a;message|b;"},
        {"data: a\ndata: b\ndata:c\n\n", "message|a\nb\nc;"},
        {"data:  two\n\n", "message| two;"},
        {"data\n\n", "message|;"},
        {"data:\ndata\n\n", "message|\n;"},
        {": comment\n\ndata: a\n\n", "message|a;"},
        {"event: x\n\ndata: a\n\n", "message|a;"},
        {"id: 1\nretry: 5\nother: z\ndata: {\"a\":\"b:c\"}\n\n", "message|{\"a\":\"b:c\"};"},
        {"\xef\xbb\xbf"
         "data: a\n\n",
         "message|a;"},
        {"data: a\n\n\xef\xbb\xbf"
         "data: b\n\n",
         "message|a;"},
        {"data: never ended\n", ""},
        {"event: x\nevent: y\ndata: a\n\n", "y|a;"},
        {"\n\n\r\n\r", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t step = 1; step < 40; step++) {
            SCOPED(buf_fini) struct buf got = read_all(str_of(rows[i].bytes), step, 100);
            if (!str_is(buf_view(&got), rows[i].events)) {
                fail_msg("%s in steps of %zu: %.*s", rows[i].bytes, step, STR_ARG(buf_view(&got)));
            }
        }
    }
}

static void is_bounded(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        const char *events;
    } rows[] = {
        {"data: 0123456789\n\n", "message|0123456789;"},
        {"data: 0123456789a\n\n", "!"},
        {"data: 01234\ndata: 56789\n\n", "!"},
        {"data: 01234\ndata: 5678\n\n", "message|01234\n5678;"},
        {"event: 0123456789a\n", "!"},
        {"x0123456789012345678901234567890123456789012345678901234567890123456789012345", "!"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf got = read_all(str_of(rows[i].bytes), 7, 10);
        assert_string_equal(got.p, rows[i].events);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_events_at_every_split),
        cmocka_unit_test(is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
