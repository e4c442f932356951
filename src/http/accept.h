/* Which content codings a client takes: Accept-Encoding (RFC 9110 §12.5.3). Pure; any thread. */
#ifndef HTTP_ACCEPT_H
#define HTTP_ACCEPT_H

#include "base/str.h"

/* By our liking: of two that a client likes the same, the later one. */
enum coding {
    CODING_IDENTITY,
    CODING_GZIP,
    CODING_BROTLI,
    CODING_COUNT,
};

/* As Content-Encoding names it: "gzip". */
const char *coding_name(enum coding c);
bool coding_parse(struct str name, enum coding *ret);

/* What the client says: a weight for each coding, in thousandths; 0: not this one. */
struct accepted {
    int weights[CODING_COUNT];
    bool named[CODING_COUNT];
    int others; /* what "*" says */
    bool has_others;
    bool said; /* the header came; without it we send plain bytes, which everybody takes */
};

/* One line of the header; several add up. What is malformed in it counts for nothing. */
void accept_line(struct accepted *a, struct str line);

/* The weight of a coding. Plain bytes are taken unless they are refused, yet liked least. */
int accept_weight(const struct accepted *a, enum coding c);

#endif
