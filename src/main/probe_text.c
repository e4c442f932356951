/* Probes of what is read out of documents and answers. */
#include "base/conf.h"
#include "base/jw.h"
#include "domain/assistant/markers.h"
#include "domain/knowledge/chunker.h"
#include "domain/knowledge/language.h"
#include "domain/knowledge/terms.h"
#include "main/probe.h"

/* For add_heading and add_chunk, which show the words beside the places. */
struct places {
    struct str text;
    const struct extract_heading *headings;
    const struct chunk_span *chunks;
};

static void add_heading(struct buf *out, const void *items, size_t i)
{
    const struct places *v = items;
    const struct extract_heading *h = &v->headings[i];
    jw_open(out, '{');
    jw_member_i64(out, "level", h->level);
    jw_member_i64(out, "start", (int64_t)h->start);
    jw_member_i64(out, "end", (int64_t)h->end);
    jw_member_str(out, "text", str_sub(v->text, h->start, h->end - h->start));
    jw_close(out, '}');
}

static enum err read_document(struct probe *p, struct str mime, struct extracted *ret)
{
    TRY(probe_bound(p, (size_t)conf.document_max_bytes));
    jw_member_str(&p->out, "type", mime);
    return extract(&p->cx, p->input, mime, ret);
}

static enum err show_document(struct probe *p, struct str mime)
{
    struct extracted ex = {};
    TRY(read_document(p, mime, &ex));
    const struct places v = {.text = ex.text, .headings = ex.headings};
    jw_member_str(&p->out, "title", ex.title);
    jw_member_str(&p->out, "language", ex.language.n ? ex.language : language_guess(ex.text));
    jw_member_str(&p->out, "text", ex.text);
    probe_list(p, "headings", ex.heading_count, add_heading, &v);
    return ERR_OK;
}

static enum err probe_plain(struct probe *p)
{
    return show_document(p, STR("text/plain"));
}

static enum err probe_markdown(struct probe *p)
{
    return show_document(p, STR("text/markdown"));
}

static enum err probe_html(struct probe *p)
{
    return show_document(p, STR("text/html"));
}

static enum err type_of(struct probe *p, struct str *ret_mime)
{
    const struct str name = p->options[PROBE_NAME] ? probe_option(p, PROBE_NAME) : p->filename;
    const struct extent bytes = extent_of(p->input);
    return extract_type(&p->cx, name, probe_option(p, PROBE_CONTENT_TYPE), &bytes, ret_mime);
}

static enum err probe_extract(struct probe *p)
{
    struct str mime;
    TRY(type_of(p, &mime));
    return show_document(p, mime);
}

static void add_chunk(struct buf *out, const void *items, size_t i)
{
    const struct places *v = items;
    const struct chunk_span *c = &v->chunks[i];
    jw_open(out, '{');
    jw_member_i64(out, "start", (int64_t)c->start);
    jw_member_i64(out, "end", (int64_t)c->end);
    jw_member_str(out, "heading", c->heading);
    jw_member_str(out, "text", str_sub(v->text, c->start, c->end - c->start));
    jw_close(out, '}');
}

static enum err probe_chunks(struct probe *p)
{
    struct extracted ex = {};
    struct chunk_span *spans = NULL;
    struct str mime;
    size_t count = 0;
    TRY(type_of(p, &mime));
    TRY(read_document(p, mime, &ex));
    chunk_text(p->cx.arena, &ex, (size_t)conf.chunk_chars, &(struct chunk_path){}, &spans, &count);
    const struct places v = {.text = ex.text, .chunks = spans};
    probe_list(p, "chunks", count, add_chunk, &v);
    return ERR_OK;
}

static enum err probe_terms(struct probe *p)
{
    TRY(probe_bound(p, (size_t)conf.document_max_bytes));
    TRY(probe_utf8(p));
    struct str language = language_code(p->cx.arena, probe_option(p, PROBE_LANGUAGE));
    if (!language.n) {
        language = language_guess(p->input);
    }
    SCOPED(buf_fini) struct buf all = buf_make(PROBE_OUTPUT);
    struct terms *terms = terms_new(language);
    const size_t count = terms_index(terms, p->input, &all);
    terms_free(&terms);
    struct str rest = buf_view(&all);
    struct str term;
    jw_member_str(&p->out, "language", language);
    jw_member_i64(&p->out, "count", (int64_t)count);
    jw_key(&p->out, "terms");
    jw_open(&p->out, '[');
    for (int i = 0; i < PROBE_ITEMS && rest.n && str_split(&rest, ' ', &term); i++) {
        jw_str(&p->out, term);
    }
    jw_close(&p->out, ']');
    return ERR_OK;
}

static enum err probe_language(struct probe *p)
{
    TRY(probe_utf8(p));
    const struct str language = language_guess(p->input);
    if (!language.n) {
        return cx_fail(&p->cx, CODE_VALIDATION_ERROR, "nothing tells which language it is");
    }
    jw_member_str(&p->out, "language", language);
    return ERR_OK;
}

static void add_marker(struct buf *out, const void *items, size_t i)
{
    const struct marker *m = (const struct marker *)items + i;
    jw_open(out, '{');
    jw_member_i64(out, "number", m->number);
    jw_member_i64(out, "at", (int64_t)m->at);
    jw_member_str(out, "quote", m->quote);
    jw_close(out, '}');
}

static enum err probe_markers(struct probe *p)
{
    TRY(probe_bound(p, (size_t)conf.llm_max_output));
    SCOPED(markers_fini)
    struct marker_filter f = markers_make(p->cx.arena, (size_t)conf.llm_max_output);
    (void)markers_feed(&f, p->input);
    (void)markers_end(&f);
    jw_member_str(&p->out, "visible", buf_view(&f.visible));
    jw_member_bool(&p->out, "unknown", f.unknown);
    jw_member_bool(&p->out, "handover", f.handover);
    probe_list(p, "markers", f.count, add_marker, f.items);
    return ERR_OK;
}

const struct probe_row probe_text_rows[] = {
    {"extract", "an upload of any type: the type, and the text in it",
     1 << PROBE_NAME | 1 << PROBE_CONTENT_TYPE, probe_extract},
    {"text", "plain text, as a document", 0, probe_plain},
    {"markdown", "Markdown, as a document", 0, probe_markdown},
    {"html", "HTML, as a document", 0, probe_html},
    {"chunks", "an upload of any type: the passages that it is cut into",
     1 << PROBE_NAME | 1 << PROBE_CONTENT_TYPE, probe_chunks},
    {"terms", "a text: what it is searched by", 1 << PROBE_LANGUAGE, probe_terms},
    {"language", "a text: which language it is in", 0, probe_language},
    {"markers", "a model's answer with its marks of citation", 0, probe_markers},
    {},
};
