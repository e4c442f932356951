/* fuzz: account */
/* Origins of strangers against rules of tenants: the input is rules and an origin, a line each.
 * What is allowed is an origin, of the rule's scheme, and ends with the rule's host and port. */
#include "domain/account/origin.h"

#include "base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What no origin may hold behind its scheme: it is written into headers and tokens. */
static void check_signs(struct str origin)
{
    const struct str s = str_sub(origin, (size_t)str_find(origin, STR("//"), 0) + 2, origin.n);
    for (size_t i = 0; i < s.n; i++) {
        must(s.p[i] > ' ' && s.p[i] < 0x7f && !strchr("\"'<>\\/@?#*%", s.p[i]));
    }
}

static bool fits(struct str rule, struct str origin)
{
    const struct str any_port = STR(":*");
    const ptrdiff_t star = str_find(rule, STR("*."), 0);
    if (str_ends(rule, any_port)) {
        return str_starts(origin, str_sub(rule, 0, rule.n - any_port.n));
    }
    return star < 0 ? str_eq(rule, origin)
                    : str_ends(origin, str_sub(rule, (size_t)star + 1, rule.n)) &&
                          str_starts(origin, str_sub(rule, 0, (size_t)star));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct str rest = {(const char *)data, n};
    struct str rules = {};
    struct str origin = {};
    struct str rule;
    bool some = false;
    (void)str_split(&rest, '\n', &rules);
    (void)str_split(&rest, '\n', &origin);
    if (origin_ok(origin)) {
        must(origin.n <= ORIGIN_BYTES && origin_rule_ok(origin));
        must(origin_allowed(origin, origin));
        check_signs(origin);
    }
    if (origin_allowed(rules, origin)) {
        must(origin_ok(origin));
        while (str_split(&rules, ' ', &rule)) {
            some |= origin_rule_ok(rule) && fits(rule, origin);
        }
        must(some);
    }
    return 0;
}
