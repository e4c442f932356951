/* JSON: reading by jansson, with bounds before it starts; writing straight into a buf.
 *
 * Reading: the text must be UTF-8, without duplicate keys, at most depth levels deep; the tree
 * lives as long as the arena. Writing: the writer puts commas by looking at the last byte, so a
 * value may be written wherever one may stand; strings are escaped (also for use inside HTML: '<',
 * '>' and '&' become \u escapes). */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/cx.h"

#include <jansson.h>

enum { JSON_MAX_DEPTH = 32 };

/* Parses any JSON value. MALFORMED_JSON with line and column of the fault, or when deeper than
 * JSON_MAX_DEPTH. The result is owned by cx's arena. Non-logging, any thread. */
enum err json_parse(struct cx *cx, struct str text, json_t **ret);

/* Whether the brackets outside of strings nest at most max deep: one pass, no allocation. */
bool json_depth_ok(struct str text, int max);

/* Members of an object that has already been checked; the fallback when absent or of another type.
 * The text borrows from the tree. */
struct str json_get_str(const json_t *o, const char *key);
int64_t json_get_i64(const json_t *o, const char *key, int64_t fallback);
double json_get_f64(const json_t *o, const char *key, double fallback);
bool json_get_bool(const json_t *o, const char *key, bool fallback);

/* The tree as compact text with sorted keys, in the arena. */
struct str json_text(struct arena *a, const json_t *v);

#endif
