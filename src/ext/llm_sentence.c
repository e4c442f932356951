#include "ext/llm_sentence.h"

#include "base/buf.h"
#include "base/utf8.h"

enum { HEADING_MAX = 100 };

struct splitter {
    struct str text;
    struct llm_sentence *items;
    size_t count;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool ends_with(struct str s, const char *end)
{
    return str_ends(s, str_of(end));
}

static enum llm_sentence_kind prose_kind(struct str s)
{
    if (ends_with(s, ":")) {
        return LLM_LEAD;
    }
    return ends_with(s, "?") || ends_with(s, "\xD8\x9F") ? LLM_ASKED : LLM_PROSE;
}

static void add(struct splitter *sp, size_t start, size_t end, enum llm_sentence_kind kind)
{
    while (start < end && is_blank(sp->text.p[start])) {
        start++;
    }
    while (end > start && is_blank(sp->text.p[end - 1])) {
        end--;
    }
    if (start == end) {
        return;
    }
    if (kind == LLM_PROSE) {
        kind = prose_kind(str_sub(sp->text, start, end - start));
    }
    sp->items[sp->count++] = (struct llm_sentence){start, end, kind};
}

/* Bytes of a list sign at the beginning of a line: "- ", "* ", "• ", "12. ", "3) ". */
static size_t list_sign(struct str line)
{
    if (line.n >= 2 && strchr("-*+", line.p[0]) && is_blank(line.p[1])) {
        return 2;
    }
    if (str_starts(line, STR("\xE2\x80\xA2"))) {
        return 3;
    }
    size_t n = 0;
    while (n < line.n && n < 3 && is_digit(line.p[n])) {
        n++;
    }
    const bool numbered = n > 0 && n + 1 < line.n && (line.p[n] == '.' || line.p[n] == ')') &&
                          is_blank(line.p[n + 1]);
    return numbered ? n + 2 : 0;
}

static enum llm_sentence_kind line_kind(struct str line)
{
    if (line.n && line.p[0] == '#') {
        return LLM_HEADING;
    }
    if (line.n && (line.p[0] == '|' || str_find(line, STR(" | "), 0) >= 0)) {
        return LLM_ROW;
    }
    return list_sign(line) ? LLM_ITEM : LLM_PROSE;
}

/* Length of a sign that can end a sentence, or 0. */
static size_t stop_sign(struct str s, size_t at)
{
    if (strchr(".!?", s.p[at])) {
        return s.p[at] ? 1 : 0;
    }
    const struct str rest = str_sub(s, at, 3);
    if (str_starts(rest, STR("\xE2\x80\xA6")) || str_starts(rest, STR("\xE3\x80\x82"))) {
        return 3;
    }
    return str_starts(rest, STR("\xD8\x9F")) ? 2 : 0;
}

/* "3. Mai", "24. grudnia": a day before a month. */
static bool is_before_month(struct str s, size_t dot)
{
    static const char months[] =
        " jan feb mar m\xC3\xA4r apr mai maj may jun jul aug sep okt oct nov "
        "dez dec sty lut kwi cze lip sie wrz pa\xC5\xBA lis gru sij vel o\xC5\xBEu "
        "tra svi srp kol ruj stu pro ";
    size_t word = dot + 1;
    while (word < s.n && is_blank(s.p[word])) {
        word++;
    }
    char key[8];
    const struct str w = utf8_prefix(str_sub(s, word, 4), 4);
    size_t at = 0;
    for (int i = 0; i < 3 && at < w.n; i++) {
        (void)utf8_next(w, &at);
    }
    (void)snprintf(key, sizeof(key), " %.*s ", (int)at, w.p);
    return at > 0 && strcasestr(months, key) != NULL;
}

/* "Dr.", "z.B.", "No. 5", "3. Mai": a full stop that ends a word and not a sentence. */
static bool is_abbreviation(struct str s, size_t dot)
{
    size_t word = dot;
    while (word > 0 && !is_blank(s.p[word - 1]) && s.p[word - 1] != '(') {
        word--;
    }
    const struct str w = str_sub(s, word, dot - word);
    if (w.n && w.n <= 2 && is_digit(w.p[0])) {
        return is_before_month(s, dot);
    }
    if (w.n <= 1) {
        return true;
    }
    static const char list[] =
        " dr mr mrs ms st no nr ca bzw usw approx etc inkl zzgl max min tel art "
        "str sr sra av vs ul np tzv itd mme sig prof ";
    char key[16];
    if (w.n + 2 >= sizeof(key)) {
        return false;
    }
    (void)snprintf(key, sizeof(key), " %.*s ", STR_ARG(w));
    return str_find_char(w, '.', 0) >= 0 || strcasestr(list, key) != NULL;
}

static bool starts_lower(struct str s, size_t at)
{
    return at < s.n && s.p[at] >= 'a' && s.p[at] <= 'z';
}

/* A line that stands alone and does not end like a sentence. */
static bool is_heading(struct str paragraph)
{
    const struct str s = str_trim(paragraph);
    return s.n && s.n <= HEADING_MAX && str_find_char(s, '\n', 0) < 0 &&
           !strchr(".!?:;,\"')", s.p[s.n - 1]) && !stop_sign(s, utf8_floor(s, s.n - 1));
}

/* Splits one paragraph of prose. */
static void split_prose(struct splitter *sp, size_t start, size_t end)
{
    const struct str s = str_sub(sp->text, 0, end);
    size_t from = start;
    if (is_heading(str_sub(s, start, end - start))) {
        add(sp, start, end, LLM_HEADING);
        return;
    }
    for (size_t at = start; at < end;) {
        const size_t stop = stop_sign(s, at);
        if (!stop) {
            at++;
            continue;
        }
        size_t next = at + stop;
        while (next < end && (strchr("\"')]*_", s.p[next]) || stop_sign(s, next))) {
            next++;
        }
        size_t word = next;
        while (word < end && is_blank(s.p[word])) {
            word++;
        }
        const bool ends =
            word > next && !starts_lower(s, word) && !(s.p[at] == '.' && is_abbreviation(s, at));
        if (ends) {
            add(sp, from, next, LLM_PROSE);
            from = word;
        }
        at = next;
    }
    add(sp, from, end, LLM_PROSE);
}

struct llm_sentence *llm_sentences(struct arena *a, struct str text, size_t *ret_count)
{
    size_t max = 2;
    for (size_t i = 0; i < text.n; i++) {
        max += text.p[i] == '\n' || stop_sign(text, i) > 0;
    }
    struct splitter sp = {.text = text, .items = arena_many(a, struct llm_sentence, max)};
    size_t open = 0; /* where the paragraph that is gathered begins */
    bool gathering = false;
    for (size_t at = 0; at < text.n;) {
        const ptrdiff_t nl = str_find_char(text, '\n', at);
        const size_t end = nl < 0 ? text.n : (size_t)nl;
        const struct str line = str_trim(str_sub(text, at, end - at));
        const enum llm_sentence_kind kind = line_kind(line);
        if (gathering && (!line.n || kind != LLM_PROSE)) {
            split_prose(&sp, open, at);
            gathering = false;
        }
        if (kind != LLM_PROSE) {
            add(&sp, at, end, kind);
        } else if (line.n && !gathering) {
            open = at;
            gathering = true;
        }
        at = end + 1;
    }
    if (gathering) {
        split_prose(&sp, open, text.n);
    }
    *ret_count = sp.count;
    return sp.items;
}

/* "| a | b |" as "a – b". */
static void show_row(struct buf *out, struct str row)
{
    struct str rest = row;
    struct str cell;
    while (str_split(&rest, '|', &cell)) {
        cell = str_trim(cell);
        if (cell.n) {
            buf_cstr(out, out->n ? " \xE2\x80\x93 " : "");
            buf_str(out, cell);
        }
    }
}

static void show_prose(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        const bool doubled = i + 1 < s.n && s.p[i + 1] == s.p[i];
        if ((s.p[i] == '*' || s.p[i] == '_') && doubled) {
            i++;
        } else if (is_blank(s.p[i])) {
            if (out->n && out->p[out->n - 1] != ' ') {
                buf_char(out, ' ');
            }
        } else if (s.p[i] != '`') {
            buf_char(out, s.p[i]);
        }
    }
}

struct str llm_sentence_show(struct arena *a, struct str sentence)
{
    SCOPED(buf_fini) struct buf row = buf_make(sentence.n * 4 + 16);
    SCOPED(buf_fini) struct buf out = buf_make(sentence.n * 4 + 16);
    struct str s = str_trim(sentence);
    while (s.n && s.p[0] == '#') {
        s = str_trim(str_sub(s, 1, s.n));
    }
    s = str_trim(str_sub(s, list_sign(s), s.n));
    if (line_kind(s) == LLM_ROW) {
        show_row(&row, s);
        s = buf_view(&row);
    }
    show_prose(&out, s);
    return str_dup(a, str_trim(buf_view(&out)));
}
