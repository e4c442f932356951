#include "net/head.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* RFC 9110, 5.6.2 */
static bool is_token_char(char c)
{
    return is_alnum(c) || (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!is_token_char(s.p[i])) {
            return false;
        }
    }
    return s.n > 0;
}

enum head_scan head_scan(struct str so_far, size_t *at, size_t *ret_size)
{
    if (so_far.n && so_far.p[0] != '\r' && !is_token_char(so_far.p[0])) {
        return HEAD_BROKEN;
    }
    while (*at < so_far.n) {
        const char *lf = memchr(so_far.p + *at, '\n', so_far.n - *at);
        if (!lf) {
            *at = so_far.n;
            break;
        }
        const size_t i = (size_t)(lf - so_far.p);
        if (i == 0 || so_far.p[i - 1] != '\r') {
            return HEAD_BROKEN;
        }
        *at = i + 1;
        if (i >= 3 && so_far.p[i - 2] == '\n') {
            *ret_size = i + 1;
            return HEAD_WHOLE;
        }
    }
    return HEAD_MORE;
}

/* One empty line before a request is allowed (RFC 9112, 2.2): old clients send it behind a body. */
static struct str without_leading_line(struct str s)
{
    return str_starts(s, STR("\r\n")) ? str_sub(s, 2, s.n) : s;
}

struct refusal head_too_long(struct str so_far)
{
    const struct str line = str_sub(without_leading_line(so_far), 0, HEAD_MAX_LINE);
    if (str_find_char(line, '\n', 0) < 0) {
        return (struct refusal){414, CODE_URI_TOO_LONG, "The request line is too long."};
    }
    return (struct refusal){431, CODE_HEADERS_TOO_LARGE, "The request's headers are too large."};
}

/* Cuts the next line off; false when no CRLF is left. */
static bool next_line(struct str *rest, struct str *ret)
{
    const ptrdiff_t end = str_find(*rest, STR("\r\n"), 0);
    if (end < 0) {
        return false;
    }
    *ret = str_sub(*rest, 0, (size_t)end);
    *rest = str_sub(*rest, (size_t)end + 2, rest->n);
    return true;
}

static struct refusal check_version(struct str v, struct head *ret)
{
    if (str_is(v, "HTTP/1.1") || str_is(v, "HTTP/1.0")) {
        ret->minor = v.p[7] - '0';
        return REFUSAL_NONE;
    }
    if (v.n == 8 && str_starts(v, STR("HTTP/")) && is_digit(v.p[5]) && v.p[6] == '.' &&
        is_digit(v.p[7])) {
        return (struct refusal){505, CODE_MALFORMED_REQUEST,
                                "Only HTTP/1.1 and HTTP/1.0 are spoken here."};
    }
    return refusal_bad("The request line does not end in an HTTP version.");
}

/* "example.org", "example.org:80", "[::1]:3007"; no user, no path, no list. */
static bool is_host(struct str s)
{
    size_t i = 0;
    if (s.n && s.p[0] == '[') {
        for (i = 1; i < s.n && (is_alnum(s.p[i]) || s.p[i] == ':' || s.p[i] == '.'); i++) {
        }
        if (i < 3 || i >= s.n || s.p[i++] != ']') {
            return false;
        }
    } else {
        while (i < s.n && (is_alnum(s.p[i]) || strchr("-._~", s.p[i]) != NULL) && s.p[i]) {
            i++;
        }
        if (i == 0) {
            return false;
        }
    }
    int64_t port;
    return i == s.n || (s.p[i] == ':' && str_to_i64(str_sub(s, i + 1, s.n), 0, 65535, &port));
}

/* The absolute form, "http://host/path", which every server must take. */
static bool cut_absolute(struct str *target)
{
    const ptrdiff_t sep = str_find(*target, STR("://"), 0);
    const struct str scheme = str_sub(*target, 0, sep < 0 ? 0 : (size_t)sep);
    if (!str_eq_nocase(scheme, STR("http")) && !str_eq_nocase(scheme, STR("https"))) {
        return false;
    }
    const struct str rest = str_sub(*target, scheme.n + 3, target->n);
    const ptrdiff_t slash = str_find_char(rest, '/', 0);
    const size_t n = slash < 0 ? rest.n : (size_t)slash;
    *target = slash < 0 ? STR("/") : str_sub(rest, n, rest.n);
    return is_host(str_sub(rest, 0, n));
}

static struct refusal check_target(struct head *ret)
{
    if (ret->target.n > HEAD_MAX_TARGET) {
        return (struct refusal){414, CODE_URI_TOO_LONG, "The address is too long."};
    }
    for (size_t i = 0; i < ret->target.n; i++) {
        const char c = ret->target.p[i];
        if (c <= ' ' || c == 0x7f || c == '#') {
            return refusal_bad("The address has a sign that must be escaped.");
        }
    }
    const bool asterisk = str_is(ret->target, "*") && str_is(ret->method, "OPTIONS");
    if (str_starts(ret->target, STR("/")) || asterisk || cut_absolute(&ret->target)) {
        return REFUSAL_NONE;
    }
    return refusal_bad("The address is neither a path nor a whole URL.");
}

