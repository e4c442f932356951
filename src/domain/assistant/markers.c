/* States are told from what is held: nothing; "[" and digits, blanks, commas; "[1:" and blanks; a
 * quote; a word. Each byte either keeps that a marker may come (HOLD), ends one (WHOLE), or shows
 * that it is text (TEXT). */
#include "domain/assistant/markers.h"

enum look { HOLD, WHOLE, TEXT };

/* Signs that open a quote, and those that may close it: models mix them. */
static const char *const quote_signs[] = {
    "\"", "\xE2\x80\x9C", "\xE2\x80\x9D", "\xE2\x80\x9E", "\xE2\x80\x9F", "\xC2\xAB", "\xC2\xBB",
    "'",  "\xE2\x80\x98", "\xE2\x80\x99",
};

struct marker_filter markers_make(struct arena *a, size_t max)
{
    struct marker_filter f = {.arena = a};
    f.visible = buf_make(max);
    f.held = buf_make(MARKER_QUOTE_MAX + 64);
    return f;
}

void markers_fini(struct marker_filter *f)
{
    buf_fini(&f->visible);
    buf_fini(&f->held);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Bytes of the quote sign that begins (or ends, when at_end) the text; 0 when none does. */
static size_t quote_sign(struct str s, bool at_end)
{
    for (size_t i = 0; i < COUNT(quote_signs); i++) {
        const struct str sign = str_of(quote_signs[i]);
        if (at_end ? str_ends(s, sign) : str_starts(s, sign)) {
            return sign.n;
        }
    }
    return 0;
}

/* Whether more bytes could make a quote sign of these. */
static bool may_become_sign(struct str s)
{
    for (size_t i = 0; i < COUNT(quote_signs); i++) {
        if (s.n < strlen(quote_signs[i]) && memcmp(quote_signs[i], s.p, s.n) == 0) {
            return true;
        }
    }
    return false;
}

static enum look look_word(struct str s)
{
    static const char *const words[] = {"[unknown]", "[handover]"};
    for (size_t i = 0; i < COUNT(words); i++) {
        const struct str w = str_of(words[i]);
        if (s.n <= w.n && str_eq_nocase(s, str_sub(w, 0, s.n))) {
            return s.n == w.n ? WHOLE : HOLD;
        }
    }
    return TEXT;
}

/* Behind "[1:" and its blanks. An unquoted text ends at the first bracket and stays on its line. */
static enum look look_quote(struct str s)
{
    if (s.n == 0 || may_become_sign(s)) {
        return HOLD;
    }
    const size_t open = quote_sign(s, false);
    if (s.p[s.n - 1] != ']') {
        return !open && s.p[s.n - 1] == '\n' ? TEXT : HOLD;
    }
    struct str inner = str_sub(s, open, s.n - 1 - open);
    while (inner.n && is_blank(inner.p[inner.n - 1])) {
        inner.n--;
    }
    return !open || quote_sign(inner, true) ? WHOLE : HOLD;
}

/* Where the quote begins: behind the colon; 0 when there is none yet. Every byte before is a digit,
 * a comma or a blank, or this is no marker. */
static enum look look_numbers(struct str s, size_t *ret_colon)
{
    bool digit = false;
    int run = 0; /* digits in a row: a passage has at most two */
    for (size_t i = 1; i < s.n; i++) {
        const char c = s.p[i];
        run = is_digit(c) ? run + 1 : 0;
        if (c == ':' && digit) {
            *ret_colon = i + 1;
            return HOLD;
        }
        if (c == ']' && digit) {
            return WHOLE;
        }
        const bool fits = is_digit(c) || (digit && (is_blank(c) || c == ','));
        if (!fits || run > 2 || i > 32) {
            return TEXT;
        }
        digit |= is_digit(c);
    }
    return HOLD;
}

static size_t skip_blanks(struct str s, size_t at)
{
    while (at < s.n && is_blank(s.p[at])) {
        at++;
    }
    return at;
}

/* What the held bytes, which begin with '[', are. */
static enum look look_at(struct str s, size_t *ret_quote)
{
    size_t colon = 0;
    if (s.n < 2) {
        return HOLD;
    }
    if (!is_digit(s.p[1])) {
        return look_word(s);
    }
    const enum look l = look_numbers(s, &colon);
    if (l != HOLD || !colon) {
        return l;
    }
    *ret_quote = skip_blanks(s, colon);
    return look_quote(str_sub(s, *ret_quote, s.n));
}

static void show(struct marker_filter *f, struct str s)
{
    if (f->joined && s.n && !strchr(" \t\n\r.,;:!?)]", s.p[0])) {
        buf_char(&f->visible, ' ');
    }
    if (s.n) {
        f->joined = false;
    }
    buf_str(&f->visible, s);
}

static struct str quote_of(struct marker_filter *f, struct str s)
{
    s.n -= s.n && s.p[s.n - 1] == ']';
    s = str_trim(s);
    const size_t open = quote_sign(s, false);
    if (open) {
        s = str_sub(s, open, s.n);
        s.n -= quote_sign(s, true);
    }
    return str_dup(f->arena, str_trim(s));
}

static void remember(struct marker_filter *f, int number, struct str quote)
{
    if (f->count < MARKERS_MAX && number > 0) {
        f->items[f->count++] =
            (struct marker){.number = number, .quote = quote, .at = f->visible.n};
    }
}

/* Digits up to the colon or the bracket; only a single number can have a quote. */
static void take_numbers(struct marker_filter *f, struct str s, struct str quote)
{
    int number = 0;
    int taken = 0;
    for (size_t i = 1; i < s.n && taken < MARKER_NUMBERS; i++) {
        if (is_digit(s.p[i])) {
            number = number * 10 + (s.p[i] - '0');
            continue;
        }
        if (number) {
            remember(f, number, quote);
            taken++;
        }
        number = 0;
        if (s.p[i] == ':' || s.p[i] == ']') {
            return;
        }
    }
}

static void take_marker(struct marker_filter *f, size_t quote_at)
{
    const struct str s = str_sub(buf_view(&f->held), f->blanks, f->looked);
    if (is_digit(s.p[1])) {
        const struct str quote =
            quote_at ? quote_of(f, str_sub(s, quote_at, s.n)) : (struct str){"", 0};
        take_numbers(f, s, quote);
    } else if (s.p[1] == 'u' || s.p[1] == 'U') {
        f->unknown = true;
    } else {
        f->handover = true;
    }
    f->joined |= f->blanks > 0;
}

/* The first n held bytes are done with; what is behind them is looked at anew. */
static void let_go(struct marker_filter *f, size_t n)
{
    buf_drop(&f->held, n);
    f->looked = 0;
    f->blanks = 0;
}

static void show_held(struct marker_filter *f, size_t n)
{
    show(f, str_sub(buf_view(&f->held), 0, n));
}

/* Outside of what may be a marker. */
static void look_outside(struct marker_filter *f, char c)
{
    if (!is_blank(c)) {
        show_held(f, f->looked);
        let_go(f, f->looked);
        return;
    }
    if (f->blanks >= 32) {
        show_held(f, f->blanks);
        let_go(f, f->blanks);
        f->looked = 1;
    }
    f->blanks++;
}

/* What was held is text: it passes up to and with its first sign. The opening of a marker with a
 * colon never passes; a bracket that was none does. */
static void release(struct marker_filter *f, size_t quote_at)
{
    show_held(f, quote_at ? f->blanks : f->blanks + 1);
    let_go(f, f->blanks + (quote_at ? quote_at : 1));
}

static void look_inside(struct marker_filter *f)
{
    size_t quote_at = 0;
    const enum look l = look_at(str_sub(buf_view(&f->held), f->blanks, f->looked), &quote_at);
    if (l == WHOLE) {
        take_marker(f, quote_at);
        let_go(f, f->looked);
    } else if (l == TEXT || f->looked > MARKER_QUOTE_MAX) {
        release(f, quote_at);
    }
}

static void feed_byte(struct marker_filter *f, char c)
{
    buf_char(&f->held, c);
    while (f->looked < f->held.n) {
        const bool begun = f->looked > f->blanks;
        const char next = f->held.p[f->looked++];
        if (begun || next == '[') {
            look_inside(f);
        } else {
            look_outside(f, next);
        }
    }
}

struct str markers_feed(struct marker_filter *f, struct str piece)
{
    const size_t was = f->visible.n;
    for (size_t i = 0; i < piece.n; i++) {
        feed_byte(f, piece.p[i]);
    }
    return str_sub(buf_view(&f->visible), was, f->visible.n);
}

struct str markers_end(struct marker_filter *f)
{
    const size_t was = f->visible.n;
    const struct str s = str_sub(buf_view(&f->held), f->blanks, f->held.n);
    if (s.n < 2 || !is_digit(s.p[1])) {
        const bool cut_word = s.n > 2;
        show(f, cut_word ? (struct str){"", 0} : buf_view(&f->held));
    }
    let_go(f, f->held.n);
    while (f->visible.n > was && is_blank(f->visible.p[f->visible.n - 1])) {
        f->visible.n--;
    }
    return str_sub(buf_view(&f->visible), was, f->visible.n);
}
