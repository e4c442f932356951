/* fuzz: http */
/* Any query: what is taken is text within the bounds of the table, and what is not is named. */
#include "http/field.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct sample {
    struct str q;
    struct str kind;
    int64_t n;
    double f;
    bool on;
    struct uuid id;
    int64_t at;
};

static const struct field fields[] = {
    FIELD_STR(struct sample, q, .max = 20),  FIELD_STR(struct sample, kind, .one_of = "a|b"),
    FIELD_INT(struct sample, n, .max = 100), FIELD_NUM(struct sample, f, .min = -1, .max = 1),
    FIELD_BOOL(struct sample, on),           FIELD_ID(struct sample, id),
    FIELD_TIME(struct sample, at),           FIELD_END,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct sample s = {};
    struct cx cx;
    cx_begin(&cx, NULL);
    if (field_decode_query(&cx, fields, (struct str){(const char *)data, n}, &s)) {
        must(cx.field_count > 0);
        for (int i = 0; i < cx.field_count; i++) {
            must(utf8_valid(cx.fields[i].field) && cx.fields[i].message.n > 0);
        }
    } else {
        must(utf8_is_text(s.q) && utf8_count(s.q) <= 20);
        must(s.n >= 0 && s.n <= 100 && s.f >= -1 && s.f <= 1);
        must(!s.kind.n || str_is(s.kind, "a") || str_is(s.kind, "b"));
    }
    cx_end(&cx);
    return 0;
}
