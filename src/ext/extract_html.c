/* HTML by gumbo. The tree is walked by parent links, so depth costs no stack, and it is never freed
 * node by node (gumbo does that by recursion): the heap goes as a whole. */
#include "ext/extract_format.h"

#include <gumbo.h>

/* Where a page keeps what is not its subject. Strict leaves all of it out; when nothing is left
 * then (a page that is one form), only what is never text. */
enum reach { REACH_STRICT, REACH_LENIENT };

struct walk {
    struct extract_heap *heap;
    struct extract_out *out;
    struct str text;
    enum reach reach;
    int lists;
    int pre;
    int articles; /* open <main> and <article>: their <header> is part of the subject */
};

static void *gumbo_alloc(void *heap, size_t n)
{
    return extract_heap_alloc(heap, n);
}

static void gumbo_release(void *heap, void *p)
{
    extract_heap_free(heap, p);
}

static GumboNode *parse(struct extract_heap *heap, struct str text)
{
    GumboOptions options = kGumboDefaultOptions;
    options.allocator = gumbo_alloc;
    options.deallocator = gumbo_release;
    options.userdata = heap;
    options.max_errors = 0;
    return gumbo_parse_with_options(&options, text.p, text.n)->document;
}

static const GumboVector *children(const GumboNode *n)
{
    static const GumboVector none;
    switch (n->type) {
    case GUMBO_NODE_DOCUMENT:
        return &n->v.document.children;
    case GUMBO_NODE_ELEMENT:
    case GUMBO_NODE_TEMPLATE:
        return &n->v.element.children;
    case GUMBO_NODE_TEXT:
    case GUMBO_NODE_CDATA:
    case GUMBO_NODE_COMMENT:
    case GUMBO_NODE_WHITESPACE:
        break;
    }
    return &none;
}

static GumboTag tag_of(const GumboNode *n)
{
    return n->type == GUMBO_NODE_ELEMENT ? n->v.element.tag : GUMBO_TAG_UNKNOWN;
}

static struct str attribute(const GumboNode *n, const char *name)
{
    const GumboAttribute *a = gumbo_get_attribute(&n->v.element.attributes, name);
    return str_of(a ? a->value : NULL);
}

static bool has_attribute(const GumboNode *n, const char *name)
{
    return gumbo_get_attribute(&n->v.element.attributes, name);
}

/* What a reader of the page does not see must not be answered from either. */
static bool is_hidden(const GumboNode *n)
{
    if (has_attribute(n, "hidden") || str_is(attribute(n, "aria-hidden"), "true")) {
        return true;
    }
    const struct str style = attribute(n, "style");
    for (size_t at = 0; at + 7 < style.n; at++) {
        const struct str rest = str_sub(style, at, style.n);
        if (str_eq_nocase(str_sub(rest, 0, 7), STR("display")) &&
            str_find(rest, STR("none"), 7) >= 0 && str_find(rest, STR("none"), 7) < 12) {
            return true;
        }
    }
    return false;
}

static bool is_skipped(const struct walk *w, const GumboNode *n)
{
    if (n->type == GUMBO_NODE_TEMPLATE || n->type == GUMBO_NODE_COMMENT) {
        return true;
    }
    if (n->type != GUMBO_NODE_ELEMENT) {
        return false;
    }
    switch ((int)n->v.element.tag) {
    case GUMBO_TAG_HEAD:
    case GUMBO_TAG_SCRIPT:
    case GUMBO_TAG_STYLE:
    case GUMBO_TAG_NOSCRIPT:
    case GUMBO_TAG_TEMPLATE:
    case GUMBO_TAG_SVG:
    case GUMBO_TAG_MATH:
    case GUMBO_TAG_IFRAME:
    case GUMBO_TAG_OBJECT:
    case GUMBO_TAG_CANVAS:
    case GUMBO_TAG_SELECT:
    case GUMBO_TAG_TEXTAREA:
    case GUMBO_TAG_NAV:
        return true;
    case GUMBO_TAG_HEADER:
        return w->reach == REACH_STRICT && !w->articles;
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_BUTTON:
    case GUMBO_TAG_MENU:
        return w->reach == REACH_STRICT;
    default:
        return is_hidden(n);
    }
}

