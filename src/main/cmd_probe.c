#include "base/conf.h"
#include "base/json.h"
#include "base/jw.h"
#include "base/utf8.h"
#include "main/command.h"
#include "main/probe.h"
#include "net/guard.h"

#include <errno.h>

static const struct probe_row *const groups[] = {
    probe_http_rows, probe_data_rows, probe_text_rows, probe_net_rows, probe_realtime_rows,
};

struct str probe_option(const struct probe *p, enum probe_option o)
{
    return str_of(p->options[o]);
}

struct str probe_line(const struct probe *p)
{
    struct str s = p->input;
    if (str_ends(s, STR("\n"))) {
        s.n--;
    }
    if (str_ends(s, STR("\r"))) {
        s.n--;
    }
    return s;
}

enum err probe_bound(struct probe *p, size_t max)
{
    if (p->input.n <= max) {
        return ERR_OK;
    }
    return cx_fail(&p->cx, CODE_PAYLOAD_TOO_LARGE, "it has %zu bytes, and at most %zu are read",
                   p->input.n, max);
}

enum err probe_utf8(struct probe *p)
{
    return utf8_valid(p->input) ? ERR_OK
                                : cx_fail(&p->cx, CODE_VALIDATION_ERROR, "it is not UTF-8");
}

enum err probe_refuse(struct probe *p, struct refusal refusal)
{
    if (!refusal.status) {
        return ERR_OK;
    }
    p->status = refusal.status;
    return cx_fail(&p->cx, refusal.code, "%s", refusal.detail);
}

void probe_list(struct probe *p, const char *key, size_t count,
                void (*add)(struct buf *out, const void *items, size_t i), const void *items)
{
    jw_member_i64(&p->out, "count", (int64_t)count);
    jw_key(&p->out, key);
    jw_open(&p->out, '[');
    for (size_t i = 0; i < count && i < PROBE_ITEMS; i++) {
        add(&p->out, items, i);
    }
    jw_close(&p->out, ']');
}

static const struct probe_row *find(const char *name)
{
    for (size_t g = 0; g < COUNT(groups); g++) {
        for (const struct probe_row *row = groups[g]; row->name; row++) {
            if (strcmp(row->name, name) == 0) {
                return row;
            }
        }
    }
    return NULL;
}

static void list_row(struct buf *out, const struct probe_row *row, bool json)
{
    if (!json) {
        buf_fmt(out, "%-14s %s", row->name, row->reads);
    } else {
        jw_open(out, '{');
        jw_member_str(out, "name", str_of(row->name));
        jw_member_str(out, "reads", str_of(row->reads));
        jw_key(out, "options");
        jw_open(out, '[');
    }
    for (int o = 0; o < PROBE_OPTIONS; o++) {
        if (row->options & 1u << o) {
            json ? jw_str(out, str_of(command_probe.options[o].name))
                 : buf_fmt(out, "  --%s", command_probe.options[o].name);
        }
    }
    buf_cstr(out, json ? "]}" : "\n");
}

static enum exit_code list(bool json)
{
    SCOPED(buf_fini) struct buf out = buf_make(64 * KB);
    buf_cstr(&out, json ? "[" : "");
    for (size_t g = 0; g < COUNT(groups); g++) {
        for (const struct probe_row *row = groups[g]; row->name; row++) {
            buf_cstr(&out, json && out.n > 1 ? ",\n " : "");
            list_row(&out, row, json);
        }
    }
    buf_cstr(&out, json ? "]\n" : "");
    return print(&out);
}

