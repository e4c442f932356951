/* fuzz: http */
/* Any Accept-Encoding: weights stay within their bounds, and plain bytes are never the only coding
 * that is lost by accident: they are refused by name or by "*" alone. */
#include "http/accept.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct accepted a = {};
    const struct str line = {(const char *)data, n};
    accept_line(&a, line);
    for (size_t c = 0; c < CODING_COUNT; c++) {
        const int weight = accept_weight(&a, (enum coding)c);
        must(weight >= 0 && weight <= 1000);
    }
    must(accept_weight(&a, CODING_IDENTITY) > 0 || a.named[CODING_IDENTITY] || a.has_others);
    accept_line(&a, STR("gzip;q=0.5"));
    must(accept_weight(&a, CODING_GZIP) == 500);
    return 0;
}
