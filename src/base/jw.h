/* Writing JSON straight into a buf.
 *
 * The writer puts commas by looking at the last byte, so a value may be written wherever one may
 * stand. Strings must be UTF-8; in one that is not, every byte beyond ASCII becomes U+FFFD. '<',
 * '>' and '&' are escaped too, so that the text may stand inside HTML. Whether all of it fitted is
 * told by the buf (full). One thread a buf. */
#ifndef BASE_JW_H
#define BASE_JW_H

#include "base/buf.h"
#include "base/id.h"

void jw_open(struct buf *b, char bracket);  /* '{' or '[' */
void jw_close(struct buf *b, char bracket); /* '}' or ']' */
void jw_key(struct buf *b, const char *key);
void jw_str(struct buf *b, struct str s);
void jw_i64(struct buf *b, int64_t v);
void jw_f64(struct buf *b, double v); /* not a number and infinity become null */
void jw_bool(struct buf *b, bool v);
void jw_null(struct buf *b);
void jw_raw(struct buf *b, struct str json); /* already JSON */
void jw_id(struct buf *b, struct uuid id);
void jw_time(struct buf *b, int64_t wall_us);

/* A key and its value. */
void jw_member_str(struct buf *b, const char *key, struct str s);
void jw_member_i64(struct buf *b, const char *key, int64_t v);
void jw_member_f64(struct buf *b, const char *key, double v);
void jw_member_bool(struct buf *b, const char *key, bool v);
void jw_member_id(struct buf *b, const char *key, struct uuid id);
void jw_member_time(struct buf *b, const char *key, int64_t wall_us);
void jw_member_raw(struct buf *b, const char *key, struct str json);

#endif
