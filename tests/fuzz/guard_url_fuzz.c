/* fuzz: net */
/* URLs and lists of exceptions from outside: whatever passes is plain, and never names a user. */
#include "net/guard.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_url(struct str s)
{
    if (!guard_url_ok(s)) {
        return;
    }
    must(s.n <= 2000 && str_find_char(s, '\\', 0) < 0 && str_find_char(s, ' ', 0) < 0);
    const size_t from = (size_t)str_find(s, STR("://"), 0) + 3;
    for (size_t i = from; i < s.n && strchr("/?#", s.p[i]) == NULL; i++) {
        must(s.p[i] != '@' && s.p[i] != '%');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const struct str s = {(const char *)data, n};
    struct str bad = {};
    check_url(s);
    (void)guard_allows_text(s);
    if (!guard_set_exceptions(s, &bad)) {
        must(!guard_allows_text(STR("127.0.0.1")));
    }
    must(guard_set_exceptions(STR(""), &bad));
    return 0;
}
