/* The readers behind extract(), one for each format. text is UTF-8 without NUL; each says what it
 * reads to out, and fails as extract() does. */
#ifndef EXT_EXTRACT_FORMAT_H
#define EXT_EXTRACT_FORMAT_H

#include "ext/extract_heap.h"
#include "ext/extract_out.h"

/* text/plain: lines and empty lines stay. */
enum err extract_plain(struct cx *cx, struct str text, struct extract_out *out);

/* text/markdown; also tables, and pieces of HTML. */
enum err extract_markdown(struct cx *cx, struct str text, struct extract_out *out);

/* text/html: the main text of the page, its title and language. */
enum err extract_html(struct cx *cx, struct str text, struct extract_out *out);

/* Within a run of heap: the text of a piece of HTML, as it may stand in Markdown. */
void extract_html_piece(struct extract_heap *heap, struct str piece, struct extract_out *out);

#endif
