#include "ext/extract_out.h"

#include "base/utf8.h"

enum {
    MAX_INDENT = 8, /* levels of nested lists that are still indented */
    MAX_TITLE = 512,
    MAX_LANGUAGE = 8,
};

void extract_out_init(struct extract_out *o, size_t max)
{
    *o = (struct extract_out){
        .text = buf_make(max),
        .headings = buf_make(max),
        .title = buf_make(MAX_TITLE),
        .language = buf_make(MAX_LANGUAGE),
    };
}

void extract_out_fini(struct extract_out *o)
{
    buf_fini(&o->text);
    buf_fini(&o->headings);
    buf_fini(&o->title);
    buf_fini(&o->language);
}

void extract_out_break(struct extract_out *o, enum extract_break b)
{
    if (o->flat && b > EXTRACT_SPACE) {
        b = EXTRACT_SPACE;
    }
    if (b > o->pending) {
        o->pending = b;
    }
}

/* What stands between the last word and the next. */
static void settle(struct extract_out *o)
{
    static const char *const signs[] = {"", " ", "\n", "\n\n"};
    if (o->text.n) {
        buf_cstr(&o->text, signs[o->pending]);
    }
    o->pending = EXTRACT_NONE;
    size_t skip = 0; /* no indentation at the very start */
    while (!o->text.n && skip < o->prefix_n && o->prefix[skip] == ' ') {
        skip++;
    }
    buf_add(&o->text, o->prefix + skip, o->prefix_n - skip);
    o->prefix_n = 0;
    if (o->level && o->heading_start == SIZE_MAX) {
        o->heading_start = o->text.n;
    }
}

static void put(struct extract_out *o, const char *p, size_t n)
{
    if (o->pending || o->prefix_n || o->heading_start == SIZE_MAX) {
        settle(o);
    }
    buf_add(&o->text, p, n);
    if (!o->level) {
        o->words_outside += n;
    }
}

enum sign {
    SIGN_WORD,
    SIGN_BLANK,
    SIGN_NOTHING, /* is not seen: left out */
};

/* The signs that matter, in UTF-8: no-break and narrow no-break space; soft hyphen, zero-width
 * space, byte order mark. */
static enum sign sign_at(struct str s, size_t at, size_t *ret_n)
{
    static const struct {
        const char *bytes;
        enum sign sign;
    } rows[] = {
        {"\xc2\xa0", SIGN_BLANK},       {"\xe2\x80\xaf", SIGN_BLANK},   {"\xc2\xad", SIGN_NOTHING},
        {"\xe2\x80\x8b", SIGN_NOTHING}, {"\xef\xbb\xbf", SIGN_NOTHING},
    };
    const unsigned char c = (unsigned char)s.p[at];
    *ret_n = 1;
    if (c <= 0x20 || c == 0x7f) {
        return (c >= '\t' && c <= '\r') || c == ' ' ? SIGN_BLANK : SIGN_NOTHING;
    }
    if (c != 0xc2 && c != 0xe2 && c != 0xef) {
        return SIGN_WORD;
    }
    for (size_t i = 0; i < COUNT(rows); i++) {
        if (str_starts(str_sub(s, at, 3), str_of(rows[i].bytes))) {
            *ret_n = strlen(rows[i].bytes);
            return rows[i].sign;
        }
    }
    return SIGN_WORD;
}

void extract_out_words(struct extract_out *o, struct str s)
{
    size_t from = 0;
    size_t n = 1;
    for (size_t at = 0; at < s.n; at += n) {
        const enum sign sign = sign_at(s, at, &n);
        if (sign == SIGN_WORD) {
            continue;
        }
        if (at > from) {
            put(o, s.p + from, at - from);
        }
        from = at + n;
        if (sign == SIGN_BLANK) {
            extract_out_break(o, EXTRACT_SPACE);
        }
    }
    if (s.n > from) {
        put(o, s.p + from, s.n - from);
    }
}

static struct str trim_right(struct str s)
{
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r')) {
        s.n--;
    }
    return s;
}

void extract_out_code(struct extract_out *o, struct str s)
{
    struct str line;
    while (str_split(&s, '\n', &line)) {
        line = trim_right(line);
        size_t indent = 0;
        while (indent < line.n && (line.p[indent] == ' ' || line.p[indent] == '\t')) {
            indent++;
        }
        if (indent == line.n) {
            extract_out_break(o, o->pending == EXTRACT_LINE ? EXTRACT_BLOCK : EXTRACT_LINE);
            continue;
        }
        const bool marked = o->prefix_n; /* by the item that the code stands in */
        if (!o->flat && !marked && o->text.n) {
            o->prefix_n = indent < sizeof(o->prefix) ? indent : sizeof(o->prefix);
            memcpy(o->prefix, line.p, o->prefix_n);
        }
        extract_out_words(o, str_sub(line, indent, line.n));
        o->prefix_n = marked ? o->prefix_n : 0;
        extract_out_break(o, EXTRACT_LINE);
    }
}

void extract_out_item(struct extract_out *o, int depth, int64_t number)
{
    extract_out_break(o, EXTRACT_LINE);
    if (o->flat) {
        return;
    }
    const int indent = 2 * (depth < MAX_INDENT ? depth : MAX_INDENT);
    const int n =
        number < 0 ? snprintf(o->prefix, sizeof(o->prefix), "%*s- ", indent, "")
                   : snprintf(o->prefix, sizeof(o->prefix), "%*s%" PRId64 ". ", indent, "", number);
    o->prefix_n = (size_t)n;
}

void extract_out_cell(struct extract_out *o)
{
    if (o->text.n && o->pending <= EXTRACT_SPACE) {
        buf_cstr(&o->text, " |");
    } else {
        put(o, "|", 1);
    }
    o->pending = EXTRACT_SPACE;
}

void extract_out_title(struct extract_out *o, struct str s)
{
    if (o->title.n) {
        return;
    }
    struct extract_out line;
    extract_out_init(&line, s.n + 1);
    extract_out_words(&line, s);
    buf_str(&o->title, utf8_prefix(buf_view(&line.text), MAX_TITLE));
    extract_out_fini(&line);
}

void extract_out_heading_begin(struct extract_out *o, int level)
{
    extract_out_break(o, EXTRACT_BLOCK);
    if (o->level) {
        return; /* a heading within a heading is part of it */
    }
    o->level = level;
    o->heading_start = SIZE_MAX;
    o->flat++;
}

void extract_out_heading_end(struct extract_out *o)
{
    if (!o->level) {
        return;
    }
    if (o->heading_start != SIZE_MAX && !o->text.full) {
        const struct extract_heading h = {o->level, o->heading_start, o->text.n};
        buf_add(&o->headings, &h, sizeof(h));
    }
    o->level = 0;
    o->heading_start = 0;
    o->flat--;
    extract_out_break(o, EXTRACT_BLOCK);
}