static enum extract_break break_of(GumboTag tag)
{
    switch ((int)tag) {
    case GUMBO_TAG_P:
    case GUMBO_TAG_DIV:
    case GUMBO_TAG_SECTION:
    case GUMBO_TAG_ARTICLE:
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_HEADER:
    case GUMBO_TAG_FOOTER:
    case GUMBO_TAG_ASIDE:
    case GUMBO_TAG_FORM:
    case GUMBO_TAG_FIELDSET:
    case GUMBO_TAG_BLOCKQUOTE:
    case GUMBO_TAG_PRE:
    case GUMBO_TAG_TABLE:
    case GUMBO_TAG_DL:
    case GUMBO_TAG_HR:
    case GUMBO_TAG_FIGURE:
    case GUMBO_TAG_DETAILS:
    case GUMBO_TAG_ADDRESS:
        return EXTRACT_BLOCK;
    case GUMBO_TAG_BR:
    case GUMBO_TAG_TR:
    case GUMBO_TAG_DT:
    case GUMBO_TAG_DD:
    case GUMBO_TAG_CAPTION:
    case GUMBO_TAG_FIGCAPTION:
    case GUMBO_TAG_SUMMARY:
    case GUMBO_TAG_OPTION:
    case GUMBO_TAG_LEGEND:
        return EXTRACT_LINE;
    default:
        return EXTRACT_NONE;
    }
}

/* Paragraphs of a list item keep the list together. */
static enum extract_break break_here(const struct walk *w, GumboTag tag)
{
    return w->lists && tag == GUMBO_TAG_P ? EXTRACT_LINE : break_of(tag);
}

static int heading_level(GumboTag tag)
{
    return tag >= GUMBO_TAG_H1 && tag <= GUMBO_TAG_H6 ? (int)tag - (int)GUMBO_TAG_H1 + 1 : 0;
}

/* The item's number in an ordered list; -1 in another. Items are counted in the list's own end
 * position, which nothing else reads: looking at the siblings of each would be quadratic. */
static int64_t item_number(const GumboNode *item)
{
    GumboNode *list = item->parent;
    return list && tag_of(list) == GUMBO_TAG_OL ? (int64_t)++list->v.element.end_pos.offset : -1;
}

static void enter_element(struct walk *w, GumboNode *n)
{
    const GumboTag tag = tag_of(n);
    struct extract_out *out = w->out;
    if (!(out->prefix_n && break_of(tag) == EXTRACT_BLOCK)) {
        extract_out_break(out, break_here(w, tag));
    }
    if (heading_level(tag)) {
        extract_out_heading_begin(out, heading_level(tag));
    }
    switch ((int)tag) {
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
        extract_out_break(out, w->lists ? EXTRACT_LINE : EXTRACT_BLOCK);
        n->v.element.end_pos.offset = 0;
        w->lists++;
        break;
    case GUMBO_TAG_LI:
        extract_out_item(out, w->lists ? w->lists - 1 : 0, item_number(n));
        break;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
        if (n->index_within_parent > 0 && out->pending < EXTRACT_LINE) {
            extract_out_cell(out);
        }
        out->flat++;
        break;
    case GUMBO_TAG_PRE:
        w->pre++;
        break;
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_ARTICLE:
        w->articles++;
        break;
    case GUMBO_TAG_IMG:
        extract_out_words(out, attribute(n, "alt"));
        break;
    default:
        break;
    }
}

static void leave_element(struct walk *w, const GumboNode *n)
{
    const GumboTag tag = tag_of(n);
    if (heading_level(tag)) {
        extract_out_heading_end(w->out);
    }
    switch ((int)tag) {
    case GUMBO_TAG_UL:
    case GUMBO_TAG_OL:
        w->lists--;
        w->out->prefix_n = 0;
        extract_out_break(w->out, w->lists ? EXTRACT_LINE : EXTRACT_BLOCK);
        break;
    case GUMBO_TAG_LI:
        w->out->prefix_n = 0;
        extract_out_break(w->out, EXTRACT_LINE);
        break;
    case GUMBO_TAG_TD:
    case GUMBO_TAG_TH:
        w->out->flat--;
        break;
    case GUMBO_TAG_PRE:
        w->pre--;
        break;
    case GUMBO_TAG_MAIN:
    case GUMBO_TAG_ARTICLE:
        w->articles--;
        break;
    default:
        break;
    }
    extract_out_break(w->out, break_here(w, tag));
}

