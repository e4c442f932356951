/* fuzz: extract */
/* An upload: its name (the input's first line), its declared type (the second) and its bytes. What
 * is given a type is one of three, and is then read or refused with a reason. */
#include "extracted.h"

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    SCOPED(cx_end) struct cx cx;
    struct str bytes = {(const char *)data, n};
    struct str name;
    struct str declared;
    struct str mime;
    if (!str_split(&bytes, '\n', &name) || !str_split(&bytes, '\n', &declared)) {
        cx_begin(&cx, NULL);
        return 0;
    }
    conf.extract_timeout_ms = 500;
    cx_begin(&cx, NULL);
    bytes = bytes.p ? bytes : STR("");
    const struct extent all = extent_of(bytes);
    if (extract_type(&cx, name, declared, &all, &mime)) {
        must(cx.code == CODE_UNSUPPORTED_MEDIA_TYPE && cx.detail[0]);
        return 0;
    }
    must(str_starts(mime, STR("text/plain")) || str_starts(mime, STR("text/markdown")) ||
         str_starts(mime, STR("text/html")));
    check_extract(&cx, bytes, mime);
    return 0;
}
