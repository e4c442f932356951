#include "db/params.h"

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

/* A doubled quote inside reads as two texts side by side, which has the same length. */
static size_t quoted(struct str s, char end)
{
    const ptrdiff_t at = str_find_char(s, end, 1);
    return at < 0 ? s.n : (size_t)at + 1;
}

static size_t until(struct str s, struct str end)
{
    const ptrdiff_t at = str_find(s, end, 2);
    return at < 0 ? s.n : (size_t)at + end.n;
}

static size_t run_of(struct str s, size_t from, bool (*is)(char c))
{
    size_t n = from;
    while (n < s.n && is(s.p[n])) {
        n++;
    }
    return n;
}

size_t sql_token(struct str s)
{
    const char c = s.p[0];
    if (is_space(c)) {
        return run_of(s, 1, is_space);
    }
    if (str_starts(s, STR("--"))) {
        return until(s, STR("\n"));
    }
    if (str_starts(s, STR("/*"))) {
        return until(s, STR("*/"));
    }
    if (c == '\'' || c == '"' || c == '`') {
        return quoted(s, c);
    }
    if (c == '[') {
        return quoted(s, ']');
    }
    if (is_word(c)) {
        /* PostgreSQL allows $ inside a name; SQLite does too. */
        size_t n = 1;
        while (n < s.n && (is_word(s.p[n]) || s.p[n] == '$')) {
            n++;
        }
        return n;
    }
    return c == '$' ? run_of(s, 1, is_digit) : 1;
}

bool sql_is_blank(struct str token)
{
    return is_space(token.p[0]) || str_starts(token, STR("--")) || str_starts(token, STR("/*"));
}

struct str sql_unquoted(struct str token)
{
    const bool quoted =
        token.n >= 2 && (token.p[0] == '"' || token.p[0] == '`' || token.p[0] == '[');
    return quoted ? str_sub(token, 1, token.n - 2) : token;
}

/* Cuts the next token off that is not blank; the empty text at the end. */
static struct str next_token(struct str *rest)
{
    while (rest->n) {
        const struct str token = str_sub(*rest, 0, sql_token(*rest));
        *rest = str_sub(*rest, token.n, rest->n);
        if (!sql_is_blank(token)) {
            return token;
        }
    }
    return STR("");
}

bool sql_same(struct str a, struct str b)
{
    struct str x;
    struct str y;
    do {
        x = next_token(&a);
        y = next_token(&b);
    } while (x.n && str_eq(sql_unquoted(x), sql_unquoted(y)));
    return !x.n && !y.n;
}

struct str params_rewrite(struct arena *a, struct str sql, int *ret_max)
{
    char *out = arena_dup(a, sql.p, sql.n);
    int64_t max = 0;
    for (size_t at = 0; at < sql.n;) {
        const size_t n = sql_token(str_sub(sql, at, sql.n));
        int64_t number;
        if (sql.p[at] == '$' && n > 1 &&
            str_to_i64(str_sub(sql, at + 1, n - 1), 1, INT32_MAX, &number)) {
            out[at] = '?';
            max = max_i64(max, number);
        }
        at += n;
    }
    if (ret_max) {
        *ret_max = (int)max;
    }
    return (struct str){out, sql.n};
}
