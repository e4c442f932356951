#include "ext/extract_window.h"

#include "base/utf8.h"

enum {
    CODE_POINT = 4,
    MARKS = 3,  /* that a fence has at least */
    INDENT = 3, /* blanks before a heading or a fence; more are code or a list */
};

static struct extract_cut cut(size_t at, const char *joint)
{
    return (struct extract_cut){.at = at, .joint = joint};
}

/* No line ends in the second half. */
static struct extract_cut cut_line(struct str s)
{
    for (size_t at = s.n; at > s.n / 2; at--) {
        if (s.p[at - 1] == ' ' || s.p[at - 1] == '\t') {
            return cut(at, " ");
        }
    }
    const size_t at = s.n > CODE_POINT ? utf8_floor(s, s.n - CODE_POINT) : s.n;
    return cut(at ? at : s.n, "");
}

static bool next_line(struct str s, size_t *at, struct str *ret)
{
    const ptrdiff_t end = str_find_char(s, '\n', *at);
    if (end < 0) {
        return false;
    }
    *ret = str_sub(s, *at, (size_t)end - *at);
    *at = (size_t)end + 1;
    return true;
}

struct extract_cut extract_cut_plain(struct str bytes)
{
    struct str line;
    size_t at = 0;
    size_t empty = 0;
    while (next_line(bytes, &at, &line)) {
        empty = str_trim(line).n ? empty : at;
    }
    if (empty > bytes.n / 2) {
        return cut(empty, "\n\n");
    }
    return at > bytes.n / 2 ? cut(at, "\n") : cut_line(bytes);
}

/* --- Markdown (CommonMark 0.30: 4.2 ATX headings, 4.5 fenced code blocks) --- */

struct scan {
    char fence[EXTRACT_FENCE]; /* of the code we are in; empty: in none */
    bool behind_empty;         /* the line before is empty */
    bool behind_heading;       /* the last line with words is a heading */
    size_t heading, block;     /* the last places for a cut; 0: none */
};

static size_t run_of(struct str s, char c)
{
    size_t n = 0;
    while (n < s.n && s.p[n] == c) {
        n++;
    }
    return n;
}

static bool is_heading(struct str line)
{
    const size_t indent = run_of(line, ' ');
    const struct str rest = str_sub(line, indent, line.n);
    const size_t n = run_of(rest, '#');
    return indent <= INDENT && n >= 1 && n <= 6 &&
           (n == rest.n || rest.p[n] == ' ' || rest.p[n] == '\t' || rest.p[n] == '\r');
}

/* A line that begins a paragraph of its own, whatever stands before the empty line above it. */
static bool is_paragraph(struct str line)
{
    const char c = line.n ? line.p[0] : ' ';
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static bool opens_code(struct str line)
{
    const size_t indent = run_of(line, ' ');
    const struct str rest = str_sub(line, indent, line.n);
    const size_t ticks = run_of(rest, '`');
    return indent <= INDENT &&
           (run_of(rest, '~') >= MARKS || (ticks >= MARKS && str_find_char(rest, '`', ticks) < 0));
}

static bool closes_code(struct str line, const char *fence)
{
    const struct str opening = str_trim(str_of(fence));
    const struct str rest = str_trim(line);
    const size_t n = run_of(rest, opening.p[0]);
    return run_of(line, ' ') <= INDENT && n == rest.n && n >= run_of(opening, opening.p[0]);
}

/* Only the marks of a line that does not fit. */
static void note_fence(char fence[EXTRACT_FENCE], struct str line)
{
    const struct str s = str_trim(line);
    const size_t n = s.n < EXTRACT_FENCE ? s.n : run_of(s, s.p[0]);
    (void)snprintf(fence, EXTRACT_FENCE, "%.*s", (int)n, s.p);
}

static void look_at(struct scan *c, struct str line, size_t at)
{
    if (c->fence[0]) {
        if (closes_code(line, c->fence)) {
            c->fence[0] = '\0';
        }
        c->behind_empty = c->behind_heading = false;
        return;
    }
    const bool heading = is_heading(line);
    if (c->behind_empty && heading && !c->behind_heading) {
        c->heading = at;
    } else if (c->behind_empty && is_paragraph(line) && !c->behind_heading) {
        c->block = at;
    }
    if (opens_code(line)) {
        note_fence(c->fence, line);
    }
    c->behind_empty = str_trim(line).n == 0;
    c->behind_heading = heading || (c->behind_heading && c->behind_empty);
}

struct extract_cut extract_cut_markdown(struct str bytes, const char *fence)
{
    struct scan c = {};
    struct str line;
    size_t at = 0;
    (void)snprintf(c.fence, sizeof(c.fence), "%s", fence);
    for (size_t start = 0; next_line(bytes, &at, &line); start = at) {
        look_at(&c, line, start);
    }
    if (c.heading > bytes.n / 8) {
        return cut(c.heading, "\n\n");
    }
    if (c.block > bytes.n / 8) {
        return cut(c.block, "\n\n");
    }
    if (at <= bytes.n / 2) {
        return cut_line(bytes);
    }
    struct extract_cut last = cut(at, "\n");
    memcpy(last.fence, c.fence, sizeof(last.fence));
    return last;
}
