#include "http/multipart.h"

#include "base/utf8.h"

#include <errno.h>

enum {
    MAX_BOUNDARY = 70,
    MAX_PADDING = 256, /* blanks behind a boundary, with the end of its line */
};

struct reader {
    struct cx *cx;
    const struct extent *body;
    size_t window;
    struct str delimiter; /* CR LF - - boundary */
};

static enum err refuse(struct cx *cx, const char *why)
{
    return cx_fail_field(cx, "body", "is not multipart/form-data: %s", why);
}

static enum err unreadable(struct cx *cx)
{
    return cx_fail(cx, CODE_DATABASE_ERROR, "the body cannot be read: %s", strerror(errno));
}

/* --- parameters of header values --- */

static void skip_space(struct str *s)
{
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t')) {
        *s = str_sub(*s, 1, s->n);
    }
}

/* Reads a quoted text behind its opening quote. */
static bool quoted(struct arena *a, struct str *s, struct str *ret)
{
    char *p = arena_alloc(a, s->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (s->p[i] == '"') {
            *ret = (struct str){p, n};
            *s = str_sub(*s, i + 1, s->n);
            return true;
        }
        const bool escaped =
            s->p[i] == '\\' && i + 1 < s->n && (s->p[i + 1] == '"' || s->p[i + 1] == '\\');
        i += escaped;
        p[n++] = s->p[i];
    }
    return false;
}

static bool value_of(struct arena *a, struct str *s, struct str *ret)
{
    skip_space(s);
    if (s->n && s->p[0] == '"') {
        *s = str_sub(*s, 1, s->n);
        return quoted(a, s, ret);
    }
    const ptrdiff_t end = str_find_char(*s, ';', 0);
    const size_t n = end < 0 ? s->n : (size_t)end;
    *ret = str_dup(a, str_trim(str_sub(*s, 0, n)));
    *s = str_sub(*s, n, s->n);
    return ret->n > 0;
}

bool header_param(struct arena *a, struct str value, const char *name, struct str *ret)
{
    struct str rest = value;
    for (;;) {
        const ptrdiff_t semicolon = str_find_char(rest, ';', 0);
        if (semicolon < 0) {
            return false;
        }
        rest = str_sub(rest, (size_t)semicolon + 1, rest.n);
        const ptrdiff_t eq = str_find_char(rest, '=', 0);
        if (eq < 0) {
            return false;
        }
        const struct str key = str_trim(str_sub(rest, 0, (size_t)eq));
        struct str got;
        rest = str_sub(rest, (size_t)eq + 1, rest.n);
        if (!value_of(a, &rest, &got)) {
            return false;
        }
        if (str_eq_nocase(key, str_of(name))) {
            *ret = got;
            return true;
        }
    }
}

/* --- one part --- */

static bool is_name(struct str s)
{
    return s.n <= 1024 && utf8_is_text(s) && str_find_char(s, '\n', 0) < 0 &&
           str_find_char(s, '\r', 0) < 0;
}

static enum err read_disposition(struct reader *r, struct str value, struct part *p)
{
    struct arena *a = r->cx->arena;
    const struct str kind = STR("form-data");
    if (!str_eq_nocase(str_trim(str_sub(value, 0, kind.n)), kind) ||
        !header_param(a, value, "name", &p->name) || !p->name.n) {
        return refuse(r->cx, "a part has no name");
    }
    (void)header_param(a, value, "filename", &p->filename);
    return is_name(p->name) && is_name(p->filename) ? ERR_OK
                                                    : refuse(r->cx, "a name is not plain text");
}

static bool is_plain_encoding(struct str s)
{
    return str_eq_nocase(s, STR("binary")) || str_eq_nocase(s, STR("8bit")) ||
           str_eq_nocase(s, STR("7bit"));
}

static enum err read_header(struct reader *r, struct str line, struct part *p)
{
    const ptrdiff_t colon = str_find_char(line, ':', 0);
    if (colon <= 0) {
        return refuse(r->cx, "a part has a malformed header");
    }
    const struct str name = str_sub(line, 0, (size_t)colon);
    const struct str value = str_trim(str_sub(line, (size_t)colon + 1, line.n));
    if (str_eq_nocase(name, STR("Content-Disposition"))) {
        return read_disposition(r, value, p);
    }
    if (str_eq_nocase(name, STR("Content-Type"))) {
        p->content_type = value;
    } else if (str_eq_nocase(name, STR("Content-Transfer-Encoding")) && !is_plain_encoding(value)) {
        return refuse(r->cx, "a part is encoded");
    }
    return ERR_OK;
}

