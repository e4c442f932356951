/* How many slips of the finger lie between two words. Pure; any thread. */
#ifndef DOMAIN_KNOWLEDGE_NEAR_H
#define DOMAIN_KNOWLEDGE_NEAR_H

#include "base/str.h"

/* Letters left out, added, changed, or swapped with the next, by bytes; any number above max for
 * words that are further apart, or longer than 64 bytes. */
int near_slips(struct str a, struct str b, int max);

#endif
