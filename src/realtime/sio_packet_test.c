#include "realtime/sio_packet.h"

#include <setjmp.h>

#include <cmocka.h>

enum { MAX_ATTACHMENTS = 3 };

static void reads_heads(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *nsp; /* NULL: refused */
        enum sio_type type;
        int attachments;
        int64_t ack;
        const char *json;
    } rows[] = {
        {"0", "/", SIO_CONNECT, 0, -1, ""},
        {"0{\"a\":1}", "/", SIO_CONNECT, 0, -1, "{\"a\":1}"},
        {"0/x", "/x", SIO_CONNECT, 0, -1, ""},
        {"0/x,", "/x", SIO_CONNECT, 0, -1, ""},
        {"0/x,{}", "/x", SIO_CONNECT, 0, -1, "{}"},
        {"1", "/", SIO_DISCONNECT, 0, -1, ""},
        {"1/x,", "/x", SIO_DISCONNECT, 0, -1, ""},
        {"2[\"a\"]", "/", SIO_EVENT, 0, -1, "[\"a\"]"},
        {"20[\"a\"]", "/", SIO_EVENT, 0, 0, "[\"a\"]"},
        {"2/x,12[\"a\"]", "/x", SIO_EVENT, 0, 12, "[\"a\"]"},
        {"2999999999999999[]", "/", SIO_EVENT, 0, 999999999999999, "[]"},
        {"37[]", "/", SIO_ACK, 0, 7, "[]"},
        {"51-[\"a\"]", "/", SIO_BINARY_EVENT, 1, -1, "[\"a\"]"},
        {"53-/x,7[\"a\"]", "/x", SIO_BINARY_EVENT, 3, 7, "[\"a\"]"},
        {"60-7[]", "/", SIO_BINARY_ACK, 0, 7, "[]"},
        {"", NULL, 0, 0, 0, NULL},
        {"7", NULL, 0, 0, 0, NULL},
        {"a", NULL, 0, 0, 0, NULL},
        {"4{\"message\":\"x\"}", NULL, 0, 0, 0, NULL},
        {"5[\"a\"]", NULL, 0, 0, 0, NULL},
        {"5-[\"a\"]", NULL, 0, 0, 0, NULL},
        {"51[\"a\"]", NULL, 0, 0, 0, NULL},
        {"54-[\"a\"]", NULL, 0, 0, 0, NULL}, /* one more than may come */
        {"5-1-[\"a\"]", NULL, 0, 0, 0, NULL},
        {"51000000000000000000000-[]", NULL, 0, 0, 0, NULL},
        {"21000000000000000[]", NULL, 0, 0, 0, NULL}, /* sixteen digits */
        {"3[]", NULL, 0, 0, 0, NULL},
        {"61-[]", NULL, 0, 0, 0, NULL},
        {"07", NULL, 0, 0, 0, NULL},
        {"17", NULL, 0, 0, 0, NULL},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sio_head h;
        const bool ok = sio_head_parse(str_of(rows[i].text), MAX_ATTACHMENTS, &h);
        assert_int_equal(ok, rows[i].nsp != NULL);
        if (ok) {
            assert_int_equal(h.type, rows[i].type);
            assert_int_equal(h.attachments, rows[i].attachments);
            assert_true(str_is(h.nsp, rows[i].nsp));
            assert_int_equal(h.ack, rows[i].ack);
            assert_true(str_is(h.json, rows[i].json));
        }
    }
}

static void refuses_a_nul(void **state)
{
    struct sio_head h;
    (void)state;
    assert_false(sio_head_parse(STR("2[\"a\",1\0]"), 0, &h));
    assert_false(sio_head_parse(STR("0/a\0b,"), 0, &h));
}

static void bounds_the_name_of_a_namespace(void **state)
{
    char text[SIO_MAX_NSP + 3];
    struct sio_head h;
    (void)state;
    memset(text, 'x', sizeof(text));
    text[0] = '0';
    text[1] = '/';
    assert_true(sio_head_parse((struct str){text, SIO_MAX_NSP + 1}, 0, &h));
    assert_int_equal(h.nsp.n, SIO_MAX_NSP);
    assert_false(sio_head_parse((struct str){text, SIO_MAX_NSP + 2}, 0, &h));
}