/* Any JSON, laid out for a person. */
static enum exit_code print_pretty(const struct buf *compact)
{
    json_t *tree = json_loadb(compact->p, compact->n, JSON_ALLOW_NUL, NULL);
    must(tree);
    const int failed = json_dumpf(tree, stdout, JSON_INDENT(2));
    json_decref(tree);
    if (failed || fputc('\n', stdout) == EOF || fflush(stdout)) {
        complain("standard output cannot be written");
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static void add_refusal(struct buf *out, const struct probe *p)
{
    const struct cx *cx = &p->cx;
    const struct code_info *info = code_info(cx->code);
    jw_member_str(out, "code", str_of(info->name));
    jw_member_i64(out, "status", p->status ? p->status : info->http_status);
    jw_member_str(out, "reason", str_of(cx->detail[0] ? cx->detail : info->doc));
    if (!cx->field_count) {
        return;
    }
    jw_key(out, "details");
    jw_open(out, '[');
    for (int i = 0; i < cx->field_count; i++) {
        jw_open(out, '{');
        jw_member_str(out, "field", cx->fields[i].field);
        jw_member_str(out, "message", cx->fields[i].message);
        jw_close(out, '}');
    }
    jw_close(out, ']');
}

static enum exit_code report(struct probe *p, const struct probe_row *row, enum err e)
{
    SCOPED(buf_fini) struct buf out = buf_make((size_t)PROBE_OUTPUT + 64 * KB);
    if (p->out.full) {
        e = cx_fail(&p->cx, CODE_PAYLOAD_TOO_LARGE, "there is too much to say about it");
        buf_fini(&p->out);
        p->out = buf_make(0);
    }
    jw_open(&out, '{');
    jw_member_str(&out, "probe", str_of(row->name));
    jw_member_bool(&out, "accepted", !e);
    if (e) {
        add_refusal(&out, p);
    }
    jw_key(&out, "result");
    buf_char(&out, '{');
    buf_str(&out, buf_view(&p->out));
    buf_cstr(&out, "}}");
    const enum exit_code code = print_pretty(&out);
    return code ? code : e ? EXIT_FAILED : EXIT_OK;
}

/* Reads as far as ret may grow: one byte more than is taken, to see that there is more. */
static enum exit_code read_input(const char *path, struct buf *ret)
{
    const bool from_stdin = !path || strcmp(path, "-") == 0;
    FILE *f = from_stdin ? stdin : fopen(path, "re");
    char part[16 * KB];
    size_t n = 0;
    if (!f) {
        complain("probe: %s cannot be read: %s", path, strerror(errno));
        return EXIT_FAILED;
    }
    do {
        const size_t room = ret->max - ret->n;
        n = fread(part, 1, room < sizeof(part) ? room : sizeof(part), f);
        buf_add(ret, part, n);
    } while (n > 0 && ret->n < ret->max);
    const bool failed = ferror(f);
    if (failed) {
        complain("probe: %s cannot be read: %s", from_stdin ? "standard input" : path,
                 strerror(errno));
    }
    if (!from_stdin) {
        (void)fclose(f);
    }
    return failed ? EXIT_FAILED : EXIT_OK;
}

static bool options_fit(const struct probe_row *row, const struct args *args)
{
    for (int o = 0; o < PROBE_OPTIONS; o++) {
        if (args->options[o] && !(row->options & 1u << o)) {
            complain("probe: %s has no --%s", row->name, command_probe.options[o].name);
            return false;
        }
    }
    return true;
}

static struct str filename_of(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;
    return str_of(!path || strcmp(path, "-") == 0 ? "" : slash ? slash + 1 : path);
}

static enum exit_code run_row(const struct probe_row *row, const struct args *args)
{
    const size_t max = (size_t)max_i64(conf.document_max_bytes, (int64_t)(16 * MB));
    SCOPED(buf_fini) struct buf input = buf_make(max + 1);
    struct str bad;
    const char *path = args->word_count > 1 ? args->words[1] : NULL;
    const enum exit_code code = read_input(path, &input);
    if (code) {
        return code;
    }
    if (!guard_set_exceptions(str_of(conf.outgoing_allow), &bad)) {
        complain("METACHAT_OUTGOING_ALLOW: '" STR_FMT "' is no network", STR_ARG(bad));
        return EXIT_CONFIG;
    }
    struct probe p = {
        .options = args->options, .filename = filename_of(path), .out = buf_make(PROBE_OUTPUT)};
    cx_begin(&p.cx, NULL);
    p.input = input.n ? buf_view(&input) : STR("");
    enum err e = probe_bound(&p, max);
    if (!e) {
        e = row->run(&p);
    }
    const enum exit_code how = report(&p, row, e);
    buf_fini(&p.out);
    cx_end(&p.cx);
    return how;
}

static enum exit_code probe(const struct args *args)
{
    if (args->word_count == 0 || args->options[PROBE_LIST]) {
        return list(args->options[PROBE_LIST] != NULL);
    }
    const struct probe_row *row = find(args->words[0]);
    if (!row) {
        complain("probe: there is no '%s'; metachat probe lists the names", args->words[0]);
        return EXIT_USAGE;
    }
    return options_fit(row, args) ? run_row(row, args) : EXIT_USAGE;
}

const struct command command_probe = {
    .name = "probe",
    .words = "[NAME [FILE]]",
    .max_words = 2,
    .options =
        {
            [PROBE_LIST] = {"list", NULL, "the names, as JSON"},
            [PROBE_CONTENT_TYPE] = {"content-type", "TYPE", "what the sender says that it is"},
            [PROBE_NAME] = {"name", "FILENAME",
                            "name under which it was sent; default: the file's"},
            [PROBE_LANGUAGE] = {"language", "CODE", "language of the text; default: guessed"},
            [PROBE_DATA] = {"data", "DIR", "data folder whose keys to verify with"},
            [PROBE_RESOLVE] = {"resolve", NULL, "ask DNS for the addresses of a name"},
        },
    .help = "Shows what the program makes of a file, or of standard input, as JSON. Exit code 0 "
            "when it is accepted, 1 when it is refused (with the reason). Without a NAME: the "
            "names, each with what it reads and its options.",
    .run = probe,
};
