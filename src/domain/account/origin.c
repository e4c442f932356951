#include "domain/account/origin.h"

/* An origin or a rule, taken apart. */
struct parts {
    bool secure;
    struct str host; /* an IPv6 address with its brackets */
    struct str port; /* empty: the scheme's own; "*": any */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_small(char c)
{
    return c >= 'a' && c <= 'z';
}

/* Letters, digits and hyphens; browsers also keep the low line that some names have. */
static bool label_ok(struct str label)
{
    for (size_t i = 0; i < label.n; i++) {
        const char c = label.p[i];
        if (!is_small(c) && !is_digit(c) && c != '-' && c != '_') {
            return false;
        }
    }
    return label.n >= 1 && label.n <= 63 && label.p[0] != '-' && label.p[label.n - 1] != '-';
}

/* Also an IPv4 address, whose numbers are labels. */
static bool name_ok(struct str name)
{
    struct str label;
    while (str_split(&name, '.', &label)) {
        if (!label_ok(label)) {
            return false;
        }
    }
    return true;
}

/* Its form is enough: what is no address is no browser's, and opens nothing. */
static bool address_ok(struct str host)
{
    const struct str inner = str_sub(host, 1, host.n - 2);
    for (size_t i = 0; i < inner.n; i++) {
        const char c = inner.p[i];
        if (!is_digit(c) && (c < 'a' || c > 'f') && c != ':') {
            return false;
        }
    }
    return inner.n >= 2 && inner.n <= 39;
}

static bool host_ok(struct str host)
{
    const bool bracketed = str_starts(host, STR("[")) && str_ends(host, STR("]"));
    return bracketed ? address_ok(host) : name_ok(host);
}

/* A number as it is written, and not the scheme's own, which nobody writes. */
static bool port_ok(const struct parts *p)
{
    int64_t port = 0;
    return !p->port.p || (str_to_i64(p->port, 1, 65535, &port) && p->port.p[0] != '0' &&
                          port != (p->secure ? 443 : 80));
}

static bool split(struct str text, struct parts *ret)
{
    const struct str plain = STR("http://");
    const struct str secure = STR("https://");
    ret->secure = str_starts(text, secure);
    if (text.n > ORIGIN_BYTES || (!ret->secure && !str_starts(text, plain))) {
        return false;
    }
    const struct str rest = str_sub(text, ret->secure ? secure.n : plain.n, text.n);
    const ptrdiff_t bracket = str_find_char(rest, ']', 0);
    const ptrdiff_t colon = str_find_char(rest, ':', bracket < 0 ? 0 : (size_t)bracket);
    ret->host = colon < 0 ? rest : str_sub(rest, 0, (size_t)colon);
    ret->port = colon < 0 ? (struct str){} : str_sub(rest, (size_t)colon + 1, rest.n);
    return true;
}

bool origin_ok(struct str text)
{
    struct parts p;
    return split(text, &p) && host_ok(p.host) && port_ok(&p);
}

static bool is_loopback(struct str host)
{
    return str_is(host, "localhost") || str_is(host, "127.0.0.1") || str_is(host, "[::1]");
}

/* "*.shop.example" without its star: ".shop.example"; else nothing. */
static struct str below(struct str host)
{
    return str_starts(host, STR("*.")) ? str_sub(host, 1, host.n) : (struct str){};
}

/* Not all of a top level: two labels or more stand behind the star, the last of them no number. */
static bool below_ok(struct str rest)
{
    const struct str name = str_sub(rest, 1, rest.n);
    return name_ok(name) && str_find_char(name, '.', 0) > 0 && !is_digit(name.p[name.n - 1]);
}

bool origin_rule_ok(struct str rule)
{
    struct parts p;
    if (!split(rule, &p)) {
        return false;
    }
    if (str_is(p.port, "*")) {
        return is_loopback(p.host);
    }
    const struct str rest = below(p.host);
    return port_ok(&p) && (rest.n ? below_ok(rest) : host_ok(p.host));
}

static bool allows(const struct parts *rule, const struct parts *origin)
{
    const struct str rest = below(rule->host);
    const bool same_host = rest.n ? origin->host.n > rest.n && str_ends(origin->host, rest)
                                  : str_eq(origin->host, rule->host);
    const bool same_port = str_is(rule->port, "*") || str_eq(rule->port, origin->port);
    return same_host && same_port && rule->secure == origin->secure;
}

bool origin_allowed(struct str rules, struct str origin)
{
    struct parts o;
    struct parts r;
    struct str rule;
    if (!origin_ok(origin) || !split(origin, &o)) {
        return false;
    }
    while (str_split(&rules, ' ', &rule)) {
        if (origin_rule_ok(rule) && split(rule, &r) && allows(&r, &o)) {
            return true;
        }
    }
    return false;
}
