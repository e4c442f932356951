#include "realtime/eio_payload.h"

#include <setjmp.h>

#include <cmocka.h>

/* All packets as "type:data;", and "!" where it makes no sense. */
static struct buf read_all(struct str payload)
{
    struct buf out = buf_make(64 * KB);
    struct eio_item item;
    enum eio_step step;
    while ((step = eio_payload_next(&payload, &item)) == EIO_ITEM) {
        buf_fmt(&out, "%d:" STR_FMT ";", item.type, STR_ARG(item.data));
    }
    buf_cstr(&out, step == EIO_BAD ? "!" : "");
    return out;
}

static void cuts_payloads_into_packets(void **state)
{
    (void)state;
    static const struct {
        struct str payload;
        const char *packets;
    } rows[] = {
        {STR("4hello"), "4:hello;"},
        {STR("4"), "4:;"},
        {STR("2probe"), "2:probe;"},
        {STR("4a\x1e"
             "3\x1e"
             "bAQID"),
         "4:a;3:;7:AQID;"},
        {STR("b"), "7:;"},
        {STR("0\x1e"
             "1\x1e"
             "5\x1e"
             "6"),
         "0:;1:;5:;6:;"},
        {STR("4\xce\xba"), "4:\xce\xba;"},
        {STR(""), "!"},
        {STR("\x1e"), "!"},
        {STR("4a\x1e"), "4:a;!"},
        {STR("4a\x1e\x1e"
             "4b"),
         "4:a;!"},
        {STR("7"), "!"},
        {STR("a4"), "!"},
        {STR("4\xff"), "!"},
        {STR("4a\x1e"
             "4\xce"),
         "4:a;!"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf got = read_all(rows[i].payload);
        assert_string_equal(got.p ? got.p : "", rows[i].packets);
    }
}

static void takes_one_packet_of_text(void **state)
{
    struct eio_item item;
    (void)state;
    assert_int_equal(eio_item_parse(STR("4a\x1e"
                                        "b"),
                                    &item),
                     EIO_ITEM);
    assert_int_equal(item.type, EIO_MESSAGE);
    assert_true(str_is(item.data, "a\x1e"
                                  "b")); /* a separator is a sign like others there */
    assert_int_equal(eio_item_parse(STR(""), &item), EIO_BAD);
    assert_int_equal(eio_item_parse(STR("bAQID"), &item), EIO_BAD);
}

static void decodes_bytes_strictly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct str bytes; /* NULL: refused */
    } rows[] = {
        {"", {"", 0}},
        {"AQID", STR("\1\2\3")},
        {"AQI=", STR("\1\2")},
        {"AQ==", STR("\1")},
        {"+/+/", STR("\xfb\xff\xbf")},
        {"AQI", {}},
        {"AQ", {}},
        {"AQ=", {}},
        {"A===", {}},
        {"====", {}},
        {"AR==", {}}, /* bits that no encoder leaves */
        {"AQ=A", {}},
        {"-_-_", {}},
        {"AQ I", {}},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct str got;
        assert_int_equal(eio_bytes_decode(a, str_of(rows[i].text), &got), rows[i].bytes.p != NULL);
        assert_true(!rows[i].bytes.p || str_eq(got, rows[i].bytes));
    }
    arena_free(&a);
}

static void writes_what_it_reads(void **state)
{
    static const char bytes[] = "\0\1\2\3\4\5\6";
    struct arena *a = arena_new();
    (void)state;
    for (size_t n = 0; n < sizeof(bytes); n++) {
        struct buf out = buf_make(KB);
        struct eio_item item;
        struct str got;
        eio_payload_add(&out, STR("4x"));
        const size_t before = out.n;
        eio_payload_add_bytes(&out, (struct str){bytes, n});
        eio_payload_add(&out, STR("4y"));
        assert_int_equal(out.n - before, 1 + eio_bytes_size(n) + 3);
        struct str rest = buf_view(&out);
        assert_int_equal(eio_payload_next(&rest, &item), EIO_ITEM);
        assert_true(str_is(item.data, "x"));
        assert_int_equal(eio_payload_next(&rest, &item), EIO_ITEM);
        assert_int_equal(item.type, EIO_BYTES);
        assert_true(eio_bytes_decode(a, item.data, &got));
        assert_true(str_eq(got, (struct str){bytes, n}));
        assert_int_equal(eio_payload_next(&rest, &item), EIO_ITEM);
        assert_true(str_is(item.data, "y"));
        assert_int_equal(eio_payload_next(&rest, &item), EIO_END);
        buf_fini(&out);
    }
    arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cuts_payloads_into_packets),
        cmocka_unit_test(takes_one_packet_of_text),
        cmocka_unit_test(decodes_bytes_strictly),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
