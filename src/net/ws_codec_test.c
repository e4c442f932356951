#include "net/ws_codec.h"

#include "base/mem.h"

#include <setjmp.h>

#include <cmocka.h>

enum { MAX_MESSAGE = 130 }; /* as the table of hostile frames wants it */

#define NO_MASK "\0\0\0\0" /* of zeros */

/* What the codec makes of bytes, as text; it says so too when it holds memory that it need not. */
static void feed(struct ws_codec *c, char *p, size_t n, struct buf *log)
{
    struct ws_bytes rest = {p, n};
    struct ws_item item;
    enum ws_result r;
    while ((r = ws_next(c, &rest, &item)) == WS_ITEM) {
        buf_fmt(log, "%d:%d:" STR_FMT ";", item.opcode, item.code, STR_ARG(item.payload));
    }
    if (r == WS_BROKEN) {
        buf_fmt(log, "!%d", c->fault.code);
        assert_non_null(c->fault.why);
    }
    assert_true(c->kind || !c->message.p);
}

/* In pieces: up to first, and from there on of size step. */
static struct buf run(struct str bytes, size_t first, size_t step)
{
    struct buf log = buf_make(10 * KB);
    struct ws_codec c = {.max_message = MAX_MESSAGE};
    for (size_t at = 0, n = first; at < bytes.n && !c.fault.code; at += n, n = step) {
        const struct str part = str_sub(bytes, at, n);
        char *copy = mem_dup(part.p, part.n); /* so that a sanitizer sees one byte too many */
        feed(&c, copy, part.n, &log);
        mem_free(copy);
    }
    ws_codec_fini(&c);
    return log;
}

static void understands_frames_however_they_are_cut(void **state)
{
    (void)state;
    static const struct {
        const char *says;
        struct str bytes;
    } rows[] = {
        {"1:0:Hello;", STR("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")}, /* RFC 6455, 5.7 */
        {"1:0:;2:0:;", STR("\x81\x80" NO_MASK "\x82\x80" NO_MASK)},
        {"1:0:Hello;", STR("\x01\x83" NO_MASK "Hel\x80\x82" NO_MASK "lo")},
        {"9:0:?;1:0:Hello;",
         STR("\x01\x83" NO_MASK "Hel\x89\x81" NO_MASK "?\x80\x82" NO_MASK "lo")},
        {"10:0:;1:0:;",
         STR("\x01\x80" NO_MASK "\x8a\x80" NO_MASK "\x00\x80" NO_MASK "\x80\x80" NO_MASK)},
        {"1:0:\xe2\x82\xac;",
         STR("\x01\x81" NO_MASK "\xe2\x00\x81" NO_MASK "\x82\x80\x81" NO_MASK "\xac")},
        {"2:0:\xff\xfe;", STR("\x82\x82" NO_MASK "\xff\xfe")},
        {"1:0:a;8:1000:bye;", STR("\x81\x81" NO_MASK "a\x88\x85" NO_MASK "\x03\xe8"
                                  "bye\x81\x81" NO_MASK "b")},
        {"8:1005:;", STR("\x88\x80" NO_MASK "\xff\xff\xff")},
        {"8:3000:;", STR("\x88\x82" NO_MASK "\x0b\xb8")},
        {"8:4999:;", STR("\x88\x82" NO_MASK "\x13\x87")},
        {"8:1014:;", STR("\x88\x82" NO_MASK "\x03\xf6")},
        {"", STR("\x81\x85" NO_MASK "Hell")},
        {"", STR("\x01\x83" NO_MASK "Hel")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        for (size_t cut = 1; cut <= rows[i].bytes.n; cut++) {
            SCOPED(buf_fini) struct buf two = run(rows[i].bytes, cut, rows[i].bytes.n);
            SCOPED(buf_fini) struct buf many = run(rows[i].bytes, cut, cut);
            if (!str_is(buf_view(&two), rows[i].says) || !str_is(buf_view(&many), rows[i].says)) {
                fail_msg("row %zu, cut %zu: %s, %s", i, cut, two.p, many.p);
            }
        }
    }
}

static void refuses_at_the_first_byte_that_shows_it(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        int code;
        size_t at;
        struct str bytes;
    } rows[] = {
#define HOSTILE(what, code, at, bytes) {what, code, at, STR(bytes)},
#include "net/hostile_frames_table.h"
#undef HOSTILE
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char fault[16];
        (void)snprintf(fault, sizeof(fault), "!%d", rows[i].code);
        for (size_t step = 1; step <= rows[i].bytes.n; step++) {
            SCOPED(buf_fini) struct buf all = run(rows[i].bytes, step, step);
            SCOPED(buf_fini)
            struct buf cut = run(str_sub(rows[i].bytes, 0, rows[i].at), step, step);
            SCOPED(buf_fini)
            struct buf before = run(str_sub(rows[i].bytes, 0, rows[i].at - 1), step, step);
            if (!str_ends(buf_view(&all), str_of(fault)) ||
                !str_eq(buf_view(&all), buf_view(&cut)) ||
                str_find_char(buf_view(&before), '!', 0) >= 0) {
                fail_msg("%s, step %zu: %s, %s, %s", rows[i].what, step, all.p, cut.p, before.p);
            }
        }
    }
}

