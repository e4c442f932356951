/* Markdown by libcmark. The tree is walked with cmark's iterator, so nothing recurses; cmark's own
 * allocator has no argument, hence the thread's current heap. */
#include "ext/extract_format.h"

#include <cmark.h>

static _Thread_local struct extract_heap *current;

static void *heap_calloc(size_t n, size_t size)
{
    return extract_heap_alloc(current, n * size); /* cmark multiplies sizes of its own structs */
}

static void *heap_realloc(void *p, size_t n)
{
    return extract_heap_realloc(current, p, n);
}

static void heap_free(void *p)
{
    extract_heap_free(current, p);
}

static cmark_mem heap_mem = {heap_calloc, heap_realloc, heap_free};

struct walk {
    struct extract_heap heap;
    struct extract_out *out;
    struct str text;
    int depth; /* of lists */
};

/* Whether a line is the second one of a table: cells of dashes, at least one '|'. */
static bool is_delimiter_row(struct str line)
{
    bool bar = false;
    bool dash = false;
    for (size_t i = 0; i < line.n; i++) {
        const char c = line.p[i];
        bar |= c == '|';
        dash |= c == '-';
        if (c != '|' && c != '-' && c != ':' && c != ' ' && c != '\t') {
            return false;
        }
    }
    return bar && dash;
}

static bool is_break(cmark_node *n)
{
    return !n || cmark_node_get_type(n) == CMARK_NODE_SOFTBREAK;
}

/* CommonMark has no tables: they come as paragraphs with a line of dashes. */
static bool is_table(cmark_node *paragraph)
{
    for (cmark_node *n = cmark_node_first_child(paragraph); n; n = cmark_node_next(n)) {
        if (cmark_node_get_type(n) == CMARK_NODE_TEXT && is_break(cmark_node_next(n)) &&
            cmark_node_previous(n) && is_break(cmark_node_previous(n)) &&
            is_delimiter_row(str_of(cmark_node_get_literal(n)))) {
            return true;
        }
    }
    return false;
}

/* A piece of a row: bars between cells become " | ", those at both ends go. */
static void put_cells(struct walk *w, cmark_node *n, struct str s)
{
    if (is_break(cmark_node_previous(n))) {
        s = str_trim(s);
        if (str_starts(s, STR("|"))) {
            s = str_sub(s, 1, s.n);
        }
    }
    if (is_break(cmark_node_next(n))) {
        s = str_trim(s);
        if (str_ends(s, STR("|"))) {
            s.n--;
        }
    }
    struct str cell;
    for (bool first = true; str_split(&s, '|', &cell); first = false) {
        if (!first) {
            extract_out_cell(w->out);
        }
        extract_out_words(w->out, cell);
    }
}

static bool in_table(cmark_node *n)
{
    cmark_node *parent = cmark_node_parent(n);
    return parent && cmark_node_get_user_data(parent) == &heap_mem;
}

static void put_text(struct walk *w, cmark_node *n)
{
    const struct str s = str_of(cmark_node_get_literal(n));
    if (!in_table(n)) {
        extract_out_words(w->out, s);
    } else if (!(is_break(cmark_node_previous(n)) && is_break(cmark_node_next(n)) &&
                 is_delimiter_row(s))) {
        put_cells(w, n, s);
    }
}

static void begin_item(struct walk *w, cmark_node *item)
{
    cmark_node *list = cmark_node_parent(item);
    int64_t number = -1;
    if (cmark_node_get_list_type(list) == CMARK_ORDERED_LIST) {
        /* The place in the list is kept in the list itself: counting siblings would be quadratic.
         */
        number = (int64_t)(intptr_t)cmark_node_get_user_data(list);
        cmark_node_set_user_data(list, (void *)(intptr_t)(number + 1));
    }
    extract_out_item(w->out, w->depth - 1, number);
}

static void begin_list(struct walk *w, cmark_node *list)
{
    extract_out_break(w->out, w->depth ? EXTRACT_LINE : EXTRACT_BLOCK);
    cmark_node_set_user_data(list, (void *)(intptr_t)cmark_node_get_list_start(list));
    w->depth++;
}

static void paragraph(struct walk *w, cmark_node *n, bool enter)
{
    cmark_node *item = cmark_node_parent(n);
    cmark_node *list = item ? cmark_node_parent(item) : NULL;
    const bool tight =
        list && cmark_node_get_type(list) == CMARK_NODE_LIST && cmark_node_get_list_tight(list);
    /* The first paragraph of an item stays beside the item's marker. */
    const bool beside = enter && w->out->prefix_n;
    if (!beside) {
        extract_out_break(w->out, tight ? EXTRACT_LINE : EXTRACT_BLOCK);
    }
    if (enter && is_table(n)) {
        cmark_node_set_user_data(n, &heap_mem);
    }
}

