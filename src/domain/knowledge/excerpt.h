/* A place in a document's text with what stands around it: what opens when somebody follows a
 * citation. */
#ifndef DOMAIN_KNOWLEDGE_EXCERPT_H
#define DOMAIN_KNOWLEDGE_EXCERPT_H

#include "domain/knowledge/document.h"

enum { EXCERPT_AROUND = 600 }; /* bytes before and behind, at most */

/* The three follow on each other in the text, but for blanks at the outer ends. */
struct excerpt {
    struct str before, quote, after;
};

/* Takes a piece of UTF-8 text apart whose ends may cut a code point, at [start, end), which does
 * not. before begins where a line or a sentence begins, after ends where one ends; where there is
 * no such place, at a blank, and at the least between code points. first, last: the piece has the
 * text's own beginning, its own end. Pure; views of the piece. */
struct excerpt excerpt_cut(struct str piece, size_t start, size_t end, bool first, bool last);

/* Bytes [start, end) of a version's text and what is around them, in the arena. *ret_found false
 * when the document was deleted or the text is no longer stored. */
enum err document_excerpt(struct db_tx *tx, struct document_id id, int64_t version, int64_t start,
                          int64_t end, struct excerpt *ret, bool *ret_found);

#endif
