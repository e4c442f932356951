/* Cuts text into words, numbers and part numbers, each with its place. Pure; any thread. */
#ifndef DOMAIN_KNOWLEDGE_TOKENS_H
#define DOMAIN_KNOWLEDGE_TOKENS_H

#include "base/str.h"

enum { TOKEN_PIECES = 8 };

enum token_kind {
    TOKEN_WORD,     /* letters, perhaps with digits: "A4", "mp3" */
    TOKEN_COMPOUND, /* words joined by hyphens, one of them short: "e-mail", "t-shirt" */
    TOKEN_NUMBER,   /* "30"; "49.90" and "9:30" have two pieces, "1,000" one */
    TOKEN_PART,     /* letters and digits that are typed as one: "KL-2047-B", "kl2047b" */
    TOKEN_SIGNS,    /* two signs of a script without spaces, or one that stands alone */
};

struct token {
    enum token_kind kind;
    size_t start, end;               /* bytes in the text */
    struct str pieces[TOKEN_PIECES]; /* runs of letters or digits as they stand; a word has one */
    size_t count;
};

/* The next token at or after *at, which moves behind it; false at the end of the text. text is
 * well-formed UTF-8. A number with its unit ("5kg") and a word with an apostrophe ("l'eau") are
 * tokens of their own each. */
bool token_next(struct str text, size_t *at, struct token *ret);

#endif