static void enter(struct walk *w, cmark_node *n)
{
    switch ((int)cmark_node_get_type(n)) {
    case CMARK_NODE_HEADING:
        extract_out_heading_begin(w->out, cmark_node_get_heading_level(n));
        break;
    case CMARK_NODE_PARAGRAPH:
        paragraph(w, n, true);
        break;
    case CMARK_NODE_LIST:
        begin_list(w, n);
        break;
    case CMARK_NODE_ITEM:
        begin_item(w, n);
        break;
    case CMARK_NODE_CODE_BLOCK:
        extract_out_break(w->out, EXTRACT_BLOCK);
        extract_out_code(w->out, str_of(cmark_node_get_literal(n)));
        extract_out_break(w->out, EXTRACT_BLOCK);
        break;
    case CMARK_NODE_HTML_BLOCK:
        extract_out_break(w->out, EXTRACT_BLOCK);
        extract_html_piece(&w->heap, str_of(cmark_node_get_literal(n)), w->out);
        extract_out_break(w->out, EXTRACT_BLOCK);
        break;
    case CMARK_NODE_LINEBREAK:
        extract_out_break(w->out, EXTRACT_LINE);
        break;
    case CMARK_NODE_HTML_INLINE:
        if (str_starts(str_of(cmark_node_get_literal(n)), STR("<br"))) {
            extract_out_break(w->out, EXTRACT_LINE);
        }
        break;
    case CMARK_NODE_SOFTBREAK:
        extract_out_break(w->out, in_table(n) ? EXTRACT_LINE : EXTRACT_SPACE);
        break;
    case CMARK_NODE_TEXT:
        put_text(w, n);
        break;
    case CMARK_NODE_CODE:
        extract_out_words(w->out, str_of(cmark_node_get_literal(n)));
        break;
    case CMARK_NODE_THEMATIC_BREAK:
    case CMARK_NODE_BLOCK_QUOTE:
        extract_out_break(w->out, EXTRACT_BLOCK);
        break;
    }
}

static void leave(struct walk *w, cmark_node *n)
{
    switch ((int)cmark_node_get_type(n)) {
    case CMARK_NODE_HEADING:
        extract_out_heading_end(w->out);
        break;
    case CMARK_NODE_PARAGRAPH:
        paragraph(w, n, false);
        break;
    case CMARK_NODE_LIST:
        w->depth--;
        w->out->prefix_n = 0;
        extract_out_break(w->out, w->depth ? EXTRACT_LINE : EXTRACT_BLOCK);
        break;
    case CMARK_NODE_BLOCK_QUOTE:
        extract_out_break(w->out, EXTRACT_BLOCK);
        break;
    }
}

static void walk_document(void *arg)
{
    struct walk *w = arg;
    cmark_parser *parser = cmark_parser_new_with_mem(CMARK_OPT_DEFAULT, &heap_mem);
    cmark_parser_feed(parser, w->text.p, w->text.n);
    cmark_node *document = cmark_parser_finish(parser);
    cmark_consolidate_text_nodes(document);
    cmark_iter *it = cmark_iter_new(document);
    cmark_event_type ev = cmark_iter_next(it);
    while (ev != CMARK_EVENT_DONE) {
        extract_heap_tick(&w->heap);
        if (ev == CMARK_EVENT_ENTER) {
            enter(w, cmark_iter_get_node(it));
        } else {
            leave(w, cmark_iter_get_node(it));
        }
        ev = cmark_iter_next(it);
    }
}

static struct str unquoted(struct str s)
{
    if (s.n >= 2 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0]) {
        return str_sub(s, 1, s.n - 2);
    }
    return s;
}

/* "title: x" among the lines between two "---" at the top; the way static-site tools put metadata
 * before Markdown. Returns what stands behind. */
static struct str front_matter(struct str text, struct extract_out *out)
{
    enum { MAX_LINES = 200 };
    struct str rest = text;
    struct str line;
    if (!str_split(&rest, '\n', &line) || !str_is(str_trim(line), "---")) {
        return text;
    }
    struct str title = {};
    for (int i = 0; i < MAX_LINES && str_split(&rest, '\n', &line); i++) {
        line = str_trim(line);
        if (str_is(line, "---")) {
            extract_out_title(out, title);
            return rest;
        }
        if (line.n && str_find_char(line, ':', 0) < 0 && line.p[0] != '-' && line.p[0] != '#') {
            return text;
        }
        if (str_starts(line, STR("title:"))) {
            title = unquoted(str_trim(str_sub(line, 6, line.n)));
        }
    }
    return text;
}

enum err extract_markdown(struct cx *cx, struct str text, struct extract_out *out)
{
    struct walk w = {.out = out};
    w.text = out->continued ? text : front_matter(text, out);
    extract_heap_init(&w.heap, cx, text.n);
    current = &w.heap;
    const enum err e = extract_heap_run(&w.heap, walk_document, &w);
    current = NULL;
    extract_heap_fini(&w.heap);
    return e;
}
