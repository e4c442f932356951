/* Places that are taken and given back: so many in all, and so many for each who takes them. For
 * what stays, as open streams do; what passes is the rate limits' (rate.h). Any thread. */
#ifndef HTTP_PLACES_H
#define HTTP_PLACES_H

#include "base/id.h"

struct places;

enum place_verdict {
    PLACE_TAKEN,
    PLACE_NONE_LEFT,     /* all are taken */
    PLACE_NONE_LEFT_FOR, /* who asks has as many as it may */
};

/* in_all, each > 0. The caller frees. */
struct places *places_new(int64_t in_all, int64_t each);
void places_free(struct places **p);

/* What was taken is given back once, by the same who. */
enum place_verdict places_take(struct places *p, struct uuid who);
void places_give(struct places *p, struct uuid who);

#endif
