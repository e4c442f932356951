/* fuzz: http */
/* Any multipart body. The first line of the input is the Content-Type. Parts lie inside the body,
 * in order, and within the bounds; from a file, read in small windows, come the same. */
#include "http/multipart.h"

#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct part *parts, size_t count, struct str body)
{
    const char *at = body.p;
    must(count <= MULTIPART_MAX_PARTS);
    for (size_t i = 0; i < count; i++) {
        must(parts[i].name.n > 0);
        must(parts[i].data.bytes.p >= at &&
             parts[i].data.bytes.p + parts[i].data.n <= body.p + body.n);
        at = parts[i].data.bytes.p + parts[i].data.n;
    }
}

/* The same out of a file, in windows of some size. */
static void check_file(struct str type, struct str body, size_t window, enum err want,
                       const struct part *parts, size_t count)
{
    struct cx cx;
    struct part *got = NULL;
    size_t n = 0;
    const int fd = memfd_create("body", MFD_CLOEXEC);
    must(fd >= 0 && write(fd, body.p, body.n) == (ssize_t)body.n);
    const struct extent bytes = extent_of_file(fd, 0, body.n);
    cx_begin(&cx, NULL);
    must(multipart_parse(&cx, type, &bytes, window, &got, &n) == want);
    must(want || n == count);
    for (size_t i = 0; i < count && !want; i++) {
        must(got[i].data.n == parts[i].data.n && str_eq(got[i].name, parts[i].name));
        must(!got[i].data.n || got[i].data.offset == (uint64_t)(parts[i].data.bytes.p - body.p));
        must(str_eq(got[i].filename, parts[i].filename));
        must(str_eq(got[i].content_type, parts[i].content_type));
    }
    cx_end(&cx);
    (void)close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { WINDOW = 80 }; /* more than the longest delimiter */
    const struct str in = {(const char *)data, n};
    const ptrdiff_t end = str_find_char(in, '\n', 0);
    struct part *parts = NULL;
    size_t count = 0;
    struct cx cx;
    if (end < 0) {
        return 0;
    }
    const struct str type = str_sub(in, 0, (size_t)end);
    const struct str body = str_sub(in, (size_t)end + 1, n);
    const struct extent bytes = extent_of(body);
    cx_begin(&cx, NULL);
    const enum err e = multipart_parse(&cx, type, &bytes, EXTENT_WINDOW, &parts, &count);
    must(e == ERR_OK || e == ERR_INVALID);
    if (e == ERR_OK) {
        check(parts, count, body);
    }
    if (body.n) {
        check_file(type, body, WINDOW + str_hash(in) % 64, e, parts, count);
    }
    cx_end(&cx);
    return 0;
}
