/* Settings: read once at start from the environment and from metachat.env, checked all at once,
 * then read-only. The only reader of the environment. The list itself is conf_table.h. */
#ifndef BASE_CONF_H
#define BASE_CONF_H

#include "base/buf.h"

enum { CONF_SECRET = 1 };

struct conf {
#define CONF_SECTION(title)
#define CONF_STR(member, var, def, min, max, flags, doc)       const char *member;
#define CONF_INT(member, var, def, min, max, unit, flags, doc) int64_t member;
#define CONF_NUM(member, var, def, min, max, unit, flags, doc) double member;
#include "base/conf_table.h"
#undef CONF_SECTION
#undef CONF_STR
#undef CONF_INT
#undef CONF_NUM
};

/* The settings of this process; defaults until conf_load has run. Any thread, after start. */
extern struct conf conf;

/* Reads the file (missing is fine when path is the default one) and then the environment, which
 * wins. Every fault is added to faults as a line of its own that names the variable; false when
 * there is one. Start-up only. */
bool conf_load(const char *path, bool must_exist, struct buf *faults);

/* The same for a text alone: every setting goes back to its default first, and the environment
 * is not asked. name stands in the faults. For a command that looks at a file of settings. */
bool conf_load_text(struct str text, const char *name, struct buf *faults);

/* Each setting that was set, in the order of the table; secrets are masked, and value is borrowed
 * for the call. */
void conf_each_set(void (*each)(void *arg, const char *var, struct str value), void *arg);

/* What this process runs with: variable, value (secrets masked) and where it came from, a line
 * each. */
void conf_print(struct buf *out);

/* metachat.env.example and docs/configuration.md, from the table. */
void conf_print_example(struct buf *out);
void conf_print_markdown(struct buf *out);

#endif