static void stays_broken_and_stays_closed(void **state)
{
    (void)state;
    char bad[] = "\x83";
    char good[] = "\x81\x80" NO_MASK;
    char end[] = "\x88\x80" NO_MASK;
    SCOPED(buf_fini) struct buf log = buf_make(1000);
    struct ws_codec broken = {.max_message = 10};
    struct ws_codec closed = {.max_message = 10};
    feed(&broken, bad, 1, &log);
    feed(&broken, good, 6, &log);
    feed(&closed, end, 6, &log);
    feed(&closed, good, 6, &log);
    assert_string_equal(log.p, "!1002!10028:1005:;");
}

/* Every offset of a payload against every phase of the mask, also when the bytes come in parts. */
static void unmasks_at_every_offset(void **state)
{
    (void)state;
    static const uint8_t mask[] = {0x12, 0x34, 0x56, 0x78};
    for (size_t n = 0; n <= 40; n++) {
        for (size_t cut = 0; cut <= n; cut++) {
            char frame[6 + 40] = {(char)0x82, (char)(0x80 | n), 0x12, 0x34, 0x56, 0x78};
            struct ws_codec c = {.max_message = 40};
            struct ws_item item = {};
            for (size_t i = 0; i < n; i++) {
                frame[6 + i] = (char)((i * 7) ^ mask[i % 4]);
            }
            struct ws_bytes first = {frame, 6 + cut};
            struct ws_bytes second = {frame + 6 + cut, n - cut};
            if (ws_next(&c, &first, &item) == WS_MORE) {
                assert_int_equal(ws_next(&c, &second, &item), WS_ITEM);
            }
            assert_int_equal(item.payload.n, n);
            for (size_t i = 0; i < n; i++) {
                assert_int_equal((uint8_t)item.payload.p[i], (uint8_t)(i * 7));
            }
            ws_codec_fini(&c);
        }
    }
}

/* A length that is only announced takes no memory. */
static void takes_memory_for_what_has_come(void **state)
{
    (void)state;
    char head[] = "\x82\xff\0\0\0\0\x01\0\0\0" NO_MASK "abc";
    struct ws_codec c = {.max_message = 64 * MB};
    SCOPED(buf_fini) struct buf log = buf_make(100);
    feed(&c, head, sizeof(head) - 1, &log);
    assert_int_equal(log.n, 0);
    assert_int_equal(c.message.n, 3);
    assert_true(c.message.cap < KB);
    ws_codec_fini(&c);
}

static void lends_a_whole_message_where_it_stands(void **state)
{
    (void)state;
    char frame[] = "\x81\x83" NO_MASK "abc";
    struct ws_codec c = {.max_message = 10};
    struct ws_bytes rest = {frame, sizeof(frame) - 1};
    struct ws_item item;
    assert_int_equal(ws_next(&c, &rest, &item), WS_ITEM);
    assert_ptr_equal(item.payload.p, frame + 6);
}

static void writes_the_shortest_heads(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        struct str head;
    } rows[] = {
        {0, STR("\x82\x00")},
        {125, STR("\x82\x7d")},
        {126, STR("\x82\x7e\x00\x7e")},
        {65535, STR("\x82\x7e\xff\xff")},
        {65536, STR("\x82\x7f\0\0\0\0\0\x01\0\0")},
        {UINT64_C(0x0102030405060708), STR("\x82\x7f\x01\x02\x03\x04\x05\x06\x07\x08")},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char head[WS_MAX_HEAD];
        const struct str got = {head, ws_head(head, WS_BINARY, rows[i].n)};
        assert_true(str_eq(got, rows[i].head));
        assert_int_equal(ws_head_size(got), got.n);
    }
    struct net_bytes *frame = net_ws_frame(WS_TEXT, STR("shared"));
    assert_true(str_is(net_ws_payload(frame), "shared"));
    net_bytes_unref(frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(understands_frames_however_they_are_cut),
        cmocka_unit_test(refuses_at_the_first_byte_that_shows_it),
        cmocka_unit_test(stays_broken_and_stays_closed),
        cmocka_unit_test(unmasks_at_every_offset),
        cmocka_unit_test(takes_memory_for_what_has_come),
        cmocka_unit_test(lends_a_whole_message_where_it_stands),
        cmocka_unit_test(writes_the_shortest_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