static void enter(struct walk *w, GumboNode *n)
{
    switch (n->type) {
    case GUMBO_NODE_ELEMENT:
        enter_element(w, n);
        break;
    case GUMBO_NODE_TEXT:
    case GUMBO_NODE_CDATA:
    case GUMBO_NODE_WHITESPACE:
        if (w->pre && !w->out->flat) {
            extract_out_code(w->out, str_of(n->v.text.text));
        } else {
            extract_out_words(w->out, str_of(n->v.text.text));
        }
        break;
    case GUMBO_NODE_DOCUMENT:
    case GUMBO_NODE_COMMENT:
    case GUMBO_NODE_TEMPLATE:
        break;
    }
}

/* The next node of the walk after n and all below it, within root; leaves what ends on the way. */
static GumboNode *after(struct walk *w, GumboNode *n, const GumboNode *root)
{
    while (n != root) {
        const GumboVector *siblings = children(n->parent);
        if (n->index_within_parent + 1 < siblings->length) {
            return siblings->data[n->index_within_parent + 1];
        }
        n = n->parent;
        if (n->type == GUMBO_NODE_ELEMENT) {
            leave_element(w, n);
        }
    }
    return NULL;
}

static void walk_below(struct walk *w, GumboNode *root)
{
    GumboNode *n = root;
    while (n) {
        extract_heap_tick(w->heap);
        if (is_skipped(w, n)) {
            n = after(w, n, root);
            continue;
        }
        enter(w, n);
        const GumboVector *below = children(n);
        if (below->length) {
            n = below->data[0];
            continue;
        }
        if (n->type == GUMBO_NODE_ELEMENT) {
            leave_element(w, n);
        }
        n = after(w, n, root);
    }
}

static GumboNode *find(struct extract_heap *heap, GumboNode *root, GumboTag tag)
{
    GumboNode *n = root;
    while (n) {
        extract_heap_tick(heap);
        if (n->type == GUMBO_NODE_ELEMENT && n->v.element.tag == tag) {
            return n;
        }
        const GumboVector *below = children(n);
        GumboNode *next = below->length ? below->data[0] : NULL;
        while (!next && n != root) {
            const GumboVector *siblings = children(n->parent);
            next = n->index_within_parent + 1 < siblings->length
                       ? siblings->data[n->index_within_parent + 1]
                       : NULL;
            n = n->parent;
        }
        n = next;
    }
    return NULL;
}

static void note_head(struct walk *w, GumboNode *document)
{
    GumboNode *html = find(w->heap, document, GUMBO_TAG_HTML);
    if (!html) {
        return;
    }
    struct str tag = attribute(html, "lang");
    struct str language;
    if (str_split(&tag, '-', &language)) {
        buf_str(&w->out->language, language);
    }
    GumboNode *head = find(w->heap, html, GUMBO_TAG_HEAD);
    GumboNode *title = head ? find(w->heap, head, GUMBO_TAG_TITLE) : NULL;
    const GumboVector *below = title ? children(title) : NULL;
    if (below && below->length) {
        const GumboNode *text = below->data[0];
        extract_out_title(w->out, str_of(text->v.text.text));
    }
}

static void walk_document(void *arg)
{
    struct walk *w = arg;
    GumboNode *document = parse(w->heap, w->text);
    note_head(w, document);
    GumboNode *subject = find(w->heap, document, GUMBO_TAG_MAIN);
    if (subject) {
        walk_below(w, subject);
    }
    if (!w->out->text.n) {
        walk_below(w, document);
    }
    if (!w->out->text.n) {
        w->reach = REACH_LENIENT;
        walk_below(w, document);
    }
}

enum err extract_html(struct cx *cx, struct str text, struct extract_out *out)
{
    struct extract_heap heap;
    extract_heap_init(&heap, cx, text.n);
    struct walk w = {.heap = &heap, .out = out, .text = text};
    const enum err e = extract_heap_run(&heap, walk_document, &w);
    extract_heap_fini(&heap);
    return e;
}

void extract_html_piece(struct extract_heap *heap, struct str piece, struct extract_out *out)
{
    struct walk w = {.heap = heap, .out = out, .reach = REACH_LENIENT};
    const struct heap_block *mark = extract_heap_mark(heap);
    walk_below(&w, parse(heap, piece));
    extract_heap_drop(heap, mark);
}
