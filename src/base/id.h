/* Identifiers. A uuid is 16 bytes in the database and 36 signs outside; new ones are UUIDv7 (RFC
 * 9562), so they sort by the time they were made. Each kind of thing has an id type of its own:
 * passing one where another belongs does not compile. Every id type is a struct whose only member
 * is `struct uuid v`. */
#ifndef BASE_ID_H
#define BASE_ID_H

#include "base/str.h"

enum { UUID_TEXT = 36 };

struct uuid {
    uint8_t b[16];
};

struct tenant_id {
    struct uuid v;
};

/* A new UUIDv7: milliseconds, then random bits with a counter so that ids of one process rise. Any
 * thread. */
struct uuid uuid_new(void);

/* From now on ids are above this UUIDv7, so that they go on rising where those of an earlier
 * process ended, although the clock was set back. Any thread. */
void uuid_after(struct uuid newest);

/* The nil uuid (all zero) stands for none. */
bool uuid_is_nil(struct uuid u);
bool uuid_eq(struct uuid a, struct uuid b);

/* Canonical text, lower case, in the arena. */
struct str uuid_text(struct arena *a, struct uuid u);

/* Writes 36 signs and a NUL. */
void uuid_format(struct uuid u, char ret[UUID_TEXT + 1]);

/* Accepts only the canonical form (upper case too); false for anything else. */
bool uuid_parse(struct str s, struct uuid *ret);

/* Fills p with n random bytes from the kernel; never fails. Any thread. */
void rand_bytes(void *p, size_t n);

/* Uniform in [0, below). below > 0. Good enough for jitter and sampling. Any thread. */
uint64_t rand_below(uint64_t below);

#endif