static enum err read_head(struct reader *r, struct str head, struct part *p)
{
    while (head.n) {
        const ptrdiff_t end = str_find(head, STR("\r\n"), 0);
        const size_t n = end < 0 ? head.n : (size_t)end;
        TRY(read_header(r, str_sub(head, 0, n), p));
        head = str_sub(head, n + 2, head.n);
    }
    return p->name.n ? ERR_OK : refuse(r->cx, "a part has no name");
}

/* A few bytes at at, cut at the body's end; in the arena. */
static enum err peek(const struct reader *r, uint64_t at, size_t n, struct str *ret)
{
    const struct extent s = extent_sub(*r->body, at, n);
    return extent_take(r->cx->arena, &s, ret) ? ERR_OK : unreadable(r->cx);
}

/* Where the next delimiter begins. */
static enum err find_delimiter(const struct reader *r, uint64_t from, uint64_t *ret)
{
    switch (extent_find(r->body, r->delimiter, from, r->window, ret)) {
    case EXTENT_FOUND:
        break;
    case EXTENT_ABSENT:
        return refuse(r->cx, "the closing boundary is missing");
    case EXTENT_FAILED:
        return unreadable(r->cx);
    }
    return ERR_OK;
}

/* The part that begins at *at, just behind a delimiter's line; *at ends behind the next delimiter.
 */
static enum err read_part(struct reader *r, uint64_t *at, struct part *p)
{
    struct str window;
    TRY(peek(r, *at, MULTIPART_MAX_HEAD + 4, &window));
    const bool no_head = str_starts(window, STR("\r\n"));
    const ptrdiff_t head_n = no_head ? -1 : str_find(window, STR("\r\n\r\n"), 0);
    if (head_n < 0) {
        return refuse(r->cx, "a part's head is missing or too long");
    }
    TRY(read_head(r, str_sub(window, 0, (size_t)head_n), p));
    /* The empty line's own CR LF may belong to the delimiter of a part without data. */
    const uint64_t data = *at + (uint64_t)head_n + 4;
    uint64_t end;
    TRY(find_delimiter(r, data - 2, &end));
    p->data = extent_sub(*r->body, data, end > data ? end - data : 0);
    *at = end + r->delimiter.n;
    return ERR_OK;
}

/* Behind a delimiter: "--" ends the body, a line end begins a part. */
static enum err after_delimiter(struct reader *r, uint64_t *at, bool *ret_last)
{
    struct str line;
    TRY(peek(r, *at, MAX_PADDING, &line));
    *ret_last = str_starts(line, STR("--"));
    if (*ret_last) {
        return ERR_OK;
    }
    size_t blanks = 0;
    while (blanks < line.n && (line.p[blanks] == ' ' || line.p[blanks] == '\t')) {
        blanks++;
    }
    if (!str_starts(str_sub(line, blanks, 2), STR("\r\n"))) {
        return refuse(r->cx, "a boundary does not end its line");
    }
    *at += blanks + 2;
    return ERR_OK;
}

static enum err read_parts(struct reader *r, struct part *parts, size_t *ret_count)
{
    const struct str first = str_sub(r->delimiter, 2, r->delimiter.n);
    uint64_t at = first.n;
    struct str begin;
    TRY(peek(r, 0, first.n, &begin));
    if (!str_eq(begin, first)) {
        return refuse(r->cx, "it does not begin with the boundary");
    }
    for (;;) {
        bool last = false;
        TRY(after_delimiter(r, &at, &last));
        if (last) {
            return ERR_OK;
        }
        if (*ret_count == MULTIPART_MAX_PARTS) {
            return refuse(r->cx, "it has too many parts");
        }
        TRY(read_part(r, &at, &parts[*ret_count]));
        (*ret_count)++;
    }
}

static bool boundary_ok(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return s.n > 0 && s.n <= MAX_BOUNDARY && s.p[s.n - 1] != ' ';
}

enum err multipart_parse(struct cx *cx, struct str content_type, const struct extent *body,
                         size_t window, struct part **ret, size_t *ret_count)
{
    struct str boundary;
    if (!header_param(cx->arena, content_type, "boundary", &boundary) || !boundary_ok(boundary)) {
        return refuse(cx, "it has no boundary");
    }
    struct reader r = {.cx = cx, .body = body, .window = window};
    r.delimiter = str_fmt(cx->arena, "\r\n--" STR_FMT, STR_ARG(boundary));
    struct part *parts = arena_many(cx->arena, struct part, MULTIPART_MAX_PARTS);
    size_t count = 0;
    TRY(read_parts(&r, parts, &count));
    *ret = parts;
    *ret_count = count;
    return ERR_OK;
}
