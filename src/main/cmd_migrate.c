#include "db/db.h"
#include "main/command.h"
#include "main/runtime.h"

/* Runs fn on the database under the lock, as the platform. */
static enum exit_code with_database(bool read_only, const struct args *args,
                                    enum exit_code (*fn)(struct cx *cx, const struct args *args))
{
    struct db *db = NULL;
    struct cx cx;
    enum exit_code code = data_open(read_only, &db);
    if (code) {
        return code;
    }
    cx_begin(&cx, db);
    cx_for_platform(&cx);
    code = fn(&cx, args);
    cx_end(&cx);
    db_close(&db);
    return code;
}

static enum exit_code up(struct cx *cx, const struct args *args)
{
    int n = 0;
    (void)args;
    if (db_migrate_up(cx, &n)) {
        return complain_cx(cx);
    }
    SCOPED(buf_fini) struct buf out = buf_make(256);
    buf_fmt(&out, "%d migration%s applied\n", n, n == 1 ? "" : "s");
    return print(&out);
}

static bool read_count(const struct args *args, int64_t *ret)
{
    return str_to_i64(str_of(args->words[0]), 1, 10000, ret);
}

static enum exit_code down(struct cx *cx, const struct args *args)
{
    int64_t count = 0;
    int n = 0;
    must(read_count(args, &count));
    if (db_migrate_down(cx, (int)count, &n)) {
        return complain_cx(cx);
    }
    SCOPED(buf_fini) struct buf out = buf_make(256);
    buf_fmt(&out, "%d migration%s taken back\n", n, n == 1 ? "" : "s");
    return print(&out);
}

static enum exit_code status(struct cx *cx, const struct args *args)
{
    struct db_migrate_status st;
    (void)args;
    if (db_migrate_status(cx, &st)) {
        return complain_cx(cx);
    }
    SCOPED(buf_fini) struct buf out = buf_make(256 * KB);
    size_t n = 0;
    const struct db_migration *m = db_migrations(&n);
    for (size_t i = 0; i < n; i++) {
        buf_fmt(&out, "%04d %-24s %s\n", m[i].version, m[i].name,
                m[i].version <= st.applied ? "applied" : "pending");
    }
    buf_fmt(&out, "%d pending, %d unknown, %d edited\n", st.pending, st.unknown, st.edited);
    buf_fmt(&out, "%s" STR_FMT "\n",
            st.drift.n ? "the schema differs from what the migrations make:\n" : "no drift",
            STR_ARG(st.drift));
    const enum exit_code code = print(&out);
    return code                                                  ? code
           : st.pending || st.unknown || st.edited || st.drift.n ? EXIT_MIGRATE
                                                                 : EXIT_OK;
}

static enum exit_code run_up(const struct args *args)
{
    return with_database(false, args, up);
}

static enum exit_code run_down(const struct args *args)
{
    int64_t count = 0;
    if (!read_count(args, &count)) {
        complain("migrate down: '%s' is not a number of migrations", args->words[0]);
        return EXIT_USAGE;
    }
    return with_database(false, args, down);
}

static enum exit_code run_status(const struct args *args)
{
    return with_database(true, args, status);
}

const struct command command_migrate_up = {
    .name = "migrate up",
    .help = "Applies the pending migrations. The server must not be running.",
    .run = run_up,
};

const struct command command_migrate_down = {
    .name = "migrate down",
    .words = "COUNT",
    .min_words = 1,
    .max_words = 1,
    .help = "Takes back the newest COUNT migrations, with the data that only they hold. The server "
            "must not be running.",
    .run = run_down,
};

const struct command command_migrate_status = {
    .name = "migrate status",
    .help = "Lists the migrations and says how the schema differs from them. Exit code 4 when "
            "anything is pending, "
            "unknown, edited or different.",
    .run = run_status,
};
