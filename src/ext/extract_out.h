/* Builds the text of struct extracted: the readers of the formats say words and breaks, this keeps
 * the form that extract.h promises. Breaks are remembered until the next word, so that they never
 * pile up, and never stand at the start or the end. One thread. */
#ifndef EXT_EXTRACT_OUT_H
#define EXT_EXTRACT_OUT_H

#include "base/buf.h"
#include "ext/extract.h"

enum extract_break {
    EXTRACT_NONE,
    EXTRACT_SPACE,
    EXTRACT_LINE,
    EXTRACT_BLOCK, /* an empty line between */
};

struct extract_out {
    struct buf text;
    struct buf headings; /* struct extract_heading, one after the other */
    struct buf title;
    struct buf language;
    enum extract_break pending;
    int flat;        /* > 0: within a heading or a cell, where every break is a space */
    char prefix[48]; /* marker of a list item that waits for its first word */
    size_t prefix_n;
    int level; /* of the heading that is open; 0: none */
    size_t heading_start;
    size_t words_outside; /* bytes of text that stand outside of headings */
    bool continued;       /* other text of the document stands before this */
};

/* max: bytes of text. */
void extract_out_init(struct extract_out *o, size_t max);
void extract_out_fini(struct extract_out *o);

/* Before the next word comes at least this break. */
void extract_out_break(struct extract_out *o, enum extract_break b);

/* Words; runs of white space become one space, control and zero-width signs go. */
void extract_out_words(struct extract_out *o, struct str s);

/* Code: lines and indentation stay. */
void extract_out_code(struct extract_out *o, struct str s);

/* A list item begins: a new line, and marker before its first word; depth from 0. number < 0: "- ",
 * else "7. ". */
void extract_out_item(struct extract_out *o, int depth, int64_t number);

/* Between two cells of a row. */
void extract_out_cell(struct extract_out *o);

/* The title, if there is none yet: white space folded, cut to a bound. */
void extract_out_title(struct extract_out *o, struct str s);

/* Words between these are a heading; one within another is part of it. An empty one is none. */
void extract_out_heading_begin(struct extract_out *o, int level);
/* See above; without a heading that is open, nothing. */
void extract_out_heading_end(struct extract_out *o);

#endif
