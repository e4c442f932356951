/* Cursors of lists: a sort time and an id, sealed with a key of the installation and bound to the
 * row and the tenant. base64url of time (8 bytes), id (16) and the first half of an HMAC-SHA256.
 * Private to http/. */
#ifndef HTTP_CURSOR_H
#define HTTP_CURSOR_H

#include "base/id.h"

enum { CURSOR_SECRET = 32 };

struct cursor {
    int64_t sort_us;
    struct uuid id;
};

/* In the arena. Any thread. */
struct str cursor_seal(struct arena *a, const uint8_t secret[CURSOR_SECRET], struct str bound_to,
                       struct cursor c);

/* False when the text is not a cursor that cursor_seal made for the same bound_to. */
bool cursor_open(struct arena *a, const uint8_t secret[CURSOR_SECRET], struct str bound_to,
                 struct str text, struct cursor *ret);

#endif
