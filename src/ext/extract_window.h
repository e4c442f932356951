/* Where a window of a document may end, so that it and the next one can be read apart. Pure. */
#ifndef EXT_EXTRACT_WINDOW_H
#define EXT_EXTRACT_WINDOW_H

#include "ext/extract.h"

struct extract_cut {
    size_t at;         /* > 0 */
    const char *joint; /* what the cut stands for in the text: an empty line, a line end … */
    char fence[EXTRACT_FENCE]; /* the line that opened the code which is cut; empty: none */
};

/* The last empty line in the second half of bytes (not empty); else line end, blank, code point. */
struct extract_cut extract_cut_plain(struct str bytes);

/* Before the last heading that follows an empty line and text of its own section; else before the
 * last paragraph that does; else as plain. Code between fences is cut only in the last case. fence:
 * of the code that bytes begin in. What a link refers to in another window is not found there. */
struct extract_cut extract_cut_markdown(struct str bytes, const char *fence);

#endif