static void json_must_go_with_its_type(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
    } rows[] = {
        {"0", true},
        {"0{}", true},
        {"0[]", false},
        {"0\"x\"", false},
        {"0null", false},
        {"1", true},
        {"1{}", false},
        {"2[\"a\"]", true},
        {"2[\"a\",{\"b\":[null]}]", true},
        {"2[\"\"]", true},
        {"2", false},
        {"2[]", false},
        {"2{}", false},
        {"2[1]", false},
        {"2[\"connect\"]", false},
        {"2[\"newListener\",1]", false},
        {"2[\"connected\"]", true},
        {"2[\"a\"", false},
        {"2[\"a\"]x", false},
        {"2[\"\xff\"]", false},
        {"30[]", true},
        {"30[1]", true},
        {"30", false},
        {"30{}", false},
        {"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", true},
        {"51-[\"a\"]", true},
        {"51-[\"a\",{\"_placeholder\":false,\"num\":9}]", true}, /* is none */
        {"51-[\"a\",{\"_placeholder\":true,\"num\":1}]", false},
        {"51-[\"a\",{\"_placeholder\":true,\"num\":-1}]", false},
        {"51-[\"a\",{\"_placeholder\":true,\"num\":0.5}]", false},
        {"51-[\"a\",{\"_placeholder\":true}]", false},
        {"51-[\"a\",[{\"x\":{\"_placeholder\":true,\"num\":2}}]]", false},
        {"61-1[{\"_placeholder\":true,\"num\":0}]", true},
        {"61-1[{\"_placeholder\":true,\"num\":1}]", false},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(cx_end) struct cx cx;
        struct sio_head h;
        json_t *v = NULL;
        cx_begin(&cx, NULL);
        assert_true(sio_head_parse(str_of(rows[i].text), MAX_ATTACHMENTS, &h));
        if ((sio_json_parse(&cx, &h, &v) == ERR_OK) != rows[i].ok) {
            fail_msg("%s", rows[i].text);
        }
    }
}

static void nesting_is_bounded(void **state)
{
    SCOPED(cx_end) struct cx cx;
    SCOPED(buf_fini) struct buf b = buf_make(KB);
    struct sio_head h;
    json_t *v = NULL;
    (void)state;
    cx_begin(&cx, NULL);
    buf_cstr(&b, "2[\"a\",");
    for (int i = 0; i < JSON_MAX_DEPTH; i++) {
        buf_char(&b, '[');
    }
    assert_true(sio_head_parse(buf_view(&b), 0, &h));
    assert_int_equal(sio_json_parse(&cx, &h, &v), ERR_INVALID);
}

static void takes_the_values_behind_the_name(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        const char *values;
    } rows[] = {
        {"[\"a\",1,2]", "1,2"},
        {"[\"a\"]", ""},
        {" [ \"a\" , 1 , {\"b\":\"]\"} ] ", "1 , {\"b\":\"]\"}"},
        {"[\"a\\\"],\\\\\",[]]", "[]"},
        {"[\"\",\"\"]", "\"\""},
        {"[\"a\" ]", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (!str_is(sio_values_text(str_of(rows[i].json)), rows[i].values)) {
            fail_msg("%s", rows[i].json);
        }
    }
}

static void prints_heads(void **state)
{
    (void)state;
    static const struct {
        enum sio_type type;
        size_t attachments;
        const char *nsp;
        int64_t ack;
        const char *text;
    } rows[] = {
        {SIO_CONNECT, 0, "/", SIO_NO_ACK, "0"},
        {SIO_EVENT, 0, "/x", SIO_NO_ACK, "2/x,"},
        {SIO_ACK, 0, "/x", 12, "3/x,12"},
        {SIO_CONNECT_ERROR, 0, "/", SIO_NO_ACK, "4"},
        {SIO_BINARY_EVENT, 2, "/", SIO_NO_ACK, "52-"},
        {SIO_BINARY_ACK, 1, "/x", 0, "61-/x,0"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        SCOPED(buf_fini) struct buf b = buf_make(KB);
        sio_head_print(&b, rows[i].type, rows[i].attachments, str_of(rows[i].nsp), rows[i].ack);
        assert_string_equal(b.p, rows[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_heads),
        cmocka_unit_test(refuses_a_nul),
        cmocka_unit_test(bounds_the_name_of_a_namespace),
        cmocka_unit_test(json_must_go_with_its_type),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(takes_the_values_behind_the_name),
        cmocka_unit_test(prints_heads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
