#include "http/accept.h"

enum { WHOLE = 1000, LEAST = 1 };

static const char *const names[] = {"identity", "gzip", "br"};

const char *coding_name(enum coding c)
{
    return names[c];
}

bool coding_parse(struct str name, enum coding *ret)
{
    const struct str wanted = str_eq_nocase(name, STR("x-gzip")) ? STR("gzip") : name;
    for (size_t i = 0; i < COUNT(names); i++) {
        if (str_eq_nocase(wanted, str_of(names[i]))) {
            *ret = (enum coding)i;
            return true;
        }
    }
    return false;
}

/* "q=0.25": 0 to 1 with at most three digits (RFC 9110 §12.4.2). */
static bool parse_weight(struct str s, int *ret)
{
    double q = 0;
    if (s.n < 3 || s.n > 7 || !str_eq_nocase(str_sub(s, 0, 2), STR("q=")) ||
        !str_to_f64(str_sub(s, 2, s.n), 0, 1, &q)) {
        return false;
    }
    *ret = (int)(q * WHOLE + 0.5);
    return true;
}

static void accept_one(struct accepted *a, struct str part)
{
    const ptrdiff_t semicolon = str_find_char(part, ';', 0);
    const struct str name = str_trim(semicolon < 0 ? part : str_sub(part, 0, (size_t)semicolon));
    int weight = WHOLE;
    enum coding c;
    if (semicolon >= 0 &&
        !parse_weight(str_trim(str_sub(part, (size_t)semicolon + 1, part.n)), &weight)) {
        return;
    }
    if (str_is(name, "*")) {
        a->others = weight;
        a->has_others = true;
    } else if (coding_parse(name, &c)) {
        a->weights[c] = weight;
        a->named[c] = true;
    }
}

void accept_line(struct accepted *a, struct str line)
{
    struct str part;
    a->said = true;
    while (str_split(&line, ',', &part)) {
        accept_one(a, part);
    }
}

int accept_weight(const struct accepted *a, enum coding c)
{
    if (!a->said) {
        return c == CODING_IDENTITY ? WHOLE : 0;
    }
    if (a->named[c]) {
        return a->weights[c];
    }
    if (a->has_others) {
        return a->others;
    }
    return c == CODING_IDENTITY ? LEAST : 0;
}
