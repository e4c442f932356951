#include "domain/knowledge/chunker.h"

#include "base/buf.h"
#include "base/utf8.h"

enum { SPLIT_LEVEL = 3 }; /* headings down to this level begin a passage */

struct chunker {
    struct arena *arena;
    const struct extracted *ex;
    size_t aim;
    size_t heading; /* the next one */
    struct chunk_path *path;
    struct buf spans; /* struct chunk_span */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static struct str path_text(const struct chunker *c)
{
    SCOPED(buf_fini) struct buf b = buf_make(64 * KB);
    for (size_t i = 0; i < CHUNK_LEVELS; i++) {
        const char *words = c->path->words[i];
        if (words[0]) {
            buf_cstr(&b, b.n ? " \xe2\x80\xba " : "");
            buf_cstr(&b, words);
        }
    }
    return str_dup(c->arena, utf8_prefix(buf_view(&b), CHUNK_PATH));
}

static void add(struct chunker *c, size_t start, size_t end, struct str heading)
{
    const char *p = c->ex->text.p;
    while (start < end && is_blank(p[start])) {
        start++;
    }
    while (end > start && is_blank(p[end - 1])) {
        end--;
    }
    if (start < end) {
        const struct chunk_span span = {start, end, heading};
        buf_add(&c->spans, &span, sizeof(span));
    }
}

/* Whether the text may be cut before at, and how well: 0 not at all, 1 between words, 2 between
 * sentences, 3 lines, 4 paragraphs. at > 0. */
static int cut_rank(struct str s, size_t at)
{
    if (!is_blank(s.p[at - 1])) {
        return 0;
    }
    if (s.p[at - 1] == '\n') {
        return at >= 2 && s.p[at - 2] == '\n' ? 4 : 3;
    }
    size_t before = at - 1;
    while (before > 0 && strchr("\"')]", s.p[before - 1])) {
        before--;
    }
    return before > 0 && strchr(".!?", s.p[before - 1]) ? 2 : 1;
}

/* Where to cut [from, end), which is longer than a passage may be: the best kind of place there is
 * in the later two thirds of the aim, the last of its kind. */
static size_t cut_at(const struct chunker *c, size_t from)
{
    const struct str s = c->ex->text;
    size_t best = utf8_floor(s, from + c->aim);
    int rank = 0;
    for (size_t at = from + c->aim; at > from + c->aim / 3; at--) {
        const int r = cut_rank(s, at);
        if (r > rank) {
            rank = r;
            best = at;
        }
    }
    return best > from ? best : from + c->aim;
}

static void cut_section(struct chunker *c, size_t from, size_t end, struct str heading)
{
    while (end - from > c->aim + c->aim / 4) {
        const size_t cut = cut_at(c, from);
        add(c, from, cut, heading);
        from = cut;
    }
    add(c, from, end, heading);
}

static void enter_heading(struct chunker *c, const struct extract_heading *h)
{
    const size_t level = (size_t)h->level - 1;
    const struct str words =
        utf8_prefix(str_sub(c->ex->text, h->start, h->end - h->start), CHUNK_PATH);
    for (size_t i = level; i < CHUNK_LEVELS; i++) {
        c->path->words[i][0] = '\0';
    }
    memcpy(c->path->words[level], words.p, words.n);
    c->path->words[level][words.n] = '\0';
}

static bool only_blank(struct str s, size_t from, size_t to)
{
    while (from < to && is_blank(s.p[from])) {
        from++;
    }
    return from == to;
}

/* The end of the section that begins at from; passes its headings. Headings without text below them
 * lead the section that follows; small subsections stay together. */
static size_t section_end(struct chunker *c, size_t from, struct str *ret_heading)
{
    const struct extracted *ex = c->ex;
    size_t words = from; /* behind the headings that lead the section */
    bool named = false;
    while (c->heading < ex->heading_count) {
        const struct extract_heading *h = &ex->headings[c->heading];
        if (only_blank(ex->text, words, h->start)) {
            enter_heading(c, h);
            words = h->end;
        } else {
            if (!named) {
                *ret_heading = path_text(c);
                named = true;
            }
            const size_t next = c->heading + 1 < ex->heading_count ? h[1].start : ex->text.n;
            if (h->level <= SPLIT_LEVEL || next - from > c->aim) {
                return h->start;
            }
            enter_heading(c, h);
        }
        c->heading++;
    }
    if (!named) {
        *ret_heading = path_text(c);
    }
    return ex->text.n;
}

void chunk_text(struct arena *a, const struct extracted *ex, size_t aim, struct chunk_path *path,
                struct chunk_span **ret, size_t *ret_count)
{
    must(aim >= 16);
    struct chunker c = {
        .arena = a, .ex = ex, .aim = aim, .path = path, .spans = buf_make(SIZE_MAX / 2)};
    for (size_t from = 0; from < ex->text.n;) {
        struct str heading = {};
        const size_t end = section_end(&c, from, &heading);
        cut_section(&c, from, end, heading);
        from = end;
    }
    *ret_count = c.spans.n / sizeof(struct chunk_span);
    *ret = arena_alloc(a, c.spans.n + 1);
    if (c.spans.n) {
        memcpy(*ret, c.spans.p, c.spans.n);
    }
    buf_fini(&c.spans);
}
