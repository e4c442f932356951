#include "base/conf.h"

#include "base/mem.h"

#include <errno.h>

struct conf conf = {
#define CONF_SECTION(title)
#define CONF_STR(member, var, def, min, max, flags, doc)       .member = (def),
#define CONF_INT(member, var, def, min, max, unit, flags, doc) .member = (def),
#define CONF_NUM(member, var, def, min, max, unit, flags, doc) .member = (def),
#include "base/conf_table.h"
#undef CONF_SECTION
#undef CONF_STR
#undef CONF_INT
#undef CONF_NUM
};

enum kind {
    SECTION,
    TEXT,
    WHOLE,
    FRACTION,
};

struct setting {
    enum kind kind;
    int flags;
    const char *var; /* of a section: its title */
    const char *def;
    double min;
    double max;
    const char *unit;
    const char *doc;
    void *value;
    const char *origin; /* default, file or environment */
};

static struct setting table[] = {
#define CONF_SECTION(title) {.kind = SECTION, .var = (title)},
#define CONF_STR(member, v, d, mn, mx, f, t)                                                       \
    {TEXT, f, v, d, mn, mx, "bytes", t, (void *)&conf.member, "default"},
#define CONF_INT(member, v, d, mn, mx, u, f, t)                                                    \
    {WHOLE, f, v, #d, mn, mx, u, t, (void *)&conf.member, "default"},
#define CONF_NUM(member, v, d, mn, mx, u, f, t)                                                    \
    {FRACTION, f, v, #d, mn, mx, u, t, (void *)&conf.member, "default"},
#include "base/conf_table.h"
#undef CONF_SECTION
#undef CONF_STR
#undef CONF_INT
#undef CONF_NUM
};

static void set(struct setting *s, struct str v, const char *origin, struct buf *faults)
{
    int64_t i = 0;
    double f = 0;
    switch (s->kind) {
    case SECTION:
        return;
    case TEXT:
        if ((double)v.n < s->min || (double)v.n > s->max || memchr(v.p, '\0', v.n)) {
            buf_fmt(faults, "%s: must have %.0f to %.0f bytes, has %zu\n", s->var, s->min, s->max,
                    v.n);
            return;
        }
        if (strcmp(s->origin, "default") != 0) {
            mem_free(*(char **)s->value); /* the file's, which the environment replaces */
        }
        *(const char **)s->value = mem_dup(v.p, v.n); /* lives as long as the process */
        break;
    case WHOLE:
        if (!str_to_i64(v, (int64_t)s->min, (int64_t)s->max, &i)) {
            buf_fmt(faults, "%s: must be a whole number from %.0f to %.0f (%s), is '" STR_FMT "'\n",
                    s->var, s->min, s->max, s->unit, STR_ARG(v));
            return;
        }
        *(int64_t *)s->value = i;
        break;
    case FRACTION:
        if (!str_to_f64(v, s->min, s->max, &f)) {
            buf_fmt(faults, "%s: must be a number from %g to %g (%s), is '" STR_FMT "'\n", s->var,
                    s->min, s->max, s->unit, STR_ARG(v));
            return;
        }
        *(double *)s->value = f;
        break;
    }
    s->origin = origin;
}

static struct setting *find(struct str var)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].kind != SECTION && str_is(var, table[i].var)) {
            return &table[i];
        }
    }
    return NULL;
}

static void read_line(struct str line, const char *path, int number, struct buf *faults)
{
    line = str_trim(line);
    if (line.n == 0 || line.p[0] == '#') {
        return;
    }
    const ptrdiff_t eq = str_find_char(line, '=', 0);
    if (eq < 0) {
        buf_fmt(faults, "%s:%d: not of the form NAME=value\n", path, number);
        return;
    }
    const struct str name = str_trim(str_sub(line, 0, (size_t)eq));
    struct str value = str_trim(str_sub(line, (size_t)eq + 1, line.n));
    if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"') {
        value = str_sub(value, 1, value.n - 2);
    }
    struct setting *s = find(name);
    if (!s) {
        buf_fmt(faults, "%s:%d: " STR_FMT ": there is no such setting\n", path, number,
                STR_ARG(name));
        return;
    }
    set(s, value, "file", faults);
}

static void read_lines(struct str rest, const char *path, struct buf *faults)
{
    struct str line;
    for (int number = 1; str_split(&rest, '\n', &line); number++) {
        read_line(line, path, number, faults);
    }
}

static bool read_file(const char *path, bool must_exist, struct buf *faults)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        if (must_exist || errno != ENOENT) {
            buf_fmt(faults, "%s: cannot be read: %s\n", path, strerror(errno));
            return false;
        }
        return true;
    }
    SCOPED(buf_fini) struct buf text = buf_make(256 * KB);
    char part[4096];
    for (size_t n = 0; (n = fread(part, 1, sizeof(part), f)) > 0;) {
        buf_add(&text, part, n);
    }
    const bool failed = ferror(f);
    (void)fclose(f);
    if (failed) {
        buf_fmt(faults, "%s: cannot be read\n", path);
        return false;
    }
    if (text.full) {
        buf_fmt(faults, "%s: larger than 256 KB\n", path);
        return false;
    }
    read_lines(buf_view(&text), path, faults);
    return true;
}

