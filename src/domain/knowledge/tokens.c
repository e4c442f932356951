/* A group is a run of letters and digits that are joined by single signs ("KL-2047-B", "49.90");
 * its pieces are the runs between the joiners, and between letters and digits. What the group is
 * follows from its pieces; a group that is nothing special gives its pieces one by one. */
#include "domain/knowledge/tokens.h"

#include "base/utf8.h"
#include "domain/knowledge/fold.h"

enum sign { SIGN_OTHER, SIGN_LETTER, SIGN_DIGIT, SIGN_UNSPACED };

static enum sign sign_of(uint32_t c)
{
    if (c >= 0x80 && fold_is_unspaced(c)) {
        return SIGN_UNSPACED;
    }
    return fold_is_letter(c) ? SIGN_LETTER : fold_is_digit(c) ? SIGN_DIGIT : SIGN_OTHER;
}

static enum sign sign_at(struct str text, size_t at)
{
    return at < text.n ? sign_of(utf8_next(text, &at)) : SIGN_OTHER;
}

struct group {
    struct token *t;
    char joiners[TOKEN_PIECES]; /* before each piece; 0 when letters meet digits */
    bool digits[TOKEN_PIECES];
};

/* The end of the run of one kind of sign that begins at. */
static size_t run_end(struct str text, size_t at)
{
    const enum sign kind = sign_at(text, at);
    while (at < text.n) {
        size_t next = at;
        if (sign_of(utf8_next(text, &next)) != kind) {
            break;
        }
        at = next;
    }
    return at;
}

static char joiner_at(struct str text, size_t at)
{
    return at < text.n && strchr("-/_.,:", text.p[at]) ? text.p[at] : '\0';
}

/* Whether a joiner between these kinds of sign keeps the group together. */
static bool joins(char joiner, bool digit_before, enum sign after)
{
    const bool digit_after = after == SIGN_DIGIT;
    if (after != SIGN_LETTER && !digit_after) {
        return false;
    }
    switch (joiner) {
    case '-':
    case '/':
    case '_':
        return true;
    case '.':
    case ',':
    case ':':
        return digit_before && digit_after;
    default:
        return false;
    }
}

static void read_group(struct str text, size_t at, struct group *g)
{
    char joiner = '\0';
    while (g->t->count < TOKEN_PIECES) {
        const bool digit = sign_at(text, at) == SIGN_DIGIT;
        const size_t end = run_end(text, at);
        g->joiners[g->t->count] = joiner;
        g->digits[g->t->count] = digit;
        g->t->pieces[g->t->count++] = str_sub(text, at, end - at);
        g->t->end = end;
        const enum sign after = sign_at(text, end);
        if (after == SIGN_LETTER || after == SIGN_DIGIT) {
            joiner = '\0';
            at = end;
        } else {
            joiner = joiner_at(text, end);
            at = end + 1;
            if (!joiner || !joins(joiner, digit, sign_at(text, at))) {
                return;
            }
        }
    }
}

static bool has_joiner(const struct group *g, const char *signs)
{
    for (size_t i = 1; i < g->t->count; i++) {
        if (!g->joiners[i] || !strchr(signs, g->joiners[i])) {
            return false;
        }
    }
    return true;
}

struct shape {
    size_t letters, digits, bytes, joiners;
    size_t longest_word, shortest_word;
};

static struct shape shape_of(const struct group *g)
{
    struct shape s = {.shortest_word = SIZE_MAX};
    for (size_t i = 0; i < g->t->count; i++) {
        const size_t n = g->t->pieces[i].n;
        s.bytes += n;
        s.digits += g->digits[i] ? 1 : 0;
        s.letters += g->digits[i] ? 0 : 1;
        s.joiners += g->joiners[i] ? 1 : 0;
        if (!g->digits[i]) {
            s.longest_word = n > s.longest_word ? n : s.longest_word;
            s.shortest_word = n < s.shortest_word ? n : s.shortest_word;
        }
    }
    return s;
}

/* Letters and digits mixed, at least four signs, no long word in between. A number with its unit
 * ("10kg", "24-inch") begins with digits and ends with its only word; it is none. */
static bool is_part(const struct group *g, const struct shape *s)
{
    if (!s->letters || !s->digits || s->bytes < 4) {
        return false;
    }
    if (!g->digits[0]) {
        return s->joiners ? s->longest_word <= 5 : true;
    }
    return s->longest_word <= 5 && g->t->count >= 2 && (g->t->count > 2 || g->t->pieces[0].n >= 4);
}

/* "1,000" and "1.000.000": groups of three digits behind a first of one to three. */
static bool is_thousands(const struct group *g)
{
    if (g->t->count < 2 || g->t->pieces[0].n > 3 || g->t->pieces[0].p[0] == '0') {
        return false;
    }
    for (size_t i = 1; i < g->t->count; i++) {
        if (g->t->pieces[i].n != 3) {
            return false;
        }
    }
    return has_joiner(g, ".") || has_joiner(g, ",");
}

/* Leaves the first piece alone in the token; the rest of the group is read again. */
static void first_only(struct group *g, enum token_kind kind)
{
    struct token *t = g->t;
    t->kind = kind;
    t->count = 1;
    t->end = t->start + t->pieces[0].n;
}

static void classify(struct group *g)
{
    struct token *t = g->t;
    const struct shape s = shape_of(g);
    if (t->count == 1) {
        t->kind = g->digits[0] ? TOKEN_NUMBER : TOKEN_WORD;
    } else if (is_part(g, &s)) { /* NOLINT(bugprone-branch-clone): the first that fits wins */
        t->kind = TOKEN_PART;
    } else if (!s.letters && (is_thousands(g) || (t->count == 2 && has_joiner(g, ".,:")))) {
        t->kind = TOKEN_NUMBER;
    } else if (!s.digits && s.shortest_word <= 2 && has_joiner(g, "-")) {
        t->kind = TOKEN_COMPOUND;
    } else if (!g->digits[0] && !s.joiners && s.bytes < 4) {
        t->kind = TOKEN_PART; /* "A4", "mp3": too short to be split */
    } else {
        first_only(g, g->digits[0] ? TOKEN_NUMBER : TOKEN_WORD);
    }
}

/* Scripts without spaces: each sign with the one behind it. */
static void read_signs(struct str text, size_t *at, struct token *ret)
{
    size_t end = *at;
    (void)utf8_next(text, &end);
    const size_t first_end = end;
    if (sign_at(text, end) == SIGN_UNSPACED) {
        (void)utf8_next(text, &end);
    }
    ret->kind = TOKEN_SIGNS;
    ret->end = end;
    ret->pieces[ret->count++] = str_sub(text, *at, end - *at);
    /* The second sign begins the next pair, unless the run ends with it. */
    *at = end > first_end && sign_at(text, end) == SIGN_UNSPACED ? first_end : end;
}

bool token_next(struct str text, size_t *at, struct token *ret)
{
    while (*at < text.n && sign_at(text, *at) == SIGN_OTHER) {
        (void)utf8_next(text, at);
    }
    if (*at >= text.n) {
        return false;
    }
    *ret = (struct token){.start = *at};
    if (sign_at(text, *at) == SIGN_UNSPACED) {
        read_signs(text, at, ret);
        return true;
    }
    struct group g = {.t = ret};
    read_group(text, *at, &g);
    classify(&g);
    *at = ret->end;
    return true;
}