static struct refusal check_request_line(struct str line, struct head *ret)
{
    const ptrdiff_t one = str_find_char(line, ' ', 0);
    const ptrdiff_t two = one < 0 ? -1 : str_find_char(line, ' ', (size_t)one + 1);
    if (two < 0) {
        return refusal_bad("The request line needs a method, an address and a version.");
    }
    ret->method = str_sub(line, 0, (size_t)one);
    ret->target = str_sub(line, (size_t)one + 1, (size_t)(two - one) - 1);
    if (!is_token(ret->method)) {
        return refusal_bad("The method is not a token.");
    }
    const struct refusal bad = check_version(str_sub(line, (size_t)two + 1, line.n), ret);
    return bad.status ? bad : check_target(ret);
}

static struct refusal check_header(struct str line, struct net_header *ret)
{
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    if (colon < 0) {
        return refusal_bad("A header line has no colon.");
    }
    ret->name = str_sub(line, 0, (size_t)colon);
    if (!is_token(ret->name)) {
        return refusal_bad("A header's name is not a token, or its line is folded.");
    }
    ret->value = str_trim(str_sub(line, (size_t)colon + 1, line.n));
    for (size_t i = (size_t)colon + 1; i < line.n; i++) {
        const unsigned char c = (unsigned char)line.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return refusal_bad("A header's value has a control sign.");
        }
    }
    return REFUSAL_NONE;
}

static struct refusal check_content_length(struct str value, struct head *ret)
{
    if (ret->content_length >= 0) {
        return refusal_bad("Content-Length is given more than once.");
    }
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i])) {
            return refusal_bad("Content-Length is not a number.");
        }
    }
    if (value.n > 18 || !str_to_i64(value, 0, INT64_MAX, &ret->content_length)) {
        return refusal_bad("Content-Length is not a number.");
    }
    return REFUSAL_NONE;
}

static struct refusal check_transfer_encoding(struct str value, struct head *ret)
{
    if (ret->chunked) {
        return refusal_bad("Transfer-Encoding is given more than once.");
    }
    if (!str_eq_nocase(value, STR("chunked"))) {
        return is_token(value) ? (struct refusal){501, CODE_MALFORMED_REQUEST,
                                                  "The only transfer coding taken is chunked."}
                               : refusal_bad("Transfer-Encoding is not exactly chunked.");
    }
    ret->chunked = true;
    return REFUSAL_NONE;
}

/* The headers that decide where the request ends. */
static struct refusal note_header(const struct net_header *h, struct head *ret, int *hosts)
{
    if (str_eq_nocase(h->name, STR("Host"))) {
        *hosts += 1;
        return is_host(h->value) ? REFUSAL_NONE : refusal_bad("Host is not a host.");
    }
    if (str_eq_nocase(h->name, STR("Content-Length"))) {
        return check_content_length(h->value, ret);
    }
    if (str_eq_nocase(h->name, STR("Transfer-Encoding"))) {
        return check_transfer_encoding(h->value, ret);
    }
    if (str_eq_nocase(h->name, STR("Expect"))) {
        ret->expect_continue = str_eq_nocase(h->value, STR("100-continue"));
    }
    return REFUSAL_NONE;
}

static struct refusal check_headers(struct str rest, struct head *ret)
{
    struct str line;
    int hosts = 0;
    while (next_line(&rest, &line) && line.n) {
        if (ret->count == HEAD_MAX_HEADERS) {
            return (struct refusal){431, CODE_HEADERS_TOO_LARGE,
                                    "The request has too many headers."};
        }
        struct net_header *h = &ret->headers[ret->count++];
        struct refusal bad = check_header(line, h);
        if (!bad.status) {
            bad = note_header(h, ret, &hosts);
        }
        if (bad.status) {
            return bad;
        }
    }
    if (hosts > 1 || (hosts == 0 && ret->minor == 1)) {
        return refusal_bad("The request needs exactly one Host header.");
    }
    return REFUSAL_NONE;
}

static struct refusal check_framing(const struct head *h)
{
    if (h->chunked && h->minor == 0) {
        return refusal_bad("HTTP/1.0 has no Transfer-Encoding.");
    }
    if (h->chunked && h->content_length >= 0) {
        return refusal_bad("Transfer-Encoding and Content-Length exclude each other.");
    }
    return REFUSAL_NONE;
}

struct refusal head_check(struct str whole, struct head *ret)
{
    struct str line;
    struct str rest = without_leading_line(whole);
    /* not the array, which is large and filled before it is read */
    ret->count = 0;
    ret->minor = 0;
    ret->content_length = -1;
    ret->chunked = false;
    ret->expect_continue = false;
    if (!next_line(&rest, &line)) {
        return refusal_bad("The request has no request line.");
    }
    struct refusal bad = check_request_line(line, ret);
    if (!bad.status) {
        bad = check_headers(rest, ret);
    }
    return bad.status ? bad : check_framing(ret);
}
