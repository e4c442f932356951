#include "http/forwarded.h"

enum {
    MAX_HOPS = 32,
    MAX_BYTES = 4096,
    MAX_PORT = 65535,
};

static const char *const names[] = {"X-Forwarded-For", "Forwarded"};

const char *forwarded_header_name(enum forwarded_header h)
{
    return names[h];
}

bool forwarded_header_parse(struct str name, enum forwarded_header *ret)
{
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_eq_nocase(name, str_of(names[i]))) {
            *ret = (enum forwarded_header)i;
            return true;
        }
    }
    return false;
}

/* Whether an odd number of backslashes stands before s.p[at]. */
static bool is_escaped(struct str s, size_t at)
{
    size_t n = 0;
    while (n < at && s.p[at - 1 - n] == '\\') {
        n++;
    }
    return n % 2 == 1;
}

/* Cuts the last part off *rest at sep, but not within quotes. From the right, so that a quote which
 * a client left open spoils its own part and not those behind it. False when nothing is left. */
static bool cut_last(struct str *rest, char sep, struct str *ret)
{
    bool quoted = false;
    size_t at = rest->n;
    if (!rest->p) {
        return false;
    }
    for (; at > 0 && (quoted || rest->p[at - 1] != sep); at--) {
        if (rest->p[at - 1] == '"' && !is_escaped(*rest, at - 1)) {
            quoted = !quoted;
        }
    }
    *ret = str_trim(str_sub(*rest, at, rest->n));
    *rest = at ? str_sub(*rest, 0, at - 1) : (struct str){};
    return true;
}

/* Digits, or the made-up name of a port (RFC 7239 §6.2). */
static bool is_port(struct str s)
{
    int64_t number;
    if (!s.n || s.p[0] != '_') {
        return s.n <= 5 && str_to_i64(s, 0, MAX_PORT, &number);
    }
    for (size_t i = 1; i < s.n; i++) {
        const char c = s.p[i];
        const bool word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!word && c != '.' && c != '_' && c != '-') {
            return false;
        }
    }
    return s.n > 1;
}

/* "a.b.c.d", "[v6]", both perhaps with a port, or v6 without brackets. */
static bool parse_node(struct str s, struct ip *ret)
{
    const bool bracketed = s.n && s.p[0] == '[';
    const ptrdiff_t first = str_find_char(s, ':', 0);
    const bool bare_v6 = !bracketed && first >= 0 && str_find_char(s, ':', (size_t)first + 1) >= 0;
    ptrdiff_t end = bracketed ? str_find_char(s, ']', 0) : bare_v6 ? -1 : first;
    if (bracketed && end < 0) {
        return false;
    }
    const struct str address = bracketed ? str_sub(s, 1, (size_t)end - 1)
                               : end < 0 ? s
                                         : str_sub(s, 0, (size_t)end);
    end += bracketed; /* behind the bracket, or at the colon */
    const struct str port = end < 0 ? STR("") : str_sub(s, (size_t)end, s.n);
    const bool is_v6 = str_find_char(address, ':', 0) >= 0;
    return is_v6 == (bracketed || bare_v6) &&
           (!port.n || (port.p[0] == ':' && is_port(str_sub(port, 1, port.n)))) &&
           ip_parse(address, ret);
}

/* The value of a pair without its quotes. No address has anything to escape. */
static bool unquoted(struct str s, struct str *ret)
{
    const bool quoted = s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"';
    *ret = quoted ? str_sub(s, 1, s.n - 2) : s;
    return str_find_char(*ret, '"', 0) < 0 && str_find_char(*ret, '\\', 0) < 0;
}

/* One element of Forwarded: for=node among other pairs, once. */
static bool parse_element(struct str s, struct ip *ret)
{
    int found = 0;
    struct str pair;
    while (cut_last(&s, ';', &pair)) {
        const ptrdiff_t equals = str_find_char(pair, '=', 0);
        struct str value;
        if (equals < 0 || !str_eq_nocase(str_sub(pair, 0, (size_t)equals), STR("for"))) {
            continue;
        }
        if (!unquoted(str_sub(pair, (size_t)equals + 1, pair.n), &value) ||
            !parse_node(value, ret)) {
            return false;
        }
        found++;
    }
    return found == 1;
}

bool forwarded_line(struct forwarded_walk *w, struct str line)
{
    struct str part;
    while (cut_last(&line, ',', &part)) {
        struct ip a;
        w->hops++;
        w->bytes += part.n;
        if (w->hops > MAX_HOPS || w->bytes > MAX_BYTES) {
            return false;
        }
        if (part.n == 0) {
            continue; /* an empty element of a list is none (RFC 9110 §5.6.1) */
        }
        const bool ok =
            w->header == FORWARDED_RFC7239 ? parse_element(part, &a) : parse_node(part, &a);
        if (!ok) {
            return false;
        }
        w->hop = a;
        if (!cidr_list_holds(w->proxies, a)) {
            return false;
        }
    }
    return true;
}
