/* document add: uploads files, then waits until each is ready or has failed. */
#include "base/clock.h"
#include "base/conf.h"
#include "base/jw.h"
#include "main/local.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct added {
    const char *file;
    struct str id;
    struct str status; /* empty until it is known */
    struct str error;
};

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The file's bytes into out; false, after complaining, when it cannot be read or is over the limit.
 */
static bool read_file(const char *path, struct buf *out)
{
    FILE *f = fopen(path, "re");
    char part[16 * 1024];
    if (!f) {
        complain("%s: cannot be read: %s", path, strerror(errno));
        return false;
    }
    for (size_t n = 0; (n = fread(part, 1, sizeof(part), f)) > 0;) {
        buf_add(out, part, n);
    }
    const bool ok = !ferror(f) && !out->full;
    if (!ok) {
        complain("%s: %s", path,
                 out->full ? "larger than METACHAT_DOCUMENT_MAX_BYTES allows" : strerror(errno));
    }
    (void)fclose(f);
    return ok;
}

/* multipart/form-data with the one part that the route takes. The boundary is random, so it is not
 * in the file. */
static struct str form(struct arena *a, const char *name, const struct buf *bytes, struct buf *out)
{
    uint8_t random[16];
    rand_bytes(random, sizeof(random));
    const struct str boundary = str_hex(a, random, sizeof(random));
    buf_fmt(out, "--" STR_FMT "\r\nContent-Disposition: form-data; name=\"file\"; filename=\"",
            STR_ARG(boundary));
    for (const char *p = name; *p; p++) {
        if (*p == '"' || *p == '\r' || *p == '\n') {
            buf_fmt(out, "%%%02X", (unsigned char)*p);
        } else {
            buf_char(out, *p);
        }
    }
    buf_cstr(out, "\"\r\n\r\n");
    buf_str(out, buf_view(bytes));
    buf_fmt(out, "\r\n--" STR_FMT "--\r\n", STR_ARG(boundary));
    return str_fmt(a, "multipart/form-data; boundary=" STR_FMT, STR_ARG(boundary));
}

static bool upload(struct local *l, struct str token, const char *path, struct added *ret)
{
    SCOPED(buf_fini) struct buf bytes = buf_make((size_t)conf.document_max_bytes);
    SCOPED(buf_fini) struct buf body = buf_make((size_t)conf.document_max_bytes + 4 * KB);
    json_t *data = NULL;
    if (!read_file(path, &bytes)) {
        return false;
    }
    const struct str type = form(local_arena(l), base_name(path), &bytes, &body);
    const struct local_call call = {.method = "POST",
                                    .path = STR("/api/v1/documents"),
                                    .token = token,
                                    .content_type = type.p,
                                    .body = buf_view(&body)};
    if (local_run(l, &call, &data)) {
        (void)fprintf(stderr, "  (%s)\n", path);
        return false;
    }
    *ret = (struct added){.file = path, .id = json_get_str(data, "id")};
    return true;
}

static bool look(struct local *l, struct str token, struct added *d)
{
    json_t *data = NULL;
    const struct local_call call = {
        .method = "GET",
        .path = str_fmt(local_arena(l), "/api/v1/documents/" STR_FMT, STR_ARG(d->id)),
        .token = token};
    if (local_run(l, &call, &data)) {
        return false;
    }
    const struct str status = json_get_str(data, "status");
    if (!str_is(status, "pending") && !str_is(status, "processing")) {
        d->status = status;
        d->error = json_get_str(data, "error");
    }
    return true;
}

static void progress(const char *what, int done, int all)
{
    if (isatty(STDERR_FILENO)) {
        (void)fprintf(stderr, "\r%s %d of %d%s", what, done, all, done == all ? "\n" : "");
    }
}

/* Asks again at growing intervals, to half a second. */
static bool wait_for_all(struct local *l, struct str token, struct added *rows, int n)
{
    int64_t pause = 5 * MS_US;
    for (int done = 0; done < n; pause = min_i64(2 * pause, SECOND_US / 2)) {
        done = 0;
        for (int i = 0; i < n; i++) {
            if (!rows[i].status.n && !look(l, token, &rows[i])) {
                return false;
            }
            done += rows[i].status.n > 0;
        }
        progress("read", done, n);
        if (done < n) {
            clock_sleep_us(pause);
        }
    }
    return true;
}

static enum exit_code report(const struct added *rows, int n, bool as_json)
{
    SCOPED(buf_fini) struct buf out = buf_make(4 * MB);
    bool all_ready = true;
    for (int i = 0; i < n; i++) {
        const struct added *d = &rows[i];
        all_ready = all_ready && str_is(d->status, "ready");
        if (as_json) {
            jw_open(&out, '{');
            jw_member_str(&out, "documentId", d->id);
            jw_member_str(&out, "file", str_of(d->file));
            jw_member_str(&out, "status", d->status);
            jw_member_str(&out, "error", d->error);
            jw_close(&out, '}');
            buf_char(&out, '\n');
        } else {
            buf_fmt(&out, STR_FMT "  %-7.*s %s%s" STR_FMT "\n", STR_ARG(d->id), STR_ARG(d->status),
                    d->file, d->error.n ? ": " : "", STR_ARG(d->error));
        }
    }
    const enum exit_code code = print(&out);
    return code ? code : all_ready ? EXIT_OK : EXIT_FAILED;
}

static enum exit_code add_in(struct local *l, const struct args *args)
{
    struct str token;
    if (!args->options[0]) {
        complain("document add: --tenant ID is missing; metachat tenant list shows the ids");
        return EXIT_USAGE;
    }
    const enum exit_code code =
        local_act(l, str_of(args->options[0]), "metachat document add", &token);
    if (code) {
        return code;
    }
    struct added *rows = arena_many(local_arena(l), struct added, (size_t)args->word_count);
    int n = 0;
    for (int i = 0; i < args->word_count; i++) {
        n += upload(l, token, args->words[i], &rows[n]);
        progress("stored", i + 1, args->word_count);
    }
    if (!wait_for_all(l, token, rows, n)) {
        return EXIT_FAILED;
    }
    const enum exit_code reported = report(rows, n, args->options[1] != NULL);
    return reported ? reported : n == args->word_count ? EXIT_OK : EXIT_FAILED;
}

static enum exit_code add(const struct args *args)
{
    struct local *l = NULL;
    enum exit_code code = local_open(&l);
    if (!code) {
        code = add_in(l, args);
    }
    local_close(&l);
    return code;
}

const struct command command_document_add = {
    .name = "document add",
    .words = "FILE…",
    .min_words = 1,
    .max_words = MAX_WORDS,
    .options = {{"tenant", "ID", "whose documents they are (required)"},
                {"json", NULL, "print a JSON object a line"}},
    .help = "Adds text, Markdown or HTML files to a tenant's documents and waits until they can be "
            "searched. Works "
            "beside a running server and without one.",
    .run = add,
};
