/* fuzz: extract */
/* Any bytes as text/markdown. */
#include "extracted.h"

#include "base/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    conf.extract_timeout_ms = 500;
    struct cx cx;
    cx_begin(&cx, NULL);
    check_extract(&cx, (struct str){(const char *)data, n}, STR("text/markdown"));
    cx_end(&cx);
    return 0;
}
