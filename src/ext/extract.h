/* Readable text out of files that people upload: plain text, Markdown (libcmark) and HTML (gumbo).
 * Bytes in, text out; nothing is stored, nothing is fetched.
 *
 * The text is UTF-8 without markup: paragraphs are separated by an empty line, list items are lines
 * "- x" or "1. x", rows of a table are lines "a | b", code is kept as it stands, links and images
 * are their words. No line ends in a blank, no two empty lines follow each other, and the text
 * neither begins nor ends with white space. Headings stand in the text as lines of their own, and
 * their places are told beside it.
 *
 * A document is read in windows of about a megabyte, so that a large one takes no more memory than
 * a small one. Plain text is cut at an empty line, Markdown at an empty line before a heading that
 * stands outside of code; where there is none, at the best place there is. HTML is one window: its
 * parser needs all of it, and pages that are too large for that are refused.
 *
 * Untrusted input is bounded before and while it is parsed: for each megabyte
 * conf.extract_timeout_ms and the cx's own deadline, and conf.extract_max_memory for the parser's
 * tree; twice conf.document_max_bytes for the text. Neither parser recurses on the way, so 256 KB
 * of stack are enough for any depth of nesting. */
#ifndef EXT_EXTRACT_H
#define EXT_EXTRACT_H

#include "base/cx.h"
#include "base/extent.h"

struct extract_heading {
    int level;         /* 1-6 */
    size_t start, end; /* bytes of its words in the text; start < end */
};

struct extracted {
    struct str text;
    struct str title;    /* <title>, front matter, or the first heading of level 1 */
    struct str language; /* as the file says (<html lang>), "de"; empty when it does not */
    struct extract_heading *headings; /* in the order of the text, never overlapping */
    size_t heading_count;
};

/* Decides the type of an upload: one of "text/plain", "text/markdown", "text/html", with
 * "; charset=windows-1252" behind it when the declared type says so and the bytes need it. name and
 * declared may be empty. What decides: the bytes first (signatures of other formats, NUL, UTF-8,
 * the beginning of an HTML document), then the ending of the name, then the declared type; where
 * they contradict each other, nothing is guessed. An HTML document under the name .txt or .md is
 * such a contradiction; Markdown declared as text/plain is not (browsers say so).
 * UNSUPPORTED_MEDIA_TYPE with the reason; DATABASE_ERROR when bytes cannot be read, which happens
 * twice, window by window. Result is static or in the arena. Any thread. */
enum err extract_type(struct cx *cx, struct str name, struct str declared,
                      const struct extent *bytes, struct str *ret_mime);

/* Reads bytes of a type that extract_type gave, all in one window. Results in cx's arena.
 * VALIDATION_ERROR with a reason that a person can act on ("there is no text in it"),
 * UNSUPPORTED_MEDIA_TYPE when the bytes are not text of that type; DEADLINE_EXCEEDED, CANCELLED.
 * Takes CPU time; any thread. */
enum err extract(struct cx *cx, struct str bytes, struct str mime_type, struct extracted *ret);

enum {
    EXTRACT_WINDOW = 1024 * 1024, /* bytes that are read at once */
    EXTRACT_FENCE = 64,
};

/* A document that is read window by window. Its parts are private to ext/. */
struct extract_reader {
    struct extent rest;
    struct str mime_type;
    size_t window;
    bool latin;
    size_t text_bytes;         /* of all windows so far */
    size_t words_outside;      /* likewise, see extract_out.h */
    const char *joint;         /* what stands between the last window's text and the next one's */
    char fence[EXTRACT_FENCE]; /* the line that opens the code which the last window was cut in */
};

/* Begins with bytes of a type that extract_type gave, both of which must stay. Reads them once, to
 * decide the charset; fails as extract() does. */
enum err extract_begin(struct cx *cx, const struct extent *bytes, struct str mime_type,
                       struct extract_reader *ret);

/* The next window, with results in cx's arena; the texts of all windows, one behind the other, are
 * the document's (a later one begins with the white space between them, and headings count from its
 * own start). The text may be empty. *ret_more false: it was the last one, and there was a text.
 * Fails as extract() does; a document without text only with its last window. */
enum err extract_next(struct cx *cx, struct extract_reader *r, struct extracted *ret,
                      bool *ret_more);

#endif
