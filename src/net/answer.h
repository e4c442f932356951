/* The head of an answer. Pure but for the date. */
#ifndef NET_ANSWER_H
#define NET_ANSWER_H

#include "net/bytes.h"

enum {
    ANSWER_MAX_HEAD = 64 * 1024,
};

/* Begins a head: status line and Date. */
void answer_begin(struct buf *b, int status);

/* One header; control signs in the value become spaces, so that no value can end its line. */
void answer_header(struct buf *b, struct str name, struct str value);

/* A whole head but for what the loop adds: status, Date, headers. */
struct buf answer_head(int status, const struct net_header *headers, size_t count);

/* Whether an answer with this status can have a body. */
bool answer_has_body(int status);

#endif
