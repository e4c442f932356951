/* fuzz: base */
/* JSON from outside: what is taken is UTF-8 and not too deep, and is the same after writing and
 * reading it again; any bytes as a string give JSON. */
#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_value(struct cx *cx, struct str in)
{
    json_t *v = NULL;
    json_t *again = NULL;
    if (json_parse(cx, in, &v)) {
        must(cx->code == CODE_MALFORMED_JSON && utf8_valid(str_of(cx->detail)));
        return;
    }
    must(utf8_valid(in) && json_depth_ok(in, JSON_MAX_DEPTH));
    const struct str text = json_text(cx->arena, v);
    must(!json_parse(cx, text, &again));
    must(str_eq(text, json_text(cx->arena, again)));
    (void)json_get_str(v, "a");
    (void)json_get_i64(v, "a", 0);
}

static void check_string(struct cx *cx, struct str in)
{
    SCOPED(buf_fini) struct buf b = buf_make(16 * in.n + 64);
    json_t *v = NULL;
    jw_open(&b, '[');
    jw_str(&b, in);
    jw_str(&b, in);
    jw_close(&b, ']');
    must(!b.full && utf8_valid(buf_view(&b)));
    if (str_find_char(in, '\0', 0) >= 0) {
        return; /* may be written, but is refused by our reader */
    }
    must(!json_parse(cx, buf_view(&b), &v) && json_array_size(v) == 2);
    const json_t *s = json_array_get(v, 1);
    must(!utf8_valid(in) || str_eq(in, (struct str){json_string_value(s), json_string_length(s)}));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    const struct str in = {(const char *)data, n};
    cx_begin(&cx, NULL);
    check_value(&cx, in);
    check_string(&cx, in);
    return 0;
}