static void check_words(struct buf *faults)
{
    if (strcmp(conf.env, "development") != 0 && strcmp(conf.env, "production") != 0) {
        buf_fmt(faults, "METACHAT_ENV: must be development or production, is '%s'\n", conf.env);
    }
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    bool known = false;
    for (size_t i = 0; i < COUNT(levels); i++) {
        known = known || strcmp(conf.log_level, levels[i]) == 0;
    }
    if (!known) {
        buf_fmt(faults, "METACHAT_LOG_LEVEL: must be debug, info, warn or error, is '%s'\n",
                conf.log_level);
    }
    if (!conf.tls_cert_file[0] != !conf.tls_key_file[0]) {
        buf_cstr(faults, "METACHAT_TLS_CERT_FILE, METACHAT_TLS_KEY_FILE: give both, or neither\n");
    }
    if (strcmp(conf.env, "production") == 0 && conf.operator_token[0] &&
        strlen(conf.operator_token) < 24) {
        buf_cstr(faults, "METACHAT_OPERATOR_TOKEN: must have 24 signs or more in production\n");
    }
}

bool conf_load(const char *path, bool must_exist, struct buf *faults)
{
    const size_t before = faults->n;
    (void)read_file(path, must_exist, faults);
    for (size_t i = 0; i < COUNT(table); i++) {
        const char *v = table[i].kind == SECTION ? NULL : getenv(table[i].var);
        if (v) {
            set(&table[i], str_of(v), "environment", faults);
        }
    }
    check_words(faults);
    return faults->n == before;
}

static void set_default(struct setting *s)
{
    if (s->kind == SECTION || strcmp(s->origin, "default") == 0) {
        return;
    }
    if (s->kind == TEXT) {
        mem_free(*(char **)s->value);
        *(const char **)s->value = s->def;
    } else {
        struct buf faults = buf_make(KB);
        set(s, str_of(s->def), "default", &faults);
        must(faults.n == 0);
    }
    s->origin = "default";
}

bool conf_load_text(struct str text, const char *name, struct buf *faults)
{
    const size_t before = faults->n;
    for (size_t i = 0; i < COUNT(table); i++) {
        set_default(&table[i]);
    }
    read_lines(text, name, faults);
    check_words(faults);
    return faults->n == before;
}

static void add_value(struct buf *out, const struct setting *s)
{
    switch (s->kind) {
    case SECTION:
        break;
    case TEXT: {
        const char *v = *(const char **)s->value;
        buf_cstr(out, (s->flags & CONF_SECRET) && v[0] ? "********" : v);
        break;
    }
    case WHOLE:
        buf_fmt(out, "%" PRId64, *(int64_t *)s->value);
        break;
    case FRACTION:
        buf_fmt(out, "%g", *(double *)s->value);
        break;
    }
}

void conf_print(struct buf *out)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        if (table[i].kind != SECTION) {
            buf_fmt(out, "%s=", table[i].var);
            add_value(out, &table[i]);
            buf_fmt(out, "  # %s\n", table[i].origin);
        }
    }
}

static void add_range(struct buf *out, const struct setting *s)
{
    if (s->kind == TEXT) {
        buf_fmt(out, "%.0f to %.0f bytes", s->min, s->max);
    } else {
        buf_fmt(out, s->kind == WHOLE ? "%.0f to %.0f %s" : "%g to %g %s", s->min, s->max, s->unit);
    }
}

void conf_each_set(void (*each)(void *arg, const char *var, struct str value), void *arg)
{
    for (size_t i = 0; i < COUNT(table); i++) {
        SCOPED(buf_fini) struct buf value = buf_make(16 * KB);
        if (table[i].kind != SECTION && strcmp(table[i].origin, "default") != 0) {
            add_value(&value, &table[i]);
            each(arg, table[i].var, buf_view(&value));
        }
    }
}

void conf_print_example(struct buf *out)
{
    buf_cstr(out, "# Every setting with its default. Copy to metachat.env in the folder that "
                  "metachat is started\n"
                  "# from and uncomment what you change; the environment wins over the file.\n");
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct setting *s = &table[i];
        if (s->kind == SECTION) {
            buf_fmt(out, "\n# --- %s ---\n", s->var);
            continue;
        }
        buf_fmt(out, "\n# %s (", s->doc);
        add_range(out, s);
        buf_fmt(out, ")\n#%s=%s\n", s->var, s->def);
    }
}

void conf_print_markdown(struct buf *out)
{
    buf_cstr(out,
             "# Configuration\n\nMade from `src/base/conf_table.h` by `metachat config docs`; do "
             "not edit.\n"
             "Settings come from the environment, else from `metachat.env`, else the default.\n"
             "`metachat config check` names every fault at once; `metachat config print` shows "
             "what is in force.\n");
    for (size_t i = 0; i < COUNT(table); i++) {
        const struct setting *s = &table[i];
        if (s->kind == SECTION) {
            buf_fmt(out,
                    "\n## %s\n\n| setting | default | range | what it is |\n|---|---|---|---|\n",
                    s->var);
            continue;
        }
        buf_fmt(out, "| `%s` | %s%s%s | ", s->var, s->def[0] ? "`" : "",
                s->def[0] ? s->def : "empty", s->def[0] ? "`" : "");
        add_range(out, s);
        buf_fmt(out, " | %s%s |\n", s->doc, (s->flags & CONF_SECRET) ? " Secret." : "");
    }
}
