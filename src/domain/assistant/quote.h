/* Finds the words that a model quotes in the text they are said to come from. Exactly, or but for
 * letter case, white space, and the forms of quotation marks, dashes and ellipses; what is found is
 * given back as bytes of the text itself. Pure; any thread. */
#ifndef DOMAIN_ASSISTANT_QUOTE_H
#define DOMAIN_ASSISTANT_QUOTE_H

#include "base/str.h"

enum {
    QUOTE_MIN = 4
}; /* bytes of letters and digits; shorter ones prove nothing, unless they have a digit */

struct quote_place {
    size_t start, end; /* bytes of the text, at boundaries of code points, start < end */
};

/* False when the quote does not stand there as whole words, or is too short. a: for scratch. Both
 * texts must be UTF-8. */
bool quote_find(struct arena *a, struct str text, struct str quote, struct quote_place *ret);

#endif
