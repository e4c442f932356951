/* fuzz: http */
/* Any multipart body. The first line of the input is the Content-Type. Parts lie inside the body,
 * in order, and within the bounds. */
#include "http/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct part *parts, size_t count, struct str body)
{
    const char *at = body.p;
    must(count <= MULTIPART_MAX_PARTS);
    for (size_t i = 0; i < count; i++) {
        must(parts[i].name.n > 0);
        must(parts[i].data.p >= at && parts[i].data.p + parts[i].data.n <= body.p + body.n);
        at = parts[i].data.p + parts[i].data.n;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str in = {(const char *)data, n};
    const ptrdiff_t end = str_find_char(in, '\n', 0);
    struct part *parts = NULL;
    size_t count = 0;
    struct cx cx;
    if (end < 0) {
        return 0;
    }
    const struct str body = str_sub(in, (size_t)end + 1, n);
    cx_begin(&cx, NULL);
    const enum err e = multipart_parse(&cx, str_sub(in, 0, (size_t)end), body, &parts, &count);
    must(e == ERR_OK || e == ERR_INVALID);
    if (e == ERR_OK) {
        check(parts, count, body);
    }
    cx_end(&cx);
    return 0;
}
