/* fuzz: http */
/* Parameters of header values: what is found is no longer than the header, and a value that is
 * quoted by the rules comes back as it was. */
#include "http/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_quoted(struct arena *a, struct str value)
{
    SCOPED(buf_fini) struct buf b = buf_make(2 * value.n + 64);
    struct str got;
    buf_cstr(&b, "form-data; other=\"x; name=y\"; name=\"");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\') {
            buf_char(&b, '\\');
        }
        buf_char(&b, value.p[i]);
    }
    buf_cstr(&b, "\"; filename=z");
    must(header_param(a, buf_view(&b), "name", &got) && str_eq(got, value));
    must(header_param(a, buf_view(&b), "filename", &got) && str_is(got, "z"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"name", "filename", "boundary", "charset"};
    SCOPED(arena_free) struct arena *a = arena_new();
    const struct str in = {(const char *)data, n};
    for (size_t i = 0; i < COUNT(names); i++) {
        struct str got = {};
        must(!header_param(a, in, names[i], &got) || got.n < n);
    }
    if (n < 4096) {
        check_quoted(a, in);
    }
    return 0;
}
